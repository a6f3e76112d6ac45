//! A client that librdkafka has left without any broker, for ever.
//!
//! When all brokers are away, librdkafka forgets those that it has learned of and begins again with the configured
//! addresses (KIP-1102). In librdkafka 2.12 that can fail for good: `rd_kafka_rebootstrap` notes that it is in progress and
//! starts a timer; an answer with metadata that arrives in between stops the timer, and as it is in progress, nothing
//! starts it again. The client then has no broker to connect to, whether Kafka is there or not, and only a new client
//! helps. `metadata.recovery.strategy: none` would be no way out: one answer with no brokers in it leads to the same.

use std::time::{Duration, Instant};

/// A client without brokers for so long gets none any more. Normally it has none for some milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a client is stranded, judged from what librdkafka tells of its brokers every few seconds.
#[derive(Debug, Default)]
pub struct Stranded {
    /// When it was seen without a broker first, since it had one.
    since: Option<Instant>,
    is_over: bool,
}

impl Stranded {
    /// The client has brokers to connect to, or none, `now`. `true` once: when it counts as stranded from now on.
    pub fn look(&mut self, has_brokers: bool, now: Instant) -> bool {
        if has_brokers {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert(now);
        let is_stranded = now.duration_since(since) >= PATIENCE;
        is_stranded && !std::mem::replace(&mut self.is_over, true)
    }

    /// Whether the client is of no use any more.
    pub fn is_over(&self) -> bool {
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
