//! Limit on how often failures are logged: it holds for each type and place, so that a frequent failure hides no other.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::FAILURES;
use crate::message::Failure;

/// Lines of one type and place until the next [`FailureLog::settle`].
const LINES: u64 = 10;
/// Types and places that are told apart until the next [`FailureLog::settle`]: scripts choose the types of their
/// exceptions.
const TYPES: usize = 50;
/// Most bytes of a type's name that are kept.
const NAME: usize = 200;
/// Name under which all further types are counted.
const OTHERS: &str = "other";

/// Counts of failures by type and place, since the last report.
#[derive(Debug, Default)]
pub(crate) struct FailureLog(Mutex<HashMap<Type, u64>>);

/// What failures have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Type {
    kind: String,
    at: Option<String>,
}

/// Failures of one type and place that were not logged.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LeftOut {
    /// Type of the exception, or the name of the guest's death.
    pub kind: String,
    /// Place in the script, if the failures have one.
    pub at: Option<String>,
    /// Number of failures.
    pub count: u64,
}

impl FailureLog {
    /// Returns whether a failure is to be logged. It is counted either way.
    pub(in crate::telemetry) fn admit(&self, failure: &Failure) -> bool {
        let mut failures = self.lock();
        let mut key = Type {
            kind: failure.kind[..failure.kind.floor_char_boundary(NAME)].to_owned(),
            at: failure.at.as_deref().map(str::to_owned),
        };
        if failures.len() >= TYPES && !failures.contains_key(&key) {
            key = Type {
                kind: OTHERS.into(),
                at: None,
            };
        }
        let count = failures.entry(key).or_default();
        *count += 1;
        *count <= LINES
    }

    /// Logs how many failures were left out, and begins to count anew. To be called once a second, and at the end.
    pub(crate) fn settle(&self) {
        for LeftOut { kind, at, count } in self.take() {
            tracing::warn!(
                target: FAILURES,
                error = kind,
                at = at.as_deref(),
                failures_left_out = count,
                "more messages failed"
            );
        }
    }

    /// Takes what was left out, in order.
    fn take(&self) -> Vec<LeftOut> {
        let failures = std::mem::take(&mut *self.lock());
        let left_out = failures.into_iter().filter(|(_, count)| *count > LINES);
        let mut left_out: Vec<_> = left_out
            .map(|(Type { kind, at }, count)| LeftOut {
                kind,
                at,
                count: count - LINES,
            })
            .collect();
        left_out.sort();
        left_out
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Type, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: &str, at: &str) -> Failure {
        Failure {
            at: Some(at.into()),
            ..Failure::new(kind, "no")
        }
    }

    fn left_out(kind: &str, at: Option<&str>, count: u64) -> LeftOut {
        LeftOut {
            kind: kind.into(),
            at: at.map(Into::into),
            count,
        }
    }

    #[test]
    fn a_frequent_failure_hides_no_other() {
        let log = FailureLog::default();
        let frequent = failure("ValueError", "a.py:1");
        let logged = (0..100).filter(|_| log.admit(&frequent)).count();
        assert_eq!(logged as u64, LINES);
        assert!(log.admit(&failure("KeyError", "a.py:1")));
        assert!(log.admit(&failure("ValueError", "a.py:2")));
        assert_eq!(log.take(), [left_out("ValueError", Some("a.py:1"), 90)]);
        // Reported once, and counted anew.
        assert_eq!(log.take(), []);
        assert!(log.admit(&frequent));
    }

    #[test]
    fn types_are_bounded() {
        let log = FailureLog::default();
        let logged =
            (0..1000).filter(|number| log.admit(&failure(&format!("E{number}"), "a.py:1")));
        assert_eq!(logged.count(), TYPES + LINES as usize);
        assert_eq!(log.lock().len(), TYPES + 1);
        let others = 1000 - TYPES as u64 - LINES;
        assert_eq!(log.take(), [left_out(OTHERS, None, others)]);
    }

    #[test]
    fn names_are_bounded() {
        let log = FailureLog::default();
        assert!(log.admit(&failure(&"ä".repeat(1_000_000), "a.py:1")));
        assert!(log.lock().keys().all(|key| key.kind.len() <= NAME));
    }
}
