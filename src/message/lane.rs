//! Lanes: the parts of an input that keep their order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::earlier::Place;

/// Names a [`Lane`]. No two lanes of a process have the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId(pub u64);

/// A part of an input that keeps its order: one Kafka partition while it is assigned, or all of standard input. All batches
/// of a lane share it.
#[derive(Debug, Default)]
pub struct Lane {
    /// Its name.
    pub id: LaneId,
    /// The Kafka topic; `None` for sources without topics.
    pub topic: Option<Arc<str>>,
    /// The Kafka partition; 0 for other sources.
    pub partition: i32,
    abandoned: AtomicBool,
    stopped: AtomicBool,
}

impl Lane {
    /// The lane of a Kafka partition.
    pub fn of_partition(id: LaneId, topic: Arc<str>, partition: i32) -> Self {
        Self {
            id,
            topic: Some(topic),
            partition,
            ..Self::default()
        }
    }

    /// Where the message at `offset` is, for people. [`Message::place`](super::Message::place) is where it was read first.
    pub fn place(&self, offset: i64) -> Place<'_> {
        Place {
            topic: self.topic.as_deref(),
            partition: self.partition,
            offset,
        }
    }

    /// Gives up what is in flight in this lane: messages are not run any more, and results are not delivered. Another
    /// member has the partition now, or it is read again from its committed offset.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
    }

    /// Whether what is in flight in this lane was given up.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// Ends the lane before a message that failed: messages after it are not run, results before it are delivered.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Whether messages of this lane that were not run yet need not be run.
    pub fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Acquire) || self.is_abandoned()
    }
}
