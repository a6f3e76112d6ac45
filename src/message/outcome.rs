//! What scripts make of messages: records, nothing, or a failure.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::{Batch, Headers, Message, headers_cost};

/// Consecutive messages of a batch, and one outcome for each.
#[derive(Debug)]
pub struct Processed {
    /// The batch.
    pub batch: Arc<Batch>,
    /// Index in the batch of the first message that `outcomes` is about.
    pub start: usize,
    /// One outcome for each message from `start` on.
    pub outcomes: Outcomes,
}

impl Processed {
    /// The messages.
    pub fn messages(&self) -> &[Message] {
        &self.batch.messages[self.start..self.start + self.outcomes.items.len()]
    }

    /// Position of the first message in its lane.
    pub fn position(&self) -> u64 {
        self.batch.position + self.start as u64
    }

    /// The message that outcome `index` is about.
    pub fn message(&self, index: usize) -> &Message {
        &self.batch.messages[self.start + index]
    }

    /// Where the message of outcome `index` was read, for people.
    pub fn place(&self, index: usize) -> String {
        let message = self.message(index);
        message.place(&self.batch.lane).to_string()
    }

    /// Whether the message of outcome `index` has failed. An output writes it as a dead letter.
    pub fn is_letter(&self, index: usize) -> bool {
        matches!(self.outcomes.items[index], Outcome::Failed(_))
    }
}

/// What became of consecutive messages of a batch, in their order.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Payloads of all records, one after the other.
    pub data: Vec<u8>,
    /// One entry a message.
    pub items: Vec<Outcome>,
    /// Hash of the scripts that made them.
    pub script_hash: Arc<str>,
}

impl Outcomes {
    /// Payload bytes of `record`.
    pub fn payload(&self, record: &Record) -> &[u8] {
        &self.data[record.payload.start as usize..record.payload.end as usize]
    }

    /// Bytes of memory that the outcomes take, with the dead letters that will be made of failures.
    pub fn cost(&self) -> usize {
        self.data.capacity() + self.items.iter().map(Outcome::cost).sum::<usize>()
    }

    /// Takes the failures out. What stays is for the output of the results, what is returned for the dead letters.
    pub fn take_failures(&mut self) -> Outcomes {
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

    /// Cuts off the first failure and everything after it, and returns that failure with its index.
    pub fn cut_at_failure(&mut self) -> Option<(usize, Box<Failure>)> {
        let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_));
        let index = self.items.iter().position(failed)?;
        self.items.truncate(index + 1);
        match self.items.pop()? {
            Outcome::Failed(failure) => Some((index, failure)),
            _ => None,
        }
    }
}

/// What became of one message.
#[derive(Debug)]
pub enum Outcome {
    /// The script left `root` at `None`.
    Dropped,
    /// The usual case: one result.
    Record(Record),
    /// Several, by `emit`.
    Records(Vec<Record>),
    /// No result: the message goes where the error policy says.
    Failed(Box<Failure>),
}

impl Outcome {
    /// What it takes in memory beside its place among the [`items`](Outcomes::items) and its share of the
    /// [`data`](Outcomes::data), in bytes.
    pub fn cost(&self) -> usize {
        match self {
            Outcome::Dropped => 0,
            Outcome::Record(record) => record.cost(),
            Outcome::Records(records) => records
                .iter()
                .map(|record| size_of::<Record>() + record.cost())
                .sum(),
            // Itself, and as much in its dead letter.
            Outcome::Failed(failure) => 2 * failure.cost(),
        }
    }
}

/// One output message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where its payload lies in [`Outcomes::data`].
    pub payload: Range<u32>,
    /// There is no payload, not even an empty one: the script said `tombstone()`.
    pub tombstone: bool,
    /// What the script set by `meta` or `emit`; all else is the input message's.
    pub overrides: Option<Box<Overrides>>,
}

impl Record {
    /// What its attributes take in memory, in bytes.
    pub(crate) fn cost(&self) -> usize {
        self.overrides.as_deref().map_or(0, Overrides::cost)
    }
}

/// Attributes that a script chose for a record. The outer `Option` says whether it did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Key; `Some(None)` removes it.
    pub key: Option<Option<Bytes>>,
    /// Topic; `Some(None)` means the output's own.
    pub topic: Option<Option<String>>,
    /// All headers.
    pub headers: Option<Headers>,
    /// Milliseconds since the Unix epoch; `Some(None)` leaves it to the broker.
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

/// Why a message has no result.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// `Exception`'s type (`ValueError`), or a way to die (`Timeout`).
    #[serde(rename = "type")]
    pub kind: String,
    /// The exception's text, or what happened in words.
    pub message: String,
    /// `file:line` of the script, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Python's traceback, the user's frames only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub traceback: String,
    /// How often the message was run.
    pub attempts: u32,
}

impl Failure {
    fn cost(&self) -> usize {
        let Self {
            kind,
            message,
            at,
            traceback,
            attempts: _,
        } = self;
        let at = at.as_ref().map_or(0, String::len);
        size_of::<Self>() + kind.len() + message.len() + at + traceback.len()
    }

    /// A failure found by the host, without traceback.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            message: message.into(),
            at: None,
            traceback: String::new(),
            attempts: 1,
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
