//! Finding the message that kills: a stretch of a batch, and what is run again after a death.
//!
//! Scripts are pure, so running a message twice is safe. A request that killed its guest is run again one
//! message at a time; a message that kills a guest that has run nothing else is to blame. All others come
//! through.

use std::sync::Arc;
use std::time::Instant;

use crate::guest::{Stop, Stretch};
use crate::message::{Batch, Failure};

/// A stretch of a batch that waits for a guest or is run by one.
#[derive(Debug, Clone)]
pub struct Work {
    /// What is left to run.
    pub stretch: Stretch,
    /// Since when it has waited; for scaling.
    pub since: Instant,
    /// How often the next message was run.
    attempts: u32,
}

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
    /// All of `batch`.
    pub fn new(batch: Arc<Batch>, now: Instant) -> Self {
        let end = batch.messages.len();
        let stretch = Stretch {
            batch,
            next: 0,
            end,
            solo_until: 0,
        };
        Self {
            stretch,
            since: now,
            attempts: 0,
        }
    }

    /// Messages left.
    pub fn len(&self) -> usize {
        self.stretch.end - self.stretch.next
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the second half off, for another guest.
    pub fn split(&mut self) -> Option<Work> {
        let half = self.len() / 2;
        (half > 0).then(|| {
            let mut other = self.clone();
            self.stretch.end -= half;
            other.stretch.next = self.stretch.end;
            other.attempts = other.attempts_so_far();
            other
        })
    }

    /// A guest answered for the next `answered` messages and stopped for `stop`.
    pub fn after(mut self, answered: usize, stop: &Stop) -> Next {
        if answered > 0 {
            self.stretch.next += answered;
            self.attempts = self.attempts_so_far();
        }
        match stop {
            Stop::Complete | Stop::Yielded if self.is_empty() => Next::Done,
            Stop::Complete | Stop::Yielded => Next::Continue(self),
            Stop::Died {
                death,
                suspects,
                alone,
            } => {
                let mut convicted = None;
                if death.blames_messages() {
                    self.attempts += 1;
                    if *alone {
                        let mut failure = Failure::new(death.name(), death.to_string());
                        failure.attempts = self.attempts;
                        convicted = Some((self.stretch.next, failure));
                        self.stretch.next += 1;
                        self.attempts = self.attempts_so_far();
                    } else {
                        let solo_until = self.stretch.next + suspects;
                        self.stretch.solo_until = self.stretch.solo_until.max(solo_until);
                    }
                }
                let work = (!self.is_empty()).then_some(self);
                Next::Restart { work, convicted }
            }
        }
    }

    /// Messages of a fatal request have been run once already.
    fn attempts_so_far(&self) -> u32 {
        u32::from(self.stretch.next < self.stretch.solo_until)
    }
}
