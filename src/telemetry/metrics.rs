//! What is counted while the engine runs. [`events`](super::events) count what happens; [`stats`](super::stats) is
//! what all of it says at one moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::failures::Failures;
use super::health::Health;
use super::histogram::{Histogram, MESSAGES, SECONDS};
use super::stats::{Link, Partition};
use crate::clock::rate_limit::RateLimit;

/// The limit on log lines of one kind, in a second.
pub type LogLimit = RateLimit<10>;

/// All that is counted, since the start unless it says otherwise.
#[derive(Debug)]
pub struct Metrics {
    /// When the engine started.
    pub started: SystemTime,
    /// Messages taken in.
    pub received: AtomicU64,
    /// Bytes of their payloads.
    pub received_bytes: AtomicU64,
    /// Messages in a batch, as the input cuts them.
    pub batches: Histogram,
    /// Messages that are done: their results or dead letters are written, or they were dropped.
    pub delivered: AtomicU64,
    /// Output messages made by scripts.
    pub records: AtomicU64,
    /// Messages whose script left `root` at `None`.
    pub dropped: AtomicU64,
    /// Messages that failed, and were not dropped.
    pub failed: AtomicU64,
    /// Messages that failed and were dropped, as `on_error: drop` asks.
    pub failed_and_dropped: AtomicU64,
    /// Failed messages by the type of the failure.
    pub failures_by_type: ByName,
    /// The last of them, for people.
    pub failures: Failures,
    /// Bytes of payload given to outputs.
    pub bytes_written: AtomicU64,
    /// How long messages waited for the guest that answered for them.
    pub queue_seconds: Histogram,
    /// How long guests were at what they ran together, with the transcoding; a message each.
    pub guest_seconds: Histogram,
    /// From when messages were read to when all was delivered; a message each.
    pub whole_seconds: Histogram,
    /// Guests that reached READY.
    pub starts: AtomicU64,
    /// From instantiation to READY.
    pub ready_seconds: Histogram,
    /// Guests that did not reach it.
    pub failed_starts: AtomicU64,
    /// Guests that died while they ran, by the name of the death.
    pub deaths: ByName,
    /// How often what happens to guests is logged.
    pub(super) guest_lines: GuestLines,
    /// Changes in the number of guests, by reason.
    pub scalings: ByName,
    /// Guests replaced although they were well.
    pub recycled: AtomicU64,
    /// Processor time that guests took, with the transcoding, in microseconds.
    pub guest_cpu_micros: AtomicU64,
    /// Commits that Kafka accepted, transactions included.
    pub commits: AtomicU64,
    /// Commits that it did not.
    pub failed_commits: AtomicU64,
    /// Partitions assigned, revoked and lost.
    pub rebalances: ByName,
    /// Errors of single partitions, by their name.
    pub partition_errors: ByName,
    /// Configs that were taken and refused while it ran.
    pub reloads: ByName,
    /// What keeps the pipeline from being ready.
    pub health: Health,
    now: Mutex<Now>,
}

/// How often what happens to guests is logged: messages can end one after the other.
#[derive(Debug, Default)]
pub(super) struct GuestLines {
    pub ready: LogLimit,
    pub died: LogLimit,
    pub recycled: LogLimit,
}

/// What is so at the moment.
#[derive(Debug, Default)]
pub struct Now {
    /// As the supervisor last saw it.
    pub guests: GuestsNow,
    /// Kafka partitions that are ours.
    pub partitions: Vec<Partition>,
    /// How many of them cannot be read.
    pub blocked_partitions: usize,
    /// Connections by their name.
    pub links: BTreeMap<&'static str, Link>,
}

