//! Outputs: the actors that write results and dead letters.
//!
//! An output takes [`Deliver`] messages in order, writes their records, and ends each ack when the records are where
//! they should be. Each output runs on an arbiter of its own, so that it may block.

pub mod dead_letter;
mod discard;
pub mod kafka;
pub mod lines;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use self::discard::Discard;
use self::kafka::refusal::Refusals;
use self::kafka::transaction::{Size, Transactions};
use self::kafka::writer::Writer;
use self::kafka::{Batches, KafkaOutput};
use self::lines::Lines;
use crate::config::{KafkaOutputConfig, OutputConfig, StdoutCodec};
use crate::control::Notice;
use crate::kafka::session::Session;
use crate::message::Processed;
use crate::message::ack::Ack;
use crate::message::budget::MemoryBudget;
use crate::telemetry::metrics::Metrics;

/// Results for an output, or failures to be written as dead letters, in the order of their lane.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Deliver {
    /// Outcomes of a slice. A message that does not concern this output has [`Outcome::Dropped`].
    ///
    /// [`Outcome::Dropped`]: crate::message::Outcome::Dropped
    pub processed: Processed,
    /// Ack of the slice, to be ended when everything is written.
    pub ack: Ack,
}

/// Destination of messages that failed.
#[derive(Clone)]
pub enum FailureRoute {
    /// An output for dead letters.
    DeadLetters(Recipient<Deliver>),
    /// The output for results, which writes results and dead letters in one transaction.
    WithResults,
    /// No destination: failed messages are dropped, as `pipeline.on_error: drop` says.
    Drop,
    /// No destination: the pipeline ends before the first failed message.
    Stop,
}

/// What all outputs need when they start.
pub struct Outputs<'a> {
    /// Engine, which is notified when an output cannot continue.
    pub engine: &'a Recipient<Notice>,
    /// Counters and histograms.
    pub metrics: &'a Arc<Metrics>,
}

impl Outputs<'_> {
    /// Starts the output for results that `config` describes, on an arbiter of its own. A message whose records cannot
    /// be written has failed: `policy` is its route.
    ///
    /// # Errors
    /// If librdkafka refuses the config.
    pub fn results(
        &self,
        config: &OutputConfig,
        policy: &FailureRoute,
    ) -> anyhow::Result<Recipient<Deliver>> {
        self.start(
            config,
            Refusals::Policy(policy.clone(), self.engine.clone()),
        )
    }

    /// Starts the output that writes results, dead letters and the offsets of `session` in transactions, on an arbiter
    /// of its own. `policy` is the route of messages whose records cannot be written.
    pub fn transactions(
        &self,
        config: &KafkaOutputConfig,
        dead_letter: Option<&KafkaOutputConfig>,
        policy: FailureRoute,
        session: Session,
        budget: &MemoryBudget,
        commit_period: Duration,
    ) -> Recipient<Deliver> {
        let writer = Writer::new(
            config,
            dead_letter.unwrap_or(config),
            Arc::clone(self.metrics),
        );
        let refusals = Refusals::Policy(policy, self.engine.clone());
        let engine = self.engine.clone();
        let mut producer = config.clone();
        let mut batches = Batches::of(config);
        if let Some(letters) = dead_letter {
            let (results, letters) = (config.max_message_bytes, letters.max_message_bytes);
            // One record may be as large as the larger limit of both topics, but a batch of several only as the smaller
            // one.
            producer.max_message_bytes = results.max(letters);
            batches.bytes = results.min(letters);
        }
        let actor = Transactions::new(
            &producer,
            writer,
            refusals,
            session,
            Size {
                full: budget.limit() / 2,
                commit_period,
                batches,
            },
            engine,
        );
        Transactions::start_in_arbiter(&Arbiter::new().handle(), |_| actor).recipient()
    }

    /// Starts the output for dead letters that `config` describes, on an arbiter of its own.
    ///
    /// # Errors
    /// If librdkafka refuses the config.
    pub fn dead_letters(&self, config: &OutputConfig) -> anyhow::Result<Recipient<Deliver>> {
        self.start(config, Refusals::Fatal(self.engine.clone()))
    }

    /// Starts the dead-letter output that is used if the config has none: JSON lines on standard error.
    pub fn dead_letters_to_stderr(&self) -> Recipient<Deliver> {
        self.lines(std::io::stderr(), StdoutCodec::Lines)
    }

    fn start(
        &self,
        config: &OutputConfig,
        refusals: Refusals,
    ) -> anyhow::Result<Recipient<Deliver>> {
        Ok(match config {
            OutputConfig::Stdout(config) => self.lines(std::io::stdout(), config.codec.clone()),
            OutputConfig::Drop => {
                Discard::start_in_arbiter(&Arbiter::new().handle(), |_| Discard).recipient()
            }
            OutputConfig::Kafka(config) => {
                let engine = self.engine.clone();
                let kafka = KafkaOutput::new(config, refusals, engine, Arc::clone(self.metrics))?;
                KafkaOutput::start_in_arbiter(&Arbiter::new().handle(), |_| kafka).recipient()
            }
        })
    }

    fn lines<W: Write + Send + Unpin + 'static>(
        &self,
        writer: W,
        codec: StdoutCodec,
    ) -> Recipient<Deliver> {
        let engine = self.engine.clone();
        let lines = Lines::new(writer, codec, engine, Arc::clone(self.metrics));
        Lines::start_in_arbiter(&Arbiter::new().handle(), |_| lines).recipient()
    }
}
