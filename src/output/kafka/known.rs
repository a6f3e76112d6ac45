//! Messages that brokers have refused a record of: they are known when they are read again after a transaction was
//! aborted, and fail before they are written.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::message::{Failure, Origin};

/// So many messages are remembered. More than a transaction can have, by far: each was part of one that was aborted.
const MOST: usize = 65_536;

/// A message's topic, partition and offset.
type Place = (Arc<str>, i32, i64);

/// What is known of messages, by their places.
#[derive(Debug, Default)]
pub struct Known {
    places: HashMap<Place, Fact>,
    /// The oldest first.
    order: VecDeque<Place>,
}

#[derive(Debug, Default, Clone)]
struct Fact {
    failure: Option<Failure>,
    /// How large its dead letter may be.
    room: Option<usize>,
}

impl Known {
    /// The message at `offset` fails: a record of it was refused.
    pub fn refuse(&mut self, origin: &Origin, offset: i64, failure: Failure) {
        self.fact(origin, offset).failure = Some(failure);
    }

    /// The dead letter of the message at `offset` must not be larger than `room` bytes.
    pub fn limit(&mut self, origin: &Origin, offset: i64, room: usize) {
        self.fact(origin, offset).room = Some(room);
    }

    /// Why the message at `offset` fails, if it does.
    pub fn refused(&self, origin: &Origin, offset: i64) -> Option<Failure> {
        self.find(origin, offset)?.failure.clone()
    }

    /// How large the dead letter of the message at `offset` may be, if that was found out.
    pub fn room(&self, origin: &Origin, offset: i64) -> Option<usize> {
        self.find(origin, offset)?.room
    }

    fn find(&self, origin: &Origin, offset: i64) -> Option<&Fact> {
        if self.places.is_empty() {
            return None; // nearly always
        }
        self.places.get(&place(origin, offset))
    }

    fn fact(&mut self, origin: &Origin, offset: i64) -> &mut Fact {
        let place = place(origin, offset);
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

fn place(origin: &Origin, offset: i64) -> Place {
    let topic = origin.topic.clone().unwrap_or_default(); // lines of standard input have none
    (topic, origin.partition, offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Lane;

    #[test]
    fn a_message_is_known_in_whatever_lane_it_comes_again() {
        let lane = |lane, partition| Origin::of_partition(Lane(lane), "in".into(), partition);
        let mut known = Known::default();
        assert_eq!(known.refused(&lane(0, 3), 7), None);
        known.refuse(&lane(0, 3), 7, Failure::new("InvalidRecord", "no"));
        known.limit(&lane(0, 3), 8, 100);
        assert_eq!(
            known
                .refused(&lane(5, 3), 7)
                .map(|failure| failure.kind)
                .as_deref(),
            Some("InvalidRecord")
        );
        assert_eq!(
            (known.refused(&lane(5, 3), 8), known.room(&lane(5, 3), 8)),
            (None, Some(100))
        );
        assert_eq!(
            (known.refused(&lane(5, 4), 7), known.refused(&lane(5, 3), 6)),
            (None, None)
        );
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let origin = Origin::of_partition(Lane(0), "in".into(), 0);
        let mut known = Known::default();
        for offset in 0..=MOST as i64 {
            known.refuse(&origin, offset, Failure::new("TooLarge", ""));
        }
        assert_eq!(known.refused(&origin, 0), None);
        assert!(
            known.refused(&origin, 1).is_some() && known.refused(&origin, MOST as i64).is_some()
        );
        assert_eq!((known.places.len(), known.order.len()), (MOST, MOST));
    }
}
