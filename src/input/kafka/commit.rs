//! Commits of what was delivered. Their answers come as events.

use std::ptr;

use rdkafka::bindings::{
    rd_kafka_commit_queue, rd_kafka_queue_destroy, rd_kafka_queue_get_consumer,
    rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::Consumer;
use super::partition::Partition;
use super::poll::Poller;
use crate::telemetry::metrics::Metrics;

impl Poller {
    /// Commits, without waiting for the answer, what was delivered since the last time.
    pub(super) fn commit(&mut self) {
        if !self.commits {
            return;
        }
        let mut offsets = TopicPartitionList::new();
        for partition in &mut self.partitions {
            let (Some(point), Some(topic)) = (partition.to_commit(), &partition.origin.topic)
            else {
                continue;
            };
            let added = offsets.add_partition_offset(
                topic,
                partition.origin.partition,
                Offset::Offset(point),
            );
            if added.is_ok() {
                partition.asked = Some(point);
            }
        }
        if offsets.count() == 0 {
            return;
        }
        match commit(&self.consumer, &offsets) {
            Ok(()) => self.commits_under_way += 1,
            Err(error) => self.committed(Err(error), &offsets),
        }
    }

    /// The answer to a commit of `offsets`.
    pub(super) fn committed(&mut self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        for answer in offsets.elements() {
            let ours =
                |partition: &&mut Partition| partition.is(answer.topic(), answer.partition());
            let Some(partition) = self.partitions.iter_mut().find(ours) else {
                continue;
            };
            match (&result, answer.error(), answer.offset()) {
                (Ok(()), Ok(()), Offset::Offset(offset)) => partition.committed = Some(offset),
                _ => partition.asked = partition.committed, // asked again the next time
            }
        }
        match result {
            Ok(()) => Metrics::add(&self.metrics.commits, 1),
            Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => {
                Metrics::add(&self.metrics.failed_commits, 1);
                tracing::warn!(%error, "offsets were not committed: trying again");
            }
        }
    }

    /// Whether a commit waits for its answer.
    pub(super) fn is_committing(&self) -> bool {
        self.commits_under_way > 0
    }
}

/// Commits `offsets` without waiting. The answer comes to the context's `commit_callback` when the consumer is
/// polled.
///
/// `rdkafka`'s own asynchronous commit (0.39) never calls it: librdkafka answers such a commit only to a
/// callback in its configuration, and `rdkafka` sets none since it uses events. So this one names the
/// queue that is to have the answer.
fn commit(consumer: &Consumer, offsets: &TopicPartitionList) -> KafkaResult<()> {
    let client = consumer.client().native_ptr();
    // SAFETY: the client lives as long as the consumer. The queue is counted: this reference is given back,
    // and librdkafka keeps one of its own for the answer. The offsets are copied before the call returns.
    let error = unsafe {
        let queue = rd_kafka_queue_get_consumer(client);
        let error = rd_kafka_commit_queue(client, offsets.ptr(), queue, None, ptr::null_mut());
        rd_kafka_queue_destroy(queue);
        error
    };
    if error == RD_KAFKA_RESP_ERR_NO_ERROR {
        Ok(())
    } else {
        Err(KafkaError::ConsumerCommit(error.into()))
    }
}
