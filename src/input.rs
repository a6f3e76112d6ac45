//! Inputs: the sources of messages.
//!
//! A source runs on a thread of its own and may block. It cuts what it reads into batches and passes them to its
//! [`Feed`], which waits for memory; when the source has ended, its thread notifies the engine. The [`Input`] actor
//! represents the source among the actors: it receives every ack, and stops the source by its [`Control`]. Kafka's
//! source gets the acks too, since it has positions to commit.

mod files;
pub(crate) mod framing;
pub(crate) mod generate;
mod intake;
pub(crate) mod kafka;
pub(crate) mod lines;
pub(crate) mod schemas;
mod stdin;
mod wake_up;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use actix::prelude::*;

use tokio::sync::oneshot;

pub(crate) use self::intake::{Feed, Intake};
use crate::config::InputConfig;
use crate::control::Notice;
use crate::kafka::session::Session;
use crate::message::ack::{AckSink, Acked, DeliveryStatus};
use crate::message::budget::MemoryBudget;
use crate::resequencer::LaneEnded;
use crate::supervisor::Run;
use crate::telemetry::metrics::Metrics;

/// Origin of messages, read on a thread of its own.
pub(crate) trait Source: Send + 'static {
    /// Name of the source's thread.
    const NAME: &'static str;

    /// Reads until the end of the input or until [`Control::stop`] is called, and passes on everything that it has
    /// read. Opens what it reads here, not in `new`, which runs on the main arbiter.
    ///
    /// # Errors
    /// If the source cannot be read any more.
    fn run(self, feed: Feed) -> anyhow::Result<()>;
}

/// Handle by which the actor controls a source, which runs on another thread.
pub(crate) trait Control: Send {
    /// Stops reading, and wakes the source when it waits for input; a source that waits for memory sees the order when
    /// memory is free. Called once.
    fn stop(&self);

    /// Moves the checkpoint past these messages. Inputs without positions have none.
    fn delivered(&self, _acked: Acked) {}

    /// Ends the source after all messages are answered for: commits the checkpoints, releases what it holds, and
    /// reports the result to `done`.
    fn finish(&self, done: oneshot::Sender<anyhow::Result<()>>) {
        let _ = done.send(Ok(())); // the caller may have gone
    }
}

/// Order to stop reading. The engine is notified when the source has passed on what it had read.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Drain;

/// Order to commit the checkpoints, after everything that was read is answered for. The answer is the number of
/// messages that were lost.
#[derive(Debug, actix::Message)]
#[rtype(result = "anyhow::Result<usize>")]
pub(crate) struct Commit;

/// Actor that represents a source among the other actors. See the module's documentation.
pub(crate) struct Input {
    control: Box<dyn Control>,
    lost: usize,
    metrics: Arc<Metrics>,
    engine: Recipient<Notice>,
    /// Keeps the supervisor alive: an actor ends when nothing can send to it any more, and a source that has ended
    /// drops its own recipient while the supervisor still has messages to run.
    _work: Recipient<Run>,
}

/// Receivers of what an input produces.
pub(crate) struct Downstream {
    /// Bound on the memory of messages in flight.
    pub budget: MemoryBudget,
    /// Actor that has batches run.
    pub work: Recipient<Run>,
    /// Actor that keeps the order of each lane.
    pub lane_ended: Recipient<LaneEnded>,
    /// Engine that starts and ends the pipeline.
    pub engine: Recipient<Notice>,
    /// Counters of the pipeline.
    pub metrics: Arc<Metrics>,
}

impl Input {
    /// Starts the input that `config` describes. With a `session`, the output commits the offsets.
    ///
    /// # Errors
    /// If the system or librdkafka refuses what the source needs.
    pub(crate) fn start(
        config: &InputConfig,
        downstream: Downstream,
        session: Option<&Session>,
    ) -> anyhow::Result<Addr<Self>> {
        Ok(match config {
            InputConfig::Stdin(config) => {
                let (source, control) = stdin::Stdin::new(&config.framing)?;
                start_reading(source, control, downstream)
            }
            InputConfig::File(config) => {
                let (source, control) = files::Files::new(config)?;
                start_reading(source, control, downstream)
            }
            InputConfig::Generate(config) => {
                let (source, control) = generate::Generate::new(config)?;
                start_reading(source, control, downstream)
            }
            InputConfig::Kafka(config) => {
                let (source, control) =
                    kafka::KafkaInput::new(config, &downstream.metrics, session)?;
                let letters = config.letters;
                start(Box::new(control), downstream, letters, |intake, engine| {
                    source.spawn(intake, engine)
                })
            }
        })
    }
}

