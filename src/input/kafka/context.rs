//! What librdkafka says while it is polled, kept for the polling thread.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use crate::config::KafkaClientConfig;
use crate::kafka::link::{self, Link};
use crate::kafka::statistics::{self, PartitionEnd};
use crate::telemetry::metrics::Metrics;

/// Something that happened to the group or its offsets.
#[derive(Debug)]
pub enum Event {
    /// These partitions are ours, when we take them.
    Assign(TopicPartitionList),
    /// These are wanted by others; they wait until we let go.
    Revoke(TopicPartitionList),
    /// The ends of partitions, as librdkafka last saw them.
    Told(Vec<PartitionEnd>),
    /// An answer to a commit.
    Committed(KafkaResult<()>, TopicPartitionList),
}

/// The consumer's context.
///
/// `rdkafka`'s own would let go of revoked partitions inside the callback. Here they are let go when what is
/// under way has been delivered and committed; librdkafka waits for that, and goes on polling.
pub struct Context {
    /// The connections.
    pub link: Link,
    events: Mutex<VecDeque<Event>>,
    closing: AtomicBool,
    told: AtomicU64,
}

impl Context {
    /// Of a consumer with this `config`.
    pub fn new(config: &KafkaClientConfig, metrics: &Arc<Metrics>) -> Self {
        Self {
            link: Link::new("input", config, metrics),
            events: Mutex::default(),
            closing: AtomicBool::new(false),
            told: AtomicU64::new(0),
        }
    }

    /// The oldest event that was not taken yet.
    pub fn next(&self) -> Option<Event> {
        self.events().pop_front()
    }

    /// How much librdkafka has told so far.
    pub fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.told.fetch_add(1, Ordering::Relaxed);
    }

    fn events(&self) -> std::sync::MutexGuard<'_, VecDeque<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Context {
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

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        self.count();
        let assign = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            return answer(consumer, assign, partitions);
        }
        let partitions = partitions.clone();
        self.events().push_back(if assign {
            Event::Assign(partitions)
        } else {
            Event::Revoke(partitions)
        });
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        self.count();
        self.events()
            .push_back(Event::Committed(result, offsets.clone()));
    }
}

/// To be called before a consumer is dropped. What the group said and nobody answered is answered now, and what it says
/// from now on at once: librdkafka closes nothing before it has the answer, and waits for it for ever.
pub fn close(consumer: &BaseConsumer<Context>) {
    let context = consumer.context();
    context.closing.store(true, Ordering::Release);
    while let Some(event) = context.next() {
        match event {
            Event::Assign(partitions) => answer(consumer, true, &partitions),
            Event::Revoke(partitions) => answer(consumer, false, &partitions),
            Event::Told(_) | Event::Committed(..) => {}
        }
    }
}

/// The answer of a consumer that is to be closed. What is taken here is given back at once.
pub fn answer(consumer: &BaseConsumer<Context>, assign: bool, partitions: &TopicPartitionList) {
    let answered = if assign { take } else { let_go }(consumer, partitions);
    if let Err(error) = answered {
        tracing::debug!(%error, assign, "cannot answer the group while closing");
    }
}

/// Gives partitions back to the group.
pub fn let_go(
    consumer: &BaseConsumer<Context>,
    partitions: &TopicPartitionList,
) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(partitions),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
    }
}

/// Takes partitions that the group gives.
pub fn take(consumer: &BaseConsumer<Context>, partitions: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_assign(partitions),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.assign(partitions),
    }
}

#[cfg(test)]
mod tests {
    use std::mem;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::{Duration, Instant};

    use rdkafka::error::RDKafkaErrorCode;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;
    use rdkafka::types::RDKafkaApiKey;

    use super::super::{Waker, connect};
    use super::*;
    use crate::config::KafkaInputConfig;

    type Cluster = MockCluster<'static, DefaultProducerContext>;
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A static member to which the group has given partitions, without an answer so far.
    fn member(cluster: &Cluster) -> Arc<BaseConsumer<Context>> {
        cluster.create_topic("in", 4, 1).unwrap();
        let client = KafkaClientConfig::at(cluster.bootstrap_servers());
        let config = KafkaInputConfig {
            instance_id: Some("one".into()),
            session_timeout: Duration::from_secs(6),
            heartbeat_interval: Duration::from_millis(100),
            ..KafkaInputConfig::new(client, vec!["in".into()], "group".into())
        };
        let consumer = connect(&config, &Waker::default(), &Arc::default(), None).unwrap();
        consumer.subscribe(&["in"]).unwrap();
        poll_until(&consumer, |event| matches!(event, Event::Assign(_)));
        consumer
    }

    #[track_caller]
    fn poll_until(consumer: &Arc<BaseConsumer<Context>>, came: impl Fn(&Event) -> bool) {
        let began = Instant::now();
        while !consumer.context().events().iter().any(&came) {
            if began.elapsed() > PATIENCE {
                // Its end may be what does not come.
                mem::forget(consumer.clone());
                panic!("the group did not say it");
            }
            consumer.poll(Duration::from_millis(20));
        }
    }

    /// Fails the test if the end of a consumer does not come.
    #[track_caller]
    fn assert_ends(consumer: Arc<BaseConsumer<Context>>) {
        let (ended, end) = channel();
        thread::spawn(move || {
            close(&consumer);
            drop(consumer);
            let _ = ended.send(());
        });
        end.recv_timeout(PATIENCE).expect("it is closed");
    }

    #[test]
    fn a_consumer_is_closed_that_did_not_let_go_of_its_partitions_yet() {
        let cluster = Cluster::new(1).unwrap();
        let consumer = member(&cluster);
        while let Some(event) = consumer.context().next() {
            if let Event::Assign(partitions) = event {
                take(&consumer, &partitions).unwrap();
            }
        }
        consumer.unsubscribe();
        poll_until(&consumer, |event| matches!(event, Event::Revoke(_)));
        assert_ends(consumer);
    }

    #[test]
    fn so_is_one_that_is_fenced_before_it_takes_them() {
        let cluster = Cluster::new(1).unwrap();
        let consumer = member(&cluster);
        let fenced = RDKafkaRespErr::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
        cluster.request_errors(RDKafkaApiKey::Heartbeat, &[fenced]);
        let began = Instant::now();
        loop {
            let polled = consumer.poll(Duration::from_millis(20));
            let code = polled.and_then(|polled| polled.err()?.rdkafka_error_code());
            if code == Some(RDKafkaErrorCode::FencedInstanceId) {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "it was not fenced");
        }
        assert_ends(consumer);
    }
}
