//! Finding the message that kills: a stretch of a batch, and what is run again after a death.
//!
//! Scripts are pure, so running a message twice is safe. A request that killed its guest is run again one
//! message at a time; a message that then kills a guest that has run nothing else is to blame. All others
//! come through.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::guest::{Stop, Stretch};
use crate::message::{Batch, Failure};

/// A stretch of a batch that waits for a guest or is run by one.
#[derive(Debug, Clone)]
pub struct Work {
    /// What is left to run.
    pub stretch: Stretch,
    /// Since when it has waited; for scaling.
    pub since: Instant,
    /// For how long it waited for a guest until it was last run.
    pub waited: Duration,
    /// How many batches came before its own.
    arrival: u64,
    /// How often a guest has died with the next message the first in line.
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
            waited: Duration::ZERO,
            arrival,
            attempts: 0,
        }
    }

    /// Its place in the queue: work on older messages goes first, since the results of younger ones have to
    /// wait for it.
    pub fn turn(&self) -> Turn {
        (self.arrival, self.stretch.next)
    }

    /// Messages left.
    pub fn len(&self) -> usize {
        self.stretch.end - self.stretch.next
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
        (keep < self.len()).then(|| {
            let mut rest = self.clone();
            rest.stretch.next += keep;
            self.stretch.end = rest.stretch.next;
            rest.attempts = 0;
            rest
        })
    }

    /// A guest answered for the next `answered` messages and stopped for `stop`.
    pub fn after(mut self, answered: usize, stop: &Stop) -> Next {
        if answered > 0 {
            self.stretch.next += answered;
            self.attempts = 0;
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
                    // Twice: once may be the machine's fault, such as a pause longer than the timeout.
                    if *alone && self.attempts > 1 {
                        let mut failure = Failure::new(death.name(), death.to_string());
                        failure.attempts = self.attempts;
                        convicted = Some((self.stretch.next, failure));
                        self.stretch.next += 1;
                        self.attempts = 0;
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
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::guest::error::Death;

    /// What a guest does with a request, as far as it matters here.
    #[derive(Debug, Clone, Copy)]
    struct Chance {
        /// Messages in a request.
        pace: usize,
        /// Requests after which the guest hands on what it has.
        requests: usize,
        /// It is ended from outside in the middle of the first request.
        killed: bool,
        /// How many guests share what is left.
        guests: usize,
    }

    /// Runs a stretch as `Guest::execute` does; messages in `deadly` kill it.
    fn execute(stretch: &Stretch, deadly: &[bool], chance: Chance) -> (usize, Stop) {
        let mut next = stretch.next;
        for request in 0..chance.requests {
            if next == stretch.end {
                return (next - stretch.next, Stop::Complete);
            }
            let limit = if next < stretch.solo_until {
                next + 1
            } else {
                stretch.end
            };
            let count = chance.pace.min(limit - next);
            let dies = |death| Stop::Died {
                death,
                suspects: count,
                alone: request == 0 && count == 1,
            };
            if chance.killed {
                return (next - stretch.next, dies(Death::Killed("by the test")));
            }
            if deadly[next..next + count].contains(&true) {
                return (next - stretch.next, dies(Death::Exit(1)));
            }
            next += count;
        }
        (next - stretch.next, Stop::Yielded)
    }

    fn chance() -> impl Strategy<Value = Chance> {
        (1usize..9, 1usize..4, prop::bool::weighted(0.2), 1usize..5).prop_map(
            |(pace, requests, killed, guests)| Chance {
                pace,
                requests,
                killed,
                guests,
            },
        )
    }

    /// Whatever dies when, each message gets one answer: those that kill are found, all others come through.
    #[test]
    fn each_message_is_answered_once_and_the_deadly_are_found() {
        let cases = (
            prop::collection::vec(prop::bool::weighted(0.15), 1..40),
            prop::collection::vec(chance(), 1..30),
        );
        actix::System::new().block_on(async {
            TestRunner::default()
                .run(&cases, |(deadly, chances)| {
                    let mut answers = vec![0; deadly.len()];
                    let mut convictions = vec![0; deadly.len()];
                    let work = Work::new(Batch::for_test(deadly.len()), 0, Instant::now());
                    let mut queue = BTreeMap::from([(work.turn(), work)]);
                    let mut turns = chances.iter().cycle();
                    let mut rounds = 0;
                    while let Some((_, work)) = queue.pop_first() {
                        rounds += 1;
                        prop_assert!(rounds < 5_000, "it goes on for ever");
                        let mut chance = *turns.next().expect("a cycle has no end");
                        // Not every guest of a pipeline is ended from outside, always.
                        chance.killed &= rounds % 7 != 0;
                        let (answered, stop) = execute(&work.stretch, &deadly, chance);
                        let next = work.stretch.next;
                        for answers in &mut answers[next..next + answered] {
                            *answers += 1;
                        }
                        let rest = match work.after(answered, &stop) {
                            Next::Done => None,
                            Next::Continue(work) => Some(work),
                            Next::Restart { work, convicted } => {
                                if let Some((index, failure)) = convicted {
                                    prop_assert!(failure.attempts >= 1);
                                    convictions[index] += 1;
                                }
                                work
                            }
                        };
                        for share in rest.into_iter().flat_map(|work| work.share(chance.guests)) {
                            prop_assert!(!share.is_empty());
                            prop_assert!(queue.insert(share.turn(), share).is_none());
                        }
                    }
                    for (index, deadly) in deadly.iter().enumerate() {
                        let seen = (answers[index], convictions[index]);
                        let expected = if *deadly { (0, 1) } else { (1, 0) };
                        prop_assert_eq!(seen, expected, "message {}", index);
                    }
                    Ok(())
                })
                .unwrap();
        });
    }

    #[test]
    fn shares_are_about_equal_and_whole() {
        actix::System::new().block_on(async {
            let work = || Work::new(Batch::for_test(10), 3, Instant::now());
            let lengths = |shares| {
                work()
                    .share(shares)
                    .iter()
                    .map(Work::len)
                    .collect::<Vec<_>>()
            };
            assert_eq!(lengths(3), [4, 4, 2]);
            assert_eq!(lengths(1), [10]);
            assert_eq!(lengths(0), [10]);
            assert_eq!(lengths(99), [1; 10]);
        });
    }
}
