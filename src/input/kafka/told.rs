//! Reports of the polling thread to metrics and health, a few times a second: its partitions and their progress, which
//! of them cannot be read, and whether the group's answer is missing.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::blocked::Blocked;
use super::lag::{self, Ends, Progress};
use super::partition::Partition;
use super::poll::Poller;
use super::waiting::{self, Waiting};
use crate::config::KafkaInputConfig;
use crate::kafka::statistics::PartitionEnd;
use crate::message::LaneId;
use crate::telemetry::health::Health;
use crate::telemetry::stats;

/// Interval of the reports.
const EVERY: Duration = Duration::from_millis(500);

/// Parts of `/ready` for which this module reports.
const GROUP: &str = "group";
const PARTITIONS: &str = "partitions";

/// State that is needed for the reports.
#[derive(Debug)]
pub(super) struct Told {
    pub waiting: Waiting,
    pub blocked: Blocked,
    /// Topics of the config that the brokers do not let this process read.
    refused: BTreeSet<String>,
    ends: Ends,
    /// Partitions whose fetching is paused, since the next batch is broken.
    paused: BTreeSet<(String, i32)>,
    due: Instant,
}

impl Told {
    /// Creates the state before any event.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            waiting: Waiting::default(),
            blocked: Blocked::default(),
            refused: BTreeSet::new(),
            ends: Ends::default(),
            paused: BTreeSet::new(),
            due: now,
        }
    }

    /// Notes that the brokers do not let this process read `topic`. Returns whether that is true of all topics in
    /// `config`. It is never true of a pattern: other topics may match it.
    pub(super) fn is_refused(&mut self, topic: &str, config: &KafkaInputConfig) -> bool {
        if config.topics.iter().any(|named| named == topic) {
            self.refused.insert(topic.to_owned());
        }
        let is_refused = |topic: &String| self.refused.contains(topic);
        config.topics.iter().all(is_refused)
    }

    /// Notes that the brokers let this process read `topic`.
    pub(super) fn is_allowed(&mut self, topic: &str) {
        self.refused.remove(topic);
    }
}

/// Marks the group as ill: before the group was asked, it is not known whether this process will get partitions.
pub(super) fn wait_for_group(config: &KafkaInputConfig, health: &Health) {
    health.set_ill(GROUP, waiting::explain(config));
}

impl Poller {
    /// Notes that the group has assigned these partitions, or none. To be called before they are taken.
    pub(super) fn tell_assigned(&mut self, partitions: &TopicPartitionList) {
        self.told.waiting.end();
        let mut resumed = TopicPartitionList::new();
        for one in partitions.elements() {
            self.told.ends.forget(one.topic(), one.partition());
            let place = (one.topic().to_owned(), one.partition());
            if self.told.paused.remove(&place) {
                resumed.add_partition(&place.0, place.1);
            }
        }
        if resumed.count() > 0
            && let Err(error) = self.consumer.resume(&resumed)
        {
            tracing::debug!(%error, "partitions stay paused");
        }
        self.told.due = Instant::now();
    }

    /// Pauses a stopped partition, so that librdkafka does not fetch the same data again and again.
    pub(super) fn pause(&mut self, topic: &str, partition: i32) {
        let mut paused = TopicPartitionList::new();
        paused.add_partition(topic, partition);
        if let Err(error) = self.consumer.pause(&paused) {
            tracing::debug!(%error, "cannot pause a stopped partition: librdkafka continues to fetch it");
        }
        self.told.paused.insert((topic.to_owned(), partition));
    }

    /// Reads the partition of this `lane` again, from after the last message that was taken of it.
    fn try_again(&mut self, lane: LaneId) {
        let has = |partition: &&mut Partition| partition.lane.id == lane;
        let Some(partition) = self.partitions.iter_mut().find(has) else {
            return;
        };
        partition.go_on();
        let topic = partition.lane.topic.as_deref().unwrap_or_default();
        let place = (topic.to_owned(), partition.lane.partition);
        self.told.paused.remove(&place);
        let mut resumed = TopicPartitionList::new();
        resumed.add_partition(&place.0, place.1);
        if let Err(error) = self.consumer.resume(&resumed) {
            tracing::debug!(%error, "a partition stays paused");
        }
    }

