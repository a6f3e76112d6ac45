//! Replay: what is run again after a death, and which message is to blame.
//!
//! Scripts are pure, so it is safe to run a message twice. The messages of a request that killed its guest are run
//! again, one per request. A message is to blame if it kills its guest twice in a request of its own, the second time a
//! guest that has run nothing else. All others succeed. A death in company counts against no message.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::guest::Stop;
use crate::guest::error::Death;
use crate::message::{Batch, Failure, Slice};

/// Messages of a batch that wait for a guest or are run by one.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// Messages that are still to be run.
    pub slice: Slice,
    /// Index in the batch before which messages run one per request, since a request with them killed a guest.
    pub solo_until: usize,
    /// Time since which the work has waited; for scaling.
    pub since: Instant,
    /// Time that the work waited for a guest until it was last run.
    pub waited: Duration,
    /// Number of batches that arrived before its own.
    arrival: u64,
    /// Number of guests that died of a request with only the next message.
    attempts: u32,
}

/// Place in the queue: arrival of the batch, and index of its first message that is left.
pub(crate) type Turn = (u64, usize);

/// What is to be done after a guest has stopped.
#[derive(Debug)]
pub(crate) enum Next {
    /// Nothing: everything is done.
    Done,
    /// Run the rest; the guest is alive.
    Continue(Work),
    /// Start a new guest: this one died.
    Restart {
        /// Rest of the work, if there is any.
        work: Option<Work>,
        /// Message that is to blame, by its index, and its failure.
        convicted: Option<(usize, Failure)>,
    },
}

impl Work {
    /// Creates work of all messages of `batch`, before which `arrival` batches arrived.
    pub(crate) fn new(batch: Arc<Batch>, arrival: u64, now: Instant) -> Self {
        Self {
            slice: Slice::of(batch),
            solo_until: 0,
            since: now,
            waited: Duration::ZERO,
            arrival,
            attempts: 0,
        }
    }

    /// Returns the work's place in the queue. Work on older messages goes first, since the results of younger ones wait
    /// for it.
    pub(crate) fn turn(&self) -> Turn {
        (self.arrival, self.slice.range.start)
    }

    /// Returns the number of messages left.
    pub(crate) fn len(&self) -> usize {
        self.slice.len()
    }

    /// Returns whether no messages are left.
    pub(crate) fn is_empty(&self) -> bool {
        self.slice.is_empty()
    }

    /// Divides the work into at most `shares` parts of about the same size, for several guests.
    pub(crate) fn share(self, shares: usize) -> Vec<Work> {
        let size = self.len().div_ceil(shares.max(1)).max(1);
        let mut shared = vec![self];
        while let Some(rest) = shared.last_mut().and_then(|work| work.split_off(size)) {
            shared.push(rest);
        }
        shared
    }

    /// Keeps the next `keep` messages and returns all after them, if there are any.
    pub(crate) fn split_off(&mut self, keep: usize) -> Option<Work> {
        self.slice.split_off(keep).map(|slice| Self {
            slice,
            attempts: 0,
            ..self.clone()
        })
    }

    /// Decides what follows after a guest answered for the next `answered` messages and stopped because of `stop`.
    pub(crate) fn after(mut self, answered: usize, stop: &Stop) -> Next {
        if answered > 0 {
            self.slice.range.start += answered;
            self.attempts = 0;
        }
        match stop {
            Stop::Complete | Stop::Yielded if self.is_empty() => Next::Done,
            Stop::Complete | Stop::Yielded => Next::Continue(self),
            Stop::Died {
                death,
                suspects,
                single,
                fresh,
                script,
            } => {
                let mut convicted = None;
                if death.blames_messages() && *suspects > 0 {
                    self.attempts += u32::from(*single);
                    // Twice, because one death may be the machine's fault, such as a core that was away for too long.
                    if *single && *fresh && self.attempts > 1 {
                        let mut failure = death.failure(script.as_ref());
                        failure.attempts = self.attempts;
                        convicted = Some((self.slice.range.start, failure));
                        self.slice.range.start += 1;
                        self.attempts = 0;
                    } else {
                        let solo_until = self.slice.range.start + suspects;
                        self.solo_until = self.solo_until.max(solo_until);
                    }
                }
                let work = (!self.is_empty()).then_some(self);
                Next::Restart { work, convicted }
            }
        }
    }

    /// Decides what follows after the guest's thread was lost, with all of its answers. `fresh` says that nothing had
    /// run in the guest before. Returns the next step, and the rest of the work.
    ///
    /// Any of the messages may be to blame, even those that were answered. So each becomes work of its own: if another
    /// message's thread is lost, that does not lose its answers.
    pub(crate) fn lost(self, death: Death, fresh: bool) -> (Next, Vec<Work>) {
        let single = self.len() == 1;
        let mut each = self.share(usize::MAX).into_iter();
        let Some(first) = each.next() else {
            return (Next::Done, Vec::new());
        };
        let stop = Stop::Died {
            death,
            suspects: 1,
            single,
            fresh,
            script: None,
        };
        (first.after(0, &stop), each.collect())
    }
}

#[cfg(test)]
mod tests;
