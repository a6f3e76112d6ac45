//! Whether the pipeline is ready: whether messages that come now would be processed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// With messages under way and none answered for so long, there is no progress.
const PATIENCE: Duration = Duration::from_secs(60);

/// What keeps the pipeline from being ready. Clones are the same.
#[derive(Debug, Clone)]
pub struct Health(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Default for Health {
    /// Of a pipeline that starts.
    fn default() -> Self {
        let starting = ("guests", "starting: no guest is ready yet".to_owned());
        Self(Arc::new(Mutex::new(BTreeMap::from([starting]))))
    }
}

impl Health {
    /// `part` is not well.
    pub fn set_ill(&self, part: &'static str, why: impl Into<String>) {
        self.lock().insert(part, why.into());
    }

    /// `part` is well.
    pub fn set_well(&self, part: &'static str) {
        self.lock().remove(part);
    }

    /// All that is not well: which part, and why. Ready if there is nothing.
    pub fn ills(&self) -> BTreeMap<&'static str, String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches whether anything gets on.
#[derive(Debug)]
pub struct Progress {
    answered: u64,
    since: Instant,
}

impl Progress {
    /// From `now` on.
    pub fn new(now: Instant) -> Self {
        Self {
            answered: 0,
            since: now,
        }
    }

    /// So many messages were `answered` so far, and so many bytes are `under_way`. For how long nothing was
    /// answered, if that is too long.
    pub fn look(&mut self, answered: u64, under_way: u64, now: Instant) -> Option<Duration> {
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
