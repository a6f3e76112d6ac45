//! Records written to Kafka topics.
//!
//! Records are given to librdkafka in order, and it writes those of a partition in order, trying again for as
//! long as it takes: a broker that is away makes the pipeline wait, not lose. The ack of a stretch is ended
//! by the delivery report of the last of its records.
//!
//! For delivery exactly once, [`transaction`] takes the place of this actor.

mod client;
mod delivery;
pub mod record;
pub mod refusal;
mod topics;
pub mod transaction;
pub mod writer;

use std::collections::HashSet;
use std::sync::Arc;

use actix::prelude::*;
use anyhow::Context as _;
use rdkafka::producer::{Producer as _, ThreadedProducer};

use self::delivery::{Context, Delivery};
use self::refusal::{Left, Refusals};
use self::writer::Writer;
use crate::config::KafkaOutputConfig;
use crate::engine::OutputEnded;
use crate::message::{Deliver, Lane};
use crate::telemetry::metrics::Metrics;

type Producer = ThreadedProducer<Context>;

/// The actor. See the module's documentation.
pub struct Kafka {
    producer: Producer,
    writer: Writer,
    refusals: Refusals,
    /// Lanes that ended before a message that was refused: what comes behind it is not written.
    ended: HashSet<Lane>,
}

impl Kafka {
    /// An output for `config`.
    ///
    /// # Errors
    /// If librdkafka does not take the config.
    pub fn new(
        config: &KafkaOutputConfig,
        refusals: Refusals,
        engine: Recipient<OutputEnded>,
        metrics: Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let name = match refusals {
            Refusals::Policy(..) => "output",
            Refusals::Fatal(_) => "dead_letter",
        };
        let context = Context::new(name, &config.client, &metrics, engine);
        let producer = client::configure(config)
            .create_with_context(context)
            .context("a Kafka output cannot be used")?;
        let mut writer = Writer::new(config, config, metrics);
        writer.until_refused = refusals.are_the_end();
        Ok(Self {
            producer,
            writer,
            refusals,
            ended: HashSet::new(),
        })
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
        if self.ended.contains(&deliver.batch.origin.lane) {
            return; // the next start makes them again
        }
        let delivery = Arc::new(Delivery::new(deliver.ack.share()));
        match self.writer.write(&self.producer, &deliver, &delivery) {
            Ok(refused) => {
                let left = self
                    .refusals
                    .handle(&deliver, refused, &self.writer.metrics);
                match left {
                    Left::Nothing => deliver.ack.done(),
                    Left::Before(index) => {
                        let origin = &deliver.batch.origin;
                        origin.stop();
                        self.ended.insert(origin.lane);
                        deliver.ack.cut(index);
                        deliver.ack.done();
                    }
                    Left::Letters(_) | Left::Withhold => {}
                }
            }
            Err((error, topic)) => delivery.fail(&error, &topic, self.producer.client().context()),
        }
    }
}
