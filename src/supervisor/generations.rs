//! Which guests a batch is for, while the scripts are being replaced.
//!
//! A generation is what guests are made from. When a new one takes over, batches that a guest has begun are
//! finished by guests of the old one, a guest that dies with them included; all others, and all that arrive, are
//! for the new one. So the change lies between two batches: each message goes through one version, and none
//! through an older one than a message before it.

use std::ops::Range;

/// The generations that have work left, the oldest first; the last one is the current.
#[derive(Debug)]
pub struct Generations<T> {
    old: Vec<Generation<T>>,
    current: Generation<T>,
}

/// What some guests are made from.
#[derive(Debug, Clone)]
pub struct Generation<T> {
    /// Counts from 1.
    pub number: u64,
    /// What its guests are made from.
    pub spec: T,
    /// The first batch that is for it, by arrival.
    pub from: u64,
}

impl<T> Generations<T> {
    /// The first one, for all batches.
    pub fn new(spec: T) -> Self {
        let current = Generation {
            number: 1,
            spec,
            from: 0,
        };
        Self {
            old: Vec::new(),
            current,
        }
    }

    /// The one whose guests get the batches that arrive.
    pub fn current(&self) -> &Generation<T> {
        &self.current
    }

    /// The number that the next one will have.
    pub fn next_number(&self) -> u64 {
        self.current.number + 1
    }

    /// The oldest one and its batches, by arrival, if it is not the current.
    pub fn oldest_old(&self) -> Option<(&Generation<T>, Range<u64>)> {
        let oldest = self.old.first()?;
        let next = self.old.get(1).unwrap_or(&self.current);
        Some((oldest, oldest.from..next.from))
    }

    /// `spec` takes over from batch `from` on, which no guest has begun.
    pub fn succeed(&mut self, spec: T, from: u64) {
        debug_assert!(from >= self.current.from, "batches arrive in order");
        let next = Generation {
            number: self.next_number(),
            spec,
            from,
        };
        let old = std::mem::replace(&mut self.current, next);
        self.old.push(old);
    }

    /// The oldest one has no work left.
    pub fn end_oldest(&mut self) {
        if !self.old.is_empty() {
            self.old.remove(0);
        }
    }

    /// Number and batches of each, by arrival, the oldest first.
    pub fn spans(&self) -> impl Iterator<Item = (u64, Range<u64>)> {
        let all = || self.old.iter().chain([&self.current]);
        let ends = all().skip(1).map(|next| next.from).chain([u64::MAX]);
        all()
            .zip(ends)
            .map(|(one, end)| (one.number, one.from..end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever begins and is replaced when, each batch is for one generation, never for one that is older
        /// than that of a batch before it, and what was begun stays where it was.
        #[test]
        fn each_batch_is_for_one(steps in prop::collection::vec((0u64..5, prop::bool::ANY), 1..40)) {
            let mut generations = Generations::new(());
            let (mut begun, mut owners) = (0, Vec::new());
            for (more, replace) in steps {
                begun += more;
                owners.resize(begun as usize, generations.current().number);
                if replace {
                    generations.succeed((), begun);
                }
            }
            let spans: Vec<_> = generations.spans().collect();
            prop_assert_eq!(spans[0].1.start, 0);
            prop_assert_eq!(spans[spans.len() - 1].1.end, u64::MAX);
            for pair in spans.windows(2) {
                prop_assert_eq!(pair[0].1.end, pair[1].1.start);
                prop_assert!(pair[0].0 < pair[1].0);
            }
            for (batch, owner) in owners.iter().enumerate() {
                let batch = batch as u64;
                let of: Vec<u64> = spans.iter().filter(|(_, span)| span.contains(&batch)).map(|(number, _)| *number).collect();
                prop_assert_eq!(of, vec![*owner]);
            }
        }
    }

    #[test]
    fn the_oldest_ends_first() {
        let mut generations = Generations::new("a");
        generations.succeed("b", 3);
        generations.succeed("c", 3);
        assert_eq!(
            generations.spans().collect::<Vec<_>>(),
            [(1, 0..3), (2, 3..3), (3, 3..u64::MAX)]
        );
        let oldest = generations.oldest_old();
        assert_eq!(
            oldest.map(|(one, batches)| (one.spec, batches)),
            Some(("a", 0..3))
        );
        generations.end_oldest();
        generations.end_oldest();
        assert!(generations.oldest_old().is_none());
        generations.end_oldest();
        assert_eq!(generations.current().spec, "c");
        assert_eq!(generations.spans().next(), Some((3, 3..u64::MAX)));
    }
}
