//! Commits of delivered messages. Their answers come as events.

use std::ptr;
use std::time::Instant;

use rdkafka::bindings::{
    rd_kafka_commit_queue, rd_kafka_queue_destroy, rd_kafka_queue_get_consumer,
    rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::partition::Partition;
use super::poll::Poller;
use crate::kafka::consumer::Consumer;
use crate::telemetry::metrics::Metrics;

/// Component that commits the offsets of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committer {
    /// The polling thread.
    Input,
    /// The output, in its transactions. The polling thread commits only the beginnings of lanes, before it reads them.
    Output,
    /// No component: the group's offsets are only read.
    Nobody,
}

/// Errors that a commit gets again however often it is repeated.
const FINAL: [RDKafkaErrorCode; 3] = [
    RDKafkaErrorCode::UnknownTopicOrPartition,
    RDKafkaErrorCode::UnknownTopic,
    RDKafkaErrorCode::TopicAuthorizationFailed,
];

/// Errors that a commit gets during a rebalance. An event follows that decides about the partitions.
const REBALANCING: [RDKafkaErrorCode; 3] = [
    RDKafkaErrorCode::RebalanceInProgress,
    RDKafkaErrorCode::IllegalGeneration,
    RDKafkaErrorCode::UnknownMemberId,
];

impl Poller {
    /// Commits, without waiting for the answer, everything that was delivered since the last commit.
    pub(super) fn commit(&mut self) {
        let together = TopicPartitionList::new();
        let mut requests = vec![together];
        for partition in &mut self.partitions {
            let is_ours = match self.committer {
                Committer::Input => true,
                Committer::Output => partition.held,
                Committer::Nobody => false,
            };
            let (Some(point), Some(topic)) = (partition.to_commit(), &partition.lane.topic) else {
                continue;
            };
            if !is_ours {
                continue;
            }
            let request = if partition.apart {
                requests.push(TopicPartitionList::new());
                requests.last_mut()
            } else {
                requests.first_mut()
            };
            let added = request.map(|request| {
                let number = partition.lane.partition;
                request.add_partition_offset(topic, number, Offset::Offset(point))
            });
            if let Some(Ok(())) = added {
                partition.asked = Some(point);
            }
        }
        for offsets in requests.iter().filter(|request| request.count() > 0) {
            match commit(&self.consumer, offsets) {
                Ok(()) => self.commits_under_way += 1,
                Err(error) => self.committed(Err(error), offsets),
            }
        }
    }

    /// Handles the answer to a commit of `offsets`.
    pub(super) fn committed(&mut self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        let code = match &result {
            Err(error) => error.rdkafka_error_code(),
            Ok(()) => None,
        };
        let mut again = false;
        let mut unreadable = Vec::new();
        for answer in offsets.elements() {
            let ours = |partition: &Partition| partition.is(answer.topic(), answer.partition());
            let Some(index) = self.partitions.iter().position(ours) else {
                continue;
            };
            let partition = &mut self.partitions[index];
            match (&result, answer.error(), answer.offset()) {
                (Ok(()), Ok(()), Offset::Offset(offset)) => {
                    partition.is_committed_at(offset);
                    self.told.is_allowed(answer.topic());
                }
                _ => {
                    partition.asked = partition.committed; // asked again the next time
                    let finally = code.is_some_and(|code| FINAL.contains(&code));
                    let alone = partition.apart || offsets.count() == 1;
                    again |= partition.refused && finally;
                    partition.refused = alone && finally;
                    if finally && !alone {
                        // This partition may be in order, so it should not wait for the one that is not.
                        self.commit_due = Instant::now();
                    }
                    partition.apart |= finally;
                    // A fetch error would report this, but nothing is read from a held partition.
                    if partition.refused && partition.held && !self.stopped {
                        unreadable.push(index);
                    }
                }
            }
        }
        if let Err(error) = &result {
            for index in unreadable {
                self.complain_of(index, error);
            }
        }
        match result {
            Ok(()) => Metrics::add(&self.metrics.commits, 1),
            Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => {
                Metrics::add(&self.metrics.failed_commits, 1);
                if again || code.is_some_and(|code| REBALANCING.contains(&code)) {
                    tracing::debug!(%error, "offsets were not committed");
                } else {
                    tracing::warn!(%error, "offsets were not committed: trying again");
                }
            }
        }
    }

    /// Returns whether a commit waits for its answer.
    pub(super) fn is_committing(&self) -> bool {
        self.commits_under_way > 0
    }

    /// Returns whether everything is committed, except partitions whose commits are refused each time.
    pub(super) fn is_all_committed(&self) -> bool {
        let done = |one: &Partition| one.is_committed() || one.refused;
        self.committer != Committer::Input || self.partitions.iter().all(done)
    }
}

/// Commits `offsets` without waiting. The answer comes to the context's `commit_callback` when the consumer is polled.
///
/// `rdkafka`'s own asynchronous commit (0.39) never calls it: librdkafka answers such a commit only to a callback in
/// its configuration, and `rdkafka` sets none since it uses events. So this function names the queue for the answer.
fn commit(consumer: &Consumer, offsets: &TopicPartitionList) -> KafkaResult<()> {
    let client = consumer.client().native_ptr();
    // SAFETY: the client lives as long as the consumer. The queue is reference-counted: this reference is released, and
    // librdkafka keeps one of its own for the answer. The offsets are copied before the call returns.
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
