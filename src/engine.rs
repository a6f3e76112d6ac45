//! Starts the actors, from the output back to the input, and ends them: drain, fatal errors, exit code.

pub mod build;
pub mod places;
pub mod problems;
pub mod reload;
pub mod shutdown;
mod watch;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use self::shutdown::{End, Signal};
use crate::config::MaxFailures;
use crate::guest::error::StartError;
use crate::input::{Commit, Drain, Input};
use crate::message::Failure;
use crate::message::gate::Gate;
use crate::processor::failure_window::TooMany;
use crate::telemetry::metrics::Metrics;

/// A message failed, and nobody says where failed messages go. Not committed, so that it is the first at
/// the next start.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct MessageFailed {
    /// Which one.
    pub place: String,
    /// Why.
    pub failure: Box<Failure>,
}

/// So many messages fail that something is wrong with all of them.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct TooManyFailures(pub TooMany);

/// Something that cannot be mended by trying again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum Fatal {
    /// Guests cannot start.
    Start(StartError),
    /// So many guests' threads do not answer, and cannot be ended.
    Stuck(u32),
    /// An actor that everything goes through has ended, which is a bug.
    Ended(&'static str),
}

/// Tells the engine when the actor that holds it is gone: a panic ends an actor and nobody else notices.
pub struct Watch {
    name: &'static str,
    engine: Recipient<Fatal>,
}

impl Watch {
    /// A watch over the actor called `name`.
    pub fn over(name: &'static str, engine: &Addr<Engine>) -> Self {
        Self::new(name, engine.clone().recipient())
    }

    /// A watch over the actor called `name`, for whoever hears of it.
    pub fn new(name: &'static str, engine: Recipient<Fatal>) -> Self {
        Self { name, engine }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // When the pipeline has ended anyway, this is no news.
        self.engine.do_send(Fatal::Ended(self.name));
    }
}

/// The first guest is ready, so the scripts can start: only now is anything read.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct GuestsReady;

/// The input's source has ended: nothing more will be read, and all that was read is at the gate.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct InputEnded(pub anyhow::Result<()>);

/// Messages were dropped on the way without an answer: an actor died with them.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Lost {
    /// How many.
    pub count: usize,
}

/// An output cannot go on.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum OutputEnded {
    /// What it writes to is closed.
    Write(io::Error),
    /// The reason in words.
    Failed(String),
}

/// All permits are home: everything read has been dealt with.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Drained;

type StartInput = Box<dyn FnOnce() -> anyhow::Result<Addr<Input>>>;

/// The actor that outlives all others. Ends the actix system with the pipeline's [`End`].
pub struct Engine {
    gate: Gate,
    metrics: Arc<Metrics>,
    shutdown_timeout: Duration,
    /// Taken when the first guest is ready.
    start_input: Option<StartInput>,
    input: Option<Addr<Input>>,
    end: shutdown::EndCell,
    draining: bool,
    finished: bool,
    /// What went wrong while draining; it decides the end when the drain is over.
    error: Option<anyhow::Error>,
    /// The pipeline cannot go on: how it ends when the input has let go of what it holds.
    leaving: Option<End>,
}

impl Engine {
    fn finish(&mut self, end: End) {
        // The first end counts: what follows from it is no news.
        self.finished = true;
        if self.end.set(end) {
            System::current().stop();
        }
    }

    /// Stops reading and waits until everything that was read has been dealt with: the input answers with
    /// [`InputEnded`].
    fn drain(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        let Some(input) = &self.input else {
            // Nothing was read.
            self.finish(End::Well);
            return;
        };
        input.do_send(Drain);
        ctx.run_later(self.shutdown_timeout, |engine, _| {
            engine.left();
            engine.finish(End::Failed(match engine.gate.in_flight() {
                0 => anyhow::anyhow!(
                    "shutdown_timeout passed before the last commit was answered: the next start may read some messages again"
                ),
                bytes => anyhow::anyhow!(
                    "shutdown_timeout passed with {bytes} bytes of messages still in flight; they were not delivered"
                ),
            }));
        });
    }

    /// The pipeline cannot go on, so nothing is waited for that is under way. But what was delivered is committed and
    /// the input's group is left, or its partitions would wait for this process for a whole session.
    fn leave(&mut self, end: End, ctx: &mut Context<Self>) {
        if self.leaving.is_some() {
            return; // what follows from the first is no news
        }
        let Some(input) = self.input.clone() else {
            self.finish(end); // nothing was read
            return;
        };
        self.leaving = Some(end);
        // The source may be in the middle of something, and the commit may need a broker that is away.
        ctx.run_later(self.shutdown_timeout, |engine, _| engine.left());
        if !std::mem::replace(&mut self.draining, true) {
            input.do_send(Drain);
        }
        ctx.spawn(
            input
                .send(Commit)
                .into_actor(self)
                .map(|_, engine, _| engine.left()),
        );
    }

    fn left(&mut self) {
        if let Some(end) = self.leaving.take() {
            self.finish(end);
        }
    }

    fn lose(&mut self, count: usize) {
        self.error.get_or_insert_with(|| {
            anyhow::anyhow!("{count} messages were lost inside the engine: this is a bug of it")
        });
    }

