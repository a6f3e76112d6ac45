//! Sequencer: puts slices of a lane back in order, however many guests processed them.

use std::collections::BTreeMap;

/// Queue that holds slices until all slices before them have come.
#[derive(Debug)]
pub struct Sequencer<T> {
    next: u64,
    waiting: BTreeMap<u64, (u64, T)>,
}

impl<T> Default for Sequencer<T> {
    fn default() -> Self {
        Self {
            next: 0,
            waiting: BTreeMap::new(),
        }
    }
}

impl<T> Sequencer<T> {
    /// Inserts the slice of `count` messages that begins at `position`.
    pub fn insert(&mut self, position: u64, count: u64, slice: T) {
        debug_assert!(
            position >= self.next,
            "position {position} was released before"
        );
        self.waiting.insert(position, (count, slice));
    }

    /// Removes the next slice in order, if it has come.
    pub fn pop(&mut self) -> Option<T> {
        let entry = self.waiting.first_entry()?;
        if *entry.key() != self.next {
            return None;
        }
        let (count, slice) = entry.remove();
        self.next += count;
        Some(slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_arrival_leaves_in_order(
            stretches in prop::collection::vec(1u64..50, 1..60).prop_flat_map(|counts| {
                let mut position = 0;
                let all: Vec<(u64, u64)> = counts
                    .into_iter()
                    .map(|count| { position += count; (position - count, count) })
                    .collect();
                Just(all).prop_shuffle()
            })
        ) {
            let mut sequencer = Sequencer::default();
            let mut left = Vec::new();
            for &(position, count) in &stretches {
                sequencer.insert(position, count, position);
                while let Some(position) = sequencer.pop() {
                    left.push(position);
                }
            }
            let mut expected: Vec<u64> = stretches.iter().map(|&(position, _)| position).collect();
            expected.sort_unstable();
            prop_assert_eq!(left, expected);
        }
    }
}
