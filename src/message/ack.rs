//! The answer for a stretch of messages: everything made from them is where it should be.
//!
//! Results and dead letters of one stretch may go to different outputs, so each gets an [`Ack`] of its own;
//! when the last of them is done, the permit comes home and the input learns that its position may move.
//! An ack that is dropped without [`Ack::done`] counts as a loss, never as a delivery.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use actix::Recipient;

use super::gate::Permit;
use super::{Lane, Origin};

/// To the input: what became of these messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, actix::Message)]
#[rtype(result = "()")]
pub struct Acked {
    /// Lane of the messages.
    pub lane: Lane,
    /// Position of the first one in its lane.
    pub position: u64,
    /// How many there are.
    pub count: usize,
    /// Whether the commit point may pass them.
    pub fate: Fate,
    /// When they were read.
    pub read: Instant,
}

/// What became of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Everything made from them is where it should be: the commit point may pass them.
    Delivered,
    /// Given up on purpose, with their [lane](Origin::is_over): they will be read again.
    Abandoned,
    /// An output, or an actor on the way to it, ended without an answer for them.
    Lost,
}

impl Fate {
    /// That of messages which were dropped without an answer.
    pub(super) fn of_dropped(origin: &Origin) -> Self {
        if origin.is_over() {
            Self::Abandoned
        } else {
            Self::Lost
        }
    }
}

/// One output's share of a stretch of messages. End it with [`done`](Self::done).
#[derive(Debug)]
#[must_use = "an ack that is dropped counts as a loss"]
pub struct Ack {
    stretch: Arc<Stretch>,
    done: bool,
}

struct Stretch {
    acked: Acked,
    /// No more than so many of the messages, from the first on, are answered.
    most: AtomicUsize,
    /// A share was dropped without an answer.
    lost: AtomicBool,
    origin: Arc<Origin>,
    to: Recipient<Acked>,
    /// Comes home when the stretch is dropped: after the last share.
    permit: Permit,
}

impl Ack {
    /// The first share of a stretch. `to` is told when all shares are done.
    pub fn new(
        origin: Arc<Origin>,
        position: u64,
        count: usize,
        read: Instant,
        permit: Permit,
        to: Recipient<Acked>,
    ) -> Self {
        let acked = Acked {
            lane: origin.lane,
            position,
            count,
            fate: Fate::Delivered,
            read,
        };
        Self {
            stretch: Arc::new(Stretch {
                acked,
                most: AtomicUsize::new(count),
                lost: AtomicBool::new(false),
                origin,
                to,
                permit,
            }),
            done: false,
        }
    }

    /// Another share of the same stretch, for another output.
    pub fn share(&self) -> Self {
        Self {
            stretch: Arc::clone(&self.stretch),
            done: false,
        }
    }

    /// What the stretch takes at the gate, in bytes.
    pub fn bytes(&self) -> u64 {
        self.stretch.permit.bytes()
    }

    /// The stretch is given to the outputs now; until then it waited for others before it.
    pub fn leave(&self) {
        self.stretch.permit.leave();
    }

    /// Only the first `count` messages are answered; the others will be read again.
    pub fn cut(&self, count: usize) {
        self.stretch.most.fetch_min(count, Ordering::AcqRel);
    }

    /// This output has answered for its share.
    pub fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if !self.done {
            self.stretch.lost.store(true, Ordering::Release);
        }
    }
}

impl Drop for Stretch {
    fn drop(&mut self) {
        if *self.lost.get_mut() {
            self.acked.fate = Fate::of_dropped(&self.origin);
        }
        self.acked.count = *self.most.get_mut();
        // The input's mailbox is not bounded, and there is at most one ack a message in flight.
        self.to.do_send(self.acked);
    }
}

impl std::fmt::Debug for Stretch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stretch")
            .field("acked", &self.acked)
            .finish_non_exhaustive()
    }
}
