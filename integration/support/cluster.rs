//! A real Kafka for the tests, and plain clients of it. Nothing here is the engine's code: what a test says of
//! its results is what any consumer sees.

use std::collections::{BTreeMap, HashMap};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::record::{Record, record, send};
use crate::{root, target, unique};

/// The longest time that a client waits for an answer of Kafka.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A Kafka, which ends with this value; the shared one ends with the process.
pub struct Cluster {
    pub name: String,
    /// What `scripts/kafka.sh start` printed.
    pub facts: HashMap<String, String>,
    pub brokers: i16,
}

/// Where `scripts/kafka.sh` has its clusters.
fn kafka_folder() -> PathBuf {
    std::env::var("NERODIA_KAFKA_DIR").map_or(target().join("kafka"), Into::into)
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

/// Starts the brokers of a cluster that do not run; gives what is known of it then.
fn start(name: &str, brokers: i16, options: &[&str]) -> String {
    let (owner, brokers) = (std::process::id().to_string(), brokers.to_string());
    let args = [
        "start",
        "--name",
        name,
        "--brokers",
        &brokers,
        "--owner",
        &owner,
    ];
    // One at a time: several that start together on two processors take longer than each is waited for.
    static STARTING: Mutex<()> = Mutex::new(());
    let _one = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    kafka_sh(&[&args[..], options].concat())
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            // Without a panic: the test may have failed already. What is left ends with the process.
            let _ = Command::new("bash")
                .arg(root().join("scripts/kafka.sh"))
                .args(["stop", "--name", &self.name])
                .stderr(Stdio::null())
                .status();
        }
    }
}

impl Cluster {
    /// One broker, shared by all tests of the process; or that of `KAFKA_ADDRESSES`.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Cluster> =
            LazyLock::new(|| match std::env::var("KAFKA_ADDRESSES") {
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

    /// Starts a cluster of its own for a test that kills, stops or configures brokers. No other test has its name.
    pub fn start(name: &str, brokers: i16, options: &[&str]) -> Self {
        let facts = start(name, brokers, options);
        let facts = facts.lines().filter_map(|line| line.split_once('='));
        Self {
            name: name.into(),
            facts: facts
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
            brokers,
        }
    }

    /// Starts all brokers that do not run, at once. One of them must run: of a cluster without any, a new one is made.
    pub fn make_whole(&self) {
        start(&self.name, self.brokers, &[]);
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
        let cluster = kafka_folder().join(&self.name);
        cluster.join(format!("broker-{number}"))
    }

    /// Where clients find the brokers, with commas between them.
    pub fn addresses(&self) -> &str {
        &self.facts["KAFKA_ADDRESSES"]
    }

    /// The settings of a plain client.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.addresses());
        config
    }

    /// A topic of its own for a test.
    pub fn topic(&self, name: &str, partitions: i32) -> String {
        self.topic_with(name, partitions, &[])
    }

    /// A topic of its own with these settings.
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

    /// The same, by a producer with these properties.
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

    /// A producer that is ready to begin with transactions, under an id that begins with `name`.
    pub fn transactional_producer(&self, name: &str) -> ThreadedProducer<DefaultProducerContext> {
        let producer: ThreadedProducer<DefaultProducerContext> = self
            .client()
            .set("transactional.id", unique(name))
            .create()
            .expect("a producer");
        producer.init_transactions(PATIENCE).expect("transactions");
        producer
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

    /// How many offsets there are in a topic.
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
