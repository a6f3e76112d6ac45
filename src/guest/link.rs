//! Messages between a guest and its users: requests, answers, the recipients of the requests, and the guest's thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Recipient, SyncArbiter, SyncContext};

use super::Guest;
use super::costs::ScriptCosts;
use super::error::{Death, StartError};
use super::handshake::Ready;
use super::log::LineRate;
use super::spec::{GuestSpec, Limits};
use crate::message::{Outcomes, Slice};

/// Request to start the guest's interpreter, the first time or after it died.
#[derive(Debug, actix::Message)]
#[rtype(result = "Result<Started, StartError>")]
pub(crate) struct Start;

/// Answer of a guest that is ready.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    /// Content of READY.
    pub ready: Ready,
    /// Time from instantiation to READY.
    pub took: Duration,
    /// Bytes of memory.
    pub memory: u64,
}

/// Request to run messages of a batch, or the first of them.
#[derive(Debug, actix::Message)]
#[rtype(result = "Executed")]
pub(crate) struct Execute {
    /// Messages to run.
    pub slice: Slice,
    /// Index in the batch before which messages run one per request, since a request with them killed a guest.
    pub solo_until: usize,
}

/// Answer to [`Execute`].
#[derive(Debug)]
pub(crate) struct Executed {
    /// Outcomes of the first messages of the slice, as far as the guest got.
    pub outcomes: Outcomes,
    /// Reason why the guest stopped there.
    pub stop: Stop,
    /// Bytes of the guest's memory.
    pub memory: u64,
    /// Duration of the run.
    pub took: Duration,
    /// Processor time of the run.
    pub cpu_seconds: f64,
    /// Costs of each script, in their order.
    pub costs: Vec<ScriptCosts>,
    /// Processor time, within that of the run, of the request in which the guest died.
    pub fatal_cpu_seconds: f64,
}

impl Executed {
    /// Returns whether this can be the answer for `count` messages: a guest that is alive has answered for at least one
    /// of them, and no guest for more than there are.
    pub(crate) fn answers(&self, count: usize) -> bool {
        let answered = self.outcomes.items.len();
        match self.stop {
            Stop::Complete | Stop::Yielded => (1..=count).contains(&answered),
            Stop::Died { suspects, .. } => answered + suspects <= count,
        }
    }
}

/// Reason why a guest stopped in its slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The guest has run the whole slice.
    Complete,
    /// The guest stopped before the end, to pass on what it has.
    Yielded,
    /// The guest died.
    Died {
        /// Way in which the guest died.
        death: Death,
        /// Number of messages of the fatal request without an outcome; 0 if the guest died between two requests.
        suspects: usize,
        /// Whether the fatal request had only one message.
        single: bool,
        /// Whether it was the guest's first request: no earlier message can have left traces.
        fresh: bool,
        /// Script that ran, if it is known.
        script: Option<FatalScript>,
    },
}

/// Script in which a guest died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FatalScript {
    /// Index among the scripts of the pipeline.
    pub index: usize,
    /// Name of its processor.
    pub processor: Arc<str>,
    /// Place of its first line, as `file:line`: which line ran is not known.
    pub at: Box<str>,
}

/// Recipients of a guest's requests. Its thread ends with the last address.
#[derive(Clone)]
pub(crate) struct Link {
    /// Recipient of [`Start`].
    pub start: Recipient<Start>,
    /// Recipient of [`Execute`].
    pub execute: Recipient<Execute>,
    /// Reference to the guest's thread, which is gone when the thread has ended.
    pub thread: Weak<Thread>,
}

impl Link {
    /// Creates the link to `guest`, which runs on `thread`.
    pub(super) fn new<A>(guest: Addr<A>, thread: Weak<Thread>) -> Self
    where
        A: Actor + Handler<Start> + Handler<Execute>,
        A::Context: ToEnvelope<A, Start> + ToEnvelope<A, Execute>,
    {
        Self {
            start: guest.clone().recipient(),
            execute: guest.recipient(),
            thread,
        }
    }
}

/// Value that is held on a guest's thread, to notice when the thread ends.
#[derive(Debug, Default)]
pub(crate) struct Thread;

/// Starts the actor of guest `number` on a thread of its own. `make` creates it with the value that it must hold.
///
/// # Errors
/// If the system cannot start a thread.
pub(super) fn on_thread<A: Actor<Context = SyncContext<A>>>(
    number: usize,
    make: impl Fn(Arc<Thread>) -> A + Send + Sync + 'static,
) -> Result<(Addr<A>, Weak<Thread>), StartError> {
    let builder = move || thread::Builder::new().name(format!("guest-{number}"));
    let alive = Arc::new(Thread);
    let thread = Arc::downgrade(&alive);
    // The actor must hold the only strong reference. The closure gives it to the first actor that it makes.
    let alive = Mutex::new(Some(alive));
    let make = move || {
        let alive = alive
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .unwrap_or_default();
        make(alive)
    };
    // `SyncArbiter` panics if a thread cannot be started.
    catch_unwind(AssertUnwindSafe(|| {
        SyncArbiter::start_with_thread_builder(1, builder, make)
    }))
    .map(|address| (address, thread))
    .map_err(|_| StartError::NoThread)
}

/// Maker of guests that all run the same scripts.
pub(crate) trait MakeGuests: Send + Sync {
    /// Creates the guest with this number, whose interpreter [`Start`] starts, and whose log counts in `lines`.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    fn spawn(self: Arc<Self>, number: usize, lines: &LineRate) -> Result<Link, StartError>;

    /// Returns the limits of each guest.
    fn limits(&self) -> &Limits;

    /// Returns the hash that identifies the scripts.
    fn script_hash(&self) -> &Arc<str>;
}

impl MakeGuests for GuestSpec {
    fn spawn(self: Arc<Self>, number: usize, lines: &LineRate) -> Result<Link, StartError> {
        let (guest, thread) = Guest::spawn(number, self, lines.clone())?;
        Ok(Link::new(guest, thread))
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn script_hash(&self) -> &Arc<str> {
        &self.script_hash
    }
}
