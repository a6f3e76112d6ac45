//! Where messages come from.
//!
//! A source runs on a thread of its own and may block. It cuts what it reads into batches and hands them to
//! its [`Feed`], which waits for memory; when it has ended, its thread tells the engine. The
//! [`Input`] actor stands for it among the actors: it hears every ack, and stops the source by its
//! [`Control`]. Kafka's source hears the acks too, since it has positions to commit.

pub mod generate;
mod intake;
pub mod kafka;
pub mod stdin;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use actix::prelude::*;

use tokio::sync::oneshot;

pub use self::intake::{Feed, Intake};
use crate::config::InputConfig;
use crate::control::Notice;
use crate::kafka::session::Session;
use crate::message::ack::{AckSink, Acked, DeliveryStatus};
use crate::message::budget::MemoryBudget;
use crate::resequencer::LaneEnded;
use crate::supervisor::Run;
use crate::telemetry::metrics::Metrics;

/// Something that can be read from.
pub trait Source: Send + 'static {
    /// Name of its thread.
    const NAME: &'static str;

    /// Reads until the end, or until it is told to [stop](Control::stop). What it has read by then it hands on.
    ///
    /// # Errors
    /// If it cannot be read any more.
    fn run(self, feed: Feed) -> anyhow::Result<()>;
}

/// The actor's hold on a source, which runs on another thread.
pub trait Control: Send {
    /// Read no more; wakes the source wherever it waits. Called once.
    fn stop(&self);

    /// The commit point may pass these messages. Standard input and generated messages have none.
    fn delivered(&self, _acked: Acked) {}

    /// All messages are dealt with: store the commit point, let go of what is held, and answer.
    fn finish(&self, done: oneshot::Sender<anyhow::Result<()>>) {
        let _ = done.send(Ok(())); // who asked may have gone
    }
}

/// Read no more. The engine hears when the source has handed on what it had read.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub struct Drain;

/// Everything that was read has been dealt with. Answered when the commit point is stored, with how many
/// messages were lost.
#[derive(Debug, actix::Message)]
#[rtype(result = "anyhow::Result<usize>")]
pub struct Commit;

/// The actor. See the module's documentation.
pub struct Input {
    control: Box<dyn Control>,
    lost: usize,
    metrics: Arc<Metrics>,
    engine: Recipient<Notice>,
    /// An actor ends when nothing can send to it any more, and a source that has ended drops its way to the supervisor,
    /// which still has messages to run.
    _work: Recipient<Run>,
}

/// What an input passes its messages to.
pub struct Downstream {
    /// The memory that messages in flight may take.
    pub budget: MemoryBudget,
    /// The actor that has batches run.
    pub work: Recipient<Run>,
    /// The actor that keeps the order of each lane.
    pub lane_ended: Recipient<LaneEnded>,
    /// The engine.
    pub engine: Recipient<Notice>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Input {
    /// Starts the input that `config` describes. With a `session`, the output commits the offsets.
    ///
    /// # Errors
    /// If the system, or Kafka's library, refuses what its source needs.
    pub fn start(
        config: &InputConfig,
        downstream: Downstream,
        session: Option<&Session>,
    ) -> anyhow::Result<Addr<Self>> {
        Ok(match config {
            InputConfig::Stdin(config) => {
                let (source, control) = stdin::Stdin::new(config)?;
                start_reading(source, control, downstream)
            }
            InputConfig::Generate(config) => {
                let (source, control) = generate::Generate::new(config);
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

/// Starts the actor on an arbiter of its own, and `source` when the actor is there to hear its acks.
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

/// Starts the actor of a source that has one lane, which runs on a thread of its own.
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

/// Runs `source` on a thread. Whatever happens there, the engine is not left to wait for it for ever.
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
