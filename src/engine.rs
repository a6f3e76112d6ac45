//! Starts the actors, from the output back to the input, and ends them: drain, fatal errors, exit code.

pub mod build;
pub mod shutdown;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use self::shutdown::{End, Signal};
use crate::guest::error::StartError;
use crate::input::{Drain, Input};
use crate::message::gate::Gate;
use crate::telemetry::counters::Counters;

/// Something that cannot be mended by trying again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum Fatal {
    /// Guests cannot start.
    Start(StartError),
}

/// The input's source has ended: nothing more will be read.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct InputEnded(pub anyhow::Result<()>);

/// An output cannot go on.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct OutputEnded(pub io::Error);

/// All permits are home: everything read has been dealt with.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Drained;

/// The actor that outlives all others. Ends the actix system with the pipeline's [`End`].
pub struct Engine {
    gate: Gate,
    counters: Arc<Counters>,
    shutdown_timeout: Duration,
    input: Option<Addr<Input>>,
    end: shutdown::EndCell,
    draining: bool,
    /// What went wrong while draining; it decides the end when the drain is over.
    error: Option<anyhow::Error>,
}

impl Engine {
    fn finish(&mut self, end: End) {
        // The first end counts: what follows from it is no news.
        if self.end.set(end) {
            System::current().stop();
        }
    }

    /// Stops reading and waits until everything in flight has been dealt with.
    fn drain(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        if let Some(input) = &self.input {
            input.do_send(Drain);
        }
        self.await_drained(ctx);
        ctx.run_later(self.shutdown_timeout, |engine, _| {
            let bytes = engine.gate.in_flight();
            engine.finish(End::Failed(anyhow::anyhow!(
                "shutdown_timeout passed with {bytes} bytes of messages still in flight; they were not delivered"
            )));
        });
    }

    fn await_drained(&self, ctx: &mut Context<Self>) {
        let gate = self.gate.clone();
        let drained = async move { gate.drained().await };
        ctx.spawn(
            drained
                .into_actor(self)
                .map(|(), _, ctx| ctx.notify(Drained)),
        );
    }
}

impl Actor for Engine {
    type Context = Context<Self>;
}

/// The input is running; the engine needs it to drain.
#[derive(Message)]
#[rtype(result = "()")]
struct InputStarted(Addr<Input>);

impl Handler<InputStarted> for Engine {
    type Result = ();

    fn handle(&mut self, InputStarted(input): InputStarted, _: &mut Self::Context) {
        self.input = Some(input);
    }
}

impl Handler<InputEnded> for Engine {
    type Result = ();

    fn handle(&mut self, InputEnded(result): InputEnded, ctx: &mut Self::Context) {
        if let Err(error) = result {
            self.error.get_or_insert(error);
        }
        // The source's last batch is at the gate already, so an empty gate means the end.
        self.await_drained(ctx);
    }
}

impl Handler<Drained> for Engine {
    type Result = ();

    fn handle(&mut self, Drained: Drained, _: &mut Self::Context) {
        let end = match self.error.take() {
            Some(error) => End::Failed(error),
            None if Counters::get(&self.counters.failed) > 0 => End::SomeMessagesFailed,
            None => End::Well,
        };
        self.finish(end);
    }
}

impl Handler<Signal> for Engine {
    type Result = ();

    fn handle(&mut self, signal: Signal, ctx: &mut Self::Context) {
        if self.draining {
            self.finish(End::Failed(anyhow::anyhow!(
                "{signal} again: ended without waiting"
            )));
            return;
        }
        tracing::info!(%signal, timeout = ?self.shutdown_timeout, "shutting down: no more input, waiting for what is in flight");
        self.drain(ctx);
    }
}

impl Handler<OutputEnded> for Engine {
    type Result = ();

    fn handle(&mut self, OutputEnded(error): OutputEnded, _: &mut Self::Context) {
        self.finish(match error.kind() {
            // `| head -1` has seen enough.
            io::ErrorKind::BrokenPipe => End::Well,
            _ => End::Failed(anyhow::Error::new(error).context("cannot write to the output")),
        });
    }
}

impl Handler<Fatal> for Engine {
    type Result = ();

    fn handle(&mut self, fatal: Fatal, _: &mut Self::Context) {
        let Fatal::Start(error) = fatal;
        self.finish(End::CannotStart(error));
    }
}
