//! Translation of the config into a producer's configuration.

use rdkafka::ClientConfig;

use crate::config::{Compression, ENVELOPE, KafkaOutputConfig, Partitioner};
use crate::kafka::client;

/// How batches are made, in addition to the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batches {
    /// Limit on the bytes of a batch of several records.
    pub bytes: usize,
    /// Whether each record has a batch of its own, so that a broker's refusal is about that record.
    pub alone: bool,
    /// Whether a refused record is changed and written again. Nothing may be written before it, even if each record is
    /// alone.
    pub mended: bool,
    /// Whether only one request is in flight at a time. A broker notices no gap before the first batch that it gets
    /// from a producer: if the very first is refused, it would accept the second. Where records were refused, others
    /// will be.
    pub one_by_one: bool,
}

impl Batches {
    /// Returns the batches of an output with this `config`. A batch that is larger than the topic allows would be
    /// refused as one record is, so both have the same limit.
    pub fn of(config: &KafkaOutputConfig) -> Self {
        Self {
            bytes: config.max_message_bytes,
            alone: false,
            mended: false,
            one_by_one: false,
        }
    }

    /// Halves the size of batches and logs that a batch was too large for a topic of the output whose own is `topic`.
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

/// Makes the producer's configuration.
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
        // Records are never given up: if they cannot be written now they wait, and the pipeline with them.
        None => client.set("message.timeout.ms", "0"),
        // A transaction has its own time limit, and is tried again as a whole.
        Some(id) => client.set("transactional.id", id),
    };
    client.set(
        "message.max.bytes",
        (config.max_message_bytes + ENVELOPE).to_string(),
    );
    // Otherwise a broker that creates topics on request would create any topic that a message names.
    client.set("allow.auto.create.topics", "false");
    let set = client.get("batch.size").and_then(|set| set.parse().ok());
    let bytes = set.map_or(batches.bytes, |set: usize| set.min(batches.bytes));
    client.set("batch.size", bytes.to_string());
    if batches.alone {
        client.set("batch.num.messages", "1");
    }
    let goes_on = batches.alone && !batches.mended;
    if config.idempotent_write && config.transactional_id.is_none() && !goes_on {
        // Nothing after a refused batch is written before it: the producer gives up, and the next producer is given the
        // remaining records in order.
        client.set("enable.gapless.guarantee", "true");
    }
    // The memory budget bounds the records in flight.
    let mut defaults = vec![
        // Time after which a silent broker is given up for the next one; the default is a minute.
        ("socket.timeout.ms", &*timeout),
        ("queue.buffering.max.messages", "0"),
        ("queue.buffering.max.kbytes", "2147483647"),
    ];
    if config.transactional_id.is_some() {
        // `send_offsets_to_transaction` waits without a time limit for a broker that was the group's coordinator and is
        // gone, until any connection opens or closes (librdkafka's issues 5456 and 5511). So idle connections are
        // closed.
        defaults.push(("connections.max.idle.ms", "10000"));
    }
    for (name, value) in defaults {
        if client.get(name).is_none() {
            client.set(name, value);
        }
    }
    client
}
