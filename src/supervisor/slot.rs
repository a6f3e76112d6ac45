//! Slot: one guest, as the supervisor sees it.

use std::sync::Arc;
use std::time::Instant;

use super::replay::Work;
use super::restart::Backoff;
use crate::guest::log::LineRate;
use crate::guest::{Link, MakeGuests};

/// Address and state of a guest.
pub(super) struct Slot {
    /// Number of its generation.
    pub generation: u64,
    /// Specification of its guests.
    pub spec: Arc<dyn MakeGuests>,
    /// Thread of the guest; `None` before the first start, and after one that failed or a thread that was lost.
    pub guest: Option<Link>,
    /// Rate of log lines, shared by all guests in this slot.
    pub lines: LineRate,
    pub state: SlotState,
    pub backoff: Backoff,
    /// Number of messages answered since READY.
    pub messages: u64,
    /// Bytes of memory at READY.
    pub memory: u64,
    /// Bytes of memory at the last answer.
    pub memory_now: u64,
    /// Whether a replacement has been started.
    pub worn: bool,
    /// Whether the guest ends when its work is done, because the replacement is ready.
    pub retiring: bool,
    /// Number of the guest that ends when this one is ready.
    pub replaces: Option<usize>,
}

/// State of a guest.
pub(super) enum SlotState {
    /// The guest starts, or waits for its restart; with the work it held when it died.
    Starting(Option<Work>),
    /// The guest has been waiting for work since this time.
    Idle(Instant),
    /// The guest runs messages of a batch.
    Busy(Work),
}

impl Slot {
    /// Creates the slot of a new guest, which is not started yet.
    pub(super) fn new(generation: u64, spec: Arc<dyn MakeGuests>, replaces: Option<usize>) -> Self {
        Self {
            generation,
            spec,
            guest: None,
            lines: LineRate::default(),
            state: SlotState::Starting(None),
            backoff: Backoff::default(),
            messages: 0,
            memory: 0,
            memory_now: 0,
            worn: false,
            retiring: false,
            replaces,
        }
    }

    pub(super) fn idle_since(&self) -> Option<Instant> {
        match self.state {
            SlotState::Idle(since) => Some(since),
            _ => None,
        }
    }

    pub(super) fn is_starting(&self) -> bool {
        matches!(self.state, SlotState::Starting(_))
    }

    pub(super) fn is_busy(&self) -> bool {
        matches!(self.state, SlotState::Busy(_))
    }

    pub(super) fn work(&self) -> Option<&Work> {
        match &self.state {
            SlotState::Busy(work) | SlotState::Starting(Some(work)) => Some(work),
            SlotState::Starting(None) | SlotState::Idle(_) => None,
        }
    }

    /// Takes the work out. The slot is then in the state of a guest that has just begun to start.
    pub(super) fn take_work(&mut self) -> Option<Work> {
        match std::mem::replace(&mut self.state, SlotState::Starting(None)) {
            SlotState::Busy(work) | SlotState::Starting(Some(work)) => Some(work),
            SlotState::Starting(None) => None,
            SlotState::Idle(since) => {
                self.state = SlotState::Idle(since);
                None
            }
        }
    }
}
