//! Counters and histograms that the engine updates while it runs. [`events`](super::events) update them;
//! [`stats`](super::stats) takes snapshots of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::failures::Failures;
use super::health::Health;
use super::histogram::{Histogram, MESSAGES, SECONDS};
use super::limit::Limit;
use super::stats::{Link, Partition};

/// Counters and histograms of the engine. They count from the start of the process unless a field says otherwise.
#[derive(Debug)]
pub struct Metrics {
    /// Time at which the engine started.
    pub started: SystemTime,
    /// Messages read from the input.
    pub received: AtomicU64,
    /// Payload bytes of the messages read from the input.
    pub received_bytes: AtomicU64,
    /// Number of messages in each batch that the input made.
    pub batches: Histogram,
    /// Messages finished: all their results or their dead letter are acknowledged, or they were dropped.
    pub delivered: AtomicU64,
    /// Results made by scripts; one message can have several.
    pub records: AtomicU64,
    /// Messages that the script dropped: `root` stayed `None` and nothing was emitted.
    pub dropped: AtomicU64,
    /// Failed messages that were not dropped.
    pub failed: AtomicU64,
    /// Failed messages that were dropped because of `on_error: drop`.
    pub failed_and_dropped: AtomicU64,
    /// Failed messages by the type of the failure.
    pub failures_by_type: ByName,
    /// Last failures, for people.
    pub failures: Failures,
    /// Payload bytes given to the outputs.
    pub bytes_written: AtomicU64,
    /// Seconds that messages waited in the queue for the guest that processed them.
    pub queue_seconds: Histogram,
    /// Seconds that a guest spent on a request, JSON conversion included; counted once for each message of the request.
    pub guest_seconds: Histogram,
    /// Seconds from reading a message until it was finished; counted once for each message.
    pub whole_seconds: Histogram,
    /// Guests that reached READY.
    pub starts: AtomicU64,
    /// Seconds from the instantiation of a guest to READY.
    pub ready_seconds: Histogram,
    /// Guests that did not reach READY.
    pub failed_starts: AtomicU64,
    /// Guests that died after READY, by cause.
    pub deaths: ByName,
    /// Rate limits for log lines about guests.
    pub(super) guest_lines: GuestLines,
    /// Changes of the number of guests, by reason.
    pub scalings: ByName,
    /// Healthy guests that were replaced by fresh ones.
    pub recycled: AtomicU64,
    /// Processor time of the guests, JSON conversion included, in microseconds.
    pub guest_cpu_micros: AtomicU64,
    /// Commits that Kafka accepted, transactions included.
    pub commits: AtomicU64,
    /// Commits that Kafka refused, and transactions that were aborted.
    pub failed_commits: AtomicU64,
    /// Times that partitions were assigned, revoked or lost, by kind.
    pub rebalances: ByName,
    /// Failed attempts to read an assigned partition, by error.
    pub partition_errors: ByName,
    /// Reloads that were taken or refused while the pipeline ran.
    pub reloads: ByName,
    /// Reasons why the pipeline is not ready.
    pub health: Health,
    now: Mutex<Now>,
}

/// Rate limits for log lines about guests. Without them the log could be flooded: each message can end a guest.
#[derive(Debug, Default)]
pub(super) struct GuestLines {
    pub ready: Limit,
    pub died: Limit,
    pub recycled: Limit,
}

/// Current values, which are replaced instead of counted.
#[derive(Debug, Default)]
pub struct Now {
    /// State of the guests as the supervisor last reported it.
    pub guests: GuestsNow,
    /// Kafka partitions that are assigned to this process.
    pub partitions: Vec<Partition>,
    /// Number of assigned partitions that cannot be read.
    pub blocked_partitions: usize,
    /// Connections of each Kafka client, by the client's name.
    pub links: BTreeMap<&'static str, Link>,
}

/// State of the guests and of their queue.
#[derive(Debug, Clone, Default)]
pub struct GuestsNow {
    /// Number of guests in each state.
    pub states: [(&'static str, usize); 4],
    /// Bytes of WebAssembly memory of all living guests.
    pub memory: u64,
    /// Number of batches, or of unfinished parts of batches, that wait for a guest.
    pub queued: usize,
    /// Time since which the oldest waiting batch has waited.
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
    /// Adds `count` to the counter `total`.
    pub fn add(total: &AtomicU64, count: u64) {
        if count > 0 && !cfg!(feature = "uncounted") {
            total.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Reads the counter `total`.
    pub fn get(total: &AtomicU64) -> u64 {
        total.load(Ordering::Relaxed)
    }

    /// Locks the current values, to read or change them.
    pub fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a duration that `count` messages took together, once for each message.
    pub fn took(histogram: &Histogram, duration: Duration, count: usize) {
        histogram.observe(duration.as_secs_f64(), count as u64);
    }
}

/// Limit on the number of distinct names. Scripts choose the types of their exceptions.
const NAMES: usize = 50;
/// Limit on the bytes of a name that are kept.
const NAME: usize = 200;
/// Name under which all further names are counted.
const OTHERS: &str = "other";

/// Counters by name, for rare events and a limited number of names.
#[derive(Debug, Default)]
pub struct ByName(Mutex<BTreeMap<String, u64>>);

impl ByName {
    /// Adds one to the counter of `name`.
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

    /// Returns the sum over all names.
    pub fn total(&self) -> u64 {
        self.lock().values().sum()
    }

    /// Returns the counters that are not 0.
    pub fn totals(&self) -> BTreeMap<String, u64> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        // A panic of another thread leaves no counter half changed.
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
