//! When a guest has to be done: set by the host, looked at by the [`meter`](super::meter)'s calls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// When a guest's time is over. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Deadline(Arc<AtomicU64>);

/// The trap that ends a guest whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its time is over")]
pub struct Over;

impl Deadline {
    /// Lets the guest run for `limit` from now on.
    pub fn set(&self, limit: Duration) {
        let at = since_start().saturating_add(limit).as_nanos();
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        // Only the guest's own thread sets and reads it.
        self.0.store(at, Ordering::Relaxed);
    }

    /// Looks at the clock.
    ///
    /// # Errors
    /// [`Over`] if the time is over.
    pub fn check(&self) -> Result<(), Over> {
        if since_start().as_nanos() > u128::from(self.0.load(Ordering::Relaxed)) {
            Err(Over)
        } else {
            Ok(())
        }
    }
}

/// Time since the first call: an `Instant` as a number.
fn since_start() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_passes() {
        let deadline = Deadline::default();
        deadline.set(Duration::from_secs(3600));
        assert_eq!(deadline.check(), Ok(()));
        deadline.set(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(deadline.clone().check(), Err(Over));
        deadline.set(Duration::MAX);
        assert_eq!(deadline.check(), Ok(()));
    }
}
