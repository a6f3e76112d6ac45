//! The answer for a stretch of messages: everything made from them is where it should be.
//!
//! Results and dead letters of one stretch may go to different outputs, so each gets an [`Ack`] of its own;
//! when the last of them is done, the permit comes home and the input learns that its position may move.
//! An ack that is dropped without [`Ack::done`] counts as a loss, never as a delivery.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::Recipient;

use super::Lane;
use super::gate::Permit;

/// To the input: these messages are dealt with, its commit point may pass them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, actix::Message)]
#[rtype(result = "()")]
pub struct Acked {
    /// Lane of the messages.
    pub lane: Lane,
    /// Position of the first one in its lane.
    pub position: u64,
    /// How many there are.
    pub count: usize,
    /// Whether they were lost: an output, or an actor on the way to it, ended without an answer for them. Positions from here on must
    /// not be committed.
    pub lost: bool,
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
    lost: AtomicBool,
    to: Recipient<Acked>,
    /// Comes home when the stretch is dropped: after the last share.
    permit: Permit,
}

impl Ack {
    /// The first share of a stretch. `to` is told when all shares are done.
    pub fn new(
        lane: Lane,
        position: u64,
        count: usize,
        permit: Permit,
        to: Recipient<Acked>,
    ) -> Self {
        let acked = Acked {
            lane,
            position,
            count,
            lost: false,
        };
        Self {
            stretch: Arc::new(Stretch {
                acked,
                lost: AtomicBool::new(false),
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

    /// The stretch is given to the outputs now; until then it waited for others before it.
    pub fn leave(&self) {
        self.stretch.permit.leave();
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
        self.acked.lost = *self.lost.get_mut();
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
