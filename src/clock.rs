//! A clock that stands still while the process does.
//!
//! Deadlines are for those who could have met them. A process that is stopped (SIGSTOP, `docker pause`, a frozen
//! cgroup, a virtual machine that moves) runs nothing, while the system's clock goes on: by that clock every guest
//! would have missed its deadline at once. So a thread notes the time some twenty times a second, and of the time
//! between two notes no more counts than [`ALLOWANCE`]. Who asks adds no more than that to the last note, whether or
//! not the thread has come to notice the pause yet: there is no race to be lost.

pub mod cpu;
pub mod rate_limit;

use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

/// How often the time is noted.
const BEAT: Duration = Duration::from_millis(50);
/// As much counts of the time since the last note. The thread that notes it is woken later than it asked for where
/// all cores are busy; that must not slow the clock.
pub const ALLOWANCE: Duration = Duration::from_millis(200);

/// A clock that stands still while the process does. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Beats>);

/// Notes of the time. Whoever asks reads them, on every thread and often, so there is no lock: the one that is current
/// is not written to until the other one has been.
#[derive(Debug, Default)]
struct Beats {
    /// Counts notes; its lowest bit says which is current.
    generation: AtomicU64,
    notes: [Note; 2],
}

/// In nanoseconds since the first clock was asked.
#[derive(Debug, Default)]
struct Note {
    /// When it was made.
    at: AtomicU64,
    /// Time until then that does not count.
    skipped: AtomicU64,
}

impl Clock {
    /// The clock of this process. The first call starts the thread that keeps it; where the system has none to
    /// spare, it goes on while the process stands still, like any other clock.
    pub fn of_process() -> Self {
        static CLOCK: LazyLock<Clock> = LazyLock::new(|| {
            let clock = Clock(Arc::default());
            clock.beat();
            let beats = Arc::clone(&clock.0);
            let keep = move || {
                loop {
                    thread::sleep(BEAT);
                    beats.note(since_start());
                }
            };
            match thread::Builder::new().name("clock".into()).spawn(keep) {
                Ok(_) => clock,
                Err(error) => {
                    tracing::warn!(%error, "no thread for the clock: a pause of the process counts as time");
                    // As if the next note were still to come, for ever: all time since then counts.
                    clock.0.write(u64::MAX, clock.0.read().1);
                    clock
                }
            }
        });
        CLOCK.clone()
    }

    /// A clock that nobody keeps: it stands still soon, until [`beat`](Self::beat) is called.
    #[cfg(test)]
    pub(crate) fn unkept() -> Self {
        let clock = Self(Arc::default());
        clock.beat();
        clock
    }

    /// Notes the time.
    pub(crate) fn beat(&self) {
        self.0.note(since_start());
    }

    /// The time that counts, since some moment before the first call.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.0.counted(since_start()))
    }
}

impl Beats {
    /// Notes that it is `now`. For one thread at a time.
    fn note(&self, now: u64) {
        let (last, skipped) = self.read();
        self.write(now, skipped.saturating_add(uncounted(last, now)));
    }

    fn counted(&self, now: u64) -> u64 {
        let (last, skipped) = self.read();
        now.saturating_sub(skipped.saturating_add(uncounted(last, now)))
    }

    fn read(&self) -> (u64, u64) {
        loop {
            let generation = self.generation.load(Ordering::Acquire);
            let note = self.note_of(generation);
            let read = (
                note.at.load(Ordering::Relaxed),
                note.skipped.load(Ordering::Relaxed),
            );
            // Who saw a part of the next but one sees here that the next one is there.
            fence(Ordering::Acquire);
            if self.generation.load(Ordering::Relaxed) == generation {
                return read;
            }
        }
    }

    fn write(&self, at: u64, skipped: u64) {
        let next = self.generation.load(Ordering::Relaxed).wrapping_add(1);
        fence(Ordering::Release);
        let note = self.note_of(next);
        note.at.store(at, Ordering::Relaxed);
        note.skipped.store(skipped, Ordering::Relaxed);
        self.generation.store(next, Ordering::Release);
    }

    fn note_of(&self, generation: u64) -> &Note {
        &self.notes[(generation % 2) as usize]
    }
}

/// What does not count of the time from the note at `last` until `now`.
fn uncounted(last: u64, now: u64) -> u64 {
    now.saturating_sub(last)
        .saturating_sub(ALLOWANCE.as_nanos() as u64)
}

/// An `Instant` as a number. Enough for five centuries.
fn since_start() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_pause_counts_no_more_than_the_allowance() {
        let beats = Beats::default();
        for at in (50..=1000).step_by(50) {
            beats.note(at * MS);
        }
        assert_eq!(beats.counted(1000 * MS), 1000 * MS, "kept, it is exact");
        assert_eq!(
            beats.counted(1150 * MS),
            1150 * MS,
            "a late beat is no pause"
        );
        // The process stands still for a minute. Whoever is the first to run afterwards sees the same time.
        assert_eq!(beats.counted(61_000 * MS), 1200 * MS);
        beats.note(61_000 * MS);
        assert_eq!(beats.counted(61_000 * MS), 1200 * MS);
        beats.note(61_050 * MS);
        assert_eq!(beats.counted(61_060 * MS), 1260 * MS, "and it goes on");
    }

    #[test]
    fn that_of_the_process_is_kept() {
        let clock = Clock::of_process();
        let before = clock.now();
        thread::sleep(3 * ALLOWANCE);
        assert!(clock.now() - before > ALLOWANCE, "somebody notes the time");
    }

    #[test]
    fn one_that_nobody_keeps_stands_still() {
        let clock = Clock::unkept();
        let before = clock.now();
        thread::sleep(2 * ALLOWANCE);
        assert!(clock.now() - before <= ALLOWANCE);
        clock.beat();
        let beaten = clock.now();
        thread::sleep(Duration::from_millis(20));
        assert!(clock.now() > beaten, "it goes on");
    }
}
