//! Membership of the consumer in its group, and the answers that it owes to the group.
//!
//! librdkafka passes on an assignment or a revocation and waits for the answer. While it waits, it checks neither that
//! the member is still the same nor that the group is still in the same generation: a change of the topics' metadata
//! makes it join again (`rd_kafka_cgrp_metadata_update_check`, librdkafka 2.12), and a session that has timed out makes
//! it forget its member id, both without an event. A late answer to a revocation would then count for another
//! generation. So the membership is stored with the owed answer, and compared before each step.

use std::ffi::CStr;
use std::sync::Arc;

use rdkafka::bindings::{
    rd_kafka_consumer_group_metadata, rd_kafka_consumer_group_metadata_destroy,
    rd_kafka_consumer_group_metadata_generation_id, rd_kafka_consumer_group_metadata_member_id,
};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::consumer::{self, Consumer};
use crate::config::GroupProtocol;

/// Member of a group in one of the group's generations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Membership {
    /// Id that the group gave to the member.
    member: String,
    /// Generation of the group (`classic` protocol), or epoch of the member (`consumer` protocol).
    generation: i32,
}

impl Membership {
    /// Returns the current membership of `consumer`. `None` if it has not joined yet, or the group has put it out.
    pub(crate) fn of(consumer: &Consumer) -> Option<Self> {
        let client = consumer.client().native_ptr();
        // SAFETY: the client lives as long as the consumer. The metadata is a copy that belongs to the caller; its text
        // is copied before it is destroyed, and it is destroyed once.
        let (member, generation) = unsafe {
            let metadata = rd_kafka_consumer_group_metadata(client);
            if metadata.is_null() {
                return None;
            }
            let member = rd_kafka_consumer_group_metadata_member_id(metadata);
            let member = if member.is_null() {
                String::new()
            } else {
                CStr::from_ptr(member).to_string_lossy().into_owned()
            };
            let generation = rd_kafka_consumer_group_metadata_generation_id(metadata);
            rd_kafka_consumer_group_metadata_destroy(metadata);
            (member, generation)
        };
        // When a member was put out of its group, its id is empty or its generation is -1 (classic protocol), or its
        // epoch is 0 or less (consumer protocol).
        (!member.is_empty() && generation > 0).then_some(Self { member, generation })
    }

    /// Returns whether the member still has what it had at `then`.
    ///
    /// In the classic protocol each generation assigns all partitions again and reports it by an event, so only the
    /// same generation counts. In the consumer protocol (KIP-848) a member's epoch rises without an event when others'
    /// partitions move; its own partitions move only after it has let them go, or after it was put out (epoch 0).
    pub(crate) fn continues(&self, then: &Self, protocol: GroupProtocol) -> bool {
        self.member == then.member
            && match protocol {
                GroupProtocol::Classic => self.generation == then.generation,
                GroupProtocol::Consumer => self.generation >= then.generation,
            }
    }
}

/// Kind of event that the group waits to have answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Partitions become the member's when it takes them.
    Assignment,
    /// The group wants partitions back, and waits until the member lets them go.
    Revocation,
}

/// Answer that the member owes to its group. It is given once: by [`Owed::answer`], or when this value is dropped.
pub(crate) struct Owed {
    kind: Kind,
    /// Partitions that are assigned or revoked.
    pub partitions: TopicPartitionList,
    /// Membership when the event came; `None` if it had ended already.
    pub membership: Option<Membership>,
    consumer: Arc<Consumer>,
    answered: bool,
}

impl Owed {
    /// Creates the owed answer. Must be called when the event is taken, before anything else is done.
    pub(crate) fn new(
        consumer: &Arc<Consumer>,
        kind: Kind,
        partitions: TopicPartitionList,
    ) -> Self {
        Self {
            kind,
            partitions,
            membership: Membership::of(consumer),
            consumer: Arc::clone(consumer),
            answered: false,
        }
    }

    /// Returns whether the membership is still the same as when the event came.
    pub(crate) fn is_valid(&self, protocol: GroupProtocol) -> bool {
        match (&self.membership, Membership::of(&self.consumer)) {
            (Some(then), Some(now)) => now.continues(then, protocol),
            _ => false,
        }
    }

    /// Answers the group: takes the partitions, or lets them go.
    ///
    /// # Errors
    /// If librdkafka does not accept the answer.
    pub(crate) fn answer(mut self) -> KafkaResult<()> {
        self.answered = true;
        self.give()
    }

    fn give(&self) -> KafkaResult<()> {
        match self.kind {
            Kind::Assignment => consumer::assign(&self.consumer, &self.partitions),
            Kind::Revocation => consumer::unassign(&self.consumer, &self.partitions),
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if !self.answered
            && let Err(error) = self.give()
        {
            tracing::debug!(%error, kind = ?self.kind, "librdkafka does not accept a late answer to the group");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_member_had_it_still_has() {
        let member = |name: &str, generation| Membership {
            member: name.into(),
            generation,
        };
        let then = member("a", 3);
        for (now, classic, consumer) in [
            (member("a", 3), true, true),
            (member("a", 4), false, true),
            (member("a", 2), false, false),
            (member("b", 3), false, false),
        ] {
            assert_eq!(now.continues(&then, GroupProtocol::Classic), classic);
            assert_eq!(now.continues(&then, GroupProtocol::Consumer), consumer);
        }
    }
}
