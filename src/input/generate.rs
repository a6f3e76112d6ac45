//! Messages that the engine itself makes, for experiments and for load tests.
//!
//! A literal is every message's payload. With a script the payload is empty and the script runs in the guest, as the
//! pipeline's first stage: `generate` itself runs no Python.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Control, Feed, Source};
use crate::config::{GenerateConfig, GenerateSource};
use crate::message::{MAX_BATCH, Message};

/// Source of generated messages.
pub(crate) struct Generate {
    payload: Bytes,
    interval: Duration,
    /// Number of messages; 0 for no end.
    count: u64,
    batch_size: u64,
    stopped: Arc<Signal>,
}

#[derive(Default)]
struct Signal {
    stopped: Mutex<bool>,
    changed: Condvar,
}

/// Wakes the source and stops it.
pub(crate) struct WakeUp(Arc<Signal>);

impl Control for WakeUp {
    fn stop(&self) {
        *self
            .0
            .stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}

impl Generate {
    /// Creates the source that `config` describes, and the handle that stops it.
    pub(crate) fn new(config: &GenerateConfig) -> (Self, WakeUp) {
        let stopped = Arc::new(Signal::default());
        let payload = match &config.source {
            GenerateSource::Script(_) => Bytes::new(),
            GenerateSource::Value(json) => Bytes::from(json.clone()),
        };
        let source = Self {
            payload,
            interval: config.interval,
            count: config.count,
            batch_size: config.batch_size as u64,
            stopped: Arc::clone(&stopped),
        };
        (source, WakeUp(stopped))
    }

    fn is_stopped(&self) -> bool {
        !self.wait(Instant::now())
    }

    /// Waits until `until`. Returns false if the source was stopped.
    fn wait(&self, until: Instant) -> bool {
        let mut stopped = self
            .stopped
            .stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if *stopped || left.is_zero() {
                return !*stopped;
            }
            let waited = self.stopped.changed.wait_timeout(stopped, left);
            stopped = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Source for Generate {
    const NAME: &'static str = "generate";

    fn run(self, mut feed: Feed) -> anyhow::Result<()> {
        let mut made = 0;
        let mut due = Instant::now();
        loop {
            let burst_end = match self.interval.is_zero() {
                true => u64::MAX,
                false => made + self.batch_size,
            };
            let burst_end = match self.count {
                0 => burst_end,
                count => burst_end.min(count),
            };
            while made < burst_end {
                let size = (burst_end - made).min(MAX_BATCH as u64);
                let message = |offset| Message::new(self.payload.clone(), offset as i64);
                feed.send((made..made + size).map(message).collect());
                made += size;
                if self.is_stopped() {
                    return Ok(());
                }
            }
            if made == self.count {
                return Ok(());
            }
            // Counted from the time when the batch was due, not from now, so a late batch does not slow the rate.
            due = (due + self.interval).max(Instant::now() - self.interval);
            if !self.wait(due) {
                return Ok(());
            }
        }
    }
}
