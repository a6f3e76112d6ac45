//! What happens to a message that failed.

use std::sync::Arc;

use actix::Recipient;

use crate::message::{Deliver, Outcome, Outcomes};

/// Where failures go.
#[derive(Clone)]
pub enum ErrorPolicy {
    /// To an output of their own.
    DeadLetter(Recipient<Deliver>),
    /// To the output of the results, which writes both in one transaction.
    WithResults,
    /// Nowhere, as the config asks by name.
    Drop,
    /// The pipeline ends before the first one.
    Stop,
}

impl Outcomes {
    /// Takes the failures out; what is left is for the output, what is returned for the dead letters.
    pub fn take_failures(&mut self) -> Outcomes {
        let take = |outcome: &mut Outcome| match outcome {
            Outcome::Failed(_) => std::mem::replace(outcome, Outcome::Dropped),
            _ => Outcome::Dropped,
        };
        Outcomes {
            data: Vec::new(),
            items: self.items.iter_mut().map(take).collect(),
            script_hash: Arc::clone(&self.script_hash),
        }
    }

    /// Cuts off the first failure and all that follows, and gives that failure's index and outcome.
    pub fn cut_at_failure(&mut self) -> Option<(usize, Outcome)> {
        let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_));
        let index = self.items.iter().position(failed)?;
        self.items.truncate(index + 1);
        Some((index, self.items.pop()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Failure, Record};

    fn outcomes() -> Outcomes {
        let record = |payload| {
            Outcome::Record(Record {
                payload,
                tombstone: false,
                overrides: None,
            })
        };
        let failed = |name: &str| Outcome::Failed(Box::new(Failure::new(name, "")));
        Outcomes {
            data: b"abcdef".to_vec(),
            items: vec![record(0..3), failed("A"), record(3..6), failed("B")],
            script_hash: "abc".into(),
        }
    }

    fn kinds(outcomes: &Outcomes) -> String {
        let kind = |outcome: &Outcome| match outcome {
            Outcome::Dropped => '-',
            Outcome::Record(_) | Outcome::Records(_) => 'r',
            Outcome::Failed(_) => 'f',
        };
        outcomes.items.iter().map(kind).collect()
    }

    #[test]
    fn failures_and_results_part_in_their_places() {
        let mut results = outcomes();
        let failures = results.take_failures();
        assert_eq!(kinds(&results), "r-r-");
        assert_eq!(kinds(&failures), "-f-f");
        assert_eq!(results.data, b"abcdef");
        assert_eq!(failures.script_hash, results.script_hash);
    }

    #[test]
    fn nothing_is_left_from_the_first_failure_on() {
        let mut results = outcomes();
        let (index, failure) = results.cut_at_failure().unwrap();
        assert_eq!((index, kinds(&results).as_str()), (1, "r"));
        assert!(matches!(failure, Outcome::Failed(failure) if failure.kind == "A"));
        assert!(results.cut_at_failure().is_none());
    }
}
