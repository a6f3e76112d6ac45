//! What the actors tell the engine, and what it may be asked for.
//!
//! An actor holds a [`Recipient`] of [`Notice`]s instead of the engine itself, so no part of the pipeline depends on the
//! engine that assembles it.

use std::io;

use actix::prelude::*;

use crate::config::MaxFailures;
use crate::guest::error::StartError;
use crate::message::Failure;

/// Something that the engine acts on: it starts or ends the pipeline.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum Notice {
    /// The first guest is ready, so the scripts can start. Only now is anything read.
    GuestsReady,
    /// The source of the input has ended, or cannot be read any more. All that it had read has been passed on.
    InputEnded(anyhow::Result<()>),
    /// This many messages were dropped without an answer: an actor died with them.
    Lost(usize),
    /// An output cannot go on.
    OutputEnded(OutputError),
    /// A message failed, and the pipeline ends before it. It is not committed, so the next start begins with it.
    MessageFailed {
        /// Which message, for people.
        place: String,
        /// Why it failed.
        failure: Box<Failure>,
    },
    /// More messages fail than `pipeline.max_failures` allows.
    TooManyFailures(TooManyFailures),
    /// Guests cannot start.
    CannotStart(StartError),
    /// This many threads of guests do not answer and cannot be ended.
    ThreadsStuck(u32),
    /// The actor with this name has ended although the pipeline has not: it panicked.
    ActorEnded(&'static str),
}

/// Why an output cannot go on.
#[derive(Debug)]
pub enum OutputError {
    /// A write to standard output or standard error failed.
    Write(io::Error),
    /// The reason in words.
    Failed(String),
}

/// More messages failed than may.
#[derive(Debug, Clone, PartialEq)]
pub struct TooManyFailures {
    /// How many of the last `limit.of` messages failed.
    pub failed: usize,
    /// The limit that was exceeded.
    pub limit: MaxFailures,
    /// The most frequent type of error among them.
    pub error: String,
    /// The place in the script that it came from, if it has one.
    pub at: Option<String>,
    /// How many messages failed with that type at that place.
    pub count: usize,
}

/// Tells the engine that an actor has ended when the actor that holds it is dropped. A panic ends an actor, and without
/// this nothing else would notice.
pub struct DeathGuard {
    actor: &'static str,
    engine: Recipient<Notice>,
}

impl DeathGuard {
    /// A guard for the actor called `actor`.
    pub fn new(actor: &'static str, engine: Recipient<Notice>) -> Self {
        Self { actor, engine }
    }
}

impl Drop for DeathGuard {
    fn drop(&mut self) {
        // After the end of the pipeline the engine ignores this.
        self.engine.do_send(Notice::ActorEnded(self.actor));
    }
}

/// A request to load the config again, by its origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "Reloaded")]
pub enum Reload {
    /// The process received SIGHUP.
    Signal,
    /// One of the config's files changed.
    Change,
    /// A client sent `POST /reload`.
    Request,
}

/// The result of a [`Reload`].
#[derive(Debug, Clone, PartialEq, Eq, MessageResponse)]
pub enum Reloaded {
    /// The new config runs: the next batch is for its scripts.
    Taken,
    /// The config is the same as before.
    Unchanged,
    /// The old config goes on, for this reason.
    Refused(String),
}
