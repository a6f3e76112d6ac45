//! Rebalances: partitions are assigned, revoked or lost.
//!
//! ```text
//! assignment ─▶ owed ─▶ scout: where do they begin? ─▶ open lanes ─▶ answer ─▶ commit the beginnings ─▶ read
//! revocation ─▶ owed ─▶ close lanes ─▶ finish what is in flight ─▶ commit ─▶ answer
//! anything in between ─▶ lost: give up all that is in flight, join again with a new consumer
//! ```
//!
//! A revoked partition is not lost: it waits for this member. Messages in flight are finished, within the allowed time,
//! and committed; then the member lets the partition go. A lost partition already has another member, so messages in
//! flight are given up: their results would come after those of the new owner.
//!
//! Until an owed answer is given, librdkafka reads no partition of this member at all, so the answer must come soon.
//!
//! The files follow the states: `assign`, `rewind`, `revoke` and `lose`.

mod assign;
mod lose;
mod renew;
mod revoke;
mod rewind;

use std::time::Instant;

use rdkafka::topic_partition_list::TopicPartitionList;

use super::partition::Partition;
use super::poll::Poller;
use super::unassigned::Vigil;
use crate::kafka::fence::Fence;
use crate::kafka::member::Owed;

/// Answer that the group waits for, and what must happen before it.
pub(super) enum Debt {
    /// Partitions are taken when the scout has answered where they begin.
    Taking {
        /// Answer to the group.
        owed: Owed,
        /// Number of the question to the scout.
        question: u64,
    },
    /// Partitions are let go when messages in flight are finished and committed.
    Letting {
        /// Answer to the group.
        owed: Owed,
        /// Time until which messages in flight may finish; later, time until which the last commit may be answered.
        deadline: Instant,
        /// Time at which the last commit was asked for.
        asked: Option<Instant>,
    },
}

impl Debt {
    fn is_about(&self, partition: &Partition) -> bool {
        let (Self::Taking { owed, .. } | Self::Letting { owed, .. }) = self;
        is_among(partition, &owed.partitions)
    }
}

/// Standing of this member in its group.
pub(super) struct Group {
    /// Answer that the group waits for.
    pub debt: Option<Debt>,
    /// Whether the group did not know this member at the last check.
    pub nameless: bool,
    /// Whether partitions were ever assigned: until then, a refusal by the group is final.
    pub joined: bool,
    /// Comparison of the group's assignments with the partitions that exist.
    pub(super) vigil: Vigil,
    /// Count of how often another client has taken this member's name.
    pub fence: Fence,
}

impl Group {
    /// Creates the state before this member joins.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            vigil: Vigil::new(now),
            debt: None,
            nameless: false,
            joined: false,
            fence: Fence::deciding(),
        }
    }
}

impl Poller {
    /// Allows transactions to commit the offsets of lanes that are not given up.
    fn confirm(&self, owed: &Owed) {
        if let Some(session) = &self.session {
            session.confirm(owed.membership.clone());
        }
    }

    /// Sets whether transactions are to be committed as soon as possible.
    pub(super) fn hurry(&self, hurry: bool) {
        if let Some(session) = &self.session {
            session.hurry(hurry);
        }
    }
}

fn is_among(partition: &Partition, list: &TopicPartitionList) -> bool {
    let topic = partition.lane.topic.as_deref().unwrap_or_default();
    list.find_partition(topic, partition.lane.partition)
        .is_some()
}
