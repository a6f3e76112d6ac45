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
use crate::config::Extent;
use crate::kafka::consumer::Consumer;
use crate::kafka::offsets;
use crate::telemetry::metrics::Metrics;

/// Component that commits the offsets of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Committer {
    /// The polling thread.
    Input,
    /// The output, in its transactions. The polling thread commits only the beginnings of lanes, before it reads them.
    Output,
    /// No component: the group's offsets are only read.
    Nobody,
}

impl Committer {
    /// Returns who commits for an input with this extent. `transactional`: the output writes in transactions.
    pub(super) fn of(extent: Extent, transactional: bool) -> Self {
        match extent {
            Extent::ToEnd { commit: false } => Self::Nobody,
            _ if transactional => Self::Output,
            _ => Self::Input,
        }
    }
}

/// State of the commits of the polling thread.
#[derive(Debug)]
pub(super) struct Commits {
    /// Component that commits.
    pub by: Committer,
    /// Number of requests whose answers are outstanding.
    pub under_way: usize,
    /// Time of the next regular commit.
    pub due: Instant,
}

impl Commits {
    /// Creates the state before the first commit.
    pub(super) fn new(by: Committer, due: Instant) -> Self {
        Self {
            by,
            under_way: 0,
            due,
        }
    }
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
        for partition in self.partitions.iter_mut() {
            let is_ours = match self.commits.by {
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
                offsets::add(request, topic, number, Offset::Offset(point))
            });
            if let Some(Ok(())) = added {
                partition.asked = Some(point);
            }
        }
        for offsets in requests.iter().filter(|request| request.count() > 0) {
            match commit(&self.consumer, offsets) {
                Ok(()) => self.commits.under_way += 1,
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
            let Some(partition) = self.partitions.named(answer.topic(), answer.partition()) else {
                continue;
            };
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
                        self.commits.due = Instant::now();
                    }
                    partition.apart |= finally;
                    // A fetch error would report this, but nothing is read from a held partition.
                    if partition.refused && partition.held && !self.stopped {
                        unreadable.push(partition.lane.id);
                    }
                }
            }
        }
        if let Err(error) = &result {
            for lane in unreadable {
                self.complain_of(lane, error);
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
        self.commits.under_way > 0
    }

    /// Returns whether everything is committed, except partitions whose commits are refused each time.
    pub(super) fn is_all_committed(&self) -> bool {
        let done = |one: &Partition| one.is_committed() || one.refused;
        self.commits.by != Committer::Input || self.partitions.iter().all(done)
    }
}

/// Commits `offsets` without waiting. The answer comes to the context's `commit_callback` when the consumer is polled.
///
/// `rdkafka`'s own asynchronous commit (0.39) never calls it: librdkafka answers such a commit only to a callback in
/// its configuration, and `rdkafka` sets none since it uses events. So this function names the queue for the answer,
/// until a release of `rdkafka` does (rust-rdkafka issue 856, pull request 857).
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