/// The guests and their queue.
#[derive(Debug, Clone, Default)]
pub struct GuestsNow {
    /// How many are in which state.
    pub states: [(&'static str, usize); 4],
    /// Bytes of WebAssembly memory they have.
    pub memory: u64,
    /// Batches that wait for one.
    pub queued: usize,
    /// Since when the oldest waits.
    pub oldest: Option<Instant>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            started: SystemTime::now(),
            received: AtomicU64::default(),
            received_bytes: AtomicU64::default(),
            batches: Histogram::new(MESSAGES),
            delivered: AtomicU64::default(),
            records: AtomicU64::default(),
            dropped: AtomicU64::default(),
            failed: AtomicU64::default(),
            failed_and_dropped: AtomicU64::default(),
            failures_by_type: ByName::default(),
            failures: Failures::default(),
            bytes_written: AtomicU64::default(),
            queue_seconds: Histogram::new(SECONDS),
            guest_seconds: Histogram::new(SECONDS),
            whole_seconds: Histogram::new(SECONDS),
            starts: AtomicU64::default(),
            ready_seconds: Histogram::new(SECONDS),
            failed_starts: AtomicU64::default(),
            deaths: ByName::default(),
            guest_lines: GuestLines::default(),
            scalings: ByName::default(),
            recycled: AtomicU64::default(),
            guest_cpu_micros: AtomicU64::default(),
            commits: AtomicU64::default(),
            failed_commits: AtomicU64::default(),
            rebalances: ByName::default(),
            partition_errors: ByName::default(),
            reloads: ByName::default(),
            health: Health::default(),
            now: Mutex::default(),
        }
    }
}

impl Metrics {
    /// Adds `count` to one of the totals.
    pub fn add(total: &AtomicU64, count: u64) {
        if count > 0 && !cfg!(feature = "uncounted") {
            total.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// One of the totals.
    pub fn get(total: &AtomicU64) -> u64 {
        total.load(Ordering::Relaxed)
    }

    /// What is so at the moment; to be read or changed.
    pub fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Messages that were `count` together took so long.
    pub fn took(histogram: &Histogram, duration: Duration, count: usize) {
        histogram.observe(duration.as_secs_f64(), count as u64);
    }
}

/// Most names that are told apart. Scripts choose the types of their exceptions.
const NAMES: usize = 50;
/// Most bytes of a name that count.
const NAME: usize = 200;
/// The name of all others.
const OTHERS: &str = "other";

/// A total for each of a few names. For what is rare.
#[derive(Debug, Default)]
pub struct ByName(Mutex<BTreeMap<String, u64>>);

impl ByName {
    /// Counts one for `name`.
    pub fn count(&self, name: &str) {
        if cfg!(feature = "uncounted") {
            return;
        }
        let name = &name[..name.floor_char_boundary(NAME)];
        let mut totals = self.lock();
        let name = if totals.len() < NAMES || totals.contains_key(name) {
            name
        } else {
            OTHERS
        };
        match totals.get_mut(name) {
            Some(total) => *total += 1,
            None => drop(totals.insert(name.to_owned(), 1)),
        }
    }

    /// The sum over all names.
    pub fn total(&self) -> u64 {
        self.lock().values().sum()
    }

    /// The totals that are not 0.
    pub fn totals(&self) -> BTreeMap<String, u64> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        // Numbers are whole whatever panicked beside them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded() {
        let by_name = ByName::default();
        for number in 0..1000 {
            by_name.count(&format!("Error{number}"));
            by_name.count("Error7");
        }
        let totals = by_name.totals();
        assert_eq!(totals.len(), NAMES + 1);
        assert_eq!(by_name.total(), 2000);
        assert_eq!(totals["Error7"], 1001 - u64::from(totals.len() < 8));
        assert_eq!(totals[OTHERS], 950);
    }

    #[test]
    fn nor_are_they_long() {
        let by_name = ByName::default();
        by_name.count(&"\u{e4}".repeat(1_000_000));
        by_name.count(&"\u{e4}".repeat(2_000_000));
        let totals: Vec<_> = by_name.totals().into_iter().collect();
        assert_eq!(totals, [("\u{e4}".repeat(100), 2)]);
    }
}
