//! How others speak with a guest: what it is asked, what it answers, and whom to ask.

use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::Recipient;

use super::Guest;
use super::error::{Death, StartError};
use super::handshake::Ready;
use super::log::LineRate;
use super::spec::{GuestSpec, Limits};
use crate::message::{Outcomes, Slice};

/// Makes the guest live, from nothing or after it died.
#[derive(Debug, actix::Message)]
#[rtype(result = "Result<Started, StartError>")]
pub struct Start;

/// A guest is ready.
#[derive(Debug, Clone)]
pub struct Started {
    /// What it said.
    pub ready: Ready,
    /// Time from instantiation to READY.
    pub took: Duration,
    /// Bytes of memory it has.
    pub memory: u64,
}

/// Runs messages of a batch, or the first of them.
#[derive(Debug, actix::Message)]
#[rtype(result = "Executed")]
pub struct Execute {
    /// The messages.
    pub slice: Slice,
    /// Messages before this index of the batch run one to a request, since a request with them killed a guest.
    pub solo_until: usize,
}

/// What came of it.
#[derive(Debug)]
pub struct Executed {
    /// For the first messages of the slice, as far as the guest got.
    pub outcomes: Outcomes,
    /// Why it got no further.
    pub stop: Stop,
    /// Bytes of memory the guest has.
    pub memory: u64,
    /// How long it took.
    pub took: Duration,
    /// Processor time it took.
    pub cpu_seconds: f64,
}

impl Executed {
    /// Whether it can be the answer for `count` messages: a guest that lives has answered for one of them
    /// at least, and none for more than there are.
    pub fn answers(&self, count: usize) -> bool {
        let answered = self.outcomes.items.len();
        match self.stop {
            Stop::Complete | Stop::Yielded => (1..=count).contains(&answered),
            Stop::Died { suspects, .. } => answered + suspects <= count,
        }
    }
}

/// Where a guest stopped in its slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// At the end.
    Complete,
    /// Before the end, to hand on what it has.
    Yielded,
    /// It died.
    Died {
        /// How.
        death: Death,
        /// How many messages of the fatal request are without outcome; none if it died between two.
        suspects: usize,
        /// The fatal request had one message.
        single: bool,
        /// It was the guest's first: nothing that ran before can have left anything behind.
        fresh: bool,
    },
}

/// A guest, for who gives it work. Its thread ends with the last address.
#[derive(Clone)]
pub struct Link {
    /// To make it live.
    pub start: Recipient<Start>,
    /// To have it work.
    pub execute: Recipient<Execute>,
    /// Is gone when its thread is.
    pub thread: Weak<Thread>,
}

/// Held by what runs on a guest's thread.
#[derive(Debug, Default)]
pub struct Thread;

/// Makes guests that all run the same scripts.
pub trait MakeGuests: Send + Sync {
    /// A guest with this number, which [`Start`] makes live, and whose log counts in `lines`.
    ///
    /// # Errors
    /// If the system has no thread to spare.
    fn spawn(self: Arc<Self>, number: usize, lines: &LineRate) -> Result<Link, StartError>;

    /// What each of them may not exceed.
    fn limits(&self) -> &Limits;

    /// Says which scripts made something.
    fn script_hash(&self) -> &Arc<str>;
}

impl MakeGuests for GuestSpec {
    fn spawn(self: Arc<Self>, number: usize, lines: &LineRate) -> Result<Link, StartError> {
        let (guest, thread) = Guest::spawn(number, self, lines.clone())?;
        Ok(Link {
            start: guest.clone().recipient(),
            execute: guest.recipient(),
            thread,
        })
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn script_hash(&self) -> &Arc<str> {
        &self.script_hash
    }
}
