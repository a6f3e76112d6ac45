//! Lag: the distance of partitions from their ends.

use std::collections::HashMap;
use std::sync::Arc;

use crate::kafka::statistics::PartitionEnd;

/// Progress of this process in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Progress {
    /// Offset after the last message that was delivered along with all messages before it; `None` if there is none.
    pub commit_point: Option<i64>,
    /// Offset of the oldest message in flight.
    pub oldest: Option<i64>,
    /// Number of messages in flight.
    pub under_way: u64,
    /// Whether everything that was taken from librdkafka is delivered.
    pub idle: bool,
}

/// Latest statistics of librdkafka about partitions.
#[derive(Debug, Default)]
pub(super) struct Ends(HashMap<(Arc<str>, i32), PartitionEnd>);

impl Ends {
    /// Takes in the statistics of all partitions that librdkafka knows.
    pub(super) fn told(&mut self, ends: Vec<PartitionEnd>) {
        let named = |end: PartitionEnd| ((end.topic.as_str().into(), end.partition), end);
        self.0 = ends.into_iter().map(named).collect();
    }

    /// Forgets a partition that is read again: the statistics describe the earlier reading position.
    pub(super) fn forget(&mut self, topic: &str, partition: i32) {
        self.0.remove(&(topic.into(), partition));
    }

    /// Returns the latest statistics of a partition.
    pub(super) fn of(&self, topic: &Arc<str>, partition: i32) -> Option<&PartitionEnd> {
        self.0.get(&(Arc::clone(topic), partition))
    }
}

/// Returns the offset of the first message that is not delivered. `from_oldest` says where reading begins when nothing
/// is committed.
pub(super) fn position(
    progress: Progress,
    told: Option<&PartitionEnd>,
    from_oldest: bool,
) -> Option<i64> {
    let read_to = told.and_then(|told| told.read_to);
    if progress.idle && read_to.is_some() {
        // The records in between are no messages for this reader: markers of transactions, and aborted messages.
        return progress.commit_point.max(read_to);
    }
    let begin = |told: &PartitionEnd| {
        let first = if from_oldest {
            told.begin
        } else {
            told.read_to
        };
        told.committed.or(first)
    };
    progress
        .commit_point
        .or(progress.oldest)
        .or(told.and_then(begin))
}

/// Returns the number of messages between `position` and the end, but at least those in flight: the known end may be
/// old.
pub(super) fn lag(
    position: Option<i64>,
    progress: Progress,
    told: Option<&PartitionEnd>,
) -> Option<u64> {
    let end = told?.end?;
    let behind = u64::try_from(end - position?).unwrap_or(0);
    Some(behind.max(progress.under_way))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(begin: i64, end: i64, committed: Option<i64>, read_to: Option<i64>) -> PartitionEnd {
        PartitionEnd {
            topic: "t".into(),
            partition: 0,
            begin: Some(begin),
            end: Some(end),
            committed,
            eof: None,
            read_to,
        }
    }

    fn lag_of(progress: Progress, told: &PartitionEnd) -> Option<u64> {
        lag(position(progress, Some(told), true), progress, Some(told))
    }

    const NOTHING: Progress = Progress {
        commit_point: None,
        oldest: None,
        under_way: 0,
        idle: true,
    };

    #[test]
    fn before_the_first_delivery() {
        // Nothing fetched yet: everything from the committed offset on, or from the beginning.
        assert_eq!(lag_of(NOTHING, &told(3, 10, Some(7), None)), Some(3));
        assert_eq!(lag_of(NOTHING, &told(3, 10, None, None)), Some(7));
        let progress = Progress {
            oldest: Some(7),
            under_way: 2,
            idle: false,
            ..NOTHING
        };
        assert_eq!(lag_of(progress, &told(3, 10, Some(7), Some(9))), Some(3));
        // When reading begins at the newest message, there is no lag.
        let newest = told(3, 10, None, Some(10));
        let at = position(NOTHING, Some(&newest), false);
        assert_eq!((at, lag(at, NOTHING, Some(&newest))), (Some(10), Some(0)));
        // An empty partition, never committed.
        assert_eq!(lag_of(NOTHING, &told(0, 0, None, Some(0))), Some(0));
    }

    #[test]
    fn with_messages_under_way() {
        let progress = Progress {
            commit_point: Some(20),
            oldest: Some(20),
            under_way: 15,
            idle: false,
        };
        assert_eq!(lag_of(progress, &told(0, 100, Some(10), None)), Some(80));
        // The known end is two seconds old; at least the messages in flight exist.
        assert_eq!(lag_of(progress, &told(0, 22, Some(10), None)), Some(15));
    }

    #[test]
    fn nothing_behind_when_all_is_delivered() {
        let done = Progress {
            commit_point: Some(12),
            ..NOTHING
        };
        assert_eq!(lag_of(done, &told(0, 12, Some(12), Some(12))), Some(0));
        // More messages were delivered than the known end says.
        assert_eq!(lag_of(done, &told(0, 9, Some(9), Some(9))), Some(0));
        // Only markers of transactions are left.
        assert_eq!(lag_of(done, &told(0, 13, Some(12), Some(13))), Some(0));
        // Another message exists, which is not read yet.
        assert_eq!(lag_of(done, &told(0, 13, Some(12), None)), Some(1));
    }

    #[test]
    fn unknown_is_not_nothing() {
        assert_eq!(lag(Some(3), NOTHING, None), None);
        let unread = PartitionEnd {
            end: None,
            ..told(0, 0, Some(3), None)
        };
        assert_eq!(lag(Some(3), NOTHING, Some(&unread)), None);
    }

    #[test]
    fn what_was_told_before_reading_begins_anew_is_forgotten() {
        let mut ends = Ends::default();
        ends.told(vec![told(0, 13, Some(5), Some(13))]);
        let topic: Arc<str> = "t".into();
        assert!(ends.of(&topic, 0).is_some() && ends.of(&topic, 1).is_none());
        ends.forget("t", 0);
        assert!(ends.of(&topic, 0).is_none());
    }
}
