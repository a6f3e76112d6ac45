//! Output to Kafka topics.
//!
//! librdkafka is given the records in order. It writes the records of a partition in order, and tries again for as long
//! as necessary: if a broker is away, the pipeline waits and loses nothing. The delivery report of a slice's last
//! record ends the slice's ack. The module `again` handles records that were not written.
//!
//! For exactly-once delivery, [`transaction`] takes the place of this actor.

mod again;
mod client;
mod delivery;
mod explain;
mod headers;
mod known;
mod lessons;
pub mod letter;
pub mod record;
pub mod refusal;
mod report;
mod sent;
mod size;
mod topics;
pub mod transaction;
mod verdict;
pub mod writer;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use anyhow::Context as _;
use rdkafka::producer::ThreadedProducer;

pub use self::client::Batches;
use self::delivery::ProducerCallbacks;
use self::refusal::{Left, Refusals};
use self::report::Report;
use self::sent::{Only, Returns, Sent, Troubled};
use self::writer::{Refused, Writer};
use crate::config::KafkaOutputConfig;
use crate::control::Notice;
use crate::message::ack::Ack;
use crate::message::{LaneId, Processed};
use crate::output::Deliver;
use crate::telemetry::metrics::Metrics;

type Producer = ThreadedProducer<ProducerCallbacks>;

/// Actor that writes to Kafka without transactions. See the module's documentation.
pub struct KafkaOutput {
    /// Name of the output: `output` or `dead_letter`.
    name: &'static str,
    config: KafkaOutputConfig,
    producer: Producer,
    batches: Batches,
    writer: Writer,
    refusals: Refusals,
    /// Slices with records that were not written.
    returns: Arc<Returns>,
    /// Lanes that ended at a message that was refused: nothing after it is written.
    ended: HashSet<LaneId>,
    engine: Recipient<Notice>,
    /// Whether records are sent alone because a batch was too large, and none of them was too large by itself so far.
    sizing: bool,
    /// Time at which the producer was last replaced because of a refusal, unless that is long ago.
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
    /// If librdkafka refuses the config.
    pub fn new(
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

    /// Writes a slice, or `only` some of its records. Messages in `refused` have already been refused. Reports in
    /// `later` come back when the other records are reported.
    fn write(
        &mut self,
        processed: Arc<Processed>,
        ack: Option<Ack>,
        only: Option<&Only>,
        mut refused: Refused,
        later: Vec<Report>,
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
            return; // another member, or the next start, makes these results again
        }
        // Records that came back must be written before anything after them.
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
