//! A producer that librdkafka has left without brokers is replaced, and nothing that it had is lost or out of order.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::Producer as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::super::*;
use crate::config::{Config, OutputConfig, Source};
use crate::message::{Batch, Outcome, Outcomes, Record};

const PATIENCE: Duration = Duration::from_secs(60);

/// Asks which producer is in use; that producer then counts as stranded if `stranded` is set.
#[derive(Message)]
#[rtype(result = "usize")]
struct WhichProducer {
    stranded: bool,
}

impl Handler<WhichProducer> for KafkaOutput {
    type Result = usize;

    fn handle(&mut self, which: WhichProducer, _: &mut Self::Context) -> usize {
        if which.stranded {
            self.producer.context().link().strand();
            self.returns.tell_actor();
        }
        self.producer.client().native_ptr() as usize
    }
}

struct Engine;

impl Actor for Engine {
    type Context = actix::Context<Self>;
}

impl Handler<Notice> for Engine {
    type Result = ();

    fn handle(&mut self, notice: Notice, _: &mut Self::Context) {
        panic!("{notice:?}");
    }
}

/// Returns the output of a minimal config.
fn config(addresses: &str) -> KafkaOutputConfig {
    let source = Source::Inline {
        name: "t.yaml".into(),
        text: format!(
            "pipeline: {{ processors: [ {{ python: {{ script: root = this }} }} ] }}\n\
             output: {{ kafka: {{ addresses: ['{addresses}'], topic: out }} }}\n"
        ),
    };
    let loaded = Config::load(source, &[], &|_| None).unwrap();
    match loaded.config.output {
        OutputConfig::Kafka(kafka) => *kafka,
        _ => panic!("kafka"),
    }
}

/// Makes results with these numbers as payloads.
fn deliver(numbers: std::ops::Range<u32>) -> Deliver {
    let mut outcomes = Outcomes::default();
    for number in numbers {
        let start = outcomes.data.len() as u32;
        outcomes.data.extend(number.to_string().bytes());
        outcomes.items.push(Outcome::Record(Record {
            payload: start..outcomes.data.len() as u32,
            tombstone: false,
            overrides: None,
        }));
    }
    let batch = Batch::for_test(outcomes.items.len());
    let ack = batch.ack(0, &outcomes);
    let processed = Processed {
        batch,
        start: 0,
        outcomes,
    };
    Deliver { processed, ack }
}

/// Reads the first `count` payloads of the topic.
fn read(addresses: &str, count: usize) -> Vec<String> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", addresses)
        .set("group.id", "reader")
        .create()
        .unwrap();
    let mut all = TopicPartitionList::new();
    all.add_partition_offset("out", 0, Offset::Beginning)
        .unwrap();
    consumer.assign(&all).unwrap();
    let began = Instant::now();
    let mut read = Vec::new();
    while read.len() < count {
        assert!(began.elapsed() < PATIENCE, "{read:?} so far");
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            let payload = message.payload().unwrap();
            read.push(String::from_utf8(payload.to_vec()).unwrap());
        }
    }
    read
}

#[actix::test]
async fn a_stranded_producer_is_replaced_with_all_that_it_had() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("out", 1, 1).unwrap();
    let config = config(&cluster.bootstrap_servers());
    let engine = Engine.start().recipient();
    let refusals = Refusals::Fatal(engine.clone());
    let output = KafkaOutput::new(&config, refusals, engine, Arc::default()).unwrap();
    let output = KafkaOutput::start_in_arbiter(&Arbiter::new().handle(), |_| output);
    output.send(deliver(0..3)).await.unwrap();
    assert_eq!(read(&cluster.bootstrap_servers(), 3), ["0", "1", "2"]);
    cluster.broker_down(1).unwrap();
    output.send(deliver(3..6)).await.unwrap();
    output.send(deliver(6..8)).await.unwrap();
    let old = output.send(WhichProducer { stranded: true }).await.unwrap();
    cluster.broker_up(1).unwrap();
    let new = output
        .send(WhichProducer { stranded: false })
        .await
        .unwrap();
    assert_ne!(old, new);
    output.send(deliver(8..10)).await.unwrap();
    let all: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    assert_eq!(read(&cluster.bootstrap_servers(), 10), all);
}