    /// The end that the messages so far lead to.
    fn end(&mut self) -> End {
        match self.error.take() {
            Some(error) => End::Failed(error),
            None if Metrics::get(&self.metrics.failed) > 0 => End::SomeMessagesFailed,
            None => End::Well,
        }
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

impl Drop for Engine {
    fn drop(&mut self) {
        if !self.finished {
            self.finish(End::Failed(anyhow::anyhow!(
                "the engine panicked (see above): a bug of it"
            )));
        }
    }
}

impl Handler<GuestsReady> for Engine {
    type Result = ();

    fn handle(&mut self, GuestsReady: GuestsReady, _: &mut Self::Context) {
        let Some(start) = self.start_input.take() else {
            return;
        };
        match start() {
            Ok(input) => self.input = Some(input),
            Err(error) => self.finish(End::Failed(error)),
        }
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

impl Handler<Lost> for Engine {
    type Result = ();

    fn handle(&mut self, Lost { count }: Lost, ctx: &mut Self::Context) {
        if self.finished || self.leaving.is_some() {
            return; // an output ended, and these were on their way to it
        }
        tracing::error!(count, "messages were lost: an actor died with them");
        self.lose(count);
        self.drain(ctx);
    }
}

impl Handler<Drained> for Engine {
    type Result = ();

    fn handle(&mut self, Drained: Drained, ctx: &mut Self::Context) {
        let (Some(input), None) = (&self.input, &self.leaving) else {
            return;
        };
        // Every ack is in the input's mailbox before its permit is home, so this comes behind the last one.
        let commit = input.send(Commit).into_actor(self);
        ctx.spawn(commit.map(|lost, engine, _| {
            match lost.map_err(anyhow::Error::new).flatten() {
                Ok(0) => {}
                Ok(lost) => engine.lose(lost),
                Err(error) => {
                    let error = error.context("cannot store how far the input was dealt with");
                    engine.error.get_or_insert(error);
                }
            }
            let end = engine.end();
            engine.finish(end);
        }));
    }
}

impl Handler<Signal> for Engine {
    type Result = ();

    fn handle(&mut self, signal: Signal, ctx: &mut Self::Context) {
        self.left(); // it ends for another reason already, and is told not to wait
        if self.draining {
            self.finish(End::Failed(anyhow::anyhow!(
                "{signal} again: ended without waiting"
            )));
            return;
        }
        self.metrics
            .health
            .is_ill("engine", format!("shutting down: {signal}"));
        tracing::info!(%signal, timeout = ?self.shutdown_timeout, "shutting down: no more input, waiting for what is in flight");
        self.drain(ctx);
    }
}

impl Handler<OutputEnded> for Engine {
    type Result = ();

    fn handle(&mut self, ended: OutputEnded, ctx: &mut Self::Context) {
        let end = match ended {
            // `| head -1` has seen enough.
            OutputEnded::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => self.end(),
            OutputEnded::Write(error) => {
                End::Failed(anyhow::Error::new(error).context("cannot write to the output"))
            }
            OutputEnded::Failed(reason) => End::Failed(anyhow::Error::msg(reason)),
        };
        self.leave(end, ctx);
    }
}

impl Handler<MessageFailed> for Engine {
    type Result = ();

    fn handle(&mut self, failed: MessageFailed, ctx: &mut Self::Context) {
        let MessageFailed { place, failure } = failed;
        let Failure {
            kind, message, at, ..
        } = *failure;
        let at = at.map_or_else(String::new, |at| format!(" (at {at})"));
        self.error.get_or_insert_with(|| {
            anyhow::anyhow!(
                "a message failed: {kind}: {message}{at}; {place}. It is not committed: the next start begins \
                 with it. Mend the script, or say where failed messages go (`dead_letter`, or \
                 `pipeline.on_error: drop`)"
            )
        });
        self.drain(ctx);
    }
}

impl Handler<TooManyFailures> for Engine {
    type Result = ();

    fn handle(&mut self, TooManyFailures(too_many): TooManyFailures, ctx: &mut Self::Context) {
        let TooMany {
            failed,
            limit: MaxFailures { share, of },
            error,
            at,
            count,
        } = too_many;
        let at = at.map_or_else(String::new, |at| format!(" (at {at})"));
        self.error.get_or_insert_with(|| {
            anyhow::anyhow!(
                "too many messages fail: {failed} of the last {of}, more than the share of {share} that \
                 `pipeline.max_failures` allows; {count} of them with {error}{at}. What was not dealt with is not \
                 committed: mend the script and start again"
            )
        });
        self.drain(ctx);
    }
}

impl Handler<Fatal> for Engine {
    type Result = ();

    fn handle(&mut self, fatal: Fatal, ctx: &mut Self::Context) {
        let end = match fatal {
            Fatal::Start(error) => End::CannotStart(error),
            Fatal::Stuck(threads) => End::Failed(anyhow::anyhow!(
                "{threads} guests' threads are stuck in the engine's own code: a bug of it"
            )),
            Fatal::Ended(name) => End::Failed(anyhow::anyhow!(
                "the {name} panicked (see above): a bug of the engine"
            )),
        };
        self.leave(end, ctx);
    }
}

#[cfg(test)]
mod tests;
