//! Fencing: the brokers report that another client has taken this one's name, and serve only that other client.
//!
//! The other client need not be in another process. A client that was silent for longer than its session or its
//! transaction may last can be fenced by its own second try, when a broker that was paused answers both. So a fenced
//! client comes back, which fences whichever client has the name then. Two processes with one name therefore fence each
//! other in turn. When a process ends after it was fenced for the second time, the other one stays alive, because it is
//! not fenced any more.
//!
//! This is true only for one kind of name. A process with transactions has two, the `group.instance.id` of its consumer
//! and the `transactional.id` of its producer. With one count for both, each of two processes could be fenced twice by
//! one return of the other, and both would end. So each name has a count of its own, and where a process has both, the
//! consumer's decides: a producer comes back after a pause that is longer than the consumer takes to notice.

use std::time::{Duration, Instant};

/// Time after which two fencings are unrelated.
const WINDOW: Duration = Duration::from_secs(60);

/// Count of the recent fencings of one client.
#[derive(Debug)]
pub(crate) struct Fence {
    /// Number of fencings within [`WINDOW`] that shows that another process has the name.
    limit: u32,
    /// Time that the client waits before it comes back.
    pause: Duration,
    count: u32,
    last: Option<Instant>,
}

/// Decision about a fenced client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fenced {
    /// Come back after this pause.
    ComeAgain(Duration),
    /// End: another process has the name.
    End,
}

impl Fence {
    /// Creates the fence of a client whose name decides which of two processes ends.
    pub(crate) fn deciding() -> Self {
        Self::new(2, Duration::ZERO)
    }

    /// Creates the fence of a producer whose consumer is a static member and decides. `heartbeat` is the time in which
    /// the consumer notices that it is fenced. The limit still ends a process that shares only its `transactional.id`
    /// with another.
    pub(crate) fn beside_static_member(heartbeat: Duration) -> Self {
        Self::new(8, heartbeat.max(Duration::from_secs(2)))
    }

    fn new(limit: u32, pause: Duration) -> Self {
        Self {
            limit,
            pause,
            count: 0,
            last: None,
        }
    }

    /// Counts a fencing at time `now`, and returns what the client is to do.
    pub(crate) fn fenced(&mut self, now: Instant) -> Fenced {
        let apart = self
            .last
            .is_none_or(|last| now.duration_since(last) >= WINDOW);
        self.last = Some(now);
        self.count = if apart { 1 } else { self.count + 1 };
        if self.count >= self.limit {
            Fenced::End
        } else {
            Fenced::ComeAgain(self.pause)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn only_who_is_fenced_again_within_the_window_has_a_twin() {
        let start = Instant::now();
        let again = Fenced::ComeAgain(Duration::ZERO);
        let mut fence = Fence::deciding();
        assert_eq!(fence.fenced(start), again);
        assert_eq!(fence.fenced(after(start, 60)), again);
        assert_eq!(fence.fenced(after(start, 119)), Fenced::End);
        let mut fence = Fence::deciding();
        assert_eq!(fence.fenced(start), again);
        assert_eq!(fence.fenced(after(start, 3600)), again);
    }

    #[test]
    fn a_producer_beside_a_static_member_is_slower_than_its_consumer() {
        let start = Instant::now();
        let heartbeat = Duration::from_secs(3);
        let mut fence = Fence::beside_static_member(heartbeat);
        let mut now = start;
        let mut comebacks = 0;
        while let Fenced::ComeAgain(pause) = fence.fenced(now) {
            assert!(pause >= heartbeat);
            now += pause;
            comebacks += 1;
        }
        // The consumers of two processes decide in three fencings, each noticed within a heartbeat.
        assert!(
            now - start > 3 * heartbeat,
            "{comebacks} in {:?}",
            now - start
        );
    }

    /// Simulates two processes with one name, each with a consumer and a producer, and returns how many survive. `pace`
    /// has the times that they take to notice.
    fn survivors(pace: &[u64]) -> usize {
        let start = Instant::now();
        let heartbeat = Duration::from_secs(3);
        let mut fences: Vec<[Fence; 2]> = (0..2)
            .map(|_| [Fence::deciding(), Fence::beside_static_member(heartbeat)])
            .collect();
        let mut alive = [true; 2];
        // (time at which the fencing is noticed, process, name)
        let mut noticed: Vec<(u64, usize, usize)> = vec![(pace[0], 0, 0), (pace[1], 0, 1)];
        let mut paces = pace.iter().cycle().skip(2);
        while let Some(next) = noticed.iter().copied().min() {
            noticed.retain(|one| *one != next);
            let (when, process, name) = next;
            if !alive[process] {
                continue;
            }
            match fences[process][name].fenced(start + Duration::from_millis(when)) {
                Fenced::End => {
                    alive[process] = false;
                }
                // The client comes back, which fences the other one if that is alive.
                Fenced::ComeAgain(pause) if alive[1 - process] => {
                    let pace = paces.next().copied().unwrap_or(1);
                    let at = when + pause.as_millis() as u64 + pace;
                    noticed.push((at, 1 - process, name));
                }
                Fenced::ComeAgain(_) => {}
            }
        }
        alive.iter().filter(|alive| **alive).count()
    }

    proptest! {
        #[test]
        fn of_two_processes_by_one_name_exactly_one_survives(
            pace in prop::collection::vec(1u64..3000, 2..40),
        ) {
            prop_assert_eq!(survivors(&pace), 1);
        }
    }
}
