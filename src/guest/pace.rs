//! How many messages go into one request.
//!
//! A request has one deadline, and a death costs all of its messages another run; on the other side each
//! request costs some microseconds. So requests grow from one message to about [`TARGET`] of work, and
//! shrink at once when messages turn out slow or their results large.

use std::time::Duration;

/// Time one request should take: long against its cost, short against any timeout.
const TARGET: Duration = Duration::from_millis(10);
/// Bytes of results one request should bring.
const TARGET_BYTES: u64 = 1 << 20;
/// How fast requests grow.
const GROWTH: usize = 4;

/// Chooses the next request's size from what the last ones took.
#[derive(Debug, Clone)]
pub struct Pace {
    next: usize,
    target: Duration,
}

impl Pace {
    /// For messages that may take `timeout` each.
    pub fn new(timeout: Duration) -> Self {
        Self {
            next: 1,
            // A request must end well within its deadline even if messages get somewhat slower.
            target: TARGET.min(timeout / 8),
        }
    }

    /// Messages for the next request.
    pub fn next(&self) -> usize {
        self.next
    }

    /// A request of `count` messages took `elapsed` and brought `bytes`.
    pub fn observe(&mut self, count: usize, elapsed: Duration, bytes: u64) {
        let count = count.max(1) as u128;
        let by_time = self.target.as_nanos() * count / elapsed.as_nanos().max(1);
        let by_bytes = u128::from(TARGET_BYTES) * count / u128::from(bytes.max(1));
        let fits = by_time.min(by_bytes).max(1);
        let grown = self.next.saturating_mul(GROWTH);
        self.next = usize::try_from(fits).unwrap_or(usize::MAX).min(grown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn grows_step_by_step_to_the_target() {
        let mut pace = Pace::new(Duration::from_secs(1));
        let mut sizes = Vec::new();
        for _ in 0..7 {
            sizes.push(pace.next());
            let count = pace.next();
            pace.observe(count, MS / 100 * count as u32, 0);
        }
        assert_eq!(sizes, [1, 4, 16, 64, 256, 1000, 1000], "10 µs a message, 10 ms a request");
    }

    #[test]
    fn one_at_a_time_when_messages_are_slow_or_large() {
        let mut pace = Pace::new(Duration::from_secs(1));
        pace.observe(1, MS / 1000, 0);
        pace.observe(4, 4 * 300 * MS, 0);
        assert_eq!(pace.next(), 1);
        pace.observe(1, MS / 1000, 0);
        pace.observe(4, MS, 4 * 8_000_000);
        assert_eq!(pace.next(), 1);
    }

    #[test]
    fn leaves_room_under_a_short_timeout() {
        let mut pace = Pace::new(8 * MS);
        for _ in 0..10 {
            let count = pace.next();
            pace.observe(count, MS / 10 * count as u32, 0);
        }
        assert_eq!(pace.next(), 10, "1 ms of an 8 ms timeout");
    }
}
