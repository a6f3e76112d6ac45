//! Detection of a client that librdkafka has left without any broker for ever.
//!
//! When all brokers are away, librdkafka forgets the brokers that it has learned of and begins again with the
//! configured addresses (KIP-1102). In librdkafka 2.12 that can fail for ever: `rd_kafka_rebootstrap` notes that it is
//! in progress and starts a timer; an answer with metadata that arrives in between stops the timer, and because it is
//! in progress, nothing starts it again. The client then has no broker to connect to, whether Kafka is there or not,
//! and only a new client helps. `metadata.recovery.strategy: none` does not help: one answer without brokers has the
//! same effect.

use std::time::{Duration, Instant};

/// Time without brokers after which a client is stranded. Normally it is without brokers for some milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Decision whether a client is stranded, from librdkafka's statistics about its brokers.
#[derive(Debug, Default)]
pub(super) struct Stranded {
    /// Time of the first check without a broker since there was one.
    since: Option<Instant>,
    is_over: bool,
}

impl Stranded {
    /// Checks, at time `now`, whether the client has brokers to connect to. Returns true once: when it becomes
    /// stranded.
    pub(super) fn look(&mut self, has_brokers: bool, now: Instant) -> bool {
        if has_brokers {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert(now);
        let is_stranded = now.duration_since(since) >= PATIENCE;
        is_stranded && !std::mem::replace(&mut self.is_over, true)
    }

    /// Returns whether the client is stranded.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_brokers_for_a_minute_it_is_over() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut stranded = Stranded::default();
        assert!(!stranded.look(true, after(0)));
        assert!(!stranded.look(false, after(2)));
        assert!(!stranded.look(false, after(61)));
        assert!(!stranded.is_over());
        assert!(stranded.look(false, after(62)));
        assert!(!stranded.look(false, after(64)), "it is told once");
        assert!(stranded.is_over());
    }

    #[test]
    fn a_moment_without_them_is_not_counted() {
        let start = Instant::now();
        let mut stranded = Stranded::default();
        for seconds in 0..300 {
            let has_brokers = seconds % 50 == 0;
            assert!(!stranded.look(has_brokers, start + Duration::from_secs(seconds)));
        }
        assert!(!stranded.is_over());
    }
}
