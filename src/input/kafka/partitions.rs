//! Partitions that this member has, in the order of their lanes. They are read in turn.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::partition::Partition;
use crate::input::Intake;
use crate::message::{Lane, LaneId};

/// Partitions of a member. As a slice, they are sorted by lane.
#[derive(Default)]
pub(super) struct Partitions {
    list: Vec<Partition>,
    /// Lane of each partition, by topic and number: statistics and answers to commits name all partitions, and to look
    /// through the list for each would take time that grows with the square of their number.
    places: HashMap<Arc<str>, HashMap<i32, LaneId>>,
    /// Number of lanes that were opened so far.
    lanes: u64,
    /// Index of the partition to read first.
    turn: usize,
    /// Whether the end of each partition that was ever assigned was seen, for an input with an end.
    ends_seen: HashMap<(Arc<str>, i32), bool>,
}

impl Deref for Partitions {
    type Target = [Partition];

    fn deref(&self) -> &[Partition] {
        &self.list
    }
}

impl DerefMut for Partitions {
    fn deref_mut(&mut self) -> &mut [Partition] {
        &mut self.list
    }
}

impl Partitions {
    /// Returns a new lane, which comes after all others.
    pub(super) fn next_lane(&mut self) -> LaneId {
        let lane = LaneId(self.lanes);
        self.lanes += 1;
        lane
    }

    /// Adds a partition with the lane that [`next_lane`](Self::next_lane) returned last.
    pub(super) fn push(&mut self, partition: Partition) {
        let Lane {
            id,
            topic,
            partition: number,
            ..
        } = &*partition.lane;
        let topic = topic.clone().unwrap_or_default();
        self.places.entry(topic).or_default().insert(*number, *id);
        self.list.push(partition);
    }

    /// Takes out the partition at `index`, to read it again in another lane.
    pub(super) fn take(&mut self, index: usize, intake: &Intake) -> Partition {
        let partition = self.list.remove(index);
        forget(&mut self.places, &partition.lane);
        intake.end(&partition.lane);
        partition
    }

    /// Removes the partitions that `which` selects, and gives up what is in flight of them.
    pub(super) fn remove(&mut self, intake: &Intake, which: impl Fn(&Partition) -> bool) {
        self.list.retain(|partition| {
            let gone = which(partition);
            if gone {
                // Usually nothing is in flight any more, or it was given up before.
                partition.lane.abandon();
                forget(&mut self.places, &partition.lane);
                intake.end(&partition.lane);
            }
            !gone
        });
    }

    /// The partition with the lane `lane`.
    pub(super) fn of_lane(&mut self, lane: LaneId) -> Option<&mut Partition> {
        let index = self.list.binary_search_by_key(&lane, |one| one.lane.id);
        index.ok().map(|index| &mut self.list[index])
    }

    /// The partition with this number of this topic.
    pub(super) fn named(&mut self, topic: &str, partition: i32) -> Option<&mut Partition> {
        let lane = *self.places.get(topic)?.get(&partition)?;
        self.of_lane(lane)
    }

    /// Topics of the partitions, each once.
    pub(super) fn topics(&self) -> Vec<Arc<str>> {
        let topics = self.list.iter().filter_map(|one| one.lane.topic.clone());
        let mut topics: Vec<Arc<str>> = topics.collect();
        topics.sort();
        topics.dedup();
        topics
    }

    /// Indexes of all partitions, in the order in which they are to be read.
    pub(super) fn in_turn(&self) -> impl Iterator<Item = usize> + use<> {
        let (turn, count) = (self.turn, self.list.len());
        (0..count).map(move |step| (turn + step) % count)
    }

    /// The next turn begins with the partition at `index`.
    pub(super) fn begin_with(&mut self, index: usize) {
        self.turn = index;
    }

    /// Whether each partition that was ever assigned was seen at its end. `None` if none was ever assigned.
    pub(super) fn were_all_at_end(&mut self) -> Option<bool> {
        for partition in &self.list {
            let topic = partition.lane.topic.clone().unwrap_or_default();
            let place = (topic, partition.lane.partition);
            *self.ends_seen.entry(place).or_default() |= partition.at_end;
        }
        let seen = self.ends_seen.values().all(|seen| *seen);
        (!self.ends_seen.is_empty()).then_some(seen)
    }

    /// When the first batch that waits to be full has waited for `period`.
    pub(super) fn due(&self, period: Duration) -> Option<Instant> {
        self.list.iter().filter_map(|one| one.due(period)).min()
    }
}

/// Removes the place of a lane that is over.
fn forget(places: &mut HashMap<Arc<str>, HashMap<i32, LaneId>>, lane: &Lane) {
    let Some(topic) = &lane.topic else { return };
    let Some(numbers) = places.get_mut(topic) else {
        return;
    };
    if numbers.get(&lane.partition) == Some(&lane.id) {
        numbers.remove(&lane.partition);
    }
    if numbers.is_empty() {
        places.remove(topic);
    }
}
