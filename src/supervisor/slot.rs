//! One guest, as the supervisor sees it.

use std::sync::Arc;
use std::time::Instant;

use super::replay::Work;
use super::restart::Backoff;
use crate::guest::log::LineRate;
use crate::guest::{Link, MakeGuests};

/// A guest's address and state.
pub(super) struct Slot {
    /// The number of its generation.
    pub generation: u64,
    /// What its guests are made from.
    pub spec: Arc<dyn MakeGuests>,
    /// Its thread; there is none before the first start, and after one that failed or was lost.
    pub guest: Option<Link>,
    /// How much it logs, whoever the guest is.
    pub lines: LineRate,
    pub state: State,
    pub backoff: Backoff,
    /// Messages it has answered since READY.
    pub messages: u64,
    /// Bytes of memory it had at READY.
    pub memory: u64,
    /// Bytes of memory it had when it last answered.
    pub memory_now: u64,
    /// A replacement is on its way.
    pub worn: bool,
    /// It ends when its work is done: the replacement is there.
    pub retiring: bool,
    /// The guest that ends when this one is ready.
    pub replaces: Option<usize>,
}

/// What a guest does.
pub(super) enum State {
    /// Comes to life, or waits for its restart; with the work it held when it died.
    Starting(Option<Work>),
    /// Waits for work, since then.
    Idle(Instant),
    /// Runs messages of a batch.
    Busy(Work),
}

impl Slot {
    /// A new guest's slot, not started yet.
    pub fn new(generation: u64, spec: Arc<dyn MakeGuests>, replaces: Option<usize>) -> Self {
        Self {
            generation,
            spec,
            guest: None,
            lines: LineRate::default(),
            state: State::Starting(None),
            backoff: Backoff::default(),
            messages: 0,
            memory: 0,
            memory_now: 0,
            worn: false,
            retiring: false,
            replaces,
        }
    }

    pub fn idle_since(&self) -> Option<Instant> {
        match self.state {
            State::Idle(since) => Some(since),
            _ => None,
        }
    }

    pub fn is_starting(&self) -> bool {
        matches!(self.state, State::Starting(_))
    }

    pub fn is_busy(&self) -> bool {
        matches!(self.state, State::Busy(_))
    }

    pub fn work(&self) -> Option<&Work> {
        match &self.state {
            State::Busy(work) | State::Starting(Some(work)) => Some(work),
            State::Starting(None) | State::Idle(_) => None,
        }
    }

    /// Takes the work out; a guest without work is at the start of its state.
    pub fn take_work(&mut self) -> Option<Work> {
        match std::mem::replace(&mut self.state, State::Starting(None)) {
            State::Busy(work) | State::Starting(Some(work)) => Some(work),
            State::Starting(None) => None,
            State::Idle(since) => {
                self.state = State::Idle(since);
                None
            }
        }
    }
}
