//! Kafka: how to reach a cluster, what to read, what to write.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How to reach a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaClientConfig {
    /// `host:port` of some of its brokers; at least one.
    pub addresses: Vec<String>,
    /// The name that shows in the brokers' logs and quotas.
    pub client_id: String,
    /// Encryption; `None` for none.
    pub tls: Option<TlsConfig>,
    /// Who we are; `None` if nobody asks.
    pub sasl: Option<SaslConfig>,
    /// Properties handed to librdkafka as they are, sorted by name; none that a field here sets.
    pub properties: Vec<(String, Secret)>,
}

impl KafkaClientConfig {
    /// A client of the cluster at `address`, with nothing else said.
    #[cfg(test)]
    pub fn at(address: impl Into<String>) -> Self {
        Self {
            addresses: vec![address.into()],
            client_id: "test".into(),
            tls: None,
            sasl: None,
            properties: Vec::new(),
        }
    }

    /// All addresses, as librdkafka and people read them.
    pub fn all_addresses(&self) -> String {
        self.addresses.join(",")
    }

    /// Who the brokers take us for, in words. What does not print is escaped: it would go unnoticed.
    pub fn who(&self) -> String {
        match &self.sasl {
            Some(sasl) => {
                let shown = |c: char| match c.is_control() {
                    true => c.escape_default().to_string(),
                    false => c.to_string(),
                };
                let user: String = sasl.user.chars().map(shown).collect();
                format!("the user `{user}`")
            }
            None => "a client without a user".into(),
        }
    }
}

/// Encryption, and whom to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// Certificate authorities to trust; `None` for the system's.
    pub root_cas: Option<Pem>,
    /// Ours, where the brokers ask for one.
    pub client_certificate: Option<ClientCertificate>,
    /// Trust any broker: for trying out only.
    pub skip_cert_verify: bool,
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate.
    pub certificate: Pem,
    /// Its key.
    pub key: Pem,
    /// What the key is encrypted with.
    pub password: Option<Secret>,
}

/// Something in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pem {
    /// In a file that exists.
    File(PathBuf),
    /// Written in the config.
    Text(Secret),
}

/// User and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslConfig {
    /// How they are shown.
    pub mechanism: SaslMechanism,
    /// Never empty.
    pub user: String,
    /// Never empty.
    pub password: Secret,
}

/// How user and password are shown to a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaslMechanism {
    /// As they are.
    Plain,
    /// By proof.
    ScramSha256,
    /// By proof.
    ScramSha512,
}

impl SaslMechanism {
    /// Kafka's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// A text that no log and no message shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Topics read as a member of a consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaInputConfig {
    /// How to reach the cluster.
    pub client: KafkaClientConfig,
    /// Names, or regular expressions that begin with `^`; at least one.
    pub topics: Vec<String>,
    /// The group whose members share the partitions; never empty.
    pub consumer_group: String,
    /// Makes the member static: it may come back within the session timeout without a rebalance.
    pub instance_id: Option<String>,
    /// Where a partition begins that has no committed offset.
    pub start_from_oldest: bool,
    /// The time between two commits; more than nothing.
    pub commit_period: Duration,
    /// The most messages of one partition under way; at least 1.
    pub checkpoint_limit: usize,
    /// The most messages of a batch; 1 to `message::MAX_BATCH`.
    pub batch_count: usize,
    /// How long a batch may wait to be full; zero for not at all.
    pub batch_period: Duration,
    /// Without a heartbeat for so long a member counts as dead.
    pub session_timeout: Duration,
    /// The time between two heartbeats; at most a third of the session timeout.
    pub heartbeat_interval: Duration,
    /// How long messages in flight may take to finish when their partition goes to another member.
    pub rebalance_timeout: Duration,
    /// How the members share the partitions.
    pub protocol: GroupProtocol,
    /// How far topics are read.
    pub extent: Extent,
    /// What is read are dead letters: they become the messages that they were. Not in configs.
    pub letters: bool,
    /// Where all this was written, for people.
    pub named: Named,
}

impl KafkaInputConfig {
    /// An endless input with the defaults of the config's fields.
    pub fn new(client: KafkaClientConfig, topics: Vec<String>, consumer_group: String) -> Self {
        Self {
            client,
            topics,
            consumer_group,
            instance_id: None,
            start_from_oldest: true,
            commit_period: Duration::from_secs(1),
            checkpoint_limit: 16384,
            batch_count: crate::message::MAX_BATCH,
            batch_period: Duration::ZERO,
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            rebalance_timeout: Duration::from_secs(5),
            protocol: GroupProtocol::Classic,
            extent: Extent::Endless,
            letters: false,
            named: Named::default(),
        }
    }
}

/// Where an input was written: in the config's own `input.kafka`, or elsewhere in it and on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The field with the addresses.
    pub client: &'static str,
    /// The field or the argument with the topics.
    pub topics: &'static str,
}

impl Default for Named {
    fn default() -> Self {
        Self {
            client: "input.kafka",
            topics: "input.kafka.topics",
        }
    }
}

/// How the members of a group share the partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupProtocol {
    /// One of the members decides, and all of them join again for it.
    Classic,
    /// The brokers decide (KIP-848).
    Consumer,
}

/// How far topics are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What comes, for ever.
    Endless,
    /// What is there at the start: for replays, not in configs.
    ToEnd {
        /// Whether how far it was read is kept.
        commit: bool,
    },
}

/// Bytes that librdkafka's limit on a message leaves for what is around it: ours is checked before.
pub const ENVELOPE: usize = 1024;

/// A topic to write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaOutputConfig {
    /// How to reach the cluster.
    pub client: KafkaClientConfig,
    /// Where messages go unless the script says otherwise.
    pub topic: String,
    /// Topics that scripts may choose beside `topic`: names, or regular expressions that begin with `^`.
    pub topics_allowed: Vec<String>,
    /// The key of every message; `None` for the input's.
    pub key: Option<String>,
    /// The headers of every message; `None` for the input's.
    pub headers: Option<Vec<(String, String)>>,
    /// The one partition to write to; `None` for the partitioner's choice.
    pub partition: Option<i32>,
    /// Which partition a key goes to.
    pub partitioner: Partitioner,
    /// How batches are compressed.
    pub compression: Compression,
    /// Whether all replicas in sync must have a message before it counts as written.
    pub ack_replicas: bool,
    /// Whether retries keep order and write once.
    pub idempotent_write: bool,
    /// Requests under way to each broker; at most 5 with `idempotent_write`.
    pub max_in_flight: usize,
    /// How long one request may take before it is tried again.
    pub timeout: Duration,
    /// The largest message, with key and headers, in bytes; a larger one becomes a dead letter.
    pub max_message_bytes: usize,
    /// The name of this process's transactions; set if, and only if, delivery is exactly once.
    pub transactional_id: Option<String>,
}

/// Which partition a key goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioner {
    /// Java's: keys land where Java's producers put them.
    Murmur2,
    /// librdkafka's own default.
    Crc32,
    /// Sarama's, hence Bento's.
    Fnv1a,
    /// Keys do not matter.
    Random,
}

/// How batches are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// zlib.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// How often a result may come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryGuarantee {
    /// Never less than once.
    AtLeastOnce,
    /// Once, by Kafka's transactions.
    ExactlyOnce,
}
