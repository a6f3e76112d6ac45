//! Deadline of a guest: set by the host, and checked by the [`meter`](super::meter)'s calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;

/// Time at which a guest must be done, by a clock that stands still while the process does. Cheap to clone; all clones
/// are the same deadline.
#[derive(Debug, Clone)]
pub(crate) struct Deadline {
    clock: Clock,
    at: Arc<AtomicU64>,
}

/// Trap that ends a guest whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its time is over")]
pub(crate) struct Over;

impl Deadline {
    /// Creates a deadline by `clock` that has passed.
    pub(crate) fn new(clock: Clock) -> Self {
        let at = Arc::default();
        Self { clock, at }
    }

    /// Lets the guest run for `limit` from now on.
    pub(crate) fn set(&self, limit: Duration) {
        let at = self.clock.now().saturating_add(limit).as_nanos();
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        // Only the guest's own thread sets and reads the deadline.
        self.at.store(at, Ordering::Relaxed);
    }

    /// Checks the clock.
    ///
    /// # Errors
    /// [`Over`] if the deadline has passed.
    pub(crate) fn check(&self) -> Result<(), Over> {
        if self.left().is_zero() {
            Err(Over)
        } else {
            Ok(())
        }
    }

    /// Returns the time until the deadline passes.
    pub(crate) fn left(&self) -> Duration {
        Duration::from_nanos(self.at.load(Ordering::Relaxed)).saturating_sub(self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ALLOWANCE;

    #[test]
    fn a_deadline_passes() {
        let deadline = Deadline::new(Clock::of_process());
        deadline.set(Duration::from_secs(3600));
        assert_eq!(deadline.check(), Ok(()));
        deadline.set(Duration::ZERO);
        assert_eq!(deadline.clone().check(), Err(Over));
        deadline.set(Duration::MAX);
        assert_eq!(deadline.check(), Ok(()));
    }

    #[test]
    fn a_pause_of_the_process_does_not_pass_it() {
        let clock = Clock::unkept();
        let deadline = Deadline::new(clock.clone());
        deadline.set(2 * ALLOWANCE);
        std::thread::sleep(3 * ALLOWANCE);
        assert_eq!(deadline.check(), Ok(()));
        assert!(deadline.left() >= ALLOWANCE);
        clock.beat();
        assert_eq!(deadline.check(), Ok(()), "nor does the end of the pause");
    }
}
