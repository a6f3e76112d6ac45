//! What a transaction that has begun holds: the acks of its messages and the offsets to commit.

use std::collections::HashMap;
use std::sync::Arc;

use crate::message::Lane;
use crate::message::ack::Ack;

/// A transaction that has begun.
#[derive(Default)]
pub(super) struct Open {
    pub acks: Vec<(Arc<Lane>, Ack)>,
    /// Lanes of which an offset is committed though no message came.
    pub advances: Vec<Arc<Lane>>,
    /// What to commit, of each topic and partition.
    pub offsets: HashMap<(Arc<str>, i32), i64>,
    /// What its messages and results take of the memory budget.
    pub bytes: u64,
    /// A record was not taken, or must not be committed.
    pub spoiled: bool,
}

impl Open {
    /// Everything of the lane before `offset` was dealt with in this transaction, or earlier.
    pub fn pass(&mut self, lane: &Lane, offset: i64) {
        if let Some(topic) = &lane.topic {
            let partition = (Arc::clone(topic), lane.partition);
            self.offsets.insert(partition, offset);
        }
    }

    /// Whether a lane of the transaction was given up: it belongs to another member, or is read again.
    pub fn has_lost_a_lane(&self) -> bool {
        let mut lanes = self.acks.iter().map(|(lane, _)| lane);
        lanes.any(|lane| lane.is_abandoned())
            || self.advances.iter().any(|lane| lane.is_abandoned())
    }

    /// Gives up its lanes: the input reads them again.
    pub fn abandon(self) {
        for (lane, _) in &self.acks {
            lane.abandon();
        }
    }
}
