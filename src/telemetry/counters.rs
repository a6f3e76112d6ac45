//! What is counted while the engine runs. The one place that logs a failure and counts it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::message::Failure;

/// Failures logged in one second; the rest is counted and left out.
const LOGGED_A_SECOND: u32 = 10;

/// Totals since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages taken in.
    pub received: AtomicU64,
    /// Output messages made by scripts.
    pub records: AtomicU64,
    /// Messages whose script left `root` at `None`.
    pub dropped: AtomicU64,
    /// Messages that became dead letters.
    pub failed: AtomicU64,
    /// Messages that failed and were dropped, as `on_error: drop` asks.
    pub failed_and_dropped: AtomicU64,
    /// Bytes written to outputs.
    pub bytes_written: AtomicU64,
    /// Guests that reached READY.
    pub starts: AtomicU64,
    /// Guests that did not.
    pub failed_starts: AtomicU64,
    /// Guests that died while they ran, by the name of the death.
    pub deaths: ByName,
    /// Changes in the number of guests, by reason.
    pub scalings: ByName,
    /// Guests replaced although they were well.
    pub recycled: AtomicU64,
    log: Mutex<FailureLog>,
}

/// A total for each of a few names. For what is rare.
#[derive(Debug, Default)]
pub struct ByName(Mutex<BTreeMap<&'static str, u64>>);

impl ByName {
    /// Counts one for `name`.
    pub fn count(&self, name: &'static str) {
        *self.lock().entry(name).or_default() += 1;
    }

    /// The sum over all names.
    pub fn total(&self) -> u64 {
        self.lock().values().sum()
    }

    /// The totals that are not 0, sorted by name.
    pub fn totals(&self) -> Vec<(&'static str, u64)> {
        self.lock()
            .iter()
            .map(|(&name, &total)| (name, total))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        // Numbers are whole whatever panicked beside them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct FailureLog {
    window: Option<Instant>,
    logged: u32,
    left_out: u64,
}

impl Counters {
    /// Adds `count` to one of the totals.
    pub fn add(counter: &AtomicU64, count: u64) {
        if count > 0 {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// One of the totals.
    pub fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    /// A message failed: logged, but not more often than people can read.
    pub fn count_failure(&self, failure: &Failure) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = log
            .window
            .is_none_or(|window| window.elapsed() >= Duration::from_secs(1));
        if fresh {
            if log.left_out > 0 {
                tracing::warn!(failures_left_out = log.left_out, "more messages failed");
            }
            *log = FailureLog {
                window: Some(Instant::now()),
                logged: 0,
                left_out: 0,
            };
        }
        if log.logged == LOGGED_A_SECOND {
            log.left_out += 1;
            return;
        }
        log.logged += 1;
        tracing::warn!(
            error = failure.kind,
            at = failure.at.as_deref(),
            attempts = failure.attempts,
            "message failed: {}",
            failure.message
        );
    }
}
