//! Client for a schema registry with Confluent's REST API, version 7: Confluent's own, Apicurio, Karapace, Redpanda.
//!
//! A [`Registry`] answers a [`Question`] from memory, or asks the registry in the background. What it gets is a
//! [`RawSchema`] with all that it refers to. A function of the user makes a value of it, once, and all who ask share
//! that value.
//!
//! There are two kinds of bad answers. A registry that says that a schema does not exist has answered: that is
//! [`Missing`], and the message that needs the schema fails. A registry that is away, overloaded, refuses the
//! credentials or answers nonsense is waited for like a broker, without end, since messages that fail by the thousand
//! help nobody; [`Registry::trouble`] and the log tell about it.

mod cache;
mod client;
mod config;
mod counts;
mod explain;
mod failure;
mod fetch;
mod question;
mod queue;
mod references;
mod trouble;
mod wire;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

pub(crate) use config::{Auth, RegistryConfig, Tls, WrongConfig};
pub(crate) use counts::Counts;
pub(crate) use question::{Answer, Missing, NewSchema, Question, RawSchema, SchemaKind};
#[cfg(test)]
use question::{Reference, ReferenceTo};

use cache::Bounds;
use client::Client;
use counts::{Counters, add};
use queue::{Backoff, Ticket};
use worker::Core;
pub(crate) use worker::Done;

/// Interval in which [`Registry::wait`] looks whether it is to give up.
const POLL: Duration = Duration::from_millis(100);

/// Limits of a client. The defaults are meant for all; only `latest_for` is for users to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bounds of the answers in memory.
    cache: Bounds,
    /// Most callers that wait for an answer at once.
    waiting: usize,
    /// Most requests at once.
    requests: usize,
    /// Pauses between attempts.
    backoff: Backoff,
    /// Shortest time between two warnings in the log.
    warn_every: Duration,
    /// Time after which a thread without work ends.
    idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cache: Bounds {
                schemas: 10_000,
                bytes: 64 << 20,
                missing: 10_000,
                missing_for: Duration::from_secs(10),
                latest_for: Duration::from_secs(60),
            },
            waiting: 1 << 16,
            requests: 8,
            backoff: Backoff {
                first: Duration::from_millis(100),
                most: Duration::from_secs(10),
            },
            warn_every: Duration::from_secs(30),
            idle: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Sets the time for which the answer to [`Question::Latest`] is new. Later it is still given, while the registry
    /// is asked again. The default is 60 s.
    pub(crate) fn latest_for(mut self, time: Duration) -> Self {
        self.cache.latest_for = time;
        self
    }
}

/// Client for one schema registry, whose answers are of the type `T`. Cheap to clone: all clones are the same client.
///
/// Dropping the last clone breaks the requests under way and drops those who wait, without a call. It does not block.
pub(crate) struct Registry<T>(Arc<Handle<T>>);

/// Closes the core when the last handle is gone; threads hold the core alone.
#[derive(Debug)]
struct Handle<T>(Arc<Core<T>>);

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T> Clone for Registry<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Registry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.0.0).finish()
    }
}

/// What became of a question.
enum Asked<T> {
    /// The answer was in memory. The caller is given back.
    Known(Answer<T>, Done<T>),
    /// The caller waits.
    Waits(Ticket),
    /// Too many wait. The caller is given back.
    Full(Done<T>),
}

