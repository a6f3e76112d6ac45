//! Wait for the group's answer. Until it comes, nothing is read, however many messages there are: after a crash the
//! group waits for the dead member until its session ends.
//!
//! An assignment without partitions is an answer: a group may have more members than partitions.

use std::time::{Duration, Instant};

use crate::config::KafkaInputConfig;

/// Time after which the wait is logged. An answer takes a moment, a rebalance some seconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// State of the wait for the group's answer.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    since: Option<Instant>,
    warned: bool,
    /// The group has refused this process, because another member uses another assignment strategy.
    refused: bool,
}

impl Waiting {
    /// Notes that the group was asked for partitions. If it is asked again meanwhile, the wait still counts from the
    /// first time.
    pub(super) fn begin(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// Notes that the group has answered.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// Notes that the group has refused this process, because another member uses another assignment strategy.
    pub(super) fn refuse(&mut self) {
        self.refused = self.since.is_some();
    }

    /// Returns, for people, what is waited for, and what they can do.
    pub(super) fn explain(&self, config: &KafkaInputConfig) -> String {
        match self.refused {
            true => format!("{} ({OTHER_STRATEGY})", of_group(config)),
            false => explain(config),
        }
    }

    /// Returns whether the answer is missing.
    pub(super) fn is_so(&self) -> bool {
        self.since.is_some()
    }

    /// Returns true once, when the wait has become long.
    pub(super) fn is_to_be_told(&mut self, now: Instant) -> bool {
        let long = |since| now.duration_since(since) >= PATIENCE;
        self.since.is_some_and(long) && !std::mem::replace(&mut self.warned, true)
    }
}

/// What refuses a member, and what people can do.
pub(super) const OTHER_STRATEGY: &str = "another member uses another assignment strategy: end it, or set its strategy as partition.assignment.strategy in input.kafka.properties";

/// Returns, for people, what is waited for when the group was not asked yet, and what they can do.
pub(super) fn explain(config: &KafkaInputConfig) -> String {
    let avoided = match config.instance_id {
        Some(_) => "",
        None => "; input.kafka.instance_id avoids it",
    };
    let waiting = of_group(config);
    format!("{waiting} (up to session_timeout after a crash{avoided})")
}

fn of_group(config: &KafkaInputConfig) -> String {
    let group = &config.consumer_group;
    format!("waiting for the consumer group \"{group}\" to assign partitions")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_once_a_wait() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut waiting = Waiting::default();
        assert!(!waiting.is_so() && !waiting.is_to_be_told(after(10)));
        waiting.begin(after(10));
        assert!(waiting.is_so());
        assert!(!waiting.is_to_be_told(after(12)));
        // Fenced and joined again, it has waited since the first time.
        waiting.begin(after(12));
        assert!(waiting.is_to_be_told(after(13)));
        assert!(!waiting.is_to_be_told(after(40)));
        waiting.end();
        assert!(!waiting.is_so() && !waiting.is_to_be_told(after(50)));
        waiting.begin(after(60));
        assert!(!waiting.is_to_be_told(after(61)) && waiting.is_to_be_told(after(63)));
    }

    fn config(instance_id: Option<&str>) -> KafkaInputConfig {
        KafkaInputConfig {
            consumer_group: "g".into(),
            instance_id: instance_id.map(str::to_owned),
            ..KafkaInputConfig::default()
        }
    }

    #[test]
    fn a_member_with_a_name_is_not_told_to_get_one() {
        assert!(explain(&config(None)).contains("instance_id"));
        assert!(!explain(&config(Some("i"))).contains("instance_id"));
    }

    #[test]
    fn another_strategy_is_told_as_long_as_it_refuses() {
        let (config, now) = (config(None), Instant::now());
        let is_told = |waiting: &Waiting| waiting.explain(&config).contains("strategy");
        let mut waiting = Waiting::default();
        waiting.refuse();
        assert!(!is_told(&waiting), "nobody waits");
        waiting.begin(now);
        assert!(!is_told(&waiting));
        waiting.refuse();
        assert!(is_told(&waiting) && !waiting.explain(&config).contains("crash"));
        waiting.end();
        waiting.begin(now);
        assert!(!is_told(&waiting));
    }
}
