//! Rate limit for repeated log lines, so that people can still read the log. Skipped lines are counted and reported.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Number of lines of one kind that are logged in one [`WINDOW`].
const MOST: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);

/// Rate limit for log lines of one kind.
#[derive(Debug, Default)]
pub struct Limit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    window: Option<Instant>,
    logged: u32,
    left_out: u64,
}

/// Decision about a log line.
#[derive(Debug, PartialEq, Eq)]
pub enum Admit {
    /// Log the line, after reporting how many were skipped.
    Log {
        /// Number of lines of the same kind that were skipped since the last logged line.
        left_out: u64,
    },
    /// Skip the line.
    Skip,
}

impl Limit {
    /// Decides whether a line is logged at `now`.
    pub fn admit(&self, now: Instant) -> Admit {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left_out = 0;
        if state
            .window
            .is_none_or(|window| now.duration_since(window) >= WINDOW)
        {
            left_out = state.left_out;
            *state = State {
                window: Some(now),
                ..State::default()
            };
        }
        if state.logged == MOST {
            state.left_out += 1;
            return Admit::Skip;
        }
        state.logged += 1;
        Admit::Log { left_out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_a_second_and_the_others_are_counted() {
        let limit = Limit::default();
        let start = Instant::now();
        let lines = (0..25).map(|_| limit.admit(start));
        assert_eq!(
            lines
                .filter(|line| *line == Admit::Log { left_out: 0 })
                .count(),
            10
        );
        assert_eq!(limit.admit(start + WINDOW / 2), Admit::Skip);
        assert_eq!(limit.admit(start + WINDOW), Admit::Log { left_out: 16 });
        assert_eq!(limit.admit(start + WINDOW), Admit::Log { left_out: 0 });
    }
}
