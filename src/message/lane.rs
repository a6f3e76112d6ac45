//! Lanes: the parts of an input that keep their order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::earlier::Place;
use super::files::Files;

/// Number of a [`Lane`], unique in the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LaneId(pub u64);

/// Part of an input that keeps its order: one Kafka partition while it is assigned, or all of an input without
/// partitions. All batches of a lane share this value.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// Number of the lane.
    pub id: LaneId,
    /// Kafka topic; `None` for sources without topics.
    pub topic: Option<Arc<str>>,
    /// Kafka partition; 0 for other sources.
    pub partition: i32,
    /// Files from which the messages are read; empty for other sources.
    pub files: Files,
    abandoned: AtomicBool,
    stopped: AtomicBool,
}

impl Lane {
    /// Creates the lane of a Kafka partition.
    pub(crate) fn of_partition(id: LaneId, topic: Arc<str>, partition: i32) -> Self {
        Self {
            id,
            topic: Some(topic),
            partition,
            ..Self::default()
        }
    }

    /// Returns, for people, the place of the message at `offset`. For a dead letter that is run again,
    /// [`Message::place`](super::Message::place) gives the place of the original message.
    pub(crate) fn place(&self, offset: i64) -> Place<'_> {
        Place {
            topic: self.topic.as_deref(),
            partition: self.partition,
            offset,
            files: Some(&self.files),
        }
    }

    /// Gives up the messages in flight in this lane: they are not run any more, and their results are not delivered.
    /// Another member has the partition now, or it is read again from its committed offset.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
    }

    /// Returns whether the messages in flight in this lane were given up.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// Ends the lane before a message that failed: messages after it are not run, results before it are delivered.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Returns whether messages of this lane that were not run yet are to be skipped.
    pub(crate) fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Acquire) || self.is_abandoned()
    }
}
