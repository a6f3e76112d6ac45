//! Messages between the actors and the engine: what they report to it, and what it can be asked for.
//!
//! An actor holds a [`Recipient`] of [`Notice`]s instead of the engine itself, so no part of the pipeline depends on the
//! engine that assembles it.

use std::io;

use actix::prelude::*;

use crate::config::MaxFailures;
use crate::guest::error::{ScriptProblem, StartError};
use crate::message::Failure;

/// Event on which the engine acts: it starts or ends the pipeline.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) enum Notice {
    /// The first guest is ready, so the scripts can start, and has found what could be better in them. The engine starts
    /// the input only now.
    GuestsReady(Vec<ScriptProblem>),
    /// The input's source has ended, or cannot be read any more. Everything that it had read has been passed on.
    InputEnded(anyhow::Result<()>),
    /// This many messages were dropped without an answer: an actor died with them.
    Lost(usize),
    /// An output cannot continue.
    OutputEnded(OutputError),
    /// A message failed, and the pipeline ends before it. It is not committed, so the next start begins with it.
    MessageFailed {
        /// Place of the message, for people.
        place: String,
        /// Reason of the failure.
        failure: Box<Failure>,
    },
    /// More messages failed than `pipeline.max_failures` allows.
    TooManyFailures(TooManyFailures),
    /// Guests cannot start.
    CannotStart(StartError),
    /// This many guest threads do not answer and cannot be ended.
    ThreadsStuck(u32),
    /// The actor with this name has ended although the pipeline has not: it panicked.
    ActorEnded(&'static str),
}

/// Reason why an output cannot continue.
#[derive(Debug)]
pub(crate) enum OutputError {
    /// A write to standard output, standard error or a file failed.
    Write {
        /// What was written to, in words.
        to: String,
        /// Why it failed.
        error: io::Error,
    },
    /// Another reason, in words.
    Failed(String),
}

/// Report that more messages failed than `pipeline.max_failures` allows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TooManyFailures {
    /// How many of the last `limit.of` messages failed.
    pub failed: usize,
    /// The limit that was exceeded.
    pub limit: MaxFailures,
    /// Most frequent type of error among the failures.
    pub error: String,
    /// Place in the script that raised the most frequent error, if it has one.
    pub at: Option<String>,
    /// How many messages failed with that type at that place.
    pub count: usize,
}

/// Notifies the engine that an actor has ended, when the actor that holds this value is dropped. A panic ends an actor,
/// and without the guard nothing else would notice.
pub(crate) struct DeathGuard {
    actor: &'static str,
    engine: Recipient<Notice>,
}

impl DeathGuard {
    /// Creates a guard for the actor named `actor`.
    pub(crate) fn new(actor: &'static str, engine: Recipient<Notice>) -> Self {
        Self { actor, engine }
    }
}

impl Drop for DeathGuard {
    fn drop(&mut self) {
        // The engine ignores this after the end of the pipeline.
        self.engine.do_send(Notice::ActorEnded(self.actor));
    }
}

/// Request to load the config again, with its origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "Reloaded")]
pub(crate) enum Reload {
    /// The process received SIGHUP.
    Signal,
    /// One of the config's files changed.
    Change,
    /// A client sent `POST /reload`.
    Request,
}

/// Result of a [`Reload`].
#[derive(Debug, Clone, PartialEq, Eq, MessageResponse)]
pub(crate) enum Reloaded {
    /// The new config is in use: the next batch is for its scripts.
    Taken,
    /// The config is the same as before.
    Unchanged,
    /// The old config stays in use, for this reason.
    Refused(String),
}