    /// Takes in librdkafka's statistics about the ends of partitions.
    pub(super) fn tell_lag(&mut self, ends: Vec<PartitionEnd>) {
        self.told.ends.told(ends);
        self.told.due = Instant::now();
    }

    /// Updates metrics and health, unless that was done just now.
    pub(super) fn tell(&mut self, now: Instant) {
        if now < self.told.due {
            return;
        }
        self.told.due = now + EVERY;
        self.tell_waiting(now);
        self.tell_blocked(now);
        let told = self
            .partitions
            .iter()
            .map(|partition| self.told_of(partition));
        let told = told.collect();
        self.metrics.now().partitions = told;
    }

    fn tell_waiting(&mut self, now: Instant) {
        if !self.told.waiting.is_so() || !self.partitions.is_empty() {
            self.metrics.health.set_well(GROUP);
            return;
        }
        let reason = self.told.waiting.explain(&self.config);
        if self.told.waiting.is_to_be_told(now) {
            tracing::info!("{reason}");
        }
        self.metrics.health.set_ill(GROUP, reason);
    }

    fn tell_blocked(&mut self, now: Instant) {
        for lane in self.told.blocked.due_again(now) {
            self.try_again(lane);
        }
        let Told { blocked, ends, .. } = &mut self.told;
        blocked.look(now, |lane| {
            let has = |partition: &&Partition| partition.lane.id == lane;
            let lane = &self.partitions.iter().find(has)?.lane;
            let end = lane
                .topic
                .as_ref()
                .and_then(|topic| ends.of(topic, lane.partition));
            Some(end.is_some_and(|told| told.end.is_some()))
        });
        self.metrics.now().blocked_partitions = blocked.count();
        match blocked.reason() {
            Some(reason) => self.metrics.health.set_ill(PARTITIONS, reason),
            None => self.metrics.health.set_well(PARTITIONS),
        }
    }

    fn told_of(&self, partition: &Partition) -> stats::PartitionStats {
        let lane = &partition.lane;
        let told = lane
            .topic
            .as_ref()
            .and_then(|topic| self.told.ends.of(topic, lane.partition));
        let under_way = partition.offsets.in_flight();
        let progress = Progress {
            commit_point: partition.offsets.commit_point(),
            oldest: partition.offsets.oldest(),
            under_way,
            // librdkafka has fetched, and discarded, what comes after a broken batch.
            idle: under_way == 0 && !partition.has_pending() && !partition.stopped,
        };
        let position = lag::position(progress, told, self.config.start_from_oldest);
        stats::PartitionStats {
            topic: lane.topic.as_deref().unwrap_or_default().to_owned(),
            partition: lane.partition,
            lag: lag::lag(position, progress, told),
            position,
            under_way,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KafkaClientConfig;

    #[test]
    fn refused_is_the_pipeline_only_with_all_its_topics() {
        let client = KafkaClientConfig::at("a:9092");
        let config = |topics: &[&str]| {
            let topics = topics.iter().map(|&topic| topic.into()).collect();
            KafkaInputConfig::new(client.clone(), topics, "group".into())
        };
        let mut told = Told::new(Instant::now());
        assert!(told.is_refused("a", &config(&["a"])));
        let two = config(&["a", "b"]);
        let mut told = Told::new(Instant::now());
        assert!(!told.is_refused("a", &two) && !told.is_refused("a", &two));
        assert!(told.is_refused("b", &two));
        let pattern = config(&["^a"]);
        let mut told = Told::new(Instant::now());
        assert!(!told.is_refused("ab", &pattern) && !told.is_refused("ac", &pattern));
    }
}
