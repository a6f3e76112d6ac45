//! Decision where reading a partition begins. It is made only here, from what Kafka reports.
//!
//! librdkafka could decide this by itself (`auto.offset.reset`), but does not report its decision. With
//! `start_from_oldest: false` each start would then look up the end of a partition again until a first message is
//! committed, and would skip what was written in between. So the offset is determined once, and committed before the
//! first message is read.

use std::collections::HashSet;

/// Facts from Kafka about a partition that is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartitionFacts {
    /// Offset that the group has committed.
    pub committed: Option<i64>,
    /// Offset of the oldest record that is kept.
    pub low: i64,
    /// Offset after the newest record; for readers of committed messages, after the newest committed one.
    pub high: i64,
    /// Whether the partition is younger than the pipeline: see [`AtStart::is_young`].
    pub young: bool,
}

/// State of the topics when this process started, before it joined its group.
#[derive(Debug, Clone)]
pub(crate) struct AtStart {
    /// Partitions that existed.
    pub partitions: HashSet<(String, i32)>,
    /// Topics of which the group had committed an offset.
    pub committed: HashSet<String>,
}

impl AtStart {
    /// Returns whether a partition without a committed offset is younger than the pipeline: it was created after the
    /// start of this process, or the group existed before and did not know it. `named` says whether the config names
    /// the topic; a topic that matches a pattern may be younger than the whole group.
    ///
    /// Offsets that the group commits later prove nothing: when several processes start together, each commits the
    /// beginnings of its own partitions at a different moment.
    pub(crate) fn is_young(&self, topic: &str, partition: i32, named: bool) -> bool {
        let was_there = if named {
            self.committed.contains(topic)
        } else {
            !self.committed.is_empty()
        };
        was_there || !self.partitions.contains(&(topic.to_owned(), partition))
    }
}

/// Offset at which reading begins, and the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begin {
    /// Offset of the first record to read.
    pub offset: i64,
    /// Reason for this offset.
    pub reason: Reason,
}

/// Reason why reading begins at an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The group has committed this offset.
    Committed,
    /// The group has committed no offset, and this is the oldest record.
    Oldest,
    /// The group has committed no offset, and this is the end.
    Newest,
    /// This many records between the committed offset and the oldest record were deleted before they were read.
    Deleted(i64),
    /// The committed offset is this far after the end: the partition was truncated or created again.
    Beyond(i64),
}

/// Decides where to begin a partition. `from_oldest` selects the oldest record where the group has committed no offset.
pub(crate) fn begin(facts: PartitionFacts, from_oldest: bool) -> Begin {
    let PartitionFacts {
        committed,
        low,
        high,
        young,
    } = facts;
    let (offset, reason) = match committed {
        Some(committed) if committed < low => (low, Reason::Deleted(low - committed)),
        // Nobody knows which of the existing records were read already. Twice is better than never.
        Some(committed) if committed > high => (low, Reason::Beyond(committed - high)),
        Some(committed) => (committed, Reason::Committed),
        None if from_oldest || young => (low, Reason::Oldest),
        None => (high, Reason::Newest),
    };
    Begin { offset, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FACTS: PartitionFacts = PartitionFacts {
        committed: None,
        low: 10,
        high: 100,
        young: false,
    };

    #[test]
    fn each_reason() {
        let committed = |offset| PartitionFacts {
            committed: Some(offset),
            ..FACTS
        };
        let young = PartitionFacts {
            young: true,
            ..FACTS
        };
        for (facts, from_oldest, offset, reason) in [
            (committed(10), false, 10, Reason::Committed),
            (committed(100), true, 100, Reason::Committed),
            (committed(3), false, 10, Reason::Deleted(7)),
            (committed(105), false, 10, Reason::Beyond(5)),
            (FACTS, true, 10, Reason::Oldest),
            (FACTS, false, 100, Reason::Newest),
            (young, false, 10, Reason::Oldest),
        ] {
            assert_eq!(begin(facts, from_oldest), Begin { offset, reason });
        }
    }

    #[test]
    fn young_is_what_came_after_the_start_or_what_the_group_did_not_know() {
        let fresh = AtStart {
            partitions: [("t".to_owned(), 0)].into(),
            committed: HashSet::new(),
        };
        let again = AtStart {
            committed: ["t".to_owned()].into(),
            ..fresh.clone()
        };
        for (start, topic, partition, named, young) in [
            (&fresh, "t", 0, true, false),
            (&fresh, "t", 0, false, false),
            (&fresh, "t", 1, true, true),
            (&fresh, "new", 0, false, true),
            (&again, "t", 0, true, true),
            (&again, "other", 0, true, true),
            (&again, "other", 0, false, true),
        ] {
            let found = start.is_young(topic, partition, named);
            assert_eq!(found, young, "{start:?} {topic} {partition} {named}");
        }
        let other = AtStart {
            committed: ["other".to_owned()].into(),
            ..fresh
        };
        // A second topic was added to the config: it begins where the first start of a pipeline begins.
        assert!(!other.is_young("t", 0, true));
        assert!(other.is_young("t", 0, false));
    }

    proptest! {
        /// Checks that only the very first start of a pipeline skips existing records.
        #[test]
        fn nothing_is_skipped_that_is_there_and_was_not_read(
            committed in prop::option::of(0i64..200),
            low in 0i64..200,
            length in 0i64..200,
            young in any::<bool>(),
            from_oldest in any::<bool>(),
        ) {
            let facts = PartitionFacts { committed, low, high: low + length, young };
            let Begin { offset, reason } = begin(facts, from_oldest);
            prop_assert!((low..=low + length).contains(&offset));
            let first = committed.is_none() && !young && !from_oldest;
            prop_assert_eq!(reason == Reason::Newest, first);
            let unread = committed.unwrap_or(0).max(low);
            prop_assert!(first || offset <= unread);
        }
    }
}
