//! Where reading a partition begins: decided here, from what Kafka says, and nowhere else.
//!
//! librdkafka would decide it by itself (`auto.offset.reset`), but tells nobody. With `start_from_oldest: false` the end
//! of a partition would then be looked up again at each start until a first message is committed, and what was written
//! in between would be skipped. So the offset is found out once, and committed before the first message is read.

/// What Kafka says about a partition that is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The offset that the group has committed.
    pub committed: Option<i64>,
    /// The offset of the oldest record that is kept.
    pub low: i64,
    /// The offset after the newest record; for readers of committed messages, after the newest of those.
    pub high: i64,
    /// Whether the partition is younger than the pipeline: it was not there when this process started, or the group has
    /// committed others of its topic.
    pub young: bool,
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
