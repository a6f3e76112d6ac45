//! Delay before a dead guest is started again: none at first, then longer and longer while it keeps dying.

use std::time::Duration;

/// Delay before the second restart in a row; it doubles with each further restart.
const FIRST: Duration = Duration::from_millis(10);
/// Longest delay.
const LONGEST: Duration = Duration::from_secs(5);

/// Count of failures in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Counts another failure. Returns how long to wait: nothing for the first one, since one bad message is no reason
    /// to let good ones wait.
    pub(crate) fn fail(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        match self.failures {
            1 => Duration::ZERO,
            failures => FIRST
                .saturating_mul(1 << (failures - 2).min(16))
                .min(LONGEST),
        }
    }

    /// Resets the count: a guest has answered for messages, or the message to blame was found.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_longest_and_starts_anew() {
        let mut backoff = Backoff::default();
        let delays: Vec<u128> = (0..13).map(|_| backoff.fail().as_millis()).collect();
        assert_eq!(
            delays,
            [
                0, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5000, 5000, 5000
            ]
        );
        backoff.reset();
        assert_eq!(backoff.fail(), Duration::ZERO);
    }
}
