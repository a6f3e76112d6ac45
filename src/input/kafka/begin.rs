//! Where reading a partition begins: decided here, from what Kafka says, and nowhere else.
//!
//! librdkafka would decide it by itself (`auto.offset.reset`), but tells nobody. With `start_from_oldest: false` the end
//! of a partition would then be looked up again at each start until a first message is committed, and what was written
//! in between would be skipped. So the offset is found out once, and committed before the first message is read.

use std::collections::HashSet;

/// What Kafka says about a partition that is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The offset that the group has committed.
    pub committed: Option<i64>,
    /// The offset of the oldest record that is kept.
    pub low: i64,
    /// The offset after the newest record; for readers of committed messages, after the newest of those.
    pub high: i64,
    /// Whether the partition is younger than the pipeline, as [`AtStart::is_young`] finds out.
    pub young: bool,
}

/// What there was when this process started, before it joined its group.
#[derive(Debug, Clone)]
pub struct AtStart {
    /// The partitions that there were.
    pub partitions: HashSet<(String, i32)>,
    /// The topics of which the group had committed an offset.
    pub committed: HashSet<String>,
}

impl AtStart {
    /// Whether a partition, of which the group has committed no offset, is younger than the pipeline: it came after the
    /// start of this process, or the group was there before and did not know it. `named`: the config names the topic;
    /// one that fits a pattern may be younger than the group as a whole.
    ///
    /// What the group commits later says nothing: where several processes start together, each commits the beginnings of
    /// its own partitions at another moment.
    pub fn is_young(&self, topic: &str, partition: i32, named: bool) -> bool {
        let was_there = if named {
            self.committed.contains(topic)
        } else {
            !self.committed.is_empty()
        };
        was_there || !self.partitions.contains(&(topic.to_owned(), partition))
    }
}

/// Where to begin, and why there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begin {
    /// The offset of the first record to read.
    pub offset: i64,
    /// Why.
    pub reason: Reason,
}

/// Why reading begins where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The group has committed this offset.
    Committed,
    /// The group has committed none, and this is the oldest record.
    Oldest,
    /// The group has committed none, and this is the end.
    Newest,
    /// Records between the committed offset and the oldest one were deleted before they were read: so many.
    Deleted(i64),
    /// The committed offset lies after the end by so much: the partition was cut off, or made anew.
    Beyond(i64),
}

/// Where to begin a partition. `from_oldest`: where the group has committed no offset, at the oldest record.
pub fn begin(facts: Facts, from_oldest: bool) -> Begin {
    let Facts {
        committed,
        low,
        high,
        young,
    } = facts;
    let (offset, reason) = match committed {
        Some(committed) if committed < low => (low, Reason::Deleted(low - committed)),
        // Which of the records that are there were read already, nobody knows. Twice is better than never.
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

    const FACTS: Facts = Facts {
        committed: None,
        low: 10,
        high: 100,
        young: false,
    };

    #[test]
    fn each_reason() {
        let committed = |offset| Facts {
            committed: Some(offset),
            ..FACTS
        };
        let young = Facts {
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
        // A second topic was added to the config: it is begun where a first start begins.
        assert!(!other.is_young("t", 0, true));
        assert!(other.is_young("t", 0, false));
    }

    proptest! {
        /// Only the very first start of a pipeline may skip what is there.
        #[test]
        fn nothing_is_skipped_that_is_there_and_was_not_read(
            committed in prop::option::of(0i64..200),
            low in 0i64..200,
            length in 0i64..200,
            young in any::<bool>(),
            from_oldest in any::<bool>(),
        ) {
            let facts = Facts { committed, low, high: low + length, young };
            let Begin { offset, reason } = begin(facts, from_oldest);
            prop_assert!((low..=low + length).contains(&offset));
            let first = committed.is_none() && !young && !from_oldest;
            prop_assert_eq!(reason == Reason::Newest, first);
            let unread = committed.unwrap_or(0).max(low);
            prop_assert!(first || offset <= unread);
        }
    }
}
