//! Counters of the running engine. [`events`](super::events) count what happens; [`stats`](super::stats) is the state
//! of all counters at one moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::failures::Failures;
use super::group::GroupWatch;
use super::health::Health;
use super::histogram::{Histogram, MESSAGES, SECONDS};
use super::processors::Processors;
use super::stats::{LinkStats, PartitionStats};
use crate::clock::rate_limit::RateLimit;
use crate::format::Registry;

/// The limit on log lines of one kind, in a second.
pub(crate) type LogLimit = RateLimit<10>;

/// All counters, since the start unless their descriptions say otherwise.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Time at which the engine started.
    pub started: SystemTime,
    /// Messages that the input has read.
    pub received: AtomicU64,
    /// Bytes of the payloads of these messages.
    pub received_bytes: AtomicU64,
    /// Number of messages in a batch, as the input cuts them.
    pub batches: Histogram,
    /// Messages that are finished: their results or dead letters are acknowledged, or they were dropped.
    pub delivered: AtomicU64,
    /// Records that scripts made.
    pub records: AtomicU64,
    /// Messages that the script dropped: `root` stayed `None` and nothing was emitted.
    pub dropped: AtomicU64,
    /// Failed messages that were not dropped.
    pub failed: AtomicU64,
    /// Messages that failed and were dropped because of `on_error: drop`.
    pub failed_and_dropped: AtomicU64,
    /// Messages that failed because the output refused a result of them. Part of the failed ones.
    pub refused: AtomicU64,
    /// Failed messages by the type of the failure.
    pub failures_by_type: ByName,
    /// Messages, failures and costs of each processor.
    pub processors: Processors,
    /// Last failures, for people.
    pub failures: Failures,
    /// Payload bytes given to outputs.
    pub bytes_written: AtomicU64,
    /// Time that messages waited for the guest that answered for them; one value for each message.
    pub queue_seconds: Histogram,
    /// Time that guests spent on the messages that ran together, including transcoding; one value for each message.
    pub guest_seconds: Histogram,
    /// Time from reading a message until it was finished; one value for each message.
    pub whole_seconds: Histogram,
    /// Guests that reached READY.
    pub starts: AtomicU64,
    /// Time from the instantiation of a guest to READY.
    pub ready_seconds: Histogram,
    /// Guests that did not reach READY.
    pub failed_starts: AtomicU64,
    /// Guests that died after READY, by cause.
    pub deaths: ByName,
    /// Limits on how often events of guests are logged.
    pub(super) guest_lines: GuestLines,
    /// Changes of the number of guests, by reason.
    pub scalings: ByName,
    /// Guests that were replaced although they were healthy.
    pub recycled: AtomicU64,
    /// Processor time of guests in microseconds, including transcoding.
    pub guest_cpu_micros: AtomicU64,
    /// Commits that Kafka accepted, including transactions.
    pub commits: AtomicU64,
    /// Commits that Kafka refused.
    pub failed_commits: AtomicU64,
    /// Times that partitions were assigned, revoked or lost, by kind.
    pub rebalances: ByName,
    /// Failed attempts to read an assigned partition, by error.
    pub partition_errors: ByName,
    /// Configs that were taken or refused while the pipeline ran.
    pub reloads: ByName,
    /// Reasons why the pipeline is not ready.
    pub health: Health,
    /// Client of the schema registry, which has counters of its own.
    pub registry: OnceLock<Registry>,
    /// Consumer group of the input, if that is Kafka.
    pub group: OnceLock<GroupWatch>,
    now: Mutex<Now>,
}

/// Limits on how often events of guests are logged: each message may end one.
#[derive(Debug, Default)]
pub(super) struct GuestLines {
    pub ready: LogLimit,
    pub died: LogLimit,
    pub recycled: LogLimit,
}

/// Current state, as opposed to totals.
#[derive(Debug, Default)]
pub(crate) struct Now {
    /// State of the guests, as the supervisor last reported it.
    pub guests: GuestsNow,
    /// Kafka partitions that are assigned to this process.
    pub partitions: Vec<PartitionStats>,
    /// Number of these partitions that cannot be read.
    pub blocked_partitions: usize,
    /// Connections by the client's name.
    pub links: BTreeMap<&'static str, LinkStats>,
}

/// State of the guests and their queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct GuestsNow {
    /// Number of guests in each state.
    pub states: [(&'static str, usize); 4],
    /// Bytes of the guests' WebAssembly memory.
    pub memory: u64,
    /// Batches that wait for a guest.
    pub queued: usize,
    /// Time since which the oldest batch has waited.
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
            refused: AtomicU64::default(),
            failures_by_type: ByName::default(),
            processors: Processors::default(),
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
            registry: OnceLock::new(),
            group: OnceLock::new(),
            now: Mutex::default(),
        }
    }
}

impl Metrics {
    /// Adds `count` to a total.
    pub(crate) fn add(total: &AtomicU64, count: u64) {
        if count > 0 && !cfg!(feature = "uncounted") {
            total.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Returns the number of failed messages, whatever became of them.
    pub(crate) fn all_failed(&self) -> u64 {
        Self::get(&self.failed) + Self::get(&self.failed_and_dropped)
    }

    /// Returns a total.
    pub(crate) fn get(total: &AtomicU64) -> u64 {
        total.load(Ordering::Relaxed)
    }

    /// Returns the current state, to be read or changed.
    pub(crate) fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a duration that `count` messages took together.
    pub(crate) fn took(histogram: &Histogram, duration: Duration, count: usize) {
        histogram.observe(duration.as_secs_f64(), count as u64);
    }
}

/// Most names that are counted separately. Scripts choose the types of their exceptions.
const NAMES: usize = 50;
/// Most bytes of a name that are kept.
const NAME: usize = 200;
/// Name under which all further names are counted.
const OTHERS: &str = "other";

/// Total for each of a few names. For rare events.
#[derive(Debug, Default)]
pub(crate) struct ByName(Mutex<BTreeMap<String, u64>>);

impl ByName {
    /// Adds one to the total of `name`.
    pub(crate) fn count(&self, name: &str) {
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
    pub(crate) fn total(&self) -> u64 {
        self.lock().values().sum()
    }

    /// Returns the totals that are not 0.
    pub(crate) fn totals(&self) -> BTreeMap<String, u64> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        // The numbers are valid even after a panic of another thread.
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
