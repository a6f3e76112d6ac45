//! Checkpoint of a lane: the position after the unbroken run of delivered messages.
//!
//! Batches count positions without gaps; offsets have gaps (a compacted topic, markers of transactions), so the mapping
//! between the two is kept, run by run.

use std::collections::{BTreeMap, VecDeque};

/// Follows which messages of one lane are delivered.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    /// Offset before which no message is undelivered: at first the beginning of the lane. `None` if unknown.
    floor: Option<i64>,
    /// Number of positions that were read.
    read: u64,
    /// Position before which all messages were delivered.
    delivered: u64,
    /// Slices delivered beyond that position: position and count.
    ahead: BTreeMap<u64, u64>,
    /// Jumps of offsets: from this position on, offset = position + difference. Sorted; the first entry covers the
    /// message before `delivered`.
    runs: VecDeque<(u64, i64)>,
}

impl Offsets {
    /// Follows a lane whose first message has this offset, or a higher one.
    pub(crate) fn beginning_at(offset: i64) -> Self {
        Self {
            floor: Some(offset),
            ..Self::default()
        }
    }

    /// Notes that the next message was read and has `offset`.
    pub(crate) fn read(&mut self, offset: i64) {
        if self.floor.is_some_and(|floor| offset < floor) {
            self.floor = None; // the partition was truncated, and begins again
        }
        let difference = offset - self.read as i64;
        if self.runs.back().is_none_or(|&(_, last)| last != difference) {
            self.runs.push_back((self.read, difference));
        }
        self.read += 1;
    }

    /// Notes that `count` messages from `position` on were delivered.
    pub(crate) fn deliver(&mut self, position: u64, count: u64) {
        if count == 0 {
            return;
        }
        self.ahead.insert(position, count);
        while let Some(entry) = self.ahead.first_entry() {
            if *entry.key() != self.delivered {
                break;
            }
            self.delivered += entry.remove();
        }
        let last = self.delivered.saturating_sub(1);
        while self.runs.get(1).is_some_and(|&(from, _)| from <= last) {
            self.runs.pop_front();
        }
    }

    /// Notes that no message before `offset` is unread. Has an effect only when everything that was read is delivered.
    pub(crate) fn reach(&mut self, offset: i64) {
        if self.in_flight() == 0 && self.commit_point().is_none_or(|point| point < offset) {
            self.floor = Some(offset);
        }
    }

    /// Returns the position of the next message, which is the number of messages read.
    pub(crate) fn next_position(&self) -> u64 {
        self.read
    }

    /// Returns the number of messages that were read and are not in the unbroken run yet.
    pub(crate) fn in_flight(&self) -> u64 {
        self.read - self.delivered
    }

    /// Returns the offset to commit: one more than that of the last message of the unbroken run, or where reading
    /// began, or what was [reached](Self::reach) after the last message. `None` if nothing is known yet.
    pub(crate) fn commit_point(&self) -> Option<i64> {
        self.after_delivered().max(self.floor)
    }

    fn after_delivered(&self) -> Option<i64> {
        let last = self.delivered.checked_sub(1)?;
        let &(_, difference) = self.runs.front()?;
        Some(last as i64 + difference + 1)
    }

    /// Returns the offset of the oldest message that is not delivered.
    pub(crate) fn oldest(&self) -> Option<i64> {
        if self.in_flight() == 0 {
            return None;
        }
        let runs = self.runs.iter().rev();
        let mut covering = runs.skip_while(|&&(from, _)| from > self.delivered);
        covering
            .next()
            .map(|&(_, difference)| self.delivered as i64 + difference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Compares with a model that keeps every message.
        #[test]
        fn the_commit_point_is_behind_the_unbroken_run(
            gaps in prop::collection::vec(prop_oneof![9 => Just(1i64), 1 => 2..1000i64], 1..300),
            cuts in prop::collection::vec(1usize..40, 1..60),
            seed in any::<u64>(),
        ) {
            let mut offsets = Offsets::default();
            let mut all = Vec::new();
            let mut offset = 0;
            for gap in gaps {
                offset += gap;
                offsets.read(offset);
                all.push((offset, false));
            }
            let mut stretches = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().cycle() {
                if from == all.len() {
                    break;
                }
                let count = cut.min(all.len() - from);
                stretches.push((from, count));
                from += count;
            }
            // A shuffle that needs only a seed.
            stretches.sort_by_key(|&(from, _)| (from as u64 + 1).wrapping_mul(seed | 1));
            for (from, count) in stretches {
                offsets.deliver(from as u64, count as u64);
                all[from..from + count].iter_mut().for_each(|message| message.1 = true);
                let run = all.iter().take_while(|&&(_, delivered)| delivered).count();
                let expected = run.checked_sub(1).map(|last| all[last].0 + 1);
                prop_assert_eq!(offsets.commit_point(), expected);
                prop_assert_eq!(offsets.in_flight(), (all.len() - run) as u64);
                prop_assert_eq!(offsets.oldest(), all.get(run).map(|message| message.0));
            }
            prop_assert!(offsets.ahead.is_empty());
            prop_assert!(offsets.runs.len() == 1);
        }
    }

    proptest! {
        /// Compares with a log in which some offsets hold no message, and which is read to its end several times.
        #[test]
        fn the_end_is_committed_when_all_before_it_is_delivered(
            begin in 0i64..50,
            log in prop::collection::vec((any::<bool>(), any::<bool>()), 1..200),
        ) {
            let mut offsets = Offsets::beginning_at(begin);
            let mut undelivered = Vec::new();
            for (index, (message, at_end)) in log.into_iter().enumerate() {
                let offset = begin + index as i64;
                if message {
                    undelivered.push((offsets.next_position(), offset));
                    offsets.read(offset);
                }
                if at_end {
                    offsets.reach(offset + 1);
                    // Never past a message that was not delivered.
                    if let Some(&(_, first)) = undelivered.first() {
                        prop_assert!(offsets.commit_point().unwrap() <= first);
                    }
                    for (position, _) in undelivered.drain(..) {
                        offsets.deliver(position, 1);
                    }
                    offsets.reach(offset + 1);
                    prop_assert_eq!(offsets.commit_point(), Some(offset + 1));
                }
            }
        }
    }

    #[test]
    fn a_lane_begins_with_what_is_to_be_committed() {
        let mut offsets = Offsets::beginning_at(7);
        assert_eq!(offsets.commit_point(), Some(7));
        offsets.read(9);
        assert_eq!(offsets.commit_point(), Some(7));
        offsets.deliver(0, 1);
        assert_eq!(offsets.commit_point(), Some(10));
    }

    #[test]
    fn a_partition_that_was_cut_off_begins_lower() {
        let mut offsets = Offsets::beginning_at(100);
        offsets.reach(120);
        offsets.read(3);
        assert_eq!(offsets.commit_point(), None);
        offsets.deliver(0, 1);
        assert_eq!(offsets.commit_point(), Some(4));
    }

    #[test]
    fn nothing_delivered_is_nothing_to_commit() {
        let mut offsets = Offsets::default();
        assert_eq!(offsets.commit_point(), None);
        offsets.read(7);
        offsets.read(8);
        offsets.deliver(1, 1);
        offsets.deliver(0, 0);
        assert_eq!((offsets.commit_point(), offsets.oldest()), (None, Some(7)));
        offsets.deliver(0, 1);
        assert_eq!((offsets.commit_point(), offsets.oldest()), (Some(9), None));
    }
}
