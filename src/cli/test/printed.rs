//! Lines that the scripts print while tests run.

use std::sync::{Arc, Mutex, PoisonError};

use crate::telemetry::logs;

/// Lines that were printed and not taken yet.
#[derive(Default)]
pub(super) struct Printed(Arc<Mutex<Vec<String>>>);

impl Printed {
    /// Begins to collect them, in place of a log.
    pub(super) fn start() -> Self {
        let printed = Self::default();
        let lines = Arc::clone(&printed.0);
        logs::start_prints_alone(move |line| {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push(line.to_owned());
        });
        printed
    }

    /// Returns the lines since the last call.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
