//! From our config to a producer's.

use rdkafka::ClientConfig;

use crate::config::{Compression, KafkaOutputConfig, Partitioner};
use crate::kafka::client;

/// Bytes that librdkafka's own limit leaves for what is around a message: ours is checked before.
const ENVELOPE: usize = 1024;

/// The producer's configuration.
pub fn configure(config: &KafkaOutputConfig) -> ClientConfig {
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
    client.set("max.in.flight", config.max_in_flight.to_string());
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
    // What is on its way is bounded by the gate.
    let defaults = [
        // A broker that is silent is given up for the next one after this; the default is a minute.
        ("socket.timeout.ms", &*timeout),
        ("queue.buffering.max.messages", "0"),
        ("queue.buffering.max.kbytes", "2147483647"),
    ];
    for (name, value) in defaults {
        if client.get(name).is_none() {
            client.set(name, value);
        }
    }
    client
}
