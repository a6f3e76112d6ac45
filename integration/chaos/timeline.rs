//! Timeline: events with their times, printed when they happen, since a test that hangs prints nothing else.

use std::time::{Duration, Instant};

/// Printer of events. Cheap to clone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeline {
    began: Instant,
}

impl Timeline {
    pub(crate) fn start() -> Self {
        Self {
            began: Instant::now(),
        }
    }

    pub(crate) fn note(&self, what: impl AsRef<str>) {
        let now = std::time::SystemTime::now();
        let clock = humantime::format_rfc3339_millis(now).to_string();
        eprintln!(
            "chaos {:7.2} s ({}) {}",
            self.at().as_secs_f64(),
            &clock[11..],
            what.as_ref()
        );
    }

    /// Returns the time since the start.
    pub(crate) fn at(&self) -> Duration {
        self.began.elapsed()
    }
}
