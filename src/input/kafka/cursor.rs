//! Position of reading in a lane, offset by offset.

/// Offset of the last message that was taken from the queue of a lane's partition.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor {
    last: Option<i64>,
}

/// Relation of a message from the queue to the expected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The expected message, or the first message of a lane whose beginning is not known.
    Next,
    /// The message that was taken last, which must not be read again. librdkafka fetches it once more if a rebalance
    /// pauses the partition after the message leaves the queue and before librdkafka notes that
    /// (`rd_kafka_event_message_next`).
    Again,
    /// Another message than the expected one: offsets were skipped, or come again.
    Jump {
        /// Offset that was expected.
        expected: i64,
    },
}

impl Cursor {
    /// Notes that a message with `offset` was taken from the queue. The lane begins at `begin`.
    pub(super) fn step(&mut self, begin: Option<i64>, offset: i64) -> Step {
        if self.last == Some(offset) {
            return Step::Again;
        }
        let expected = self.last.map_or(begin, |last| Some(last + 1));
        self.last = Some(offset);
        match expected {
            Some(expected) if expected != offset => Step::Jump { expected },
            _ => Step::Next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(begin: Option<i64>, offsets: &[i64]) -> Vec<Step> {
        let mut cursor = Cursor::default();
        let step = |&offset: &i64| cursor.step(begin, offset);
        offsets.iter().map(step).collect()
    }

    #[test]
    fn a_message_that_is_fetched_again_is_not_read_again() {
        use Step::{Again, Next};
        // The order in which librdkafka gave them: `twice.c` of the findings saw offset 298 twice.
        let given = [296, 297, 298, 298, 299, 300];
        assert_eq!(
            steps(Some(296), &given),
            [Next, Next, Next, Again, Next, Next]
        );
        // Also for the first message, and more than once.
        assert_eq!(steps(Some(7), &[7, 7, 7, 8]), [Next, Again, Again, Next]);
    }

    #[test]
    fn offsets_without_messages_are_told_and_read_past() {
        use Step::{Jump, Next};
        let told = steps(Some(0), &[0, 5, 6]);
        assert_eq!(told, [Next, Jump { expected: 1 }, Next]);
        assert_eq!(steps(Some(3), &[4]), [Jump { expected: 3 }]);
        assert_eq!(steps(None, &[4, 5]), [Next, Next]);
    }

    #[test]
    fn a_topic_that_was_made_anew_is_read_from_its_beginning() {
        use Step::{Jump, Next};
        let told = steps(Some(90), &[90, 91, 0, 1]);
        assert_eq!(told, [Next, Next, Jump { expected: 92 }, Next]);
    }
}
