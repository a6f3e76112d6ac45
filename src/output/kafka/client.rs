//! From our config to a producer's.

use rdkafka::ClientConfig;

use crate::config::{Compression, ENVELOPE, KafkaOutputConfig, Partitioner};
use crate::kafka::client;

/// How batches are made, beside the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batches {
    /// Batches of several records are no larger than this.
    pub bytes: usize,
    /// Each record has a batch of its own, so that a broker's refusal is about it and no other.
    pub alone: bool,
    /// What is refused is made otherwise and written again: nothing is written before it, even if each record is alone.
    pub mended: bool,
    /// A broker knows no gap before the first batch that it has of a producer: if the very first is refused, it takes
    /// the second. So that there is none on its way, one request at a time. Where records were refused, others will be.
    pub one_by_one: bool,
}

impl Batches {
    /// Those of an output with this `config`. A batch that is larger than the topic takes would be refused as one record
    /// is, so the limits are the same.
    pub fn of(config: &KafkaOutputConfig) -> Self {
        Self {
            bytes: config.max_message_bytes,
            alone: false,
            mended: false,
            one_by_one: false,
        }
    }

    /// Half as large, and says so: a batch was too large for a topic of the output whose own is `topic`.
    pub fn halved(self, topic: &str) -> Self {
        let bytes = (self.bytes / 2).max(1);
        tracing::warn!(
            topic,
            bytes,
            "a batch was too large for a topic: smaller ones are written from here on. Set the output's \
             `max_message_bytes` to no more than the topic's `max.message.bytes`"
        );
        Self { bytes, ..self }
    }
}

/// The producer's configuration.
pub fn configure(config: &KafkaOutputConfig, batches: Batches) -> ClientConfig {
    let mut client = client::configure(&config.client);
    let partitioner = match config.partitioner {
        Partitioner::Murmur2 => "murmur2_random",
        Partitioner::Crc32 => "consistent_random",
        Partitioner::Fnv1a => "fnv1a_random",
        Partitioner::Random => "random",
    };
    let compression = match config.compression {
        Compression::None => "none",
        Compression::Gzip => "gzip",
        Compression::Snappy => "snappy",
        Compression::Lz4 => "lz4",
        Compression::Zstd => "zstd",
    };
    client.set("partitioner", partitioner);
    client.set("compression.codec", compression);
    client.set("acks", if config.ack_replicas { "all" } else { "1" });
    client.set("enable.idempotence", config.idempotent_write.to_string());
    let in_flight = if batches.one_by_one {
        1
    } else {
        config.max_in_flight
    };
    client.set("max.in.flight", in_flight.to_string());
    let timeout = config.timeout.as_millis().to_string();
    client.set("request.timeout.ms", &timeout);
    match &config.transactional_id {
        // Never given up: what cannot be written now waits, and the pipeline with it.
        None => client.set("message.timeout.ms", "0"),
        // A transaction has a time limit of its own, and is tried again as a whole.
        Some(id) => client.set("transactional.id", id),
    };
    client.set(
        "message.max.bytes",
        (config.max_message_bytes + ENVELOPE).to_string(),
    );
    // A broker that creates topics when they are asked for would make any that a message names.
    client.set("allow.auto.create.topics", "false");
    let set = client.get("batch.size").and_then(|set| set.parse().ok());
    let bytes = set.map_or(batches.bytes, |set: usize| set.min(batches.bytes));
    client.set("batch.size", bytes.to_string());
    if batches.alone {
        client.set("batch.num.messages", "1");
    }
    let goes_on = batches.alone && !batches.mended;
    if config.idempotent_write && config.transactional_id.is_none() && !goes_on {
        // What comes behind a batch that was refused is not written before it: the producer gives up, and the next
        // one is given what is left, in order.
        client.set("enable.gapless.guarantee", "true");
    }
    // What is on its way is bounded by the budget.
    let mut defaults = vec![
        // A broker that is silent is given up for the next one after this; the default is a minute.
        ("socket.timeout.ms", &*timeout),
        ("queue.buffering.max.messages", "0"),
        ("queue.buffering.max.kbytes", "2147483647"),
    ];
    if config.transactional_id.is_some() {
        // `send_offsets_to_transaction` waits without a time limit for a broker that was the group's coordinator and is
        // gone, until any connection opens or closes (librdkafka's issues 5456 and 5511). So idle ones are closed.
        defaults.push(("connections.max.idle.ms", "10000"));
    }
    for (name, value) in defaults {
        if client.get(name).is_none() {
            client.set(name, value);
        }
    }
    client
}
