//! Partitions come and go.
//!
//! ```text
//! assignment ─▶ owed ─▶ scout: where do they begin? ─▶ open lanes ─▶ answer ─▶ commit the beginnings ─▶ read
//! revocation ─▶ owed ─▶ close lanes ─▶ finish what is in flight ─▶ commit ─▶ answer
//! anything in between ─▶ lost: give up all that is in flight, join again with a new consumer
//! ```
//!
//! Revoked is not lost: a revoked partition waits for this member. What is in flight is finished, within the time that is
//! allowed, and committed; then the member lets go. A lost one has another member already, so what is in flight is given
//! up: its results would come after those of the new owner.
//!
//! While an answer is owed librdkafka reads no partition of this member at all, so the time for it is short.
//!
//! The files follow the states: `assign`, `rewind`, `revoke` and `lose`.

mod assign;
mod lose;
mod revoke;
mod rewind;

use std::time::Instant;

use rdkafka::topic_partition_list::TopicPartitionList;

use super::partition::Partition;
use super::poll::Poller;
use crate::kafka::member::Owed;
use crate::message::LaneId;

/// What the group waits for.
pub enum Debt {
    /// Partitions are to be taken when the scout has told where they begin.
    Taking {
        /// The answer.
        owed: Owed,
        /// The scout's question.
        question: u64,
    },
    /// Partitions are to be let go of when what is in flight is finished and committed.
    Letting {
        /// The answer.
        owed: Owed,
        /// Until then what is in flight may finish, and after that the last commit may be answered.
        deadline: Instant,
        /// When the last commit was asked for.
        asked: Option<Instant>,
    },
}

impl Debt {
    fn is_about(&self, partition: &Partition) -> bool {
        let (Self::Taking { owed, .. } | Self::Letting { owed, .. }) = self;
        is_among(partition, &owed.partitions)
    }
}

impl Poller {
    fn next_lane(&mut self) -> LaneId {
        let lane = LaneId(self.lanes);
        self.lanes += 1;
        lane
    }

    /// Transactions may commit the offsets of what is not given up.
    fn confirm(&self, owed: &Owed) {
        if let Some(session) = &self.session {
            session.confirm(owed.membership.clone());
        }
    }

    /// Whether transactions are to be committed as soon as possible.
    pub(super) fn hurry(&self, hurry: bool) {
        if let Some(session) = &self.session {
            session.hurry(hurry);
        }
    }

    fn remove(&mut self, which: impl Fn(&Partition) -> bool) {
        self.partitions.retain(|partition| {
            let gone = which(partition);
            if gone {
                // Nothing is in flight, or it was given up; if not, it is now.
                partition.lane.abandon();
                self.intake.end(&partition.lane);
            }
            !gone
        });
    }
}

fn is_among(partition: &Partition, list: &TopicPartitionList) -> bool {
    let topic = partition.lane.topic.as_deref().unwrap_or_default();
    list.find_partition(topic, partition.lane.partition)
        .is_some()
}
