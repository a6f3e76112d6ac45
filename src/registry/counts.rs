//! What a client of a schema registry counts.

use std::sync::atomic::{AtomicU64, Ordering};

use super::failure::FailureKind;

/// What happened since the client was created. All numbers only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// HTTP requests that were begun.
    pub requests: u64,
    /// Questions that were answered from memory, whether with a schema or with [`Missing`](super::Missing).
    pub cached: u64,
    /// Requests that failed because no connection could be made, or it broke.
    pub unreachable: u64,
    /// Requests without a whole answer within the time limit.
    pub timeout: u64,
    /// Requests whose credentials were refused: 401, 403 and 407.
    pub refused: u64,
    /// Requests that were answered with another status from 400 to 499 that does not say that a schema is missing.
    pub http_4xx: u64,
    /// Requests that were answered with a status from 500.
    pub http_5xx: u64,
    /// Requests whose answer was not a registry's.
    pub malformed: u64,
    /// Questions whose answer was that there is no such schema, or that it cannot be used. Not those from memory.
    pub missing: u64,
}

/// The numbers, which several threads change.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub requests: AtomicU64,
    pub cached: AtomicU64,
    pub missing: AtomicU64,
    failures: [AtomicU64; FailureKind::ALL.len()],
}

impl Counters {
    pub(super) fn failed(&self, kind: FailureKind) {
        add(&self.failures[kind as usize]);
    }

    pub(super) fn counts(&self) -> Counts {
        let failures = |kind: FailureKind| read(&self.failures[kind as usize]);
        Counts {
            requests: read(&self.requests),
            cached: read(&self.cached),
            unreachable: failures(FailureKind::Unreachable),
            timeout: failures(FailureKind::Timeout),
            refused: failures(FailureKind::Refused),
            http_4xx: failures(FailureKind::Http4xx),
            http_5xx: failures(FailureKind::Http5xx),
            malformed: failures(FailureKind::Malformed),
            missing: read(&self.missing),
        }
    }
}

/// Adds one to a counter.
pub(super) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
