//! Output that writes records to Kafka topics.
//!
//! Records are given to librdkafka in order. It writes those of a partition in order, and repeats its tries without a
//! time limit: when a broker is away, the pipeline waits and loses nothing. The delivery report of a slice's last
//! record ends the slice's ack. Module `again` handles records that were not written.
//!
//! For exactly-once delivery, [`transaction`] replaces this actor.

mod again;
mod client;
mod delivery;
mod explain;
mod headers;
mod known;
mod lessons;
pub(crate) mod letter;
pub(crate) mod record;
pub(crate) mod refusal;
mod report;
mod sent;
mod size;
pub(crate) mod topics;
pub(crate) mod transaction;
mod verdict;
pub(crate) mod writer;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use anyhow::Context as _;
use rdkafka::producer::ThreadedProducer;

pub(crate) use self::client::Batches;
use self::delivery::ProducerCallbacks;
use self::refusal::{Left, Refusals};
use self::report::DeliveryReport;
use self::sent::{Only, Returns, Sent, Troubled};
use self::writer::{Refused, Writer};
use crate::config::KafkaOutputConfig;
use crate::control::Notice;
use crate::message::ack::Ack;
use crate::message::{LaneId, Processed};
use crate::output::Deliver;
use crate::telemetry::metrics::Metrics;

type Producer = ThreadedProducer<ProducerCallbacks>;

/// Actor that writes records without transactions. See the module's documentation.
pub(crate) struct KafkaOutput {
    /// Name of the output: `output` or `dead_letter`.
    name: &'static str,
    config: KafkaOutputConfig,
    producer: Producer,
    batches: Batches,
    writer: Writer,
    refusals: Refusals,
    /// Slices with records that were not written.
    returns: Arc<Returns>,
    /// Lanes that ended before a message that was refused: later messages of them are not written.
    ended: HashSet<LaneId>,
    engine: Recipient<Notice>,
    /// Whether records are sent alone because a batch was too large, and no single record has been too large so far.
    sizing: bool,
    /// Time of the last replacement of the producer after a refusal, unless that was long ago.
    refused_at: Option<Instant>,
    /// Whether the engine was notified that nothing can be written any more.
    over: bool,
}

fn connect(
    name: &'static str,
    config: &KafkaOutputConfig,
    batches: Batches,
    metrics: &Arc<Metrics>,
    returns: &Arc<Returns>,
) -> anyhow::Result<Producer> {
    let context = ProducerCallbacks::new(name, &config.client, metrics, returns);
    client::configure(config, batches)
        .create_with_context(context)
        .context("a Kafka output cannot be used")
}

impl KafkaOutput {
    /// Creates an output for `config`.
    ///
    /// # Errors
    /// If librdkafka does not accept the config.
    pub(crate) fn new(
        config: &KafkaOutputConfig,
        refusals: Refusals,
        engine: Recipient<Notice>,
        metrics: Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let name = match refusals {
            Refusals::Policy(..) => "output",
            Refusals::Fatal(_) => "dead_letter",
        };
        let batches = Batches {
            mended: matches!(refusals, Refusals::Fatal(_)),
            ..Batches::of(config)
        };
        let returns = Arc::default();
        let producer = connect(name, config, batches, &metrics, &returns)?;
        let mut writer = Writer::new(config, config, metrics);
        writer.until_refused = refusals.are_the_end();
        Ok(Self {
            name,
            config: config.clone(),
            producer,
            batches,
            writer,
            refusals,
            returns,
            ended: HashSet::new(),
            sizing: false,
            refused_at: None,
            engine,
            over: false,
        })
    }

    /// Writes a slice, or `only` some of its records. `refused` has messages of the slice that were refused already;
    /// the records of `later` are returned when the others are reported.
    fn write(
        &mut self,
        processed: Arc<Processed>,
        ack: Option<Ack>,
        only: Option<&Only>,
        mut refused: Refused,
        later: Vec<DeliveryReport>,
    ) {
        let sent = Sent::new(processed, ack, &self.returns, later);
        refused.extend(self.writer.write(&self.producer, &sent, only));
        let Some(ack) = sent.ack() else {
            return; // only within transactions, which another actor handles
        };
        refused.sort_by_key(|(index, _)| *index);
        let left = self
            .refusals
            .handle(&sent.processed, ack, refused, &self.writer.metrics);
        match left {
            Left::Nothing => {}
            Left::Before(index) => {
                let lane = &sent.processed.batch.lane;
                lane.stop();
                self.ended.insert(lane.id);
                ack.cut(index);
            }
            Left::Letters(_) | Left::Withhold => sent.withhold(),
        }
    }
}

impl Actor for KafkaOutput {
    type Context = actix::Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.returns.tell(ctx.address().recipient());
    }
}

impl Handler<Deliver> for KafkaOutput {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, _: &mut Self::Context) {
        if deliver.processed.batch.lane.is_abandoned() || self.over {
            return; // the partition's next owner, or the next start, makes these results again
        }
        // Records must not be written before earlier ones that were not written.
        self.recover();
        self.relax();
        if self.over || self.ended.contains(&deliver.processed.batch.lane.id) {
            return; // the next start makes these results again
        }
        let Deliver { processed, ack } = deliver;
        self.write(Arc::new(processed), Some(ack), None, Vec::new(), Vec::new());
    }
}

impl Handler<Troubled> for KafkaOutput {
    type Result = ();

    fn handle(&mut self, Troubled: Troubled, _: &mut Self::Context) {
        self.recover();
    }
}
