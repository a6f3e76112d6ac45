//! A real Kafka for the tests, with plain clients. Nothing here is the engine's code: what a test checks is what any
//! consumer sees.

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

/// Longest time that a client waits for an answer of Kafka.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Kafka cluster, which ends with this value; the shared one ends with the process.
pub struct Cluster {
    pub name: String,
    /// Output of `scripts/kafka.sh start`.
    pub facts: HashMap<String, String>,
    pub brokers: i16,
}

/// Returns the folder in which `scripts/kafka.sh` has its clusters.
fn kafka_folder() -> PathBuf {
    std::env::var("NERODIA_KAFKA_DIR").map_or(target().join("kafka"), Into::into)
}

/// Runs `scripts/kafka.sh ARGS…` and returns its output. Fails the test if the script fails.
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

/// Starts the brokers of a cluster that are not running. Returns the script's output.
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
    // One cluster at a time: if several start together on two processors, each start takes longer than its limit.
    static STARTING: Mutex<()> = Mutex::new(());
    let _one = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    kafka_sh(&[&args[..], options].concat())
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            // Without a panic: the test may have failed already. Brokers that are left end with the process.
            let _ = Command::new("bash")
                .arg(root().join("scripts/kafka.sh"))
                .args(["stop", "--name", &self.name])
                .stderr(Stdio::null())
                .status();
        }
    }
}

impl Cluster {
    /// Returns one broker, shared by all tests of the process; or the cluster of `KAFKA_ADDRESSES`.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Cluster> =
            LazyLock::new(|| match std::env::var("KAFKA_ADDRESSES") {
                Ok(addresses) => Cluster::at(addresses),
                Err(_) => Cluster::start("tests", 1, &[]),
            });
        &SHARED
    }

    /// Returns a cluster that already runs.
    pub fn at(addresses: String) -> Self {
        Self {
            name: String::new(),
            facts: HashMap::from([("KAFKA_ADDRESSES".into(), addresses)]),
            brokers: 1,
        }
    }

    /// Starts a cluster for a test that kills, stops or configures brokers. No other test has its name.
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

    /// Starts all brokers that are not running, at once. At least one must run: otherwise the script creates a new
    /// cluster.
    pub fn make_whole(&self) {
        start(&self.name, self.brokers, &[]);
    }

    /// Does `kill`, `pause`, `resume` or `start` for one broker, counted from 1.
    pub fn broker(&self, what: &str, number: i16) {
        kafka_sh(&["broker", what, &number.to_string(), "--name", &self.name]);
    }

    /// Restarts a broker with one more `property` in its config, or with another value for it.
    pub fn configure(&self, number: i16, property: &str) {
        self.broker("kill", number);
        let config = self.folder(number).join("config");
        let mut config = OpenOptions::new().append(true).open(config).expect("it");
        // If there are two values, Kafka takes the last.
        writeln!(config, "{property}").expect("written");
        self.broker("start", number);
    }

    /// Returns the folder with a broker's `config` and `data`.
    pub fn folder(&self, number: i16) -> PathBuf {
        let cluster = kafka_folder().join(&self.name);
        cluster.join(format!("broker-{number}"))
    }

    /// Returns the addresses of the brokers, separated by commas.
    pub fn addresses(&self) -> &str {
        &self.facts["KAFKA_ADDRESSES"]
    }

    /// Returns the settings of a plain client.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.addresses());
        config
    }

    /// Creates a topic for one test.
    pub fn topic(&self, name: &str, partitions: i32) -> String {
        self.topic_with(name, partitions, &[])
    }

    /// Creates a topic with these settings for one test.
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

    /// Writes records and waits until all are written.
    pub fn produce(&self, topic: &str, records: impl IntoIterator<Item = Record>) {
        self.produce_with(topic, &[], records);
    }

    /// Writes records with a producer that has these properties, and waits until all are written.
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

    /// Returns a producer that is ready to begin a transaction, with an id that begins with `name`.
    pub fn transactional_producer(&self, name: &str) -> ThreadedProducer<DefaultProducerContext> {
        let producer: ThreadedProducer<DefaultProducerContext> = self
            .client()
            .set("transactional.id", unique(name))
            .create()
            .expect("a producer");
        producer.init_transactions(PATIENCE).expect("transactions");
        producer
    }

    /// Returns everything that read_committed consumers see in a topic, in the order of its partitions.
    pub fn read(&self, topic: &str) -> Vec<Record> {
        let mut records = Vec::new();
        self.for_each(topic, |record| records.push(record));
        records
    }

    /// Calls `with` for all records of a topic, partition by partition in their order.
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
        /// Time without progress after which the test fails. A topic may be read while brokers are away for a minute.
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

    /// Returns the end of each partition of a topic.
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

    /// Returns the number of offsets in a topic.
    pub fn count(&self, topic: &str) -> i64 {
        self.ends(topic).values().sum()
    }

    /// Deletes the records before an offset, as retention does.
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

    /// Returns the ids of a group's members, sorted.
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

    /// Returns the offsets that a group has committed for each partition of a topic.
    pub fn committed(&self, group: &str, topic: &str) -> BTreeMap<i32, i64> {
        let mut config = self.client();
        config.set("group.id", group);
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        for partition in self.partitions(&consumer, topic) {
            list.add_partition(topic, partition);
        }
        // A broker that has just become the group's coordinator refuses for a moment.
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
