//! Wait for the group's answer. Until it comes, nothing is read, however many messages there are: after a crash the
//! group waits for the dead member until its session ends.
//!
//! An assignment without partitions is an answer: a group may have more members than partitions.

use std::time::{Duration, Instant};

/// Time after which the wait is logged. An answer takes a moment, a rebalance some seconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// State of the wait for the group's answer.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    since: Option<Instant>,
    warned: bool,
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

/// Returns, for people, what is waited for, and what they can do.
pub(super) fn explain(group: &str, named: bool) -> String {
    let reason = format!(
        "waiting for the consumer group \"{group}\" to assign partitions (up to session_timeout after a crash"
    );
    if named {
        reason + ")"
    } else {
        reason + "; input.kafka.instance_id avoids it)"
    }
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

    #[test]
    fn a_member_with_a_name_is_not_told_to_get_one() {
        assert!(explain("g", false).contains("instance_id"));
        assert!(!explain("g", true).contains("instance_id"));
    }
}
