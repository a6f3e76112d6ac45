//! Consumer whose callbacks keep librdkafka's events for the polling thread.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use super::link::{self, Link};
use super::statistics::{self, PartitionEnd};
use crate::config::KafkaClientConfig;
use crate::telemetry::metrics::Metrics;

/// Consumer of an input.
pub(crate) type Consumer = BaseConsumer<ConsumerCallbacks>;

/// Event that concerns the group or its offsets.
#[derive(Debug)]
pub(crate) enum Event {
    /// The group offers these partitions to this member, which may take them.
    Assign(TopicPartitionList),
    /// The group wants these partitions back, and waits until this member lets them go.
    Revoke(TopicPartitionList),
    /// The ends of partitions, from the latest statistics.
    Told(Vec<PartitionEnd>),
    /// Answer to a commit.
    Committed(KafkaResult<()>, TopicPartitionList),
}

/// Context of the consumer.
///
/// `rdkafka`'s default context would let revoked partitions go inside the callback. Here that happens when the messages
/// in flight are delivered and committed; librdkafka waits for it, and polling continues.
pub(crate) struct ConsumerCallbacks {
    /// State of the connections.
    pub link: Link,
    events: Mutex<VecDeque<Event>>,
    /// Whether the consumer is leaving its group: see `leave`.
    leaving: AtomicBool,
    /// Whether librdkafka has asked for an answer since the consumer began to leave its group.
    asked: AtomicBool,
    told: AtomicU64,
}

impl ConsumerCallbacks {
    /// Creates the context of a consumer with this `config`.
    pub(crate) fn new(config: &KafkaClientConfig, metrics: &Arc<Metrics>) -> Self {
        Self {
            link: Link::new("input", config, metrics),
            events: Mutex::default(),
            leaving: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            told: AtomicU64::new(0),
        }
    }

    /// Takes the oldest event.
    pub(crate) fn next(&self) -> Option<Event> {
        self.events().pop_front()
    }

    #[cfg(test)]
    pub(crate) fn has(&self, event: impl Fn(&Event) -> bool) -> bool {
        self.events().iter().any(event)
    }

    /// Marks the consumer as leaving: rebalances are no longer reported as events.
    pub(crate) fn set_leaving(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    /// Returns whether a rebalance has come since the consumer began to leave its group.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Returns the number of callbacks so far.
    pub(crate) fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.told.fetch_add(1, Ordering::Relaxed);
    }

    fn events(&self) -> std::sync::MutexGuard<'_, VecDeque<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for ConsumerCallbacks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.count();
        link::log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.count();
        self.link.complain(&error, reason);
    }

    fn stats_raw(&self, json: &[u8]) {
        self.count();
        if let Some(told) = statistics::read(json) {
            self.link.told(&told);
            self.events().push_back(Event::Told(told.partitions()));
        }
    }
}

impl ConsumerContext for ConsumerCallbacks {
    fn rebalance(
        &self,
        _: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        self.count();
        if self.leaving.load(Ordering::Acquire) {
            return self.asked.store(true, Ordering::Release);
        }
        let partitions = partitions.clone();
        self.events().push_back(match kind {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Event::Assign(partitions),
            _ => Event::Revoke(partitions),
        });
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        self.count();
        self.events()
            .push_back(Event::Committed(result, offsets.clone()));
    }
}

/// Lets partitions go.
pub(crate) fn unassign(consumer: &Consumer, partitions: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(partitions),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
    }
}

/// Takes partitions that the group assigned.
pub(crate) fn assign(consumer: &Consumer, partitions: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_assign(partitions),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.assign(partitions),
    }
}
