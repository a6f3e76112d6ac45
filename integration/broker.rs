//! A real Kafka for the tests, and plain clients of it. Nothing here is the engine's code: what a test says of
//! its results is what any consumer sees.

#![expect(dead_code, reason = "each test target uses its own part of this")]

use std::collections::{BTreeMap, HashMap};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Header, Headers as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::support::{root, target};

/// No test waits longer for Kafka.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster that is there for as long as the test process.
pub struct Cluster {
    pub name: String,
    /// What `scripts/kafka.sh start` printed.
    pub facts: HashMap<String, String>,
    pub brokers: i16,
}

/// A message as it lies in a topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub timestamp: Option<i64>,
}

impl Record {
    pub fn json(payload: &serde_json::Value) -> Self {
        Self::bytes(payload.to_string())
    }

    pub fn bytes(payload: impl Into<Vec<u8>>) -> Self {
        Self {
            partition: -1,
            payload: Some(payload.into()),
            ..Self::default()
        }
    }

    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub fn header(mut self, name: &str, value: Option<&[u8]>) -> Self {
        self.headers.push((name.into(), value.map(<[u8]>::to_vec)));
        self
    }

    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = partition;
        self
    }

    pub fn timestamp(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(self.payload.as_deref().unwrap_or_default()).expect("UTF-8")
    }

    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(self.text()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The last header of this name, as text.
    pub fn header_text(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .headers
            .iter()
            .rev()
            .find(|(header, _)| header == name)?;
        std::str::from_utf8(value.as_deref()?).ok()
    }
}

/// `scripts/kafka.sh ARGS…`; what it printed. Fails the test if it fails.
pub fn kafka_sh(args: &[&str]) -> String {
    let run = Command::new("bash")
        .arg(root().join("scripts/kafka.sh"))
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("bash is there");
    assert!(run.status.success(), "scripts/kafka.sh {args:?} failed");
    String::from_utf8(run.stdout).expect("UTF-8")
}

