//! Where messages come from.
//!
//! A source runs on a thread of its own and may block. It cuts what it reads into batches and hands them to
//! its [`Feed`], which waits for room at the gate. The [`Input`] actor owns the thread and the commit
//! point: it hears every ack, and tells the engine when the source has ended.

pub mod generate;
pub mod stdin;

use std::sync::Arc;
use std::thread;

use actix::prelude::*;

use crate::config::InputConfig;
use crate::engine::InputEnded;
use crate::message::ack::Acked;
use crate::message::gate::{Closed, Gate};
use crate::message::{Batch, Incoming, Lane, Message, Origin};

/// Something that can be read from.
pub trait Source: Send + 'static {
    /// Name of its thread.
    const NAME: &'static str;

    /// Reads until the end, or until the feed is closed.
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
    /// Hands on `messages` as one batch, when there is room for them; blocks until then.
    ///
    /// # Errors
    /// [`Closed`] when no more input is wanted. The messages are not taken then.
    pub fn send(&mut self, messages: Vec<Message>) -> Result<(), Closed> {
        if messages.is_empty() {
            return Ok(());
        }
        let cost = messages.iter().map(Message::cost).sum();
        let permit = self.gate.acquire(cost)?;
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
        Ok(())
    }
}

/// Stops a source: wakes it wherever it waits.
pub trait Stop: Send {
    /// Called once, from another thread.
    fn stop(&self);
}

/// Read no more. The engine waits for what is in flight by itself.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub struct Drain;

/// The actor. See the module's documentation.
pub struct Input {
    gate: Gate,
    stop: Box<dyn Stop>,
    engine: Recipient<InputEnded>,
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
        engine: Recipient<InputEnded>,
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
        engine: Recipient<InputEnded>,
        arbiter: &ArbiterHandle,
    ) -> Addr<Self> {
        Self::start_in_arbiter(arbiter, move |ctx| {
            let feed = Feed {
                gate: gate.clone(),
                processor,
                acks: ctx.address().recipient(),
                origin: Arc::default(),
                position: 0,
            };
            read(source, feed, engine.clone());
            Self { gate, stop, engine }
        })
    }
}

fn read<S: Source>(source: S, feed: Feed, engine: Recipient<InputEnded>) {
    let reading = {
        let engine = engine.clone();
        move || {
            let result = source.run(feed);
            engine.do_send(InputEnded(result));
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
        self.gate.close();
        self.stop.stop();
    }
}

impl Handler<Acked> for Input {
    type Result = ();

    // Standard input and generated messages have no position to commit; losses still count.
    fn handle(&mut self, acked: Acked, _: &mut Self::Context) {
        if acked.lost {
            let count = acked.count;
            self.engine.do_send(InputEnded(Err(anyhow::anyhow!(
                "{count} messages were lost"
            ))));
        }
    }
}
