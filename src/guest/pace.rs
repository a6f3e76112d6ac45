//! Pace: how many messages are put into one request.
//!
//! A request has one deadline, and a death costs all of its messages another run; but each request costs some
//! microseconds. So requests grow from one message to about `TARGET` of work, and shrink at once when messages turn out
//! to be slow or their results large.

use std::time::Duration;

/// Time that one request should take: long compared to its cost, short compared to any timeout, and with no more
/// objects than fit the processor's cache.
const TARGET: Duration = Duration::from_millis(2);
/// Bytes of results that one request should bring.
const TARGET_BYTES: u64 = 128 << 10;
/// Factor by which requests grow.
const GROWTH: usize = 4;

/// Choice of the next request's size from the cost of the last ones.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    next: usize,
    target: Duration,
    target_log: u64,
}

/// Cost of a request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Took {
    /// Number of messages that it answered.
    pub messages: usize,
    /// Time from request to reply.
    pub time: Duration,
    /// Bytes of results.
    pub bytes: u64,
    /// Bytes of log.
    pub log: u64,
}

impl Pace {
    /// Creates the pace for requests that may take `timeout` and write `max_log` bytes of log. These are the limits of
    /// one message, since a single message may reach them.
    pub(crate) fn new(timeout: Duration, max_log: u64) -> Self {
        Self {
            next: 1,
            // A request must end well within its deadline even if messages become somewhat slower.
            target: TARGET.min(timeout / 8),
            target_log: max_log / 8,
        }
    }

    /// Returns the number of messages for the next request.
    pub(crate) fn next(&self) -> usize {
        self.next
    }

    /// Takes the cost of a request into account.
    pub(crate) fn observe(&mut self, took: Took) {
        let messages = took.messages.max(1) as u128;
        let fits = |target: u128, taken: u128| target * messages / taken.max(1);
        let fits = fits(self.target.as_nanos(), took.time.as_nanos())
            .min(fits(TARGET_BYTES.into(), took.bytes.into()))
            .min(fits(self.target_log.into(), took.log.into()));
        let grown = self.next.saturating_mul(GROWTH);
        self.next = usize::try_from(fits).unwrap_or(usize::MAX).clamp(1, grown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const LOG: u64 = 1 << 20;

    fn took(messages: usize, time: Duration) -> Took {
        Took {
            messages,
            time,
            ..Took::default()
        }
    }

    #[test]
    fn grows_step_by_step_to_the_target() {
        let mut pace = Pace::new(Duration::from_secs(1), LOG);
        let mut sizes = Vec::new();
        for _ in 0..7 {
            sizes.push(pace.next());
            pace.observe(took(pace.next(), MS / 100 * pace.next() as u32));
        }
        assert_eq!(
            sizes,
            [1, 4, 16, 64, 200, 200, 200],
            "10 µs a message, 2 ms a request"
        );
    }

    #[test]
    fn one_at_a_time_when_messages_are_slow_or_large_or_loud() {
        let fast = took(4, MS / 1000);
        for bad in [
            took(4, 4 * 300 * MS),
            Took {
                bytes: 4 * 8_000_000,
                ..fast
            },
            Took { log: LOG, ..fast },
        ] {
            let mut pace = Pace::new(Duration::from_secs(1), LOG);
            pace.observe(took(1, MS / 1000));
            assert_eq!(pace.next(), 4);
            pace.observe(bad);
            assert_eq!(pace.next(), 1, "{bad:?}");
        }
    }

    #[test]
    fn leaves_room_under_a_short_timeout() {
        let mut pace = Pace::new(8 * MS, LOG);
        for _ in 0..10 {
            pace.observe(took(pace.next(), MS / 10 * pace.next() as u32));
        }
        assert_eq!(pace.next(), 10, "1 ms of an 8 ms timeout");
    }
}
