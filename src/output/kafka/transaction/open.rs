//! Open transaction: the acks of its messages and the offsets to commit.

use std::collections::HashMap;
use std::sync::Arc;

use crate::message::Lane;
use crate::message::ack::Ack;

/// Contents of a transaction that has begun.
#[derive(Default)]
pub(super) struct Open {
    pub acks: Vec<(Arc<Lane>, Ack)>,
    /// Lanes of which an offset is committed although no message came.
    pub advances: Vec<Arc<Lane>>,
    /// Offset to commit for each topic and partition.
    pub offsets: HashMap<(Arc<str>, i32), i64>,
    /// Bytes of the memory budget that its messages and results take.
    pub bytes: u64,
    /// Whether a record was not accepted, or must not be committed.
    pub spoiled: bool,
}

impl Open {
    /// Notes that everything of the lane before `offset` was finished in this transaction, or earlier.
    pub(super) fn pass(&mut self, lane: &Lane, offset: i64) {
        if let Some(topic) = &lane.topic {
            let partition = (Arc::clone(topic), lane.partition);
            self.offsets.insert(partition, offset);
        }
    }

    /// Returns whether a lane of the transaction was given up: it belongs to another member, or is read again.
    pub(super) fn has_lost_a_lane(&self) -> bool {
        let mut lanes = self.acks.iter().map(|(lane, _)| lane);
        lanes.any(|lane| lane.is_abandoned())
            || self.advances.iter().any(|lane| lane.is_abandoned())
    }

    /// Gives up the transaction's lanes: the input reads them again.
    pub(super) fn abandon(self) {
        for (lane, _) in &self.acks {
            lane.abandon();
        }
    }
}
