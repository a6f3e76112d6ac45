//! Requests to the brokers, and changes of topics, during the chaos: none of them fails the test; they are tried again
//! later.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication, TopicResult,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use support::{Cluster, kafka_sh};

const PATIENCE: Duration = Duration::from_secs(5);

/// Clients that only this module uses.
pub(crate) struct Admin {
    admin: AdminClient<DefaultClientContext>,
    consumer: BaseConsumer,
    addresses: String,
    runtime: tokio::runtime::Runtime,
}

impl Admin {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        Self {
            admin: cluster.client().create().expect("an admin client"),
            consumer: cluster.client().create().expect("a consumer"),
            addresses: cluster.addresses().into(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("a runtime"),
        }
    }

    /// Creates a topic if it does not exist. Returns whether it exists.
    pub(crate) fn make(&self, topic: &str, partitions: i32) -> bool {
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(3))
            .set("min.insync.replicas", "2");
        let made = self
            .runtime
            .block_on(self.admin.create_topics([&new], &options()));
        is_done(&made, RDKafkaErrorCode::TopicAlreadyExists)
            && self.partitions(topic) == Some(partitions)
    }

    /// Gives a topic more partitions if it has fewer. Returns whether it has them.
    pub(crate) fn grow(&self, topic: &str, partitions: i32) -> bool {
        let count = usize::try_from(partitions).expect("some");
        let new = NewPartitions::new(topic, count);
        let grown = self
            .runtime
            .block_on(self.admin.create_partitions([&new], &options()));
        is_done(&grown, RDKafkaErrorCode::InvalidPartitions)
            && self.partitions(topic) == Some(partitions)
    }

    /// Deletes a topic if it exists. Returns whether it is gone.
    pub(crate) fn delete(&self, topic: &str) -> bool {
        let deleted = self
            .runtime
            .block_on(self.admin.delete_topics(&[topic], &options()));
        is_done(&deleted, RDKafkaErrorCode::UnknownTopicOrPartition)
    }

    /// Returns the number of partitions of a topic, if each has a leader.
    fn partitions(&self, topic: &str) -> Option<i32> {
        let metadata = self.consumer.fetch_metadata(Some(topic), PATIENCE).ok()?;
        let topic = metadata.topics().iter().find(|one| one.name() == topic)?;
        let led = topic.partitions().iter().all(|one| one.leader() >= 0);
        let count = i32::try_from(topic.partitions().len()).ok()?;
        led.then_some(count)
    }

    /// Returns the end of each partition of a topic.
    pub(crate) fn ends(&self, topic: &str) -> Option<BTreeMap<i32, i64>> {
        let end = |partition| {
            let marks = self.consumer.fetch_watermarks(topic, partition, PATIENCE);
            marks.ok().map(|(_, end)| (partition, end))
        };
        (0..self.partitions(topic)?).map(end).collect()
    }

    /// Returns the position of a group in each partition of a topic, if it has one.
    pub(crate) fn positions(&self, group: &str, topic: &str) -> Option<BTreeMap<i32, Option<i64>>> {
        let mut config = rdkafka::ClientConfig::new();
        config
            .set("bootstrap.servers", &self.addresses)
            .set("group.id", group);
        let consumer: BaseConsumer = config.create().ok()?;
        let mut list = TopicPartitionList::new();
        for partition in 0..self.partitions(topic)? {
            list.add_partition(topic, partition);
        }
        let list = consumer.committed_offsets(list, PATIENCE).ok()?;
        let position = |one: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            let offset = match one.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            (one.partition(), offset)
        };
        Some(list.elements().into_iter().map(position).collect())
    }

    /// Returns whether a group has committed all of a topic.
    pub(crate) fn is_committed(&self, group: &str, topic: &str) -> bool {
        let (Some(ends), Some(positions)) = (self.ends(topic), self.positions(group, topic)) else {
            return false;
        };
        ends.iter()
            .all(|(partition, end)| positions[partition].unwrap_or(0) == *end)
    }
}

/// Shortens the session timeout of a group. In the new protocol it is a property of the group.
pub(crate) fn shorten_session(cluster: &Cluster, group: &str) {
    kafka_sh(&[
        "tool",
        "ConfigCommand",
        "--name",
        &cluster.name,
        "--entity-type",
        "groups",
        "--entity-name",
        group,
        "--alter",
        "--add-config",
        "consumer.session.timeout.ms=6000,consumer.heartbeat.interval.ms=1000",
    ]);
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(PATIENCE))
        .request_timeout(Some(PATIENCE))
}

/// Returns whether the change is made, now or by an earlier try that got no answer.
fn is_done(results: &KafkaResult<Vec<TopicResult>>, already: RDKafkaErrorCode) -> bool {
    results.as_ref().is_ok_and(|results| {
        let done = |one: &TopicResult| match one {
            Ok(_) => true,
            Err((_, code)) => *code == already,
        };
        results.iter().all(done)
    })
}
