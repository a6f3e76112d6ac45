//! What is wrong, told so that someone can mend it: why the client cannot go on, and which partitions do not get on.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::poll::Poller;
use crate::kafka::fence::Fenced;
use crate::kafka::statistics::PartitionEnd;
use crate::telemetry::stats;

/// A partition whose messages are under way for so long without a delivery is reported.
pub const STUCK: Duration = Duration::from_secs(60);

impl Poller {
    /// The client cannot go on, or says why it does not yet.
    pub(super) fn complain(&mut self, error: &KafkaError) {
        let Some(code) = error.rdkafka_error_code() else {
            tracing::warn!(%error, "Kafka consumer");
            return;
        };
        let config = &self.config;
        let fatal = match (error, code) {
            (KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::FencedInstanceId), _)
            | (_, RDKafkaErrorCode::FencedInstanceId) => return self.fenced(),
            (KafkaError::MessageConsumptionFatal(_), _) => {
                format!("the Kafka consumer cannot go on: {code}")
            }
            (_, RDKafkaErrorCode::GroupAuthorizationFailed) if !self.joined => format!(
                "Kafka at {} does not let {} join the group `{}`: give that user the permission to read it, or correct \
                 `input.kafka.consumer_group`",
                config.client.all_addresses(),
                config.client.who(),
                config.consumer_group
            ),
            (_, RDKafkaErrorCode::TopicAuthorizationFailed) if !self.has_read => format!(
                "Kafka at {} does not let {} read `input.kafka.topics`: give that user the permission to read them",
                config.client.all_addresses(),
                config.client.who(),
            ),
            _ => {
                // What is tried again comes again, many times a second; connections are told by their link.
                let telling = matches!(
                    code,
                    RDKafkaErrorCode::TopicAuthorizationFailed
                        | RDKafkaErrorCode::GroupAuthorizationFailed
                        | RDKafkaErrorCode::UnknownTopicOrPartition
                        | RDKafkaErrorCode::InconsistentGroupProtocol
                );
                if !telling {
                    tracing::debug!(%error, "Kafka consumer");
                } else if self.warned.is_none_or(|warned| warned.elapsed() > STUCK) {
                    tracing::warn!(%error, "Kafka consumer: trying on");
                    self.warned = Some(Instant::now());
                }
                return;
            }
        };
        self.end(Err(anyhow::Error::msg(fatal)));
    }

    /// The group has another member of our name, and what we had is that one's.
    fn fenced(&mut self) {
        self.give_up();
        if self.stopped {
            return;
        }
        let instance = self.config.instance_id.as_deref().unwrap_or_default();
        if self.fence.fenced(Instant::now()) == Fenced::End {
            let error = anyhow::anyhow!(
                "another process has joined the group `{}` with the `input.kafka.instance_id` `{instance}`, which \
                 must be another one in each process",
                self.config.consumer_group
            );
            return self.end(Err(error));
        }
        tracing::warn!(
            instance_id = instance,
            "fenced by a member of the group with our name: joining again"
        );
        if let Err(error) = self.rejoin() {
            self.end(Err(error));
        }
    }

    /// Tells how far the partitions are from their ends.
    pub(super) fn tell_lag(&self, ends: &[PartitionEnd]) {
        let told = self.partitions.iter().map(|partition| {
            let topic = partition.origin.topic.as_deref().unwrap_or_default();
            let is = |end: &&PartitionEnd| {
                end.partition == partition.origin.partition && end.topic == topic
            };
            let end = ends.iter().find(is);
            let position = partition
                .offsets
                .commit_point()
                .or(end.and_then(|end| end.committed));
            let lag = position
                .zip(end.and_then(|end| end.end))
                .map(|(position, end)| end - position);
            stats::Partition {
                topic: topic.to_owned(),
                partition: partition.origin.partition,
                lag: lag.map(|lag| lag.max(0) as u64),
                position,
                under_way: partition.offsets.in_flight(),
            }
        });
        self.metrics.now().partitions = told.collect();
    }

    /// Says which partitions do not get on, and why.
    pub(super) fn watch(&self, now: Instant) {
        for partition in &self.partitions {
            let Some(stuck) = partition.stuck_for(now).filter(|&stuck| stuck >= STUCK) else {
                continue;
            };
            let offset = partition.offsets.oldest().unwrap_or_default();
            tracing::warn!(
                for_ = %humantime::format_duration(Duration::from_secs(stuck.as_secs())),
                under_way = partition.offsets.in_flight(),
                bytes_at_the_gate = self.sink.gate.in_flight(),
                "nothing is committed of {}: its script or the output does not answer",
                partition.origin.place(offset)
            );
        }
    }
}
