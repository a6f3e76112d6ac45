//! Decision whether too many of the last messages failed, which shows a common cause.

use std::collections::VecDeque;

use crate::config::MaxFailures;
use crate::control::TooManyFailures;

/// Number of kinds of failures that are counted separately. All further kinds are counted as one more.
const KINDS: usize = 64;

/// Outcomes of the last messages, of all lanes together, in the order in which they became known.
#[derive(Debug)]
pub(crate) struct FailureWindow {
    limit: MaxFailures,
    /// Runs of consecutive messages with the same outcome, the oldest first: the index of their kind of failure, `None`
    /// for messages that did not fail, and their number.
    runs: VecDeque<(Option<usize>, usize)>,
    /// Number of messages in the runs.
    seen: usize,
    /// Number of failures in the runs.
    failed: usize,
    kinds: Vec<Kind>,
}

/// Kind of failures: those of one type at one place.
#[derive(Debug, Default)]
struct Kind {
    error: String,
    at: Option<String>,
    count: usize,
}

impl FailureWindow {
    /// Creates an empty window.
    pub(crate) fn new(limit: MaxFailures) -> Self {
        Self {
            limit,
            runs: VecDeque::new(),
            seen: 0,
            failed: 0,
            kinds: Vec::new(),
        }
    }

    /// Adds `count` messages that did not fail.
    pub(crate) fn pass(&mut self, count: usize) {
        if count > 0 {
            self.push(None, count);
        }
    }

    /// Adds a message that failed.
    pub(crate) fn fail(&mut self, error: &str, at: Option<&str>) {
        let kind = self.kind(error, at);
        self.kinds[kind].count += 1;
        self.failed += 1;
        self.push(Some(kind), 1);
    }

    /// Returns a report if the window is full and too many of its messages failed.
    pub(crate) fn verdict(&self) -> Option<TooManyFailures> {
        let MaxFailures { share, of } = self.limit;
        if self.seen < of || self.failed as f64 <= share * of as f64 {
            return None;
        }
        let commonest = self.kinds.iter().max_by_key(|kind| kind.count)?;
        Some(TooManyFailures {
            failed: self.failed,
            limit: self.limit,
            error: commonest.error.clone(),
            at: commonest.at.clone(),
            count: commonest.count,
        })
    }

    fn push(&mut self, kind: Option<usize>, count: usize) {
        match self.runs.back_mut() {
            Some((last, run)) if *last == kind => *run += count,
            _ => self.runs.push_back((kind, count)),
        }
        self.seen += count;
        while self.seen > self.limit.of {
            let Some((kind, run)) = self.runs.front_mut() else {
                return;
            };
            let (kind, gone) = (*kind, (*run).min(self.seen - self.limit.of));
            *run -= gone;
            if *run == 0 {
                self.runs.pop_front();
            }
            self.seen -= gone;
            if let Some(kind) = kind {
                self.failed -= gone;
                self.kinds[kind].count -= gone;
            }
        }
    }

    /// Returns the index of a kind: an existing one, or a new one, which may replace a kind without messages.
    fn kind(&mut self, error: &str, at: Option<&str>) -> usize {
        let mut kinds = self.kinds.iter();
        if let Some(index) = kinds.position(|kind| kind.error == error && kind.at.as_deref() == at)
        {
            return index;
        }
        let new = |error: &str, at: Option<&str>| Kind {
            error: error.to_owned(),
            at: at.map(str::to_owned),
            count: 0,
        };
        let free = self.kinds.iter().position(|kind| kind.count == 0);
        match free {
            Some(index) => {
                self.kinds[index] = new(error, at);
                index
            }
            None if self.kinds.len() < KINDS => {
                self.kinds.push(new(error, at));
                self.kinds.len() - 1
            }
            None => {
                if self.kinds.len() == KINDS {
                    self.kinds.push(new("other errors", None));
                }
                KINDS
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn window(share: f64, of: usize) -> FailureWindow {
        FailureWindow::new(MaxFailures { share, of })
    }

    #[test]
    fn only_a_full_window_is_judged() {
        let mut window = window(0.5, 4);
        for _ in 0..3 {
            window.fail("KeyError", Some("a:1"));
            assert_eq!(window.verdict(), None);
        }
        window.fail("ValueError", None);
        let TooManyFailures {
            failed,
            error,
            at,
            count,
            ..
        } = window.verdict().unwrap();
        assert_eq!(
            (failed, error.as_str(), at.as_deref(), count),
            (4, "KeyError", Some("a:1"), 3)
        );
    }

    #[test]
    fn the_share_itself_is_still_allowed() {
        let mut window = window(0.5, 4);
        window.pass(2);
        window.fail("E", None);
        window.fail("E", None);
        assert_eq!(window.verdict(), None, "2 of 4");
        window.fail("E", None);
        assert_eq!(window.verdict().unwrap().failed, 3, "of the last 4");
        window.pass(1_000_000);
        assert_eq!(window.verdict(), None);
        window.fail("E", None);
        assert_eq!(window.verdict(), None, "what is long ago does not count");
    }

    #[test]
    fn a_share_of_nothing_allows_none() {
        let mut window = window(0.0, 2);
        window.pass(1);
        assert_eq!(window.verdict(), None);
        window.fail("E", None);
        assert_eq!(window.verdict().unwrap().failed, 1);
    }

    #[test]
    fn many_kinds_take_no_more_memory() {
        let mut window = window(0.9, 10_000);
        for number in 0..10_000 {
            window.fail(&format!("E{number}"), None);
        }
        assert_eq!(window.kinds.len(), KINDS + 1);
        let told = window.verdict().unwrap();
        assert_eq!(
            (told.error.as_str(), told.count),
            ("other errors", 10_000 - KINDS)
        );
        window.pass(10_000);
        window.fail("new", None);
        assert_eq!(window.kinds.len(), KINDS + 1);
    }

    proptest! {
        /// Compares with a count that looks at the last messages one by one.
        #[test]
        fn counts_what_is_in_the_window(
            of in 1usize..40,
            share in 0.0f64..1.0,
            messages in prop::collection::vec(prop::option::weighted(0.5, 0u8..4), 0..200),
        ) {
            let mut window = window(share, of);
            for (index, message) in messages.iter().enumerate() {
                match message {
                    None => window.pass(1),
                    Some(kind) => window.fail(&format!("E{kind}"), None),
                }
                let seen = &messages[..=index];
                let last = &seen[seen.len().saturating_sub(of)..];
                let failed: Vec<u8> = last.iter().flatten().copied().collect();
                let too_many = seen.len() >= of && failed.len() as f64 > share * of as f64;
                let verdict = window.verdict();
                prop_assert_eq!(verdict.is_some(), too_many);
                if let Some(told) = verdict {
                    let mut counts = HashMap::new();
                    for kind in &failed {
                        *counts.entry(*kind).or_insert(0) += 1;
                    }
                    prop_assert_eq!(told.failed, failed.len());
                    prop_assert_eq!(Some(told.count), counts.values().copied().max());
                }
            }
        }
    }
}
