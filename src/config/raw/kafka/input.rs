//! `input.kafka`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Properties, Sasl, Tls};
use crate::config::raw::DurationText;

/// Kafka topics, read as a member of a consumer group: start more processes with the same group, and
/// they share the partitions.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct KafkaInput {
    /// Some of the brokers, as `host:port`; the others are found from there. An item may be several
    /// with commas between them, and a port left out is 9092. Mandatory.
    #[schemars(extend("examples" = [["localhost:9092"]]))]
    pub addresses: Vec<String>,
    /// The topics to read: names, or regular expressions (POSIX's) that begin with `^`. Mandatory.
    #[schemars(extend("examples" = [["orders", "^events-"]]))]
    pub topics: Vec<String>,
    /// The name under which the positions in the topics are kept. Mandatory.
    #[schemars(example = &"nerodia-orders")]
    pub consumer_group: String,
    /// The name of this client in the brokers' logs and quotas.
    pub client_id: String,
    /// A name for this process that no other of its group has and that stays the same after a restart.
    /// With it, one that is back within `group.session_timeout` has its partitions again without a
    /// rebalance.
    #[schemars(example = &"${HOSTNAME}")]
    pub instance_id: Option<String>,
    /// Where to begin in a partition of which the group has no position: at its oldest message, or
    /// behind its newest.
    pub start_from_oldest: bool,
    /// Encryption, and which brokers to trust.
    pub tls: Tls,
    /// Who we are, for brokers that ask.
    pub sasl: Sasl,
    /// The time between two commits of the positions. After a crash, up to so much is read again.
    pub commit_period: DurationText,
    /// The most messages of one partition under way at a time.
    #[schemars(range(min = 1))]
    pub checkpoint_limit: u64,
    /// How messages are put together for the guests.
    pub batching: Batching,
    /// Membership in the consumer group.
    pub group: Group,
    /// Any other property of librdkafka, by its name there; none that a field here sets.
    #[schemars(extend("examples" = [{ "fetch.min.bytes": 1024 }]))]
    pub properties: Properties,
    /// Bento's version of the protocol. Accepted, without effect: it is found out.
    pub target_version: Option<String>,
    /// Bento's place of this client. Accepted, without effect: write `client.rack` in `properties`.
    pub rack_id: Option<String>,
    /// Bento's switch for reading failed messages again. Accepted, without effect: what failed is
    /// always run again or becomes a dead letter.
    pub auto_replay_nacks: Option<bool>,
    /// Bento's time for that. Accepted, without effect.
    pub timely_nacks_maximum_wait: Option<String>,
    /// Bento's time between two messages. Accepted, without effect: a slow pipeline stays in its group.
    pub max_processing_period: Option<String>,
    /// Bento's count of messages read ahead. Accepted, without effect: `pipeline.max_in_flight` says
    /// how much is under way, and librdkafka's `queued.*` properties how much is read ahead.
    pub fetch_buffer_cap: Option<i64>,
    /// Bento's switch for headers of one name. Accepted, without effect: all are kept.
    pub multi_header: Option<bool>,
    /// Bento's mapping for tracing. Accepted, without effect.
    pub extract_tracing_map: Option<String>,
}

impl Default for KafkaInput {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            topics: Vec::new(),
            consumer_group: String::new(),
            client_id: "nerodia".into(),
            instance_id: None,
            start_from_oldest: true,
            tls: Tls::default(),
            sasl: Sasl::default(),
            commit_period: "1s".into(),
            checkpoint_limit: 16384,
            batching: Batching::default(),
            group: Group::default(),
            properties: Properties::default(),
            target_version: None,
            rack_id: None,
            auto_replay_nacks: None,
            timely_nacks_maximum_wait: None,
            max_processing_period: None,
            fetch_buffer_cap: None,
            multi_header: None,
            extract_tracing_map: None,
        }
    }
}

/// How messages are put together for the guests.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Batching {
    /// The most messages of a batch, at most 1024; 0 for as many as there may be.
    #[schemars(extend("maximum" = crate::message::MAX_BATCH))]
    pub count: u64,
    /// How long a batch may wait to be full. `0s` or an empty text: not at all.
    pub period: DurationText,
    /// Bento's most bytes of a batch. Accepted, without effect.
    pub byte_size: Option<Value>,
    /// Bento's condition for the end of a batch. Accepted, without effect.
    pub check: Option<String>,
    /// Bento's processors of whole batches. Accepted, without effect: a script has one message.
    pub processors: Option<Vec<Value>>,
}

impl Default for Batching {
    fn default() -> Self {
        Self {
            count: crate::message::MAX_BATCH as u64,
            period: "0s".into(),
            byte_size: None,
            check: None,
            processors: None,
        }
    }
}

/// Membership in the consumer group.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Group {
    /// How the members of the group share the partitions: `classic`, which every Kafka has, or `consumer` (KIP-848,
    /// Kafka 4.0 and newer), where the brokers do it. All members of a group must use the same; a running group is
    /// moved from one to the other by restarting its members one by one.
    pub protocol: GroupProtocol,
    /// A member counts as dead that was not heard for so long, and the others get its partitions. With
    /// `protocol: consumer` the brokers' `group.consumer.session.timeout.ms` counts instead.
    pub session_timeout: DurationText,
    /// The time between two signs of life; at most a third of `session_timeout`. With `protocol: consumer` the
    /// brokers' `group.consumer.heartbeat.interval.ms` counts instead.
    pub heartbeat_interval: DurationText,
    /// How long messages in flight may take to finish when their partition goes to another member. Until then no
    /// partition of this process is read.
    pub rebalance_timeout: DurationText,
}

/// How the members of a group share the partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum GroupProtocol {
    Classic,
    Consumer,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            protocol: GroupProtocol::Classic,
            session_timeout: "45s".into(),
            heartbeat_interval: "3s".into(),
            rebalance_timeout: "5s".into(),
        }
    }
}
