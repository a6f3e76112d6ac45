//! Where messages come from.
//!
//! A source runs on a thread of its own and may block. It cuts what it reads into batches and hands them to
//! its [`Feed`], which waits for room at the gate; when it has ended, its thread tells the engine. The
//! [`Input`] actor stands for it among the actors: it hears every ack, and stops the source by its
//! [`Control`]. Kafka's source hears the acks too, since it has positions to commit.

pub mod generate;
pub mod kafka;
pub mod stdin;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use actix::prelude::*;

use tokio::sync::oneshot;

use crate::config::InputConfig;
use crate::engine::{Engine, InputEnded, Lost};
use crate::kafka::session::Session;
use crate::message::ack::{Acked, Fate};
use crate::message::gate::{Gate, Permit};
use crate::message::{Batch, Incoming, LaneEnded, Message, Origin};
use crate::processor::Processor;
use crate::telemetry::metrics::Metrics;

/// Most messages in a batch. Beyond this, larger batches save nothing and only make results wait.
pub const BATCH: usize = 1024;

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

/// Where a source's batches go, and what it needs for them.
#[derive(Clone)]
pub struct Sink {
    /// Permits.
    pub gate: Gate,
    processor: Addr<Processor>,
    acks: Recipient<Acked>,
    /// What is read are dead letters, to be run as the messages that they were.
    letters: bool,
}

impl Sink {
    /// Hands on a batch whose permit was taken.
    pub fn send(
        &self,
        origin: &Arc<Origin>,
        position: u64,
        mut messages: Vec<Message>,
        permit: Permit,
    ) {
        if self.letters {
            messages.iter_mut().for_each(Message::reopen);
        }
        let acks = self.acks.clone();
        let batch = Batch::new(Arc::clone(origin), position, messages, permit, acks);
        // Safe without looking at the mailbox's size: the permit was taken.
        self.processor.do_send(Incoming(Arc::new(batch)));
    }

    /// Nothing more comes in this lane, and all that came is answered or abandoned.
    pub fn end(&self, origin: &Origin) {
        self.processor.do_send(LaneEnded(origin.lane));
    }
}

/// Takes the messages of a source of one lane into the engine, in order.
pub struct Feed {
    sink: Sink,
    origin: Arc<Origin>,
    position: u64,
}

impl Feed {
    /// Hands on `messages` in batches, each when there is room for it; blocks until then.
    pub fn send(&mut self, mut messages: Vec<Message>) {
        while messages.len() > BATCH {
            let rest = messages.split_off(BATCH);
            self.send_batch(std::mem::replace(&mut messages, rest));
        }
        if !messages.is_empty() {
            self.send_batch(messages);
        }
    }

    fn send_batch(&mut self, messages: Vec<Message>) {
        let cost = messages.iter().map(Message::cost).sum();
        let permit = self.sink.gate.acquire(cost);
        let count = messages.len() as u64;
        self.sink
            .send(&self.origin, self.position, messages, permit);
        self.position += count;
    }
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
    engine: Addr<Engine>,
}

impl Input {
    /// Starts the input that `config` describes on an arbiter of its own. With a `session`, the output commits
    /// how far it was dealt with.
    ///
    /// # Errors
    /// If the system, or Kafka's library, refuses what its source needs.
    pub fn start(
        config: &InputConfig,
        gate: Gate,
        processor: Addr<Processor>,
        engine: Addr<Engine>,
        metrics: &Arc<Metrics>,
        session: Option<&Session>,
    ) -> anyhow::Result<Addr<Self>> {
        let parts = Parts {
            gate,
            processor,
            engine,
            metrics: Arc::clone(metrics),
            letters: matches!(config, InputConfig::Kafka(kafka) if kafka.letters),
        };
        Ok(match config {
            InputConfig::Stdin(config) => {
                let (source, control) = stdin::Stdin::new(config)?;
                parts.start(Box::new(control), |feed, engine| read(source, feed, engine))
            }
            InputConfig::Generate(config) => {
                let (source, control) = generate::Generate::new(config);
                parts.start(Box::new(control), |feed, engine| read(source, feed, engine))
            }
            InputConfig::Kafka(config) => {
                let (source, control) = kafka::Kafka::new(config, metrics, session)?;
                parts.start(Box::new(control), |sink, engine| source.spawn(sink, engine))
            }
        })
    }
}

struct Parts {
    gate: Gate,
    processor: Addr<Processor>,
    engine: Addr<Engine>,
    metrics: Arc<Metrics>,
    letters: bool,
}

impl Parts {
    fn start(
        self,
        control: Box<dyn Control>,
        source: impl FnOnce(Sink, Addr<Engine>) + Send + 'static,
    ) -> Addr<Input> {
        let arbiter = Arbiter::new().handle();
        Input::start_in_arbiter(&arbiter, move |ctx| {
            let Self {
                gate,
                processor,
                engine,
                metrics,
                letters,
            } = self;
            let acks = ctx.address().recipient();
            let sink = Sink {
                gate,
                processor,
                acks,
                letters,
            };
            source(sink, engine.clone());
            Input {
                control,
                lost: 0,
                metrics,
                engine,
            }
        })
    }
}

/// Runs a source of one lane on a thread of its own.
fn read<S: Source>(source: S, sink: Sink, engine: Addr<Engine>) {
    let feed = Feed {
        sink,
        origin: Arc::default(),
        position: 0,
    };
    spawn(S::NAME, engine.clone(), move || {
        let result = source.run(feed);
        engine.do_send(InputEnded(result));
    });
}

/// Runs `source` on a thread. Whatever happens there, the engine is not left to wait for it for ever.
fn spawn(name: &str, engine: Addr<Engine>, source: impl FnOnce() + Send + 'static) {
    let reading = {
        let engine = engine.clone();
        move || {
            if catch_unwind(AssertUnwindSafe(source)).is_err() {
                let error = anyhow::anyhow!("the input panicked: a bug of the engine");
                engine.do_send(InputEnded(Err(error)));
            }
        }
    };
    if let Err(error) = thread::Builder::new().name(name.into()).spawn(reading) {
        engine.do_send(InputEnded(Err(error.into())));
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

impl Handler<Acked> for Input {
    type Result = ();

    fn handle(&mut self, acked: Acked, _: &mut Self::Context) {
        match acked.fate {
            Fate::Delivered => {
                Metrics::add(&self.metrics.delivered, acked.count as u64);
                Metrics::took(
                    &self.metrics.whole_seconds,
                    acked.read.elapsed(),
                    acked.count,
                );
                self.control.delivered(acked);
            }
            Fate::Abandoned => {}
            Fate::Lost => {
                self.lost += acked.count;
                self.engine.do_send(Lost { count: acked.count });
            }
        }
    }
}
