//! Engine: starts the actors, from the output back to the input, and ends them (drain, fatal errors, exit code).

pub(crate) mod assemble;
mod config_files;
pub(crate) mod formats;
mod notices;
pub(crate) mod preparation;
pub(crate) mod problems;
pub(crate) mod reload;
mod schema_registry;
pub(crate) mod scripts;
pub(crate) mod shutdown;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;

use self::shutdown::End;
use crate::guest::error::ScriptProblem;
use crate::input::{Commit, Drain, Input};
use crate::message::budget::MemoryBudget;
use crate::output::Settle;
use crate::telemetry::metrics::Metrics;

/// Message of the engine to itself: all permits are released, so everything that was read is answered for.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Drained;

type StartInput = Box<dyn FnOnce(&[ScriptProblem]) -> anyhow::Result<Addr<Input>>>;

/// Actor that outlives all others. It ends the actix system with the pipeline's [`End`].
pub(crate) struct Engine {
    budget: MemoryBudget,
    metrics: Arc<Metrics>,
    shutdown_timeout: Duration,
    /// Function that starts the input, taken when the first guest is ready.
    start_input: Option<StartInput>,
    input: Option<Addr<Input>>,
    /// Outputs that write lines.
    lines: Vec<Recipient<Settle>>,
    end: shutdown::EndCell,
    draining: bool,
    /// Moment of the first signal to end.
    signalled: Option<Instant>,
    finished: bool,
    /// Error that happened during the drain; it decides the end when the drain is over.
    error: Option<anyhow::Error>,
    /// End of a pipeline that cannot continue, set while the input releases what it holds.
    leaving: Option<End>,
}

impl Engine {
    /// Creates an engine that calls `start_input` when the first guest is ready, with what it has found in the scripts, and puts the pipeline's end into
    /// `end`.
    fn new(
        budget: MemoryBudget,
        metrics: Arc<Metrics>,
        shutdown_timeout: Duration,
        start_input: StartInput,
        lines: Vec<Recipient<Settle>>,
        end: shutdown::EndCell,
    ) -> Self {
        Self {
            budget,
            metrics,
            shutdown_timeout,
            start_input: Some(start_input),
            input: None,
            lines,
            end,
            draining: false,
            signalled: None,
            finished: false,
            error: None,
            leaving: None,
        }
    }

    fn finish(&mut self, end: End) {
        // Only the first end counts: later ones are its consequences.
        self.finished = true;
        if self.end.set(end) {
            System::current().stop();
        }
    }

    /// Stops reading and waits until everything that was read is answered for: the input answers with
    /// [`Notice::InputEnded`](crate::control::Notice::InputEnded).
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
            engine.finish(End::Failed(match engine.budget.in_flight() {
                0 => anyhow::anyhow!(
                    "shutdown_timeout passed before the last commit was answered: the next start may read some messages again"
                ),
                bytes => anyhow::anyhow!(
                    "shutdown_timeout passed with {bytes} bytes of messages still in flight; they were not delivered"
                ),
            }));
        });
    }

    /// Ends a pipeline that cannot continue, without waiting for messages in flight. Delivered messages are still
    /// committed and the input leaves its group, or its partitions would wait a whole session for this process.
    fn leave(&mut self, end: End, ctx: &mut Context<Self>) {
        if self.leaving.is_some() {
            return; // later ends are consequences of the first
        }
        let Some(input) = self.input.clone() else {
            self.finish(end); // nothing was read
            return;
        };
        self.leaving = Some(end);
        // The source may be busy, and the commit may need a broker that is away.
        ctx.run_later(self.shutdown_timeout, |engine, _| engine.left());
        if !std::mem::replace(&mut self.draining, true) {
            input.do_send(Drain);
        }
        // What an output was given before another one ended, such as the dead letters before a closed pipe, is written.
        let settled: Vec<_> = self.lines.iter().map(|lines| lines.send(Settle)).collect();
        let commit = input.send(Commit);
        let left = async move {
            for one in settled {
                let _ = one.await; // an output that has ended has nothing left
            }
            let _ = commit.await;
        };
        ctx.spawn(left.into_actor(self).map(|(), engine, _| engine.left()));
    }

    fn left(&mut self) {
        if let Some(end) = self.leaving.take() {
            self.finish(end);
        }
    }

    fn lose(&mut self, count: usize) {
        self.error.get_or_insert_with(|| {
            anyhow::anyhow!("{count} messages were lost inside the engine: a bug of the engine")
        });
    }

    /// Returns the end that follows from the messages so far.
    fn end(&mut self) -> End {
        match self.error.take() {
            Some(error) => End::Failed(error),
            None if Metrics::get(&self.metrics.failed) > 0 => End::SomeMessagesFailed,
            None => End::Well,
        }
    }

    fn await_drained(&self, ctx: &mut Context<Self>) {
        let budget = self.budget.clone();
        let drained = async move { budget.drained().await };
        ctx.spawn(
            drained
                .into_actor(self)
                .map(|(), _, ctx| ctx.notify(Drained)),
        );
    }

    fn start_input(&mut self, warnings: &[ScriptProblem]) {
        let Some(start) = self.start_input.take() else {
            return;
        };
        match start(warnings) {
            Ok(input) => self.input = Some(input),
            Err(error) => self.finish(End::Failed(error)),
        }
    }
}

impl Actor for Engine {
    type Context = Context<Self>;
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !self.finished {
            self.finish(End::Failed(anyhow::anyhow!(
                "the engine panicked (see above): a bug of the engine"
            )));
        }
    }
}

#[cfg(test)]
mod tests;
