//! Memory of messages for which brokers have refused a record or a dead letter. When such a message is read again after
//! its transaction was aborted, it fails before it is written, or its dead letter is made in a form that the topic
//! accepts.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::lessons;
use super::verdict::Fault;
use crate::message::{Failure, Lane};

/// Limit on remembered messages. Far more than a transaction can have, and each was part of one that was aborted.
const MOST: usize = 65_536;

/// Topic, partition and offset of a message.
type Place = (Arc<str>, i32, i64);

/// Facts about messages, by their places.
#[derive(Debug, Default)]
pub(super) struct Known {
    places: HashMap<Place, Fact>,
    /// Places, the oldest first.
    order: VecDeque<Place>,
}

#[derive(Debug, Default, Clone)]
struct Fact {
    failure: Option<Failure>,
    mending: Mending,
}

/// Changes to a dead letter whose topic refused its first form.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Mending {
    /// Largest allowed size.
    pub room: Option<usize>,
    /// Whether the letter has the time of writing instead of the message's timestamp.
    pub restamped: bool,
    /// Whether the letter has a made-up key, because the message has none.
    pub keyed: bool,
}

impl Known {
    /// Notes that the message at `offset` fails because a record of it was refused.
    pub(super) fn refuse(&mut self, lane: &Lane, offset: i64, failure: Failure) {
        self.fact(lane, offset).failure = Some(failure);
    }

    /// Notes that the dead letter of the message at `offset`, with this number of `bytes`, was refused because of
    /// `fault`, so that it is changed from now on. [`Lessons`](lessons::Lessons) are not enough for that: they are
    /// forgotten, perhaps before the letter is written again.
    pub(super) fn refuse_letter(&mut self, lane: &Lane, offset: i64, fault: &Fault, bytes: usize) {
        let mending = &mut self.fact(lane, offset).mending;
        match fault {
            Fault::Size => mending.room = Some(lessons::smaller(bytes)),
            Fault::Timestamp => mending.restamped = true,
            Fault::Keyless => mending.keyed = true,
            Fault::Other | Fault::NoTopic | Fault::NotAllowed => {}
        }
    }

    /// Returns the failure of the message at `offset`, if a record of it was refused.
    pub(super) fn refused(&self, lane: &Lane, offset: i64) -> Option<Failure> {
        self.find(lane, offset)?.failure.clone()
    }

    /// Returns the changes to the dead letter of the message at `offset`.
    pub(super) fn mending(&self, lane: &Lane, offset: i64) -> Mending {
        let fact = self.find(lane, offset);
        fact.map_or(Mending::default(), |fact| fact.mending)
    }

    fn find(&self, lane: &Lane, offset: i64) -> Option<&Fact> {
        if self.places.is_empty() {
            return None; // nearly always
        }
        self.places.get(&place(lane, offset))
    }

    fn fact(&mut self, lane: &Lane, offset: i64) -> &mut Fact {
        let place = place(lane, offset);
        if !self.places.contains_key(&place) {
            if self.places.len() >= MOST
                && let Some(oldest) = self.order.pop_front()
            {
                self.places.remove(&oldest);
            }
            self.order.push_back(place.clone());
        }
        self.places.entry(place).or_default()
    }
}

fn place(lane: &Lane, offset: i64) -> Place {
    let topic = lane.topic.clone().unwrap_or_default(); // inputs without topics
    (topic, lane.partition, offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::LaneId;

    #[test]
    fn a_message_is_known_in_whatever_lane_it_comes_again() {
        let lane = |lane, partition| Lane::of_partition(LaneId(lane), "in".into(), partition);
        let mut known = Known::default();
        assert_eq!(known.refused(&lane(0, 3), 7), None);
        known.refuse(&lane(0, 3), 7, Failure::new("InvalidRecord", "no"));
        for fault in [Fault::Size, Fault::Timestamp] {
            known.refuse_letter(&lane(0, 3), 8, &fault, 400);
        }
        assert_eq!(
            known
                .refused(&lane(5, 3), 7)
                .map(|failure| failure.kind)
                .as_deref(),
            Some("InvalidRecord")
        );
        assert_eq!(
            (known.refused(&lane(5, 3), 8), known.mending(&lane(5, 3), 8)),
            (
                None,
                Mending {
                    room: Some(300),
                    restamped: true,
                    keyed: false
                }
            )
        );
        assert_eq!(known.mending(&lane(5, 3), 7), Mending::default());
        assert_eq!(
            (known.refused(&lane(5, 4), 7), known.refused(&lane(5, 3), 6)),
            (None, None)
        );
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let lane = Lane::of_partition(LaneId(0), "in".into(), 0);
        let mut known = Known::default();
        for offset in 0..=MOST as i64 {
            known.refuse(&lane, offset, Failure::new("TooLarge", ""));
        }
        assert_eq!(known.refused(&lane, 0), None);
        assert!(known.refused(&lane, 1).is_some() && known.refused(&lane, MOST as i64).is_some());
        assert_eq!((known.places.len(), known.order.len()), (MOST, MOST));
    }
}
