//! Sections `output.kafka` and `dead_letter.kafka`.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::KafkaClientConfig;
use crate::config::model::{KeyFormat, OutputFormat};
use crate::config::section::section;
use crate::config::texts::{Size, Span};

/// Bytes by which librdkafka's limit on a message is higher than ours. They leave room for what surrounds the message,
/// so ours is checked first.
pub(crate) const ENVELOPE: usize = 1024;

section! {
    /// A topic to write to.
    pub(crate) struct KafkaOutputConfig {
        /// Settings for the connection to the cluster.
        #[serde(skip)]
        client: KafkaClientConfig,
        /// The topic to write to, unless the script sets `meta["topic"]`. Mandatory.
        #[schemars(example = &"orders.priced")]
        topic: String,
        /// The topics a script may choose beside `topic`: names, or regular expressions that begin with
        /// `^`. Not for dead letters.
        #[schemars(extend("examples" = [["orders.refused", "^orders\\.by-country\\."]]))]
        topics_allowed: Vec<String>,
        /// The key of every message. Without it, or empty: the key the message came with, or the
        /// script's `meta["key"]`. Not for dead letters, which keep the key of their message.
        key: Option<String>,
        /// The headers of every message, by their names. Without them: the headers the message came with,
        /// or the script's `meta["headers"]`. Not for dead letters, which keep those of their message.
        #[serde(deserialize_with = "in_order")]
        #[schemars(with = "BTreeMap<String, String>", extend("examples" = [{ "source": "nerodia" }]))]
        headers: Option<Vec<(String, String)>>,
        /// Headers that are added to those of every message, behind them: they do not replace one of the same name. Not for
        /// dead letters.
        #[serde(deserialize_with = "in_order")]
        #[schemars(with = "BTreeMap<String, String>", extend("examples" = [{ "source": "nerodia" }]))]
        static_headers: Option<Vec<(String, String)>>,
        /// What a result becomes. Not for dead letters.
        format: OutputFormat,
        /// What a key becomes that a script sets; any other is the one with which the message came. Not for dead letters.
        key_format: KeyFormat,
        /// The one partition to write to. Without it: the partitioner's choice.
        #[serde(deserialize_with = "partition")]
        #[schemars(with = "Value")]
        #[schemars(extend("type" = ["integer", "string"], "minimum" = 0, "maximum" = i32::MAX))]
        partition: Option<i32>,
        /// Which partition a key goes to: `murmur2_hash` is Java's and that of Bento's `kafka_franz`, `fnv1a_hash`
        /// that of its `kafka`, `crc32_hash` librdkafka's own; with `random` keys do not matter.
        partitioner: Partitioner = Partitioner::Murmur2,
        /// How batches are compressed.
        compression: Compression = Compression::None,
        /// Whether a message counts as written only when all replicas in sync have it. (Bento: when the
        /// leader has it, unless asked for more.)
        ack_replicas: bool = true,
        /// Whether messages that are tried again keep their order and are written once.
        idempotent_write: bool = true,
        /// The most requests under way to each broker, each with many messages. With `idempotent_write` at
        /// most 5, else at most 1000.
        #[schemars(range(min = 1))]
        max_in_flight: usize = 5,
        /// How long the brokers may take for one request before it is tried again; at most `15m`.
        #[serde(with = "Span")]
        #[schemars(extend("x-above-zero" = true))]
        timeout: Duration = Duration::from_secs(10),
        /// The largest message, with key, headers and what Kafka adds, at most `999MB`; a larger one becomes a dead
        /// letter, and a larger dead letter is cut. The default is what topics take by default. No more than the topic's
        /// `max.message.bytes`: no larger batches are written either.
        #[serde(with = "Size")]
        #[schemars(example = &"8MB")]
        max_message_bytes: usize = 1_048_588,
        /// The name of this process's transactions, for `delivery: exactly_once` alone: one that no other
        /// process has and that stays the same after a restart. Without it: `nerodia-`, the consumer group
        /// and the input's `instance_id`.
        #[schemars(example = &"orders-${HOSTNAME}")]
        transactional_id: Option<String>,
    }
    + BentosKafkaOutput {
        /// Bento's word for `max_message_bytes`.
        #[schemars(with = "Size", extend("x-alias-of" = "max_message_bytes"))]
        max_msg_bytes: Size,
        /// Bento's version of the protocol. Accepted, without effect: it is found out.
        target_version: String,
        /// Bento's place of this client. Accepted, without effect.
        rack_id: String,
        /// Bento's choice of what becomes a header. Accepted, without effect: a message's headers do.
        metadata: Value,
        /// Bento's mapping for tracing. Accepted, without effect.
        inject_tracing_map: String,
        /// Bento's times between two tries. Accepted, without effect: write `retry.backoff.ms` and
        /// `retry.backoff.max.ms` in `properties`.
        backoff: Value,
        /// Bento's count of tries. Accepted, without effect: it is tried until the message is written.
        max_retries: i64,
        /// Bento's switch for trying whole batches. Accepted, without effect.
        retry_as_batch: bool,
        /// Bento's batches. Accepted, without effect: write `linger.ms` and `batch.size` in `properties`.
        batching: Value,
        /// Bento's creation of topics. Accepted, without effect: topics are made by who owns them.
        custom_topic_creation: Value,
    }
}

/// Reads texts by their names, in the order in which they are written.
fn in_order<'de, D>(from: D) -> Result<Option<Vec<(String, String)>>, D::Error>
where
    D: Deserializer<'de>,
{
    let texts = Map::deserialize(from)?.into_iter();
    let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
    Ok(Some(
        texts.map(|(name, value)| (name, text(value))).collect(),
    ))
}

/// Reads a partition, written as its number or as a text. A text that is no number is empty or has been reported.
fn partition<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i32>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => text.trim().parse().ok(),
        number => number.as_i64().and_then(|number| number.try_into().ok()),
    })
}

/// Which partition a key goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Partitioner {
    /// Java's hash: keys go where Java's producers put them.
    #[serde(rename = "murmur2_hash")]
    Murmur2,
    /// Sarama's hash, and so that of Bento's output `kafka`.
    #[serde(rename = "fnv1a_hash")]
    Fnv1a,
    /// Hash of librdkafka's own default.
    #[serde(rename = "crc32_hash")]
    Crc32,
    /// Random choice: keys do not matter.
    #[serde(rename = "random")]
    Random,
}

/// How batches are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    /// No compression.
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
