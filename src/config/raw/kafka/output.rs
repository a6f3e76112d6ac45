//! `output.kafka` and `dead_letter.kafka`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Properties, Sasl, Texts, Tls};
use crate::config::raw::{DurationText, Size};

/// A Kafka topic. A message counts as delivered when the brokers have it; writing it is tried until
/// they do.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct KafkaOutput {
    /// Some of the brokers, as `host:port`; the others are found from there. An item may be several
    /// with commas between them, and a port left out is 9092. Mandatory.
    #[schemars(extend("examples" = [["localhost:9092"]]))]
    pub addresses: Vec<String>,
    /// The topic to write to, unless the script sets `meta["topic"]`. Mandatory.
    #[schemars(example = &"orders.priced")]
    pub topic: String,
    /// The topics a script may choose beside `topic`: names, or regular expressions that begin with
    /// `^`. Not for dead letters.
    #[schemars(extend("examples" = [["orders.refused", "^orders\\.by-country\\."]]))]
    pub topics_allowed: Vec<String>,
    /// The name of this client in the brokers' logs and quotas.
    pub client_id: String,
    /// The key of every message. Without it, or empty: the key the message came with, or the
    /// script's `meta["key"]`. Not for dead letters, which keep the key of their message.
    pub key: Option<String>,
    /// The headers of every message, by their names. Without them: the headers the message came with,
    /// or the script's `meta["headers"]`. Not for dead letters, which keep those of their message.
    #[schemars(extend("examples" = [{ "source": "nerodia" }]))]
    pub headers: Option<Texts>,
    /// The one partition to write to. Without it: the partitioner's choice.
    pub partition: Option<Partition>,
    /// Which partition a key goes to: `murmur2_hash` is Java's, `fnv1a_hash` Bento's, `crc32_hash`
    /// librdkafka's own; with `random` keys do not matter.
    pub partitioner: Partitioner,
    /// How batches are compressed.
    pub compression: Compression,
    /// Whether a message counts as written only when all replicas in sync have it. (Bento: when the
    /// leader has it, unless asked for more.)
    pub ack_replicas: bool,
    /// Whether messages that are tried again keep their order and are written once.
    pub idempotent_write: bool,
    /// The most requests under way to each broker, each with many messages. With `idempotent_write` at
    /// most 5, else at most 1000.
    #[schemars(range(min = 1))]
    pub max_in_flight: u64,
    /// How long the brokers may take for one request before it is tried again; at most `15m`.
    pub timeout: DurationText,
    /// The largest message, with key, headers and what Kafka adds, at most `999MB`; a larger one becomes a dead
    /// letter, and a larger dead letter is cut. Without it: 1048588 bytes, as topics take them by default. No more
    /// than the topic's `max.message.bytes`: no larger batches are written either.
    #[schemars(example = &"8MB")]
    pub max_message_bytes: Option<Size>,
    /// Bento's word for `max_message_bytes`.
    pub max_msg_bytes: Option<Size>,
    /// The name of this process's transactions, for `delivery: exactly_once` alone: one that no other
    /// process has and that stays the same after a restart. Without it: `nerodia-`, the consumer group
    /// and the input's `instance_id`.
    #[schemars(example = &"orders-${HOSTNAME}")]
    pub transactional_id: Option<String>,
    /// Encryption, and which brokers to trust.
    pub tls: Tls,
    /// Who we are, for brokers that ask.
    pub sasl: Sasl,
    /// Any other property of librdkafka, by its name there; none that a field here sets.
    #[schemars(extend("examples" = [{ "linger.ms": 20 }]))]
    pub properties: Properties,
    /// Bento's word for `headers`. They stand in the place of those that the message came with.
    pub static_headers: Option<Texts>,
    /// Bento's version of the protocol. Accepted, without effect: it is found out.
    pub target_version: Option<String>,
    /// Bento's place of this client. Accepted, without effect.
    pub rack_id: Option<String>,
    /// Bento's choice of what becomes a header. Accepted, without effect: a message's headers do.
    pub metadata: Option<Value>,
    /// Bento's mapping for tracing. Accepted, without effect.
    pub inject_tracing_map: Option<String>,
    /// Bento's times between two tries. Accepted, without effect: write `retry.backoff.ms` and
    /// `retry.backoff.max.ms` in `properties`.
    pub backoff: Option<Value>,
    /// Bento's count of tries. Accepted, without effect: it is tried until the message is written.
    pub max_retries: Option<i64>,
    /// Bento's switch for trying whole batches. Accepted, without effect.
    pub retry_as_batch: Option<bool>,
    /// Bento's batches. Accepted, without effect: write `linger.ms` and `batch.size` in `properties`.
    pub batching: Option<Value>,
    /// Bento's creation of topics. Accepted, without effect: topics are made by who owns them.
    pub custom_topic_creation: Option<Value>,
}

impl Default for KafkaOutput {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            topic: String::new(),
            topics_allowed: Vec::new(),
            client_id: "nerodia".into(),
            key: None,
            headers: None,
            partition: None,
            partitioner: Partitioner::Murmur2,
            compression: Compression::None,
            ack_replicas: true,
            idempotent_write: true,
            max_in_flight: 5,
            timeout: "10s".into(),
            max_message_bytes: None,
            max_msg_bytes: None,
            transactional_id: None,
            tls: Tls::default(),
            sasl: Sasl::default(),
            properties: Properties::default(),
            static_headers: None,
            target_version: None,
            rack_id: None,
            metadata: None,
            inject_tracing_map: None,
            backoff: None,
            max_retries: None,
            retry_as_batch: None,
            batching: None,
            custom_topic_creation: None,
        }
    }
}

/// A partition; a text is Bento's, which is empty or cannot be run here.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(in crate::config) enum Partition {
    Number(i64),
    Text(String),
}

impl JsonSchema for Partition {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Partition".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "minimum": 0, "maximum": i32::MAX })
    }
}

/// Which partition a key goes to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::config) enum Partitioner {
    #[serde(rename = "murmur2_hash")]
    Murmur2,
    #[serde(rename = "fnv1a_hash")]
    Fnv1a,
    #[serde(rename = "crc32_hash")]
    Crc32,
    #[serde(rename = "random")]
    Random,
}

/// How batches are compressed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::config) enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}
