//! Generations: assignment of batches to guests while the scripts are being replaced.
//!
//! A generation is what guests are made from. When a new one takes over, guests of the old one finish the batches that
//! a guest has begun, even if a guest dies with them; all other batches, and all later ones, are for the new
//! generation. So the change is between two batches: each message is run by one version, and none by an older version
//! than a message before it.

use std::ops::Range;

/// Generations that have work left, the oldest first; the last one is current.
#[derive(Debug)]
pub(crate) struct Generations<T> {
    old: Vec<Generation<T>>,
    current: Generation<T>,
}

/// Version of what guests are made from.
#[derive(Debug, Clone)]
pub(crate) struct Generation<T> {
    /// Number of the generation, from 1.
    pub number: u64,
    /// Specification of its guests.
    pub spec: T,
    /// First batch that is for this generation, by arrival.
    pub from: u64,
}

impl<T> Generations<T> {
    /// Creates the first generation, for all batches.
    pub(crate) fn new(spec: T) -> Self {
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

    /// Returns the generation whose guests get the batches that arrive.
    pub(crate) fn current(&self) -> &Generation<T> {
        &self.current
    }

    /// Returns the number of the next generation.
    pub(crate) fn next_number(&self) -> u64 {
        self.current.number + 1
    }

    /// Returns the oldest generation and its batches, by arrival, if it is not the current one.
    pub(crate) fn oldest_old(&self) -> Option<(&Generation<T>, Range<u64>)> {
        let oldest = self.old.first()?;
        let next = self.old.get(1).unwrap_or(&self.current);
        Some((oldest, oldest.from..next.from))
    }

    /// Starts a generation of `spec` for the batches from `from` on, which no guest has begun.
    pub(crate) fn succeed(&mut self, spec: T, from: u64) {
        debug_assert!(from >= self.current.from, "batches arrive in order");
        let next = Generation {
            number: self.next_number(),
            spec,
            from,
        };
        let old = std::mem::replace(&mut self.current, next);
        self.old.push(old);
    }

    /// Removes the oldest generation, which has no work left.
    pub(crate) fn end_oldest(&mut self) {
        if !self.old.is_empty() {
            self.old.remove(0);
        }
    }

    /// Returns number and batches of each generation, by arrival, the oldest first.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (u64, Range<u64>)> {
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
        /// Checks that, whatever is begun or replaced when, each batch is for one generation, never for an older one
        /// than a batch before it, and that a batch that was begun stays in its generation.
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