/// Starts the actor on an arbiter of its own, then `source`, when the actor can already receive its acks.
fn start(
    control: Box<dyn Control>,
    downstream: Downstream,
    letters: bool,
    source: impl FnOnce(Intake, Recipient<Notice>) + Send + 'static,
) -> Addr<Input> {
    let arbiter = Arbiter::new().handle();
    Input::start_in_arbiter(&arbiter, move |ctx| {
        let Downstream {
            budget,
            work,
            lane_ended,
            engine,
            metrics,
        } = downstream;
        let input = ctx.address();
        let held = work.clone();
        let intake = Intake {
            budget,
            work,
            lane_ended,
            acks: AckSink::new(move |acked| input.do_send(acked)),
            metrics: Arc::clone(&metrics),
            letters,
        };
        source(intake, engine.clone());
        Input {
            control,
            lost: 0,
            metrics,
            engine,
            _work: held,
        }
    })
}

/// Starts the actor of a source that has one lane and runs on a thread of its own.
fn start_reading<S: Source>(
    source: S,
    control: impl Control + 'static,
    downstream: Downstream,
) -> Addr<Input> {
    start(Box::new(control), downstream, false, |intake, engine| {
        let feed = Feed::new(intake);
        spawn(S::NAME, engine.clone(), move || {
            let result = source.run(feed);
            engine.do_send(Notice::InputEnded(result));
        });
    })
}

/// Runs `source` on a thread. A panic, or a thread that cannot be started, also notifies the engine, which would
/// otherwise wait for ever.
fn spawn(name: &str, engine: Recipient<Notice>, source: impl FnOnce() + Send + 'static) {
    let reading = {
        let engine = engine.clone();
        move || {
            if catch_unwind(AssertUnwindSafe(source)).is_err() {
                let error = anyhow::anyhow!("the input panicked: a bug of the engine");
                engine.do_send(Notice::InputEnded(Err(error)));
            }
        }
    };
    if let Err(error) = thread::Builder::new().name(name.into()).spawn(reading) {
        engine.do_send(Notice::InputEnded(Err(error.into())));
    }
}

impl Actor for Input {
    type Context = Context<Self>;
}

impl Handler<Drain> for Input {
    type Result = ();

    fn handle(&mut self, Drain: Drain, _: &mut Self::Context) {
        self.control.stop();
    }
}

impl Handler<Commit> for Input {
    type Result = ResponseFuture<anyhow::Result<usize>>;

    fn handle(&mut self, Commit: Commit, _: &mut Self::Context) -> Self::Result {
        let (done, answer) = oneshot::channel();
        self.control.finish(done);
        let lost = self.lost;
        Box::pin(async move {
            let gone = |_| Err(anyhow::anyhow!("the input ended before its last commit"));
            answer.await.unwrap_or_else(gone).map(|()| lost)
        })
    }
}

impl actix::Message for Acked {
    type Result = ();
}

impl Handler<Acked> for Input {
    type Result = ();

    fn handle(&mut self, acked: Acked, _: &mut Self::Context) {
        match acked.status {
            DeliveryStatus::Delivered => {
                Metrics::add(&self.metrics.delivered, acked.count as u64);
                Metrics::took(
                    &self.metrics.whole_seconds,
                    acked.read.elapsed(),
                    acked.count,
                );
                self.control.delivered(acked);
            }
            DeliveryStatus::Abandoned => {}
            DeliveryStatus::Lost => {
                self.lost += acked.count;
                self.engine.do_send(Notice::Lost(acked.count));
            }
        }
    }
}
