//! Outcomes of messages: records, nothing, or a failure.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::{Batch, Headers, Message, headers_cost};

/// Consecutive messages of a batch, and one outcome for each.
#[derive(Debug)]
pub(crate) struct Processed {
    /// Batch of the messages.
    pub batch: Arc<Batch>,
    /// Index in the batch of the first message with an outcome here.
    pub start: usize,
    /// Outcomes of the messages from `start` on, one for each.
    pub outcomes: Outcomes,
}

impl Processed {
    /// Returns the messages that have an outcome here.
    pub(crate) fn messages(&self) -> &[Message] {
        &self.batch.messages[self.start..self.start + self.outcomes.items.len()]
    }

    /// Returns the position of the first message in its lane.
    pub(crate) fn position(&self) -> u64 {
        self.batch.position + self.start as u64
    }

    /// Returns the message to which outcome `index` belongs.
    pub(crate) fn message(&self, index: usize) -> &Message {
        &self.batch.messages[self.start + index]
    }

    /// Returns, for people, the place from which the message of outcome `index` was read.
    pub(crate) fn place(&self, index: usize) -> String {
        let message = self.message(index);
        message.place(&self.batch.lane).to_string()
    }

    /// Returns whether the message of outcome `index` has failed. An output writes it as a dead letter.
    pub(crate) fn is_letter(&self, index: usize) -> bool {
        matches!(self.outcomes.items[index], Outcome::Failed(_))
    }
}

/// Outcomes of consecutive messages of a batch, in their order.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    /// Payloads of all records, one after the other.
    pub data: Vec<u8>,
    /// Outcomes, one for each message.
    pub items: Vec<Outcome>,
    /// Hash of the scripts that made the outcomes.
    pub script_hash: Arc<str>,
}

impl Outcomes {
    /// Returns the payload bytes of `record`.
    pub(crate) fn payload(&self, record: &Record) -> &[u8] {
        &self.data[record.payload.start as usize..record.payload.end as usize]
    }

    /// Returns the bytes of memory that the outcomes take, including the dead letters that will be made of failures.
    pub(crate) fn cost(&self) -> usize {
        self.data.capacity() + self.items.iter().map(Outcome::cost).sum::<usize>()
    }

    /// Moves the failures into the returned value, which is for the output of dead letters. The rest stays here, for
    /// the output of results.
    pub(crate) fn take_failures(&mut self) -> Outcomes {
        let take = |outcome: &mut Outcome| match outcome {
            Outcome::Failed(_) => std::mem::replace(outcome, Outcome::Dropped),
            _ => Outcome::Dropped,
        };
        Outcomes {
            data: Vec::new(),
            items: self.items.iter_mut().map(take).collect(),
            script_hash: Arc::clone(&self.script_hash),
        }
    }

    /// Removes the first failure and everything after it, and returns that failure with its index.
    pub(crate) fn cut_at_failure(&mut self) -> Option<(usize, Box<Failure>)> {
        let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_));
        let index = self.items.iter().position(failed)?;
        self.items.truncate(index + 1);
        match self.items.pop()? {
            Outcome::Failed(failure) => Some((index, failure)),
            _ => None,
        }
    }
}

/// Outcome of one message.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// No result: the script left `root` at `None`.
    Dropped,
    /// One result, the usual case.
    Record(Record),
    /// Several results, by `emit`.
    Records(Vec<Record>),
    /// A failure: the message takes the failure route.
    Failed(Box<Failure>),
}

impl Outcome {
    /// Returns the bytes of memory that the outcome takes in addition to its entry in [`items`](Outcomes::items) and
    /// its part of [`data`](Outcomes::data).
    pub(crate) fn cost(&self) -> usize {
        match self {
            Outcome::Dropped => 0,
            Outcome::Record(record) => record.cost(),
            Outcome::Records(records) => records
                .iter()
                .map(|record| size_of::<Record>() + record.cost())
                .sum(),
            // The failure itself, and as much again in its dead letter.
            Outcome::Failed(failure) => 2 * failure.cost(),
        }
    }
}

