//! Messages that the engine itself makes, for experiments and for load tests.
//!
//! A literal is every message's payload. With a script the payload is empty and the script runs in the guest, as the
//! pipeline's first stage: `generate` itself runs no Python.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::wake_up::{Waits, WakeUp};
use super::{Feed, Source};
use crate::config::{GenerateConfig, GenerateSource};
use crate::message::{MAX_BATCH, Message};

/// Source of generated messages.
pub(crate) struct Generate {
    payload: Bytes,
    interval: Duration,
    /// Number of messages; 0 for no end.
    count: u64,
    batch_size: u64,
    waits: Waits,
}

impl Generate {
    /// Creates the source that `config` describes, and the handle that stops it.
    ///
    /// # Errors
    /// If the system cannot create a pipe.
    pub(crate) fn new(config: &GenerateConfig) -> io::Result<(Self, WakeUp)> {
        let (waits, wake_up) = Waits::new()?;
        let payload = match &config.source {
            GenerateSource::Script(_) => Bytes::new(),
            GenerateSource::Value(json) => Bytes::from(json.clone()),
        };
        let source = Self {
            payload,
            interval: config.interval,
            count: config.count,
            batch_size: config.batch_size as u64,
            waits,
        };
        Ok((source, wake_up))
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
                if self.waits.are_over()? {
                    return Ok(());
                }
            }
            if made == self.count {
                return Ok(());
            }
            // Counted from the time when the batch was due, not from now, so a late batch does not slow the rate.
            due = (due + self.interval).max(Instant::now() - self.interval);
            if !self.waits.until(due)? {
                return Ok(());
            }
        }
    }
}
