//! Where messages come from.
//!
//! A source runs on a thread of its own and may block. It cuts what it reads into batches and hands them to
//! its [`Feed`], which waits for room at the gate; when it has ended, its thread tells the engine. The
//! [`Input`] actor stops it and owns the commit point: it hears every ack.

pub mod generate;
pub mod stdin;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use actix::prelude::*;

use crate::config::InputConfig;
use crate::engine::{Engine, InputEnded, Lost};
use crate::message::ack::Acked;
use crate::message::gate::Gate;
use crate::message::{Batch, Incoming, Lane, Message, Origin};

/// Most messages in a batch. Beyond this, larger batches save nothing and only make results wait.
pub const BATCH: usize = 1024;

/// Something that can be read from.
pub trait Source: Send + 'static {
    /// Name of its thread.
    const NAME: &'static str;

    /// Reads until the end, or until it is told to [`Stop`]. What it has read by then it hands on.
    ///
    /// # Errors
    /// If it cannot be read any more.
    fn run(self, feed: Feed) -> anyhow::Result<()>;
}

/// Takes a source's messages into the engine, in order.
pub struct Feed {
    gate: Gate,
    processor: Recipient<Incoming>,
    acks: Recipient<Acked>,
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
        let permit = self.gate.acquire(cost);
        let count = messages.len() as u64;
        let batch = Batch::new(
            Lane(0),
            self.position,
            Arc::clone(&self.origin),
            messages,
            permit,
            self.acks.clone(),
        );
        self.position += count;
        // Safe without looking at the mailbox's size: the permit was taken.
        self.processor.do_send(Incoming(Arc::new(batch)));
    }
}

/// Stops a source: wakes it wherever it waits.
pub trait Stop: Send {
    /// Called once, from another thread.
    fn stop(&self);
}

/// Read no more. The engine hears when the source has handed on what it had read.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub struct Drain;

/// Everything that was read has been dealt with. The answer is how many messages were lost.
#[derive(Debug, actix::Message)]
#[rtype(result = "usize")]
pub struct Commit;

/// The actor. See the module's documentation.
pub struct Input {
    stop: Box<dyn Stop>,
    lost: usize,
    engine: Addr<Engine>,
}

impl Input {
    /// Starts the input that `config` describes on an arbiter of its own.
    ///
    /// # Errors
    /// If the system refuses what its source needs.
    pub fn start(
        config: &InputConfig,
        gate: Gate,
        processor: Recipient<Incoming>,
        engine: Addr<Engine>,
    ) -> anyhow::Result<Addr<Self>> {
        let arbiter = Arbiter::new().handle();
        Ok(match config {
            InputConfig::Stdin(config) => {
                let (source, stop) = stdin::Stdin::new(config)?;
                Self::start_with(source, Box::new(stop), gate, processor, engine, &arbiter)
            }
            InputConfig::Generate(config) => {
                let (source, stop) = generate::Generate::new(config);
                Self::start_with(source, Box::new(stop), gate, processor, engine, &arbiter)
            }
        })
    }

    fn start_with(
        source: impl Source,
        stop: Box<dyn Stop>,
        gate: Gate,
        processor: Recipient<Incoming>,
        engine: Addr<Engine>,
        arbiter: &ArbiterHandle,
    ) -> Addr<Self> {
        Self::start_in_arbiter(arbiter, move |ctx| {
            let feed = Feed {
                gate,
                processor,
                acks: ctx.address().recipient(),
                origin: Arc::default(),
                position: 0,
            };
            read(source, feed, engine.clone());
            Self {
                stop,
                lost: 0,
                engine,
            }
        })
    }
}

fn read<S: Source>(source: S, feed: Feed, engine: Addr<Engine>) {
    let reading = {
        let engine = engine.clone();
        move || {
            // Without an answer the engine would wait for this source for ever.
            let result = catch_unwind(AssertUnwindSafe(|| source.run(feed)));
            let panicked = |_| Err(anyhow::anyhow!("the input panicked: a bug of the engine"));
            engine.do_send(InputEnded(result.unwrap_or_else(panicked)));
        }
    };
    if let Err(error) = thread::Builder::new().name(S::NAME.into()).spawn(reading) {
        engine.do_send(InputEnded(Err(error.into())));
    }
}

impl Actor for Input {
    type Context = Context<Self>;
}

impl Handler<Drain> for Input {
    type Result = ();

    fn handle(&mut self, Drain: Drain, _: &mut Self::Context) {
        self.stop.stop();
    }
}

impl Handler<Commit> for Input {
    type Result = usize;

    // Standard input and generated messages have no position to commit.
    fn handle(&mut self, Commit: Commit, _: &mut Self::Context) -> usize {
        self.lost
    }
}

impl Handler<Acked> for Input {
    type Result = ();

    fn handle(&mut self, acked: Acked, _: &mut Self::Context) {
        if acked.lost {
            self.lost += acked.count;
            self.engine.do_send(Lost { count: acked.count });
        }
    }
}