/// One output message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Range of the payload in [`Outcomes::data`].
    pub payload: Range<u32>,
    /// Whether there is no payload, not even an empty one: the script called `tombstone()`.
    pub tombstone: bool,
    /// Attributes that the script set by `meta` or `emit`; all others are the input message's.
    pub overrides: Option<Box<Overrides>>,
}

impl Record {
    /// Returns the bytes of memory that the record's attributes take.
    pub(crate) fn cost(&self) -> usize {
        self.overrides.as_deref().map_or(0, Overrides::cost)
    }
}

/// Attributes that a script chose for a record. The outer `Option` is `None` for attributes that it did not choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    /// Key; `Some(None)` removes it.
    pub key: Option<Option<Bytes>>,
    /// Topic; `Some(None)` means the output's own topic.
    pub topic: Option<Option<String>>,
    /// All headers.
    pub headers: Option<Headers>,
    /// Timestamp in milliseconds since the Unix epoch; `Some(None)` leaves it to the broker.
    pub timestamp: Option<Option<i64>>,
}

impl Overrides {
    fn cost(&self) -> usize {
        let Self {
            key,
            topic,
            headers,
            timestamp: _,
        } = self;
        let key = key.iter().flatten().map(Bytes::len).sum::<usize>();
        let topic = topic.iter().flatten().map(String::len).sum::<usize>();
        size_of::<Self>() + key + topic + headers.as_ref().map_or(0, headers_cost)
    }
}

/// Reason why a message has no result.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Failure {
    /// Type of the exception (`ValueError`), or name of the death (`Timeout`).
    #[serde(rename = "type")]
    pub kind: String,
    /// Text of the exception, or a description of what happened.
    pub message: String,
    /// Place in the script as `file:line`, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Box<str>>,
    /// Python's traceback, with only the user's frames.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub traceback: String,
    /// Number of times the message was run.
    pub attempts: u32,
    /// Name of the processor whose script failed; `None` if no script did.
    #[serde(skip)]
    pub processor: Option<Arc<str>>,
}

impl Failure {
    fn cost(&self) -> usize {
        let Self {
            kind,
            message,
            at,
            traceback,
            attempts: _,
            processor: _,
        } = self;
        let at = at.as_ref().map_or(0, |at| at.len());
        size_of::<Self>() + kind.len() + message.len() + at + traceback.len()
    }

    /// Creates a failure that the host found, without traceback.
    pub(crate) fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            message: message.into(),
            at: None,
            traceback: String::new(),
            attempts: 1,
            processor: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Outcomes {
        let record = |payload| {
            Outcome::Record(Record {
                payload,
                tombstone: false,
                overrides: None,
            })
        };
        let failed = |name: &str| Outcome::Failed(Box::new(Failure::new(name, "")));
        Outcomes {
            data: b"abcdef".to_vec(),
            items: vec![record(0..3), failed("A"), record(3..6), failed("B")],
            script_hash: "abc".into(),
        }
    }

    fn kinds(outcomes: &Outcomes) -> String {
        let kind = |outcome: &Outcome| match outcome {
            Outcome::Dropped => '-',
            Outcome::Record(_) | Outcome::Records(_) => 'r',
            Outcome::Failed(_) => 'f',
        };
        outcomes.items.iter().map(kind).collect()
    }

    #[test]
    fn failures_and_results_part_in_their_places() {
        let mut results = outcomes();
        let failures = results.take_failures();
        assert_eq!(kinds(&results), "r-r-");
        assert_eq!(kinds(&failures), "-f-f");
        assert_eq!(results.data, b"abcdef");
        assert_eq!(failures.script_hash, results.script_hash);
    }

    #[test]
    fn nothing_is_left_from_the_first_failure_on() {
        let mut results = outcomes();
        let (index, failure) = results.cut_at_failure().unwrap();
        assert_eq!((index, kinds(&results).as_str()), (1, "r"));
        assert_eq!(failure.kind, "A");
        assert!(results.cut_at_failure().is_none());
    }
}
