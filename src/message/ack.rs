//! Acks: the acknowledgement of consecutive messages, given when everything made from them is where it should be.
//!
//! Results and dead letters of the same messages may go to different outputs, so each output gets an [`Ack`] of its
//! own. When the last of them is done, the input learns that its position may move, and the memory is released. An ack
//! that is dropped without [`Ack::done`] counts as a loss, never as a delivery.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use super::budget::Permit;
use super::{Lane, LaneId};

/// Report to the input about consecutive messages that it read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Acked {
    /// Lane of the messages.
    pub lane: LaneId,
    /// Position of the first message in its lane.
    pub position: u64,
    /// Number of messages.
    pub count: usize,
    /// What became of the messages.
    pub status: DeliveryStatus,
    /// Time at which the messages were read.
    pub read: Instant,
}

/// What became of messages that an input had read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryStatus {
    /// Everything made from the messages is where it should be: the committed offset may pass them.
    Delivered,
    /// The messages were given up on purpose, with their [lane](Lane::is_over). They will be read again.
    Abandoned,
    /// An output, or an actor before it, ended without an answer for the messages.
    Lost,
}

/// Callback by which an input learns what became of its messages. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AckSink(Arc<dyn Fn(Acked) + Send + Sync>);

impl AckSink {
    /// Creates a sink that calls `hear` with each answer, on the thread that answers. `hear` must not block.
    pub(crate) fn new(hear: impl Fn(Acked) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    /// Creates a sink that ignores all answers.
    pub(crate) fn unheard() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for AckSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AckSink")
    }
}

/// Consecutive messages without an answer. Dropping this value, and nothing else, reports them to the input: as lost or
/// abandoned, unless they were marked as delivered.
#[derive(Debug)]
pub(super) struct Unanswered {
    lane: Arc<Lane>,
    position: u64,
    count: usize,
    read: Instant,
    delivered: bool,
    acks: AckSink,
}

impl Unanswered {
    pub(super) fn new(
        lane: Arc<Lane>,
        position: u64,
        count: usize,
        read: Instant,
        acks: AckSink,
    ) -> Self {
        Self {
            lane,
            position,
            count,
            read,
            delivered: false,
            acks,
        }
    }

    /// Takes out `count` messages, which begin at `position`.
    pub(super) fn take(&mut self, position: u64, count: usize) -> Self {
        self.count -= count;
        Self {
            lane: Arc::clone(&self.lane),
            position,
            count,
            read: self.read,
            delivered: false,
            acks: self.acks.clone(),
        }
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if self.count == 0 {
            return;
        }
        let status = if self.delivered {
            DeliveryStatus::Delivered
        } else if self.lane.is_over() {
            DeliveryStatus::Abandoned
        } else {
            DeliveryStatus::Lost
        };
        (self.acks.0)(Acked {
            lane: self.lane.id,
            position: self.position,
            count: self.count,
            status,
            read: self.read,
        });
    }
}

/// One output's share in the acknowledgement of consecutive messages. End it with [`done`](Self::done).
#[derive(Debug)]
#[must_use = "an ack that is dropped counts as a loss"]
pub(crate) struct Ack {
    shares: Arc<Shares>,
    done: bool,
}

/// State that all shares of one acknowledgement have in common. The answer is given when the last share is dropped.
#[derive(Debug)]
struct Shares {
    /// Limit on the messages that are answered, counted from the first.
    most: AtomicUsize,
    /// Whether a share was dropped without an answer.
    lost: AtomicBool,
    // Dropped before the permit, so that the input learns of the messages before the memory is released.
    unanswered: Unanswered,
    permit: Permit,
}

impl Ack {
    /// Creates the first share of the answer for messages whose memory `permit` covers.
    pub(super) fn new(unanswered: Unanswered, permit: Permit) -> Self {
        Self {
            shares: Arc::new(Shares {
                most: AtomicUsize::new(unanswered.count),
                lost: AtomicBool::new(false),
                unanswered,
                permit,
            }),
            done: false,
        }
    }

    /// Creates another share of the same answer, for another output.
    pub(crate) fn share(&self) -> Self {
        Self {
            shares: Arc::clone(&self.shares),
            done: false,
        }
    }

    /// Returns how many bytes of the memory budget the messages and their results take.
    pub(crate) fn bytes(&self) -> u64 {
        self.shares.permit.bytes()
    }

    /// Notes that the results are now passed to the outputs; until then they waited for earlier results.
    pub(crate) fn leave(&self) {
        self.shares.permit.leave();
    }

    /// Limits the answer to the first `count` messages; the others will be read again.
    pub(crate) fn cut(&self, count: usize) {
        self.shares.most.fetch_min(count, Ordering::AcqRel);
    }

    /// Acknowledges the messages for this output.
    pub(crate) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if !self.done {
            self.shares.lost.store(true, Ordering::Release);
        }
    }
}

impl Drop for Shares {
    fn drop(&mut self) {
        self.unanswered.delivered = !*self.lost.get_mut();
        self.unanswered.count = *self.most.get_mut();
    }
}
