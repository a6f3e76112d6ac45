//! Batches, the unit that actors pass, and slices of them, the unit that guests run.

use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use super::ack::{Ack, AckSink, Unanswered};
use super::budget::Permit;
use super::{Attributes, Lane, Message, Outcome, Outcomes};
use crate::format::{Reads, Resolved, SchemaRef};

/// Consecutive messages of one lane that share a permit.
///
/// A batch that is dropped before all of its messages have an [`Ack`] was abandoned, or lost with an actor that
/// panicked. The input learns which of both, so such a batch never counts as delivered.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Lane of all messages.
    pub lane: Arc<Lane>,
    /// Number of earlier messages of the lane: 0 for the first batch. Positions have no gaps, unlike the offsets of a
    /// compacted topic.
    pub position: u64,
    /// The messages; never empty.
    pub messages: Vec<Message>,
    /// Schemas that the messages name, set before guests get the batch if the format has some.
    pub schemas: OnceLock<Resolved>,
    open: Mutex<Open>,
}

/// Part of a batch that has no [`Ack`] yet.
#[derive(Debug)]
struct Open {
    // Dropped first, so that the input learns of the messages before the memory is released.
    unanswered: Unanswered,
    permit: Permit,
}

impl Batch {
    /// Creates a batch. `permit` covers the cost of all `messages`; `acks` reports to the input what became of them.
    pub(crate) fn new(
        lane: Arc<Lane>,
        position: u64,
        messages: Vec<Message>,
        permit: Permit,
        acks: AckSink,
    ) -> Self {
        let unanswered = Unanswered::new(
            Arc::clone(&lane),
            position,
            messages.len(),
            Instant::now(),
            acks,
        );
        Self {
            lane,
            position,
            messages,
            schemas: OnceLock::new(),
            open: Mutex::new(Open { unanswered, permit }),
        }
    }

    /// Returns the schemas that the messages name, each once, if `reads` is how they are read.
    pub(crate) fn schemas_named(&self, reads: &Reads) -> Vec<SchemaRef> {
        let mut named: Vec<SchemaRef> = Vec::new();
        let read = self.messages.iter().filter(|one| one.rejected.is_none());
        for message in read {
            reads.named_by(&message.bytes(), |schema| {
                // Most messages name the schema of the one before.
                if named.last() != Some(&schema) && !named.contains(&schema) {
                    named.push(schema);
                }
            });
        }
        named
    }

    /// Returns the schemas that the messages name, as far as they are known.
    pub(crate) fn named_schemas(&self) -> &Resolved {
        static NONE: Resolved = Vec::new();
        self.schemas.get().unwrap_or(&NONE)
    }

    /// Returns the ack for the messages from index `start` on to which `outcomes` belongs. The ack takes the part of
    /// the permit that covers these messages, and adds the cost of the outcomes.
    pub(crate) fn ack(&self, start: usize, outcomes: &Outcomes) -> Ack {
        let count = outcomes.items.len();
        let messages = &self.messages[start..start + count];
        let cost = messages.iter().map(Message::cost).sum();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let unanswered = open.unanswered.take(self.position + start as u64, count);
        let mut permit = open.permit.split(cost);
        drop(open);
        permit.charge((outcomes.cost() + letters_cost(messages, outcomes)) as u64);
        Ack::new(unanswered, permit)
    }
}

/// Returns the bytes that failed messages take in their dead letters, if a few of the bytes are escaped.
fn letters_cost(messages: &[Message], outcomes: &Outcomes) -> usize {
    let failed = messages
        .iter()
        .zip(&outcomes.items)
        .filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
    failed
        .map(|(message, _)| {
            let attributes = message.attributes.as_deref().map_or(0, Attributes::cost);
            2 * (message.payload.len() + attributes)
        })
        .sum()
}

#[cfg(test)]
impl Batch {
    /// Creates a batch of `count` empty messages whose acks are ignored.
    pub(crate) fn for_test(count: usize) -> Arc<Self> {
        let messages = (0..count as i64).map(|offset| Message::new(bytes::Bytes::new(), offset));
        Arc::new(Self::new(
            Arc::default(),
            0,
            messages.collect(),
            super::budget::MemoryBudget::new(u64::MAX).acquire(0),
            AckSink::unheard(),
        ))
    }
}

/// Consecutive messages of a batch that are still to be run.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    /// Batch of the messages; shared, since its messages are run again if a guest dies.
    pub batch: Arc<Batch>,
    /// Indexes of the messages in the batch.
    pub range: Range<usize>,
}

impl Slice {
    /// Creates a slice of all messages of `batch`.
    pub(crate) fn of(batch: Arc<Batch>) -> Self {
        let range = 0..batch.messages.len();
        Self { batch, range }
    }

    /// Returns the number of messages.
    pub(crate) fn len(&self) -> usize {
        self.range.len()
    }

    /// Returns whether there are no messages.
    pub(crate) fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Keeps the first `count` messages and returns the others, if there are any.
    pub(crate) fn split_off(&mut self, count: usize) -> Option<Slice> {
        (count < self.len()).then(|| {
            let at = self.range.start + count;
            let rest = at..std::mem::replace(&mut self.range.end, at);
            Slice {
                batch: Arc::clone(&self.batch),
                range: rest,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Failure;
    use super::super::budget::MemoryBudget;
    use super::*;
    use crate::format::{ReadFormat, SchemaSource};
    use crate::registry::SchemaKind;

    #[test]
    fn schemas_are_named_once_and_not_by_what_no_script_gets() {
        let payloads: [&[u8]; 5] = [
            b"\0\0\0\0\x07a",
            b"\0\0\0\0\x08b",
            b"\0\0\0\0\x07c",
            b"no schema",
            b"\0\0\0\0\x09d",
        ];
        let messages = (0..).zip(payloads);
        let messages = messages.map(|(offset, payload)| Message::new(payload.into(), offset));
        let mut messages: Vec<Message> = messages.collect();
        messages[4].rejected = Some(Box::new(Failure::new("TooLong", "an overlong line")));
        let permit = MemoryBudget::new(u64::MAX).acquire(0);
        let batch = Batch::new(Arc::default(), 0, messages, permit, AckSink::unheard());
        let reads = Reads {
            value: ReadFormat::Schema(SchemaSource::Named(SchemaKind::Avro)),
            ..Reads::default()
        };
        let named = batch.schemas_named(&reads);
        assert_eq!(named, [SchemaRef::Id(7), SchemaRef::Id(8)]);
    }
}
