//! What is told about a registry that does not answer: in the log, and to who asks whether the pipeline is ready.

use std::time::{Duration, Instant};

use super::failure::Failure;

/// Current trouble with a registry, if any, and what the log says about it.
#[derive(Debug)]
pub(super) struct Trouble {
    /// Shortest time between two warnings.
    every: Duration,
    warned_at: Option<Instant>,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    since: Instant,
    /// Whether the log has a warning about it.
    warned: bool,
    /// Last failure.
    failure: Failure,
}

impl Trouble {
    pub(super) fn new(every: Duration) -> Self {
        Self {
            every,
            warned_at: None,
            current: None,
        }
    }

    /// Notes a failure. Returns whether it is to be logged.
    pub(super) fn failed(&mut self, failure: Failure, now: Instant) -> bool {
        let warn = self
            .warned_at
            .is_none_or(|at| now.duration_since(at) >= self.every);
        if warn {
            self.warned_at = Some(now);
        }
        match &mut self.current {
            Some(current) => {
                current.warned |= warn;
                current.failure = failure;
            }
            None => {
                self.current = Some(Current {
                    since: now,
                    warned: warn,
                    failure,
                });
            }
        }
        warn
    }

    /// Notes that all is well. Returns how long it was not, if the log has a warning about that.
    pub(super) fn passed(&mut self, now: Instant) -> Option<Duration> {
        let current = self.current.take()?;
        current.warned.then(|| now.duration_since(current.since))
    }

    /// Describes the trouble, with the number of questions that wait.
    pub(super) fn text(&self, waiting: usize) -> Option<String> {
        let Failure { url, text, .. } = &self.current.as_ref()?.failure;
        let requests = if waiting == 1 { "request" } else { "requests" };
        Some(format!(
            "the schema registry {url}: {text} ({waiting} {requests} waiting)"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::failure::FailureKind;
    use super::*;

    fn failure() -> Failure {
        Failure {
            kind: FailureKind::Unreachable,
            url: "http://host".into(),
            text: "connection refused".into(),
            status: None,
        }
    }

    #[test]
    fn it_is_logged_at_once_and_then_seldom() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut trouble = Trouble::new(Duration::from_secs(30));
        let logged: Vec<_> = (0..=60)
            .filter(|second| trouble.failed(failure(), after(*second)))
            .collect();
        assert_eq!(logged, [0, 30, 60]);
        assert_eq!(trouble.passed(after(70)), Some(Duration::from_secs(70)));
        assert_eq!(trouble.passed(after(71)), None);
        // One that follows soon, and passes soon, is not worth two lines.
        assert!(!trouble.failed(failure(), after(75)));
        assert_eq!(trouble.passed(after(80)), None);
    }

    #[test]
    fn it_is_told_with_the_number_that_waits() {
        let mut trouble = Trouble::new(Duration::from_secs(30));
        assert_eq!(trouble.text(1), None);
        trouble.failed(failure(), Instant::now());
        let text = "the schema registry http://host: connection refused";
        assert_eq!(trouble.text(1), Some(format!("{text} (1 request waiting)")));
        assert_eq!(
            trouble.text(12),
            Some(format!("{text} (12 requests waiting)"))
        );
    }
}
