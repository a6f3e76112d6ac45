//! Outputs: the destinations of results and dead letters.
//!
//! An output takes [`Deliver`] messages in order, writes their records, and ends each ack when the records are where
//! they should be. It has an arbiter of its own, so that it may block.

pub(crate) mod dead_letter;
mod discard;
mod file;
pub(crate) mod kafka;
pub(crate) mod lines;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use self::dead_letter::LetterForm;
use self::discard::Discard;
use self::file::AppendFile;
use self::kafka::refusal::Refusals;
use self::kafka::transaction::{Size, Transactions};
use self::kafka::writer::Writer;
use self::kafka::{Batches, KafkaOutput};
use self::lines::{Destination, Lines};
use crate::config::{KafkaOutputConfig, LogFormat, OutputConfig, StdoutCodec};
use crate::control::Notice;
use crate::kafka::session::Session;
use crate::message::Processed;
use crate::message::ack::Ack;
use crate::message::budget::MemoryBudget;
use crate::telemetry::events::Fate;
use crate::telemetry::metrics::Metrics;

/// Order to an output to write results, or failures as dead letters. Slices of a lane come in the lane's order.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Deliver {
    /// Outcomes to write. What does not concern this output is replaced by [`Outcome::Dropped`].
    ///
    /// [`Outcome::Dropped`]: crate::message::Outcome::Dropped
    pub processed: Processed,
    /// Ack to end when everything is written.
    pub ack: Ack,
}

/// Question to an output that writes at once: whether it has written what it was told to. The answer comes behind all
/// [`Deliver`]s that were sent before.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Settle;

/// Route of messages that failed.
#[derive(Clone)]
pub(crate) enum FailureRoute {
    /// Failed messages go to an output of their own.
    DeadLetters(Recipient<Deliver>),
    /// Failed messages go to standard error.
    StandardError(Recipient<Deliver>),
    /// Failed messages go to the output of the results, which writes both in one transaction.
    WithResults,
    /// Failed messages are dropped, because of `pipeline.on_error: drop`.
    Drop,
    /// The pipeline ends before the first failed message.
    Stop,
}

impl FailureRoute {
    /// Returns what becomes of a message that takes this route.
    pub(crate) fn fate(&self) -> Fate {
        match self {
            Self::DeadLetters(_) | Self::WithResults | Self::Stop => Fate::Kept,
            Self::StandardError(_) => Fate::Printed,
            Self::Drop => Fate::Dropped,
        }
    }
}

/// Parts with which outputs are started.
pub(crate) struct Outputs<'a> {
    /// Engine, which is notified when an output cannot continue.
    pub engine: &'a Recipient<Notice>,
    /// Counters of the pipeline.
    pub metrics: &'a Arc<Metrics>,
    /// Outputs so far that write lines.
    pub lines: Vec<Recipient<Settle>>,
}

impl Outputs<'_> {
    /// Starts the output for results that `config` describes, on an arbiter of its own. Messages whose records it
    /// cannot write have failed, and take the route `policy`.
    ///
    /// # Errors
    /// If librdkafka does not accept the config, or the file cannot be opened.
    pub(crate) fn results(
        &mut self,
        config: &OutputConfig,
        policy: &FailureRoute,
    ) -> anyhow::Result<Recipient<Deliver>> {
        self.start(
            config,
            Refusals::Policy(policy.clone(), self.engine.clone()),
        )
    }

    /// Starts the output that writes results, dead letters and the offsets of `session` in transactions, on an arbiter
    /// of its own. Messages whose records it cannot write take the route `policy`.
    pub(crate) fn transactions(
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
            // One record may be as large as the larger of the two limits, and a batch of several records as large as
            // the smaller.
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
    /// If librdkafka does not accept the config, or the file cannot be opened.
    pub(crate) fn dead_letters(
        &mut self,
        config: &OutputConfig,
    ) -> anyhow::Result<Recipient<Deliver>> {
        self.start(config, Refusals::Fatal(self.engine.clone()))
    }

    /// Starts the dead-letter output for a config without one: standard error.
    pub(crate) fn dead_letters_to_stderr(&mut self, log: LogFormat) -> Recipient<Deliver> {
        self.lines(Destination {
            writer: std::io::stderr(),
            name: "standard error".to_owned(),
            codec: StdoutCodec::Lines,
            letters: LetterForm::of_standard_error(log),
        })
    }

    fn start(
        &mut self,
        config: &OutputConfig,
        refusals: Refusals,
    ) -> anyhow::Result<Recipient<Deliver>> {
        Ok(match config {
            OutputConfig::Stdout(config) => self.lines(Destination {
                writer: std::io::stdout(),
                name: "standard output".to_owned(),
                codec: config.codec.clone(),
                letters: LetterForm::Json,
            }),
            OutputConfig::File(config) => self.lines(Destination {
                writer: AppendFile::open(config)?,
                name: format!("the file {}", config.path),
                codec: config.stream.codec.clone(),
                letters: LetterForm::Json,
            }),
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
        &mut self,
        to: Destination<W>,
    ) -> Recipient<Deliver> {
        let (engine, metrics) = (self.engine.clone(), Arc::clone(self.metrics));
        let lines = Lines::new(to, engine, metrics);
        let lines = Lines::start_in_arbiter(&Arbiter::new().handle(), |_| lines);
        self.lines.push(lines.clone().recipient());
        lines.recipient()
    }
}
