//! Who the consumer is to its group, and the answers that it owes to it.
//!
//! librdkafka hands an assignment or a revocation over and waits for the answer. While it waits it neither checks that
//! the member is still the same nor that the group is still in the same generation: a change of the topics' metadata makes
//! it join again (`rd_kafka_cgrp_metadata_update_check`, librdkafka 2.12), and a session that has timed out makes it forget
//! its member id, both without an event. What is done for a revocation after that would be done in the name of another
//! generation. So the identity is remembered with what is owed, and compared before each step.

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

/// A member of a group in one of its generations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The name that the group gave to the member.
    member: String,
    /// The generation of the group (`classic` protocol), or the member's epoch (`consumer` protocol).
    generation: i32,
}

impl Membership {
    /// What `consumer` is now. `None` if it is no member: it has not joined yet, or the group has put it out.
    pub fn of(consumer: &Consumer) -> Option<Self> {
        let client = consumer.client().native_ptr();
        // SAFETY: the client lives as long as the consumer. The metadata is a copy that belongs to the caller; the text in
        // it is copied before it is destroyed, and destroyed once.
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
        // Put out of its group, a member of the classic protocol has no name or generation -1, one of the consumer
        // protocol epoch 0 or less.
        (!member.is_empty() && generation > 0).then_some(Self { member, generation })
    }

    /// Whether what this member had at `then` it still has.
    ///
    /// In the classic protocol each generation gives the partitions anew and says so by an event, so only the same
    /// generation will do. In the consumer protocol (KIP-848) a member's epoch rises without an event when others'
    /// partitions move; its own go only after it has let go of them, or after it was put out (epoch 0).
    pub fn continues(&self, then: &Self, protocol: GroupProtocol) -> bool {
        self.member == then.member
            && match protocol {
                GroupProtocol::Classic => self.generation == then.generation,
                GroupProtocol::Consumer => self.generation >= then.generation,
            }
    }
}

/// What the group waits for the answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Partitions are the member's when it takes them.
    Assignment,
    /// Partitions are wanted by others, and wait until the member lets go.
    Revocation,
}

/// An answer that the member owes to its group. It is given once: by [`Owed::answer`], or when this is dropped.
pub struct Owed {
    kind: Kind,
    /// What is assigned or revoked.
    pub partitions: TopicPartitionList,
    /// Who the member was when it was told; `None` if it was none any more.
    pub membership: Option<Membership>,
    consumer: Arc<Consumer>,
    answered: bool,
}

impl Owed {
    /// To be made when the event is taken, before anything else is done.
    pub fn new(consumer: &Arc<Consumer>, kind: Kind, partitions: TopicPartitionList) -> Self {
        Self {
            kind,
            partitions,
            membership: Membership::of(consumer),
            consumer: Arc::clone(consumer),
            answered: false,
        }
    }

    /// Whether the member is still the one that was told, in the same generation.
    pub fn is_valid(&self, protocol: GroupProtocol) -> bool {
        match (&self.membership, Membership::of(&self.consumer)) {
            (Some(then), Some(now)) => now.continues(then, protocol),
            _ => false,
        }
    }

    /// Takes the partitions, or lets go of them.
    ///
    /// # Errors
    /// If librdkafka does not accept the answer.
    pub fn answer(mut self) -> KafkaResult<()> {
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
