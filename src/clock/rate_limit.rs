//! A limit on log lines: people can read only so many in a second, and want to know how many there were.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time in which the number of lines is limited.
const WINDOW: Duration = Duration::from_secs(1);

/// Admits at most `MOST` lines of one kind in a second, and counts the others.
#[derive(Debug, Default)]
pub(crate) struct RateLimit<const MOST: u32>(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When the current second began; `None` before the first line.
    began: Option<Instant>,
    admitted: u32,
    left_out: u64,
}

/// The answer to a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admit {
    /// The line is to be logged.
    Log {
        /// Number of lines that were left out before this one and not reported yet.
        left_out: u64,
    },
    /// The line is to be left out.
    Skip,
}

impl<const MOST: u32> RateLimit<MOST> {
    /// Admits a line at `now`, or counts it as left out.
    pub(crate) fn admit(&self, now: Instant) -> Admit {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left_out = 0;
        if state.is_over(now) {
            left_out = state.left_out;
            *state = State {
                began: Some(now),
                ..State::default()
            };
        }
        if state.admitted == MOST {
            state.left_out += 1;
            return Admit::Skip;
        }
        state.admitted += 1;
        Admit::Log { left_out }
    }

    /// Takes the number of lines that were left out and not reported yet, if their second is over at `now`; 0 if not.
    pub(crate) fn overdue(&self, now: Instant) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_over(now) {
            std::mem::take(&mut state.left_out)
        } else {
            0
        }
    }

    /// Number of lines that were left out and will not be reported by any later line.
    pub(crate) fn into_left_out(self) -> u64 {
        let state = self.0.into_inner();
        state.unwrap_or_else(PoisonError::into_inner).left_out
    }
}

impl State {
    fn is_over(&self, now: Instant) -> bool {
        self.began
            .is_none_or(|began| now.duration_since(began) >= WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_a_second_and_the_others_are_counted() {
        let limit = RateLimit::<10>::default();
        let start = Instant::now();
        let lines = (0..25).map(|_| limit.admit(start));
        let logged = lines.filter(|line| *line == Admit::Log { left_out: 0 });
        assert_eq!(logged.count(), 10);
        assert_eq!(limit.admit(start + WINDOW / 2), Admit::Skip);
        assert_eq!(limit.overdue(start + WINDOW / 2), 0);
        assert_eq!(limit.admit(start + WINDOW), Admit::Log { left_out: 16 });
        assert_eq!(limit.admit(start + WINDOW), Admit::Log { left_out: 0 });
    }

    #[test]
    fn what_was_left_out_is_reported_once() {
        let limit = RateLimit::<1>::default();
        let start = Instant::now();
        assert_eq!(limit.overdue(start), 0);
        assert_eq!(limit.admit(start), Admit::Log { left_out: 0 });
        assert_eq!(limit.admit(start), Admit::Skip);
        assert_eq!(limit.overdue(start + WINDOW), 1);
        assert_eq!(limit.overdue(start + WINDOW), 0);
        assert_eq!(limit.admit(start + WINDOW), Admit::Log { left_out: 0 });
        assert_eq!(limit.admit(start + WINDOW), Admit::Skip);
        assert_eq!(limit.into_left_out(), 1);
    }
}
