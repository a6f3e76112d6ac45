//! Decision whether a client reaches its cluster, from librdkafka's statistics about brokers.
//!
//! librdkafka connects only to brokers that it needs, but keeps at least one connection: when the last one is closed,
//! it begins to connect to another broker within a second. A broker that closes idle connections therefore leaves the
//! client without any for a moment, and librdkafka reports "all brokers are down", as in an outage. Two signs
//! distinguish an outage: an attempt to connect failed, or there was no connection for some time.

use std::time::{Duration, Instant};

/// Time without a connection, and without an error, after which the cluster counts as unreachable. A new connection
/// takes a second, and much less if the machine is not busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// State of one client's connections.
#[derive(Debug)]
pub(super) struct Reach {
    reached: bool,
    /// Time of the first check without a connected broker since one was connected.
    without_since: Option<Instant>,
    /// Last error since a broker was connected.
    trouble: Option<String>,
}

/// Change that a check of the brokers found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// The cluster is unreachable, for this reason.
    Lost(String),
    /// The cluster is reachable again.
    Back,
}

impl Reach {
    /// Creates the state of a client that was `reached` so far, or not.
    pub(super) fn new(reached: bool) -> Self {
        Self {
            reached,
            without_since: None,
            trouble: None,
        }
    }

    /// Notes that a connection broke, or could not be made.
    pub(super) fn failed(&mut self, reason: &str) {
        self.trouble = Some(reason.to_owned());
    }

    /// Checks, at time `now`, whether a broker is `connected`, and returns what changed.
    pub(super) fn look(&mut self, connected: bool, now: Instant) -> Option<Change> {
        if connected {
            self.without_since = None;
            self.trouble = None;
            return (!std::mem::replace(&mut self.reached, true)).then_some(Change::Back);
        }
        let without = now.duration_since(*self.without_since.get_or_insert(now));
        if !self.reached {
            return None;
        }
        let reason = match &self.trouble {
            Some(trouble) => trouble.clone(),
            None if without >= PATIENCE => {
                format!("no connection to any broker for {} s", without.as_secs())
            }
            None => return None,
        };
        self.reached = false;
        Some(Change::Lost(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = "Connect to 10.0.0.1:9092 failed: Connection refused";

    fn lost(reason: &str) -> Option<Change> {
        Some(Change::Lost(reason.to_owned()))
    }

    #[test]
    fn an_idle_connection_that_was_closed_is_no_outage() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut reach = Reach::new(true);
        assert_eq!(reach.look(true, after(0)), None);
        for closed in [10_000, 20_000, 30_000] {
            assert_eq!(reach.look(false, after(closed)), None);
            assert_eq!(reach.look(true, after(closed + 2_000)), None);
        }
    }

    #[test]
    fn a_connection_that_cannot_be_made_is_one_at_once() {
        let start = Instant::now();
        let mut reach = Reach::new(true);
        reach.failed(REFUSED);
        assert_eq!(reach.look(false, start), lost(REFUSED));
        assert_eq!(reach.look(false, start), None, "it is told once");
        assert_eq!(reach.look(true, start), Some(Change::Back));
        assert_eq!(reach.look(true, start), None, "so is its end");
    }

    #[test]
    fn so_is_one_that_does_not_come() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut reach = Reach::new(true);
        assert_eq!(reach.look(false, after(0)), None);
        assert_eq!(reach.look(false, after(9)), None);
        assert_eq!(
            reach.look(false, after(11)),
            lost("no connection to any broker for 11 s")
        );
        assert_eq!(reach.look(true, after(13)), Some(Change::Back));
    }

    #[test]
    fn one_broker_of_several_that_cannot_be_reached_is_none() {
        let start = Instant::now();
        let mut reach = Reach::new(true);
        reach.failed(REFUSED);
        assert_eq!(reach.look(true, start), None);
        // An earlier error is not the reason of a later outage.
        assert_eq!(reach.look(false, start), None);
    }

    #[test]
    fn a_new_client_takes_over_an_outage() {
        let start = Instant::now();
        let mut reach = Reach::new(false);
        reach.failed(REFUSED);
        assert_eq!(reach.look(false, start), None, "it was told");
        assert_eq!(reach.look(true, start), Some(Change::Back));
    }
}
