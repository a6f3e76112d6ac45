//! Finding the message that kills: messages of a batch, and what is run again after a death.
//!
//! Scripts are pure, so running a message twice is safe. A request that killed its guest is run again one
//! message at a time; a message that twice kills its guest in a request of its own, the second time a guest that has
//! run nothing else, is to blame. All others come through. A death in company is evidence against nobody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::guest::Stop;
use crate::guest::error::Death;
use crate::message::{Batch, Failure, Slice};

/// Messages of a batch that wait for a guest or are run by one.
#[derive(Debug, Clone)]
pub struct Work {
    /// The messages that are left to run.
    pub slice: Slice,
    /// Messages before this index of the batch run one to a request, since a request with them killed a guest.
    pub solo_until: usize,
    /// Since when it has waited; for scaling.
    pub since: Instant,
    /// For how long it waited for a guest until it was last run.
    pub waited: Duration,
    /// How many batches came before its own.
    arrival: u64,
    /// How often a guest has died of a request that had the next message alone.
    attempts: u32,
}

/// Arrival of the batch, index of its first message that is left.
pub type Turn = (u64, usize);

/// What is to be done after a guest has stopped.
#[derive(Debug)]
pub enum Next {
    /// All is done.
    Done,
    /// The guest lives; the rest goes on.
    Continue(Work),
    /// The guest died.
    Restart {
        /// What is left, if anything.
        work: Option<Work>,
        /// The message at this index is to blame.
        convicted: Option<(usize, Failure)>,
    },
}

impl Work {
    /// All of `batch`, before which `arrival` others came.
    pub fn new(batch: Arc<Batch>, arrival: u64, now: Instant) -> Self {
        Self {
            slice: Slice::of(batch),
            solo_until: 0,
            since: now,
            waited: Duration::ZERO,
            arrival,
            attempts: 0,
        }
    }

    /// Its place in the queue: work on older messages goes first, since the results of younger ones have to
    /// wait for it.
    pub fn turn(&self) -> Turn {
        (self.arrival, self.slice.range.start)
    }

    /// Messages left.
    pub fn len(&self) -> usize {
        self.slice.len()
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.slice.is_empty()
    }

    /// Cuts it into at most `shares` of about the same size, for several guests.
    pub fn share(self, shares: usize) -> Vec<Work> {
        let size = self.len().div_ceil(shares.max(1)).max(1);
        let mut shared = vec![self];
        while let Some(rest) = shared.last_mut().and_then(|work| work.split_off(size)) {
            shared.push(rest);
        }
        shared
    }

    /// Keeps the next `keep` messages and gives all after them, if there are any.
    pub fn split_off(&mut self, keep: usize) -> Option<Work> {
        self.slice.split_off(keep).map(|slice| Self {
            slice,
            attempts: 0,
            ..self.clone()
        })
    }

    /// A guest answered for the next `answered` messages and stopped for `stop`.
    pub fn after(mut self, answered: usize, stop: &Stop) -> Next {
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
            } => {
                let mut convicted = None;
                if death.blames_messages() && *suspects > 0 {
                    self.attempts += u32::from(*single);
                    // Twice: once may be the machine's fault, such as a core that was away for too long.
                    if *single && *fresh && self.attempts > 1 {
                        let mut failure = Failure::new(death.name(), death.to_string());
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

    /// The guest's thread was lost, with all that it may have answered; nothing had run in it before if it was
    /// `fresh`. Gives what is to be done, and what is left besides.
    ///
    /// Any of the messages may be to blame, those that were answered too. So each becomes work of its own, whose
    /// answers a thread that is lost with another one does not take along.
    pub fn lost(self, death: Death, fresh: bool) -> (Next, Vec<Work>) {
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
        };
        (first.after(0, &stop), each.collect())
    }
}

#[cfg(test)]
mod tests;
