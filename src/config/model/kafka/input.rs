//! Section `input.kafka`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::KafkaClientConfig;
use crate::config::model::{InputFormat, KeyFormat};
use crate::config::section::section;
use crate::config::texts::Span;
use crate::message::MAX_BATCH;

section! {
    /// Topics read as a member of a consumer group.
    pub(crate) struct KafkaInputConfig {
        /// Settings for the connection to the cluster.
        #[serde(skip)]
        client: KafkaClientConfig,
        /// The topics to read: names, or regular expressions (POSIX's) that begin with `^`. Mandatory.
        #[schemars(extend("examples" = [["orders", "^events-"]]))]
        topics: Vec<String>,
        /// The name under which the positions in the topics are kept. Mandatory.
        #[schemars(example = &"nerodia-orders")]
        consumer_group: String,
        /// A name for this process that no other of its group has and that stays the same after a restart.
        /// With it, one that is back within `group.session_timeout` has its partitions again without a
        /// rebalance.
        #[schemars(example = &"${HOSTNAME}")]
        instance_id: Option<String>,
        /// Where to begin in a partition of which the group has no position: at its oldest message, or
        /// behind its newest.
        start_from_oldest: bool = true,
        /// The time between two commits of the positions. After a crash, up to so much is read again.
        #[serde(with = "Span")]
        #[schemars(extend("x-above-zero" = true))]
        commit_period: Duration = Duration::from_secs(1),
        /// The most messages of one partition under way at a time.
        #[schemars(range(min = 1))]
        checkpoint_limit: usize = 16384,
        /// What payloads are.
        format: InputFormat,
        /// What keys are.
        key_format: KeyFormat,
        /// How messages are put together for the guests.
        batching: BatchingConfig,
        /// Membership in the consumer group.
        group: GroupConfig,
        /// How far topics are read.
        #[serde(skip)]
        extent: Extent = Extent::Endless,
        /// Whether dead letters are read, which become the messages that they were. Not in configs.
        #[serde(skip)]
        letters: bool,
        /// Names of the fields that defined the input, for messages to people.
        #[serde(skip)]
        named: Named,
    }
    + BentosKafkaInput {
        /// Bento's version of the protocol. Accepted, without effect: it is found out.
        target_version: String,
        /// Bento's place of this client. Accepted, without effect: write `client.rack` in `properties`.
        rack_id: String,
        /// Bento's switch for reading failed messages again. Accepted, without effect: what failed is
        /// always run again or becomes a dead letter.
        auto_replay_nacks: bool,
        /// Bento's time for that. Accepted, without effect.
        timely_nacks_maximum_wait: String,
        /// Bento's time between two messages. Accepted, without effect: a slow pipeline stays in its group.
        max_processing_period: String,
        /// Bento's count of messages read ahead. Accepted, without effect: `pipeline.max_in_flight` says
        /// how much is under way, and librdkafka's `queued.*` properties how much is read ahead.
        fetch_buffer_cap: i64,
        /// Bento's switch for headers of one name. Accepted, without effect: all are kept.
        multi_header: bool,
        /// Bento's mapping for tracing. Accepted, without effect.
        extract_tracing_map: String,
    }
}

impl KafkaInputConfig {
    /// Creates an endless input with the defaults of the config's fields.
    pub(crate) fn new(
        client: KafkaClientConfig,
        topics: Vec<String>,
        consumer_group: String,
    ) -> Self {
        Self {
            client,
            topics,
            consumer_group,
            ..Self::default()
        }
    }
}

section! {
    /// How messages are put together for the guests.
    pub(crate) struct BatchingConfig {
        /// The most messages of a batch, at most 1024; 0 for as many as there may be.
        #[schemars(extend("maximum" = MAX_BATCH))]
        count: usize = MAX_BATCH,
        /// How long a batch may wait to be full. `0s` or an empty text: not at all.
        #[serde(with = "Span")]
        #[schemars(extend("x-pause" = true))]
        period: Duration,
    }
    + BentosBatching {
        /// Bento's most bytes of a batch. Accepted, without effect.
        byte_size: Value,
        /// Bento's condition for the end of a batch. Accepted, without effect.
        check: String,
        /// Bento's processors of whole batches. Accepted, without effect: a script has one message.
        processors: Vec<Value>,
    }

    /// Membership in the consumer group.
    pub(crate) struct GroupConfig {
        /// How the members of the group share the partitions: `classic`, which every Kafka has, or `consumer` (KIP-848,
        /// Kafka 4.0 and newer), where the brokers do it. All members of a group must use the same; a running group is
        /// moved from one to the other by restarting its members one by one.
        protocol: GroupProtocol = GroupProtocol::Classic,
        /// A member counts as dead that was not heard for so long, and the others get its partitions. With
        /// `protocol: consumer` the brokers' `group.consumer.session.timeout.ms` counts instead.
        #[serde(with = "Span")]
        #[schemars(extend("x-above-zero" = true))]
        session_timeout: Duration = Duration::from_secs(45),
        /// The time between two signs of life; at most a third of `session_timeout`. With `protocol: consumer` the
        /// brokers' `group.consumer.heartbeat.interval.ms` counts instead.
        #[serde(with = "Span")]
        #[schemars(extend("x-above-zero" = true))]
        heartbeat_interval: Duration = Duration::from_secs(3),
        /// How long messages in flight may take to finish when their partition goes to another member. Until then no
        /// partition of this process is read.
        #[serde(with = "Span")]
        #[schemars(extend("x-above-zero" = true))]
        rebalance_timeout: Duration = Duration::from_secs(5),
    }
}

/// How the members of a group share the partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GroupProtocol {
    /// One of the members distributes the partitions, and all of them join again for that.
    Classic,
    /// The brokers distribute the partitions (KIP-848).
    Consumer,
}

/// Names of the fields that defined an input: the config's own `input.kafka`, or other fields and arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Field with the addresses.
    pub client: &'static str,
    /// Field or argument with the topics.
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

/// How far topics are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Every message that comes, for ever.
    #[default]
    Endless,
    /// Messages that exist at the start: for replays, not in configs.
    ToEnd {
        /// Whether the positions that were reached are committed.
        commit: bool,
    },
}