impl Cluster {
    /// One broker, shared by all tests of the process; or that of `KAFKA_ADDRESSES`.
    pub fn shared() -> &'static Self {
        static SHARED: std::sync::LazyLock<Cluster> =
            std::sync::LazyLock::new(|| match std::env::var("KAFKA_ADDRESSES") {
                Ok(addresses) => Cluster::at(addresses),
                Err(_) => Cluster::start("tests", 1, &[]),
            });
        &SHARED
    }

    /// One that runs already.
    pub fn at(addresses: String) -> Self {
        Self {
            name: String::new(),
            facts: HashMap::from([("KAFKA_ADDRESSES".into(), addresses)]),
            brokers: 1,
        }
    }

    /// Starts a cluster that ends with this process.
    pub fn start(name: &str, brokers: i16, options: &[&str]) -> Self {
        let owner = std::process::id().to_string();
        let count = brokers.to_string();
        let mut args = vec![
            "start",
            "--name",
            name,
            "--brokers",
            &count,
            "--owner",
            &owner,
        ];
        args.extend(options);
        let facts = kafka_sh(&args);
        let facts = facts.lines().filter_map(|line| line.split_once('='));
        Self {
            name: name.into(),
            facts: facts
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
            brokers,
        }
    }

    /// `kill`, `pause`, `resume` or `start` for one broker, from 1 on.
    pub fn broker(&self, what: &str, number: i16) {
        kafka_sh(&["broker", what, &number.to_string(), "--name", &self.name]);
    }

    /// Starts a broker anew with one more `property` in its config, or another value for it.
    pub fn configure(&self, number: i16, property: &str) {
        self.broker("kill", number);
        let config = self.folder(number).join("config");
        let mut config = OpenOptions::new().append(true).open(config).expect("it");
        // Of two values Kafka takes the last.
        writeln!(config, "{property}").expect("written");
        self.broker("start", number);
    }

    /// Where a broker has its `config` and its `data`.
    pub fn folder(&self, number: i16) -> PathBuf {
        let clusters =
            std::env::var("NERODIA_KAFKA_DIR").map_or(target().join("kafka"), Into::into);
        clusters.join(&self.name).join(format!("broker-{number}"))
    }

    pub fn addresses(&self) -> &str {
        &self.facts["KAFKA_ADDRESSES"]
    }

    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.addresses());
        config
    }

    /// A topic of its own for a test.
    pub fn topic(&self, name: &str, partitions: i32) -> String {
        self.topic_with(name, partitions, &[])
    }

    pub fn topic_with(&self, name: &str, partitions: i32, config: &[(&str, &str)]) -> String {
        let name = unique(name);
        let admin: AdminClient<DefaultClientContext> =
            self.client().create().expect("an admin client");
        let replication = TopicReplication::Fixed(i32::from(self.brokers.min(3)));
        let mut topic = NewTopic::new(&name, partitions, replication);
        for (key, value) in config {
            topic = topic.set(key, value);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let created = runtime
            .block_on(admin.create_topics(
                [&topic],
                &AdminOptions::new().operation_timeout(Some(PATIENCE)),
            ))
            .expect("topics can be created");
        assert!(created.iter().all(Result::is_ok), "{created:?}");
        self.await_topic(&name, partitions);
        name
    }

    fn await_topic(&self, topic: &str, partitions: i32) {
        let consumer: BaseConsumer = self.client().create().expect("a consumer");
        let began = Instant::now();
        loop {
            if let Ok(metadata) = consumer.fetch_metadata(Some(topic), PATIENCE) {
                let led = |topic: &rdkafka::metadata::MetadataTopic| {
                    let led = topic.partitions().iter().filter(|one| one.leader() >= 0);
                    led.count() == partitions as usize
                };
                if metadata.topics().iter().any(led) {
                    return;
                }
            }
            assert!(
                began.elapsed() < PATIENCE,
                "the topic {topic} has no leaders"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Writes records and waits until all are there.
    pub fn produce(&self, topic: &str, records: impl IntoIterator<Item = Record>) {
        self.produce_with(topic, &[], records);
    }

    pub fn produce_with(
        &self,
        topic: &str,
        properties: &[(&str, &str)],
        records: impl IntoIterator<Item = Record>,
    ) {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("message.max.bytes", "10000000");
        for (key, value) in properties {
            config.set(*key, *value);
        }
        let producer: ThreadedProducer<DefaultProducerContext> =
            config.create().expect("a producer");
        let mut sent = 0;
        for record in records {
            send(&producer, topic, &record);
            sent += 1;
        }
        producer
            .flush(PATIENCE)
            .unwrap_or_else(|error| panic!("{sent} records to {topic}: {error}"));
    }

    /// All that read_committed consumers see in a topic, in the order of its partitions.
    pub fn read(&self, topic: &str) -> Vec<Record> {
        let mut records = Vec::new();
        self.for_each(topic, |record| records.push(record));
        records
    }

    /// Hands over all records of a topic, partition by partition in their order.
    pub fn for_each(&self, topic: &str, mut with: impl FnMut(Record)) {
        let mut config = self.client();
        config
            .set("group.id", "tests-read")
            .set("enable.partition.eof", "true");
        config
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut assignment = TopicPartitionList::new();
        let partitions = self.partitions(&consumer, topic);
        for &partition in &partitions {
            assignment
                .add_partition_offset(topic, partition, Offset::Beginning)
                .expect("a partition");
        }
        consumer
            .assign(&assignment)
            .expect("partitions can be assigned");
        /// A topic may be read while brokers are away for a minute.
        const STALLED: Duration = Duration::from_secs(180);
        let mut left = partitions.len();
        let mut last = Instant::now();
        while left > 0 {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    with(record(&message));
                    last = Instant::now();
                }
                Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => left -= 1,
                Some(Err(_)) | None => {
                    assert!(
                        last.elapsed() < STALLED,
                        "the topic {topic} cannot be read to its end"
                    );
                }
            }
        }
    }

    fn partitions(&self, consumer: &BaseConsumer, topic: &str) -> Vec<i32> {
        let metadata = consumer
            .fetch_metadata(Some(topic), PATIENCE)
            .expect("metadata");
        let topics = metadata
            .topics()
            .iter()
            .flat_map(|topic| topic.partitions());
        topics.map(|partition| partition.id()).collect()
    }

    /// The end of each partition of a topic.
    pub fn ends(&self, topic: &str) -> BTreeMap<i32, i64> {
        let consumer: BaseConsumer = self.client().create().expect("a consumer");
        let end = |partition| {
            // A broker that has just come back does not know its partitions for a moment.
            let began = Instant::now();
            loop {
                match consumer.fetch_watermarks(topic, partition, PATIENCE) {
                    Ok((_, end)) => return (partition, end),
                    Err(error) => assert!(began.elapsed() < PATIENCE, "{topic}: {error}"),
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        self.partitions(&consumer, topic)
            .into_iter()
            .map(end)
            .collect()
    }

    pub fn count(&self, topic: &str) -> i64 {
        self.ends(topic).values().sum()
    }

    /// Deletes what is before an offset, as retention does.
    pub fn delete_before(&self, topic: &str, partition: i32, offset: i64) {
        let admin: AdminClient<DefaultClientContext> =
            self.client().create().expect("an admin client");
        let mut offsets = TopicPartitionList::new();
        offsets
            .add_partition_offset(topic, partition, Offset::Offset(offset))
            .expect("a partition");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        runtime
            .block_on(admin.delete_records(&offsets, &options))
            .expect("records can be deleted");
    }

    /// The ids of a group's members, sorted.
    pub fn members(&self, group: &str) -> Vec<String> {
        let consumer: BaseConsumer = self.client().create().expect("a consumer");
        let groups = consumer
            .fetch_group_list(Some(group), PATIENCE)
            .expect("the group");
        let groups = groups.groups().iter();
        let members = groups.flat_map(|group| group.members());
        let mut ids: Vec<String> = members.map(|member| member.id().to_owned()).collect();
        ids.sort_unstable();
        ids
    }

    /// What a group has committed, of each partition of a topic.
    pub fn committed(&self, group: &str, topic: &str) -> BTreeMap<i32, i64> {
        let mut config = self.client();
        config.set("group.id", group);
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        for partition in self.partitions(&consumer, topic) {
            list.add_partition(topic, partition);
        }
        // A broker that has just become the group's coordinator says so for a moment.
        let began = Instant::now();
        let list = loop {
            match consumer.committed_offsets(list.clone(), PATIENCE) {
                Ok(list) => break list,
                Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
            }
        };
        let offset = |one: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            let offset = match one.offset() {
                Offset::Offset(offset) => offset,
                _ => 0,
            };
            (one.partition(), offset)
        };
        list.elements().into_iter().map(offset).collect()
    }
}

/// A name that no other test has.
pub fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = std::time::SystemTime::now();
    let millis = now
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_millis();
    format!("{name}-{millis}-{}-{count}", std::process::id())
}

pub fn send(producer: &ThreadedProducer<DefaultProducerContext>, topic: &str, record: &Record) {
    let mut out = BaseRecord::<[u8], [u8]>::to(topic);
    out.key = record.key.as_deref();
    out.payload = record.payload.as_deref();
    out.timestamp = record.timestamp;
    out.partition = (record.partition >= 0).then_some(record.partition);
    if !record.headers.is_empty() {
        let add = |headers: OwnedHeaders, (name, value): &(String, Option<Vec<u8>>)| {
            headers.insert(Header {
                key: name,
                value: value.as_deref(),
            })
        };
        out.headers = Some(record.headers.iter().fold(OwnedHeaders::new(), add));
    }
    while let Err((error, back)) = producer.send(out) {
        let full = error.rdkafka_error_code() == Some(rdkafka::error::RDKafkaErrorCode::QueueFull);
        assert!(full, "{error}");
        std::thread::sleep(Duration::from_millis(5));
        out = back;
    }
}

fn record(message: &rdkafka::message::BorrowedMessage<'_>) -> Record {
    let headers = message
        .headers()
        .into_iter()
        .flat_map(|headers| headers.iter());
    Record {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().map(<[u8]>::to_vec),
        headers: headers
            .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
            .collect(),
        timestamp: message.timestamp().to_millis(),
    }
}

/// Waits until `done` says so; fails the test, with what it says instead, if it takes too long.
pub fn eventually(what: &str, mut done: impl FnMut() -> Result<(), String>) {
    let began = Instant::now();
    while let Err(state) = done() {
        let late = began.elapsed() > Duration::from_secs(120);
        assert!(!late, "never: {what}, but {state}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
