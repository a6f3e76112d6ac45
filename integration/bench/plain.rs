//! Plain Kafka clients for the benchmark: the cost of moving messages when nothing is done to them.
//!
//!     plain produce ADDRESSES TOPIC < lines     one message a line, keyed by its number
//!     plain forward ADDRESSES FROM TO GROUP     from one topic to another, to its end, headers and keys kept
//!     plain count ADDRESSES TOPIC               how many messages there are

use std::io::{BufRead, stdin};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

type Producer = ThreadedProducer<DefaultProducerContext>;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["produce", addresses, topic] => produce(addresses, topic),
        ["forward", addresses, from, to, group] => forward(addresses, from, to, group),
        ["count", addresses, topic] => println!(
            "{}",
            ends(addresses, topic).iter().map(|end| end.1).sum::<i64>()
        ),
        _ => panic!("see the top of this file"),
    }
}

fn client(addresses: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", addresses);
    config
}

/// Creates a producer like the engine's own output: idempotent, with Java's partitioner, and no limit except memory.
fn producer(addresses: &str) -> Producer {
    let mut config = client(addresses);
    config
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random");
    config.set("queue.buffering.max.messages", "100000");
    config.create().expect("a producer")
}

fn send(producer: &Producer, mut record: BaseRecord<'_, [u8], [u8]>) {
    while let Err((error, back)) = producer.send(record) {
        assert_eq!(
            error,
            KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)
        );
        std::thread::sleep(Duration::from_millis(1));
        record = back;
    }
}

fn produce(addresses: &str, topic: &str) {
    let producer = producer(addresses);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    for (number, line) in stdin().lock().split(b'\n').enumerate() {
        let line = line.expect("standard input");
        let key = format!("key-{}", number % 4096);
        let trace = number.to_string();
        let trace = Header {
            key: "trace",
            value: Some(trace.as_bytes()),
        };
        let mut record = BaseRecord::to(topic).payload(&line[..]).key(key.as_bytes());
        record.timestamp = Some(now.as_millis() as i64);
        record.headers = Some(OwnedHeaders::new().insert(trace));
        send(&producer, record);
    }
    producer.flush(PATIENCE).expect("all written");
}

fn ends(addresses: &str, topic: &str) -> Vec<(i32, i64)> {
    let consumer: BaseConsumer = client(addresses).create().expect("a consumer");
    let began = Instant::now();
    let partitions: Vec<i32> = loop {
        let metadata = consumer
            .fetch_metadata(Some(topic), PATIENCE)
            .expect("metadata");
        let partitions = metadata.topics()[0].partitions().iter().map(|one| one.id());
        let partitions: Vec<i32> = partitions.collect();
        if !partitions.is_empty() {
            break partitions;
        }
        // A broker may not know a new topic yet.
        assert!(began.elapsed() < PATIENCE, "{topic} has no partitions");
        std::thread::sleep(Duration::from_millis(50));
    };
    let end = |partition| {
        let began = Instant::now();
        loop {
            match consumer.fetch_watermarks(topic, partition, PATIENCE) {
                Ok((_, end)) => return (partition, end),
                // A new topic may have no leader yet.
                Err(error) => assert!(began.elapsed() < PATIENCE, "{topic} {partition}: {error}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    partitions.into_iter().map(end).collect()
}

fn forward(addresses: &str, from: &str, to: &str, group: &str) {
    let producer = producer(addresses);
    let mut config = client(addresses);
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let (mut assignment, mut all) = (TopicPartitionList::new(), 0);
    for (partition, end) in ends(addresses, from) {
        let added = assignment.add_partition_offset(from, partition, Offset::Beginning);
        added.expect("a partition");
        all += end;
    }
    consumer.assign(&assignment).expect("assigned");
    for _ in 0..all {
        let message = loop {
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                break message;
            }
        };
        let mut record = BaseRecord::to(to);
        record.payload = message.payload();
        record.key = message.key();
        record.timestamp = message.timestamp().to_millis();
        record.headers = message.headers().map(|headers| headers.detach());
        send(&producer, record);
    }
    producer.flush(PATIENCE).expect("all written");
    consumer.commit_consumer_state(CommitMode::Sync).ok(); // nothing is stored where nothing was read
}
