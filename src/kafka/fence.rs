//! Being fenced: the brokers say that another client has taken this one's name, and serve only that one.
//!
//! It need not be another process. A client that was silent for longer than its session or its transaction may last can
//! be fenced by its own second try, when a broker that was paused answers both. So a fenced client comes again, which
//! fences whoever has the name now. Two processes by one name therefore fence each other in turn, and because they do so
//! in turn, a process that ends when it is fenced for the second time leaves the other one alive: that one is fenced no
//! more.
//!
//! This holds within one kind of name only. A process with transactions has two, the `group.instance.id` of its consumer
//! and the `transactional.id` of its producer, and with one count for both, each of two processes could be fenced twice
//! by one comeback of the other, so that both end. So each name has a count of its own, and where a process has both, the
//! consumer's decides: a producer comes again after a pause that is longer than the consumer takes to notice.

use std::time::{Duration, Instant};

/// Fencings that lie further apart than this have nothing to do with each other.
const WINDOW: Duration = Duration::from_secs(60);

/// How often one client was fenced lately.
#[derive(Debug)]
pub struct Fence {
    /// Fenced so often within [`WINDOW`], another process has the name.
    limit: u32,
    /// How long the client waits before it comes again.
    pause: Duration,
    count: u32,
    last: Option<Instant>,
}

/// What a fenced client is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fenced {
    /// Come again after this pause.
    ComeAgain(Duration),
    /// End: another process has the name.
    End,
}

impl Fence {
    /// Of a client whose name decides which of two processes ends.
    pub fn deciding() -> Self {
        Self::new(2, Duration::ZERO)
    }

    /// Of a producer beside a consumer that is a static member and decides. `heartbeat` is the time in which the
    /// consumer notices that it is fenced. The limit ends a process all the same whose `transactional.id` alone is
    /// another's.
    pub fn beside_static_member(heartbeat: Duration) -> Self {
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

    /// The client was fenced `now`.
    pub fn fenced(&mut self, now: Instant) -> Fenced {
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

    /// Two processes by one name, with a consumer and a producer each. `pace` is how long each takes to notice.
    fn survivors(pace: &[u64]) -> usize {
        let start = Instant::now();
        let heartbeat = Duration::from_secs(3);
        let mut fences: Vec<[Fence; 2]> = (0..2)
            .map(|_| [Fence::deciding(), Fence::beside_static_member(heartbeat)])
            .collect();
        let mut alive = [true; 2];
        // (when the fencing is noticed, by which process, of which name)
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
                // It comes again, which fences the other one if that one lives.
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
