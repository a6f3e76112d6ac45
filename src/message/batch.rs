//! Batches, the unit that actors pass, and slices of them, the unit that guests run.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::ack::{Ack, AckSink, Unanswered};
use super::budget::Permit;
use super::{Lane, Message, Outcome, Outcomes};

/// Consecutive messages of one lane.
///
/// A batch that is dropped before all of its messages have an [`Ack`] was abandoned, or lost with an actor that
/// panicked. The input is told which, so it never passes for a delivery.
#[derive(Debug)]
pub struct Batch {
    /// The lane that all messages come from.
    pub lane: Arc<Lane>,
    /// How many messages of the lane came before: 0 for the first batch. It orders batches without gaps, which the
    /// offsets of a compacted topic do not.
    pub position: u64,
    /// The messages; never empty.
    pub messages: Vec<Message>,
    open: Mutex<Open>,
}

/// The part of a batch that has no [`Ack`] yet.
#[derive(Debug)]
struct Open {
    // Dropped first: the input is told before the memory is released.
    unanswered: Unanswered,
    permit: Permit,
}

impl Batch {
    /// A batch whose `permit` covers the cost of all `messages`. The input hears by `acks` what became of them.
    pub fn new(
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
            open: Mutex::new(Open { unanswered, permit }),
        }
    }

    /// The ack for the messages from index `start` on that `outcomes` is about. The part of the permit that covers them
    /// goes with it, and the cost of the outcomes is added.
    pub fn ack(&self, start: usize, outcomes: &Outcomes) -> Ack {
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

/// Bytes that the payloads of messages that failed take in their dead letters, if a few of them are escaped.
fn letters_cost(messages: &[Message], outcomes: &Outcomes) -> usize {
    let failed = messages
        .iter()
        .zip(&outcomes.items)
        .filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
    failed.map(|(message, _)| 2 * message.payload.len()).sum()
}

#[cfg(test)]
impl Batch {
    /// A batch of `count` empty messages whose acks nothing hears.
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
pub struct Slice {
    /// The batch; shared, since its messages are run again if a guest dies.
    pub batch: Arc<Batch>,
    /// Indexes of the messages.
    pub range: Range<usize>,
}

impl Slice {
    /// All messages of `batch`.
    pub fn of(batch: Arc<Batch>) -> Self {
        let range = 0..batch.messages.len();
        Self { batch, range }
    }

    /// Number of messages.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether there are no messages.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Keeps the first `count` messages and returns those after them, if there are any.
    pub fn split_off(&mut self, count: usize) -> Option<Slice> {
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
