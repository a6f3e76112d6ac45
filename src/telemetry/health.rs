//! Health: whether the pipeline is ready, so that messages that arrive now would be processed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Time without an answer, while messages are in flight, after which there is no progress.
const PATIENCE: Duration = Duration::from_secs(60);

/// Part of the pipeline that the schema registry is.
pub(crate) const SCHEMA_REGISTRY: &str = "schema_registry";

/// Reasons why the pipeline is not ready. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Health(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Default for Health {
    /// Returns the health of a pipeline that is starting.
    fn default() -> Self {
        let starting = ("guests", "starting: no guest is ready yet".to_owned());
        Self(Arc::new(Mutex::new(BTreeMap::from([starting]))))
    }
}

impl Health {
    /// Marks `part` as ill, with the reason.
    pub(crate) fn set_ill(&self, part: &'static str, why: impl Into<String>) {
        self.lock().insert(part, why.into());
    }

    /// Marks `part` as well.
    pub(crate) fn set_well(&self, part: &'static str) {
        self.lock().remove(part);
    }

    /// Returns all parts that are ill, with the reasons. The pipeline is ready if there are none.
    pub(crate) fn ills(&self) -> BTreeMap<&'static str, String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Check whether messages make progress.
#[derive(Debug)]
pub(crate) struct Progress {
    answered: u64,
    since: Instant,
}

impl Progress {
    /// Begins the check at `now`.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            answered: 0,
            since: now,
        }
    }

    /// Compares with the last check. `answered` is the number of messages answered so far, and `under_way` the number
    /// of bytes in flight. Returns for how long nothing was answered, if that is too long.
    pub(crate) fn look(&mut self, answered: u64, under_way: u64, now: Instant) -> Option<Duration> {
        if answered != self.answered || under_way == 0 {
            (self.answered, self.since) = (answered, now);
        }
        let still = now.duration_since(self.since);
        (still >= PATIENCE).then_some(still)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ill_until_all_is_well() {
        let health = Health::default();
        health.set_ill("output", "cannot reach Kafka");
        health.set_well("guests");
        assert_eq!(
            health.ills().into_iter().collect::<Vec<_>>(),
            [("output", "cannot reach Kafka".to_owned())]
        );
        health.set_well("output");
        assert!(health.ills().is_empty());
    }

    #[test]
    fn no_progress_only_with_something_under_way() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut progress = Progress::new(start);
        assert_eq!(progress.look(0, 0, after(100)), None, "nothing to do");
        assert_eq!(progress.look(0, 10, after(159)), None);
        assert_eq!(progress.look(0, 10, after(160)), Some(PATIENCE));
        assert_eq!(progress.look(1, 10, after(170)), None, "one was answered");
        assert_eq!(progress.look(1, 10, after(230)), Some(PATIENCE));
    }
}
