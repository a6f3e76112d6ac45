//! Problems, reported so that a person can solve them: why the client cannot continue, and which partitions make no
//! progress.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::blocked;
use super::commit::Committer;
use super::poll::Poller;
use super::waiting::OTHER_STRATEGY;
use crate::config::Extent;
use crate::kafka::fence::Fenced;
use crate::message::LaneId;

/// Time without a delivery after which a partition with messages in flight is reported.
pub(super) const STUCK: Duration = Duration::from_secs(60);

impl Poller {
    /// Handles an error of the client: one that it cannot survive, or one that it repeats by itself.
    pub(super) fn complain(&mut self, error: &KafkaError) {
        let Some(code) = error.rdkafka_error_code() else {
            tracing::warn!(%error, "Kafka consumer");
            return;
        };
        let fatal = match (error, code) {
            (KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::FencedInstanceId), _)
            | (_, RDKafkaErrorCode::FencedInstanceId) => return self.fenced(),
            (KafkaError::MessageConsumptionFatal(_), _) => {
                format!("the Kafka consumer cannot go on: {code}")
            }
            (_, RDKafkaErrorCode::GroupAuthorizationFailed) if !self.group.joined => format!(
                "Kafka at {} does not let {} join the group `{}`: give that user the permission to read it, or correct \
                 `input.kafka.consumer_group`",
                self.config.client.all_addresses(),
                self.config.client.who(),
                self.config.consumer_group
            ),
            _ => return self.warn(error, code),
        };
        self.end(Err(anyhow::Error::msg(fatal)));
    }

    /// Warns of an error that the client repeats by itself, many times a second. The link reports errors of
    /// connections.
    fn warn(&mut self, error: &KafkaError, code: RDKafkaErrorCode) {
        let reason = self.reason(code);
        if code == RDKafkaErrorCode::TopicAuthorizationFailed
            && let Some(topic) = topic_of(&reason)
            && self.refuses(topic)
        {
            return;
        }
        let telling = matches!(
            code,
            RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::InconsistentGroupProtocol
        );
        let other_strategy = code == RDKafkaErrorCode::InconsistentGroupProtocol;
        if other_strategy {
            self.told.waiting.refuse();
        }
        if !telling {
            tracing::debug!(%error, reason, "Kafka consumer");
        } else if self.told.blocked.may_warn(&reason, Instant::now()) {
            match other_strategy {
                true => {
                    tracing::warn!(%error, reason, "trying again to join the group: {OTHER_STRATEGY}")
                }
                false => tracing::warn!(%error, reason, "Kafka consumer: trying again"),
            }
        }
    }

    /// Handles an error of the partition with this `lane`, which cannot be read. Other partitions can.
    pub(super) fn complain_of(&mut self, lane: LaneId, error: &KafkaError) {
        let code = match (error, error.rdkafka_error_code()) {
            (KafkaError::MessageConsumptionFatal(_), _)
            | (_, None | Some(RDKafkaErrorCode::FencedInstanceId)) => return self.complain(error),
            (_, Some(code)) => code,
        };
        let Some(partition) = self.partitions.of_lane(lane) else {
            return; // it was given up meanwhile
        };
        let topic = partition.lane.topic.clone().unwrap_or_default();
        let partition = partition.lane.partition;
        let now = Instant::now();
        let (reason, stopped) = (self.reason(code), blocked::is_of_data(error));
        let place = format!("topic `{topic}`, partition {partition}");
        self.metrics.partition_errors.count(&format!("{code:?}"));
        self.told
            .blocked
            .is_blocked(lane, &place, &reason, stopped, now);
        if stopped {
            self.pause(&topic, partition);
        }
        if self.told.blocked.may_warn(&place, now) {
            let topic = &*topic;
            if stopped {
                tracing::warn!(
                    topic,
                    partition,
                    reason,
                    "a partition is stopped before a broken batch; the others continue"
                );
            } else {
                tracing::warn!(
                    topic,
                    partition,
                    reason,
                    "a partition cannot be read: trying again; the others continue"
                );
            }
        }
        if code == RDKafkaErrorCode::TopicAuthorizationFailed && self.refuses(&topic) {
            return;
        }
        if stopped && matches!(self.config.extent, Extent::ToEnd { .. }) {
            // Otherwise the input would wait for the end of this partition for ever.
            self.end(Err(anyhow::anyhow!("{place} cannot be read: {reason}")));
        }
    }

    /// Returns the client's last complaint about an error with this `code`.
    fn reason(&self, code: RDKafkaErrorCode) -> String {
        let complaint = self.consumer.context().link.complaint();
        let reason = complaint.filter(|complaint| complaint.code == code);
        reason.map_or_else(|| code.to_string(), |complaint| complaint.reason)
    }

    /// Notes that the brokers do not let this process read `topic`. If they never allowed any topic, a permission is
    /// missing, and reading ends.
    fn refuses(&mut self, topic: &str) -> bool {
        if !self.told.is_refused(topic, &self.config) || self.has_read {
            return false;
        }
        let names: Vec<String> = self
            .config
            .topics
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let error = anyhow::anyhow!(
            "Kafka at {} does not let {} read {} of `input.kafka.topics`: give that user the permission to read",
            self.config.client.all_addresses(),
            self.config.client.who(),
            names.join(", "),
        );
        self.end(Err(error));
        true
    }

    /// Replaces a consumer that librdkafka has left without any broker. Without a group the input ends instead, because
    /// another consumer would read again what this one has read.
    pub(super) fn look_for_brokers(&mut self) {
        if self.stopped || !self.consumer.context().link.is_stranded() {
            return;
        }
        if self.commits.by == Committer::Nobody {
            let error = "librdkafka has left the Kafka consumer without any broker: start again";
            return self.end(Err(anyhow::Error::msg(error)));
        }
        self.lose("librdkafka has left the consumer without any broker");
    }

    /// Handles fencing: the group has another member with the same name, and that member owns what this one had.
    fn fenced(&mut self) {
        self.give_up();
        if self.stopped {
            return;
        }
        let instance = self.config.instance_id.as_deref().unwrap_or_default();
        if self.group.fence.fenced(Instant::now()) == Fenced::End {
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

    /// Reports which partitions make no progress.
    pub(super) fn watch(&self, now: Instant) {
        for partition in self.partitions.iter() {
            let Some(stuck) = partition.stuck_for(now).filter(|&stuck| stuck >= STUCK) else {
                continue;
            };
            let offset = partition.offsets.oldest().unwrap_or_default();
            tracing::warn!(
                stuck_for = %humantime::format_duration(Duration::from_secs(stuck.as_secs())),
                under_way = partition.offsets.in_flight(),
                bytes_at_the_gate = self.intake.budget.in_flight(),
                "nothing is committed for {}: its script or the output does not answer",
                partition.lane.place(offset)
            );
        }
    }
}

/// Returns the topic in librdkafka's `Subscribed topic not available: NAME: REASON`. Names have no colon.
fn topic_of(reason: &str) -> Option<&str> {
    reason.split(": ").nth(1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_topic_of_a_reason() {
        let reason =
            "Subscribed topic not available: orders.eu: Broker: Topic authorization failed";
        assert_eq!(super::topic_of(reason), Some("orders.eu"));
        assert_eq!(super::topic_of("JoinGroup failed"), None);
    }
}