impl<T: Send + Sync + 'static> Registry<T> {
    /// Creates a client. It makes no connection before the first question.
    ///
    /// `parse` makes a value of each schema, on a thread of the client, so it may take its time. If it panics, the
    /// schema counts as [`Missing`].
    ///
    /// # Errors
    /// If the config cannot be used: a wrong URL or certificate.
    pub(crate) fn new(
        config: &RegistryConfig,
        limits: Limits,
        parse: impl Fn(RawSchema) -> T + Send + Sync + 'static,
    ) -> Result<Self, WrongConfig> {
        let counters = Arc::<Counters>::default();
        let client = Client::new(config, Arc::clone(&counters))?;
        let core = Core::new(client, counters, limits, Box::new(parse));
        Ok(Self(Arc::new(Handle(Arc::new(core)))))
    }

    /// Returns the answer that is in memory, if any. It sends nothing and waits for nothing; for an old answer to
    /// [`Question::Latest`], a thread of the client asks again.
    pub(crate) fn cached(&self, question: &Question) -> Option<Answer<T>> {
        let core = self.core();
        let mut state = core.lock();
        let (answer, is_old) = state.cache.get(question, Instant::now())?;
        if is_old {
            state.queue.refresh(question);
            core.staff(state);
        }
        add(&core.counters.cached);
        Some(answer)
    }

    /// Asks a question. `done` is called with the answer: at once if that is in memory, else later on a thread of the
    /// client, which it must not hold up. Equal questions share one request.
    ///
    /// A `done` that holds a clone of this client keeps it alive until the answer comes.
    ///
    /// # Errors
    /// Returns `done` if 65,536 callers wait already. They wait for a registry in trouble: try again later.
    pub(crate) fn ask(
        &self,
        question: Question,
        done: impl FnOnce(Answer<T>) + Send + 'static,
    ) -> Result<(), Done<T>> {
        match self.enqueue(question, Box::new(done)) {
            Asked::Waits(_) => Ok(()),
            Asked::Known(answer, done) => {
                done(answer);
                Ok(())
            }
            Asked::Full(done) => Err(done),
        }
    }

    /// Waits for the answer to a question. Returns `None` when `stop`, which is called every 100 ms, returns true.
    pub(crate) fn wait(
        &self,
        question: Question,
        mut stop: impl FnMut() -> bool,
    ) -> Option<Answer<T>> {
        loop {
            let (sender, receiver) = mpsc::sync_channel(1);
            let done: Done<T> = Box::new(move |answer| {
                // Fails if this has given up.
                let _ = sender.try_send(answer);
            });
            let ticket = match self.enqueue(question.clone(), done) {
                Asked::Known(answer, _) => return Some(answer),
                Asked::Waits(ticket) => Some(ticket),
                Asked::Full(_) => None,
            };
            loop {
                match receiver.recv_timeout(POLL) {
                    Ok(answer) => return Some(answer),
                    Err(RecvTimeoutError::Timeout) => {}
                    // There was no place to wait in.
                    Err(RecvTimeoutError::Disconnected) => std::thread::sleep(POLL),
                }
                if stop() {
                    let forgotten = ticket
                        .and_then(|ticket| self.core().lock().queue.forget(&question, ticket));
                    drop(forgotten);
                    return receiver.try_recv().ok();
                }
                if ticket.is_none() {
                    break;
                }
                // In case no thread could be started when the question was asked.
                self.core().staff(self.core().lock());
            }
        }
    }

    /// Forgets that there is no schema, so that the next caller asks again.
    pub(crate) fn forget_missing(&self, question: &Question) {
        self.core().lock().cache.forget_missing(question);
    }

    /// Returns why somebody waits for the registry now, as a clause for the user, or `None` if all is well or nobody
    /// needs it.
    pub(crate) fn trouble(&self) -> Option<String> {
        let state = self.core().lock();
        let waiting = state.queue.awaited();
        if waiting == 0 || !state.queue.is_in_trouble() {
            return None;
        }
        state.trouble.text(waiting)
    }

    /// Returns what happened so far.
    pub(crate) fn counts(&self) -> Counts {
        self.core().counters.counts()
    }

    fn enqueue(&self, question: Question, done: Done<T>) -> Asked<T> {
        let core = self.core();
        let mut state = core.lock();
        if let Some((answer, is_old)) = state.cache.get(&question, Instant::now()) {
            if is_old {
                state.queue.refresh(&question);
                core.staff(state);
            }
            add(&core.counters.cached);
            return Asked::Known(answer, done);
        }
        match state.queue.add(question, done) {
            Ok(ticket) => {
                core.staff(state);
                Asked::Waits(ticket)
            }
            Err(done) => Asked::Full(done),
        }
    }

    fn core(&self) -> &Arc<Core<T>> {
        &self.0.0
    }
}

#[cfg(test)]
mod tests;
