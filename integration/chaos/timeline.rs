//! What happened, and when: shown as it happens, since a test that hangs shows nothing else.

use std::time::{Duration, Instant};

/// Notes things down. Cheap to clone.
#[derive(Debug, Clone, Copy)]
pub struct Timeline {
    began: Instant,
}

impl Timeline {
    pub fn start() -> Self {
        Self {
            began: Instant::now(),
        }
    }

    pub fn note(&self, what: impl AsRef<str>) {
        let now = std::time::SystemTime::now();
        let clock = humantime::format_rfc3339_millis(now).to_string();
        eprintln!(
            "chaos {:7.2} s ({}) {}",
            self.at().as_secs_f64(),
            &clock[11..],
            what.as_ref()
        );
    }

    /// The time since it began.
    pub fn at(&self) -> Duration {
        self.began.elapsed()
    }
}
