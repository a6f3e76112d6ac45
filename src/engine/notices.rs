//! Reactions of the engine to notices of the actors, to signals, and to an unused memory budget.

use std::io;
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::shutdown::{End, Signal};
use super::{Drained, Engine};
use crate::config::MaxFailures;
use crate::control::{Notice, OutputError, TooManyFailures};
use crate::input::Commit;
use crate::message::Failure;

impl Handler<Notice> for Engine {
    type Result = ();

    fn handle(&mut self, notice: Notice, ctx: &mut Self::Context) {
        match notice {
            Notice::GuestsReady(warnings) => self.start_input(&warnings),
            Notice::InputEnded(result) => {
                if let Err(error) = result {
                    self.error.get_or_insert(error);
                }
                // The memory of the source's last batch is already reserved, so an unused budget means the end.
                self.await_drained(ctx);
            }
            Notice::Lost(count) => {
                if self.finished || self.leaving.is_some() {
                    return; // an output ended, and these messages were on their way to it
                }
                tracing::error!(count, "messages were lost: an actor died with them");
                self.lose(count);
                self.drain(ctx);
            }
            Notice::OutputEnded(error) => {
                let end = self.end_of_output(error);
                self.leave(end, ctx);
            }
            Notice::MessageFailed { place, failure } => {
                self.error
                    .get_or_insert_with(|| message_failed(&place, &failure));
                self.drain(ctx);
            }
            Notice::TooManyFailures(failures) => {
                self.error.get_or_insert_with(|| too_many(&failures));
                self.drain(ctx);
            }
            Notice::CannotStart(error) => self.leave(End::CannotStart(error), ctx),
            Notice::ThreadsStuck(threads) => {
                let error = anyhow::anyhow!(
                    "{threads} guests' threads are stuck in the engine's own code: a bug of the engine"
                );
                self.leave(End::Failed(error), ctx);
            }
            Notice::ActorEnded(name) => {
                let error = anyhow::anyhow!("the {name} panicked (see above): a bug of the engine");
                self.leave(End::Failed(error), ctx);
            }
        }
    }
}

fn message_failed(place: &str, failure: &Failure) -> anyhow::Error {
    let Failure {
        kind, message, at, ..
    } = failure;
    let at = in_script(at.as_deref());
    anyhow::anyhow!(
        "a message failed: {kind}: {message}{at}; {place}. It is not committed: the next start begins with it. Correct \
         the script, or say where failed messages go (`dead_letter`, or `pipeline.on_error: drop`)"
    )
}

fn too_many(failures: &TooManyFailures) -> anyhow::Error {
    let TooManyFailures {
        failed,
        limit: MaxFailures { share, of },
        error,
        at,
        count,
    } = failures;
    let at = in_script(at.as_deref());
    anyhow::anyhow!(
        "too many messages fail: {failed} of the last {of}, more than the share of {share} that `pipeline.max_failures` \
         allows; {count} of them with {error}{at}. The others are not committed: correct the script and start again"
    )
}

fn in_script(at: Option<&str>) -> String {
    at.map_or_else(String::new, |at| format!(" (at {at})"))
}

impl Engine {
    fn end_of_output(&mut self, error: OutputError) -> End {
        match error {
            // The reader has closed the pipe on purpose, as in `| head -1`.
            OutputError::Write { error, .. } if error.kind() == io::ErrorKind::BrokenPipe => {
                self.end()
            }
            OutputError::Write { to, error } => {
                End::Failed(anyhow::Error::new(error).context(format!("cannot write to {to}")))
            }
            OutputError::Failed(reason) => End::Failed(anyhow::Error::msg(reason)),
        }
    }
}

impl Handler<Drained> for Engine {
    type Result = ();

    fn handle(&mut self, Drained: Drained, ctx: &mut Self::Context) {
        let (Some(input), None) = (&self.input, &self.leaving) else {
            return;
        };
        // An ack is in the input's mailbox before its permit is released, so this message comes after the last ack.
        let commit = input.send(Commit).into_actor(self);
        ctx.spawn(commit.map(|lost, engine, _| {
            match lost.map_err(anyhow::Error::new).flatten() {
                Ok(0) => {}
                Ok(lost) => engine.lose(lost),
                Err(error) => {
                    let error = error.context("cannot store the input's positions");
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
        /// Time in which two signals are one request: `timeout` and some shells signal a process and then its group.
        const TOGETHER: Duration = Duration::from_millis(200);
        if self
            .signalled
            .is_some_and(|first| first.elapsed() < TOGETHER)
        {
            return;
        }
        self.signalled.get_or_insert_with(Instant::now);
        self.left(); // the pipeline is already ending for another reason, and the signal says not to wait
        if self.draining {
            self.finish(End::Failed(anyhow::anyhow!(
                "{signal} again: ended without waiting"
            )));
            return;
        }
        self.metrics
            .health
            .set_ill("engine", format!("shutting down: {signal}"));
        tracing::info!(%signal, timeout = ?self.shutdown_timeout, "shutting down: no more input, waiting for what is in flight");
        self.drain(ctx);
    }
}
