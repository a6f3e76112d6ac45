//! Clock that stands still while the process does.
//!
//! A deadline should count only time in which it could have been met. A process that is stopped (SIGSTOP, `docker
//! pause`, a frozen cgroup, a virtual machine that moves) runs nothing, while the system's clock continues: by that
//! clock every guest would have missed its deadline at once. So a thread notes the time about twenty times a second,
//! and at most [`ALLOWANCE`] of the time between two notes counts. A reader adds at most that much to the last note,
//! whether or not the thread has noticed the pause yet, so the two cannot race.

pub mod cpu;

use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

/// Time between two notes.
const BEAT: Duration = Duration::from_millis(50);
/// Limit on the time since the last note that counts. If all cores are busy, the thread that makes the notes wakes up
/// late; that must not slow the clock.
pub const ALLOWANCE: Duration = Duration::from_millis(200);

/// Clock that stands still while the process does. Cheap to clone; all clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Beats>);

/// Notes of the time. Every thread reads them, and often, so there is no lock: the current note is not written to until
/// the other note has been.
#[derive(Debug, Default)]
struct Beats {
    /// Number of notes so far; its lowest bit is the index of the current one.
    generation: AtomicU64,
    notes: [Note; 2],
}

/// Note of the time, in nanoseconds since a clock was first read.
#[derive(Debug, Default)]
struct Note {
    /// Time at which the note was made.
    at: AtomicU64,
    /// Time before the note that does not count.
    skipped: AtomicU64,
}

impl Clock {
    /// Returns the clock of this process. The first call starts the thread that keeps it. If the system has no thread
    /// to spare, the clock continues while the process stands still, like any other clock.
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
                    // As if the last note were in the future: from now on all time counts.
                    clock.0.write(u64::MAX, clock.0.read().1);
                    clock
                }
            }
        });
        CLOCK.clone()
    }

    /// Creates a clock that no thread keeps: it soon stands still, until [`beat`](Self::beat) is called.
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

    /// Returns the time that counts, since some moment before the first call.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.0.counted(since_start()))
    }
}

impl Beats {
    /// Notes that the time is `now`. Only one thread may call this at a time.
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
            // A reader that saw a part of the next note but one sees here that the next note exists.
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

/// Returns how much of the time from the note at `last` until `now` does not count.
fn uncounted(last: u64, now: u64) -> u64 {
    now.saturating_sub(last)
        .saturating_sub(ALLOWANCE.as_nanos() as u64)
}

/// Returns the current `Instant` as a number of nanoseconds, which suffices for five centuries.
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
        // The process stands still for a minute. Whichever thread runs first afterwards, the time is the same.
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
