//! Records written to Kafka topics.
//!
//! Records are given to librdkafka in order, and it writes those of a partition in order, trying again for as
//! long as it takes: a broker that is away makes the pipeline wait, not lose. The ack of a stretch is ended
//! by the delivery report of the last of its records.

mod delivery;
pub mod record;
mod topics;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actix::prelude::*;
use anyhow::Context as _;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, ThreadedProducer};

use self::delivery::{Context, Delivery};
use self::record::{Composed, Composer};
use self::topics::Topics;
use crate::config::{Compression, KafkaOutputConfig, Partitioner};
use crate::engine::{Engine, MessageFailed, OutputEnded};
use crate::kafka::client;
use crate::message::{Deliver, Failure, Outcome, Outcomes};
use crate::processor::error_policy::ErrorPolicy;
use crate::telemetry::counters::Counters;

type Producer = ThreadedProducer<Context>;

/// Bytes that librdkafka's own limit leaves for what is around a message: ours is checked before.
const ENVELOPE: usize = 1024;

/// The actor. See the module's documentation.
pub struct Kafka {
    producer: Producer,
    composer: Composer,
    topics: Topics,
    /// What becomes of records that cannot be written.
    refusals: Refusals,
    counters: Arc<Counters>,
}

/// What becomes of a message one of whose records cannot be written, whatever the broker does.
pub enum Refusals {
    /// It has failed, as if its script had.
    Policy(ErrorPolicy, Addr<Engine>),
    /// Nothing can: it is a dead letter already.
    Fatal(Recipient<OutputEnded>),
}

impl Kafka {
    /// An output for `config`. `script_hash` stands in its dead letters.
    ///
    /// # Errors
    /// If librdkafka does not take the config.
    pub fn new(
        config: &KafkaOutputConfig,
        script_hash: Arc<str>,
        refusals: Refusals,
        engine: Recipient<OutputEnded>,
        counters: Arc<Counters>,
    ) -> anyhow::Result<Self> {
        let context = Context::new(&config.client.addresses, engine);
        let producer = configure(config)
            .create_with_context(context)
            .context("a Kafka output cannot be used")?;
        Ok(Self {
            producer,
            composer: Composer::new(config, script_hash),
            topics: Topics::new(config),
            refusals,
            counters,
        })
    }

    /// Writes all records of a stretch; gives the messages with records that cannot be written.
    fn write(&mut self, deliver: &Deliver, delivery: &Arc<Delivery>) -> Vec<(usize, Failure)> {
        let mut refused = Vec::new();
        let messages = deliver.batch.messages[deliver.start..].iter();
        let mut records = Vec::new();
        for (index, (message, outcome)) in messages.zip(&deliver.outcomes.items).enumerate() {
            // A message leaves whole or not at all, so all its records are made before the first is sent.
            records.clear();
            let composed = match outcome {
                Outcome::Dropped => continue,
                Outcome::Record(record) => self
                    .composer
                    .compose(message, deliver.outcomes.payload(record), record)
                    .map(|one| records.push(one)),
                Outcome::Records(several) => several.iter().try_for_each(|record| {
                    let payload = deliver.outcomes.payload(record);
                    self.composer
                        .compose(message, payload, record)
                        .map(|one| records.push(one))
                }),
                Outcome::Failed(failure) => self
                    .composer
                    .letter(&deliver.batch, message, failure)
                    .map(|one| records.push(one)),
            };
            let composed = composed.and_then(|()| {
                records
                    .iter()
                    .try_for_each(|record| self.topics.check(record.topic, &self.producer))
            });
            match composed {
                Ok(()) => records
                    .drain(..)
                    .for_each(|record| self.send(record, delivery)),
                Err(failure) => refused.push((index, failure)),
            }
        }
        refused
    }

    fn send(&self, composed: Composed<'_>, delivery: &Arc<Delivery>) {
        Counters::add(
            &self.counters.bytes_written,
            composed.payload.map_or(0, <[u8]>::len) as u64,
        );
        let mut record = BaseRecord::with_opaque_to(composed.topic, Arc::clone(delivery));
        record.payload = composed.payload;
        record.key = composed.key;
        record.headers = composed.headers;
        record.timestamp = composed.timestamp;
        record.partition = self.composer.partition();
        while let Err((error, refused)) = self.producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                delivery.fail(&error, composed.topic, self.context());
                return;
            }
            // Only where the user has set a limit of their own: ours is the gate.
            thread::sleep(Duration::from_millis(1));
            record = refused;
        }
    }

    fn context(&self) -> &Context {
        use rdkafka::producer::Producer as _;
        self.producer.client().context()
    }

    /// Does with messages whose records cannot be written as the config says; whether the stretch is dealt
    /// with.
    fn refuse(&self, deliver: &Deliver, refused: Vec<(usize, Failure)>) -> bool {
        let place = |index: usize| {
            let message = &deliver.batch.messages[deliver.start + index];
            deliver.batch.origin.place(message.offset)
        };
        let (policy, engine) = match &self.refusals {
            Refusals::Policy(policy, engine) => (policy, engine),
            Refusals::Fatal(engine) => {
                for (index, failure) in refused {
                    engine.do_send(OutputEnded::Failed(format!(
                        "a dead letter cannot be written: {} ({})",
                        failure.message,
                        place(index)
                    )));
                }
                return false;
            }
        };
        let mut outcomes = Outcomes::default();
        outcomes
            .items
            .resize_with(deliver.outcomes.items.len(), || Outcome::Dropped);
        let counter = match policy {
            ErrorPolicy::Drop => &self.counters.failed_and_dropped,
            _ => &self.counters.failed,
        };
        Counters::add(counter, refused.len() as u64);
        for (index, failure) in refused {
            self.counters.count_failure(&failure);
            let failure = Box::new(failure);
            if let ErrorPolicy::Stop = policy {
                let place = place(index);
                deliver.batch.origin.abandon();
                engine.do_send(MessageFailed { place, failure });
                return false;
            }
            outcomes.items[index] = Outcome::Failed(failure);
        }
        if let ErrorPolicy::DeadLetter(to) = policy {
            to.do_send(Deliver {
                batch: Arc::clone(&deliver.batch),
                start: deliver.start,
                outcomes,
                ack: deliver.ack.share(),
            });
        }
        true
    }
}

impl Actor for Kafka {
    type Context = actix::Context<Self>;
}

impl Handler<Deliver> for Kafka {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, _: &mut Self::Context) {
        if deliver.batch.origin.is_abandoned() {
            return; // others make these results too, and are further on
        }
        let delivery = Arc::new(Delivery::new(deliver.ack.share()));
        let refused = self.write(&deliver, &delivery);
        if refused.is_empty() || self.refuse(&deliver, refused) {
            deliver.ack.done();
        }
    }
}

fn configure(config: &KafkaOutputConfig) -> ClientConfig {
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
    // Never given up: what cannot be written now waits, and the pipeline with it.
    client.set("message.timeout.ms", "0");
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
