//! Whether the group has answered. Until it has, nothing is read, however many messages there are: after a crash it
//! waits for the dead member until its session ends.
//!
//! An assignment without partitions is an answer: a group may have more members than partitions.

use std::time::{Duration, Instant};

/// An answer takes a moment, a rebalance some seconds. What takes longer is told.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether the group's answer is waited for.
#[derive(Debug, Default)]
pub struct Waiting {
    since: Option<Instant>,
    warned: bool,
}

impl Waiting {
    /// The group was asked for partitions. Asked again meanwhile, it still waits since the first time.
    pub fn begin(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// The group has answered.
    pub fn end(&mut self) {
        *self = Self::default();
    }

    /// Whether it waits.
    pub fn is_so(&self) -> bool {
        self.since.is_some()
    }

    /// True once, when it has waited for long.
    pub fn is_to_be_told(&mut self, now: Instant) -> bool {
        let long = |since| now.duration_since(since) >= PATIENCE;
        self.since.is_some_and(long) && !std::mem::replace(&mut self.warned, true)
    }
}

/// For people: what is waited for, and what there is to do.
pub fn explain(group: &str, named: bool) -> String {
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
        // Fenced and joined again, it has still waited since then.
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
