//! State of an open transaction: the acks of its messages and the offsets to commit.

use std::collections::HashMap;
use std::sync::Arc;

use crate::message::Lane;
use crate::message::ack::Ack;

/// Open transaction.
#[derive(Default)]
pub(super) struct Open {
    pub acks: Vec<(Arc<Lane>, Ack)>,
    /// Lanes for which an offset is committed without any message.
    pub advances: Vec<Arc<Lane>>,
    /// Offsets to commit, by topic and partition.
    pub offsets: HashMap<(Arc<str>, i32), i64>,
    /// Bytes of the memory budget that the transaction's messages and results take.
    pub bytes: u64,
    /// Whether the transaction must be aborted, for example because a record was not accepted.
    pub spoiled: bool,
}

impl Open {
    /// Notes that everything before `offset` in the lane was handled in this transaction or an earlier one.
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

    /// Gives up the transaction's lanes, so that the input reads their messages again.
    pub fn abandon(self) {
        for (lane, _) in &self.acks {
            lane.abandon();
        }
    }
}
