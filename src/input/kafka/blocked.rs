//! Partitions that cannot be read while others can.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::kafka::statistics::INTERVAL;
use crate::message::LaneId;

/// Minimum time between two warnings about a place, and before a broken batch is fetched again: the network may have
/// corrupted it, or another broker may have an intact copy.
const ONCE_A: Duration = Duration::from_secs(60);

/// Returns whether librdkafka could continue after the batch that this error of a partition reports: a batch with a
/// wrong checksum, that cannot be decompressed, or of an unknown format. To continue would lose the contents of the
/// batch, and commit them as read.
pub(super) fn is_of_data(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::BadMessage
                | RDKafkaErrorCode::BadCompression
                | RDKafkaErrorCode::NotImplemented
        )
    )
}

/// Partitions that cannot be read, with their reasons, and earlier warnings by place.
#[derive(Debug, Default)]
pub(super) struct Blocked {
    lanes: BTreeMap<LaneId, Block>,
    /// Times of the last warnings, by place.
    warned: HashMap<String, Instant>,
}

#[derive(Debug)]
struct Block {
    place: String,
    reason: String,
    /// Whether reading the lane is suspended.
    stopped: bool,
    /// Time of the last error.
    at: Instant,
}

impl Blocked {
    /// Notes that the partition at `place` cannot be read. `stopped` says whether reading is suspended or tried again
    /// at once.
    pub(super) fn is_blocked(
        &mut self,
        lane: LaneId,
        place: &str,
        reason: &str,
        stopped: bool,
        now: Instant,
    ) {
        let block = Block {
            place: place.to_owned(),
            reason: reason.to_owned(),
            stopped,
            at: now,
        };
        self.lanes.insert(lane, block);
    }

    /// Returns the lanes that were stopped for long enough and are to be tried again.
    pub(super) fn due_again(&mut self, now: Instant) -> Vec<LaneId> {
        let mut lanes = Vec::new();
        for (lane, block) in &mut self.lanes {
            if block.stopped && now.duration_since(block.at) >= ONCE_A {
                (block.stopped, block.at) = (false, now);
                lanes.push(*lane);
            }
        }
        lanes
    }

    /// Returns whether a warning about `place` is due. If so, counts it as given.
    pub(super) fn may_warn(&mut self, place: &str, now: Instant) -> bool {
        let recent = |at: &Instant| now.duration_since(*at) < ONCE_A;
        self.warned.retain(|_, at| recent(at));
        if self.warned.contains_key(place) {
            return false;
        }
        self.warned.insert(place.to_owned(), now);
        true
    }

    /// Removes the lanes that are no longer blocked. `is_readable` returns, for each lane, `None` if it is gone, and
    /// true if its end is known, which librdkafka forgets when a fetch is refused.
    pub(super) fn look(&mut self, now: Instant, is_readable: impl Fn(LaneId) -> Option<bool>) {
        self.lanes.retain(|&lane, block| {
            // Statistics from before the refused fetch may arrive after the error.
            let fresh = now.duration_since(block.at) < INTERVAL * 2;
            match is_readable(lane) {
                None => false,
                Some(readable) => block.stopped || fresh || !readable,
            }
        });
    }

    /// Returns the number of blocked partitions.
    pub(super) fn count(&self) -> usize {
        self.lanes.len()
    }

    /// Returns a description for people; `None` if all partitions can be read.
    pub(super) fn reason(&self) -> Option<String> {
        let first = self.lanes.values().next()?;
        let Block { place, reason, .. } = first;
        let others = match self.lanes.len() - 1 {
            0 => String::new(),
            more => format!("; {more} more"),
        };
        Some(format!("{place} cannot be read: {reason}{others}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "topic `t`, partition 3";

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_place_is_warned_of_once_a_minute() {
        let start = Instant::now();
        let mut blocked = Blocked::default();
        let warned = (0..150).filter(|&second| blocked.may_warn(PLACE, after(start, second)));
        assert_eq!(warned.collect::<Vec<_>>(), [0, 60, 120]);
        assert!(blocked.may_warn("topic `t`, partition 4", after(start, 149)));
        assert_eq!(blocked.warned.len(), 2);
        assert!(blocked.may_warn("topic `u`, partition 0", after(start, 1000)));
        assert_eq!(blocked.warned.len(), 1, "it is no list that grows");
    }

    #[test]
    fn what_is_tried_on_is_over_when_a_fetch_succeeds() {
        let start = Instant::now();
        let mut blocked = Blocked::default();
        blocked.is_blocked(LaneId(1), PLACE, "not authorized", false, start);
        // The end that was known before.
        blocked.look(after(start, 1), |_| Some(true));
        assert_eq!(
            blocked.reason().as_deref(),
            Some("topic `t`, partition 3 cannot be read: not authorized")
        );
        blocked.look(after(start, 60), |_| Some(false));
        assert_eq!(blocked.count(), 1);
        blocked.look(after(start, 62), |_| Some(true));
        assert_eq!((blocked.count(), blocked.reason()), (0, None));
    }

    #[test]
    fn what_is_stopped_is_tried_again_after_a_minute() {
        let start = Instant::now();
        let mut blocked = Blocked::default();
        blocked.is_blocked(LaneId(1), PLACE, "wrong checksum", true, start);
        assert_eq!(blocked.due_again(after(start, 59)), []);
        assert_eq!(blocked.due_again(after(start, 60)), [LaneId(1)]);
        assert_eq!(blocked.due_again(after(start, 61)), [], "it is being tried");
        blocked.is_blocked(LaneId(1), PLACE, "wrong checksum", true, after(start, 61));
        blocked.look(after(start, 100), |_| Some(true));
        assert_eq!(blocked.count(), 1, "it is as broken as before");
        assert_eq!(blocked.due_again(after(start, 121)), [LaneId(1)]);
        blocked.look(after(start, 130), |_| Some(true));
        assert_eq!(blocked.count(), 0, "nothing was wrong with it any more");
    }

    #[test]
    fn what_is_stopped_stays_until_its_lane_is_gone() {
        let start = Instant::now();
        let mut blocked = Blocked::default();
        blocked.is_blocked(LaneId(1), PLACE, "wrong checksum", true, start);
        blocked.is_blocked(LaneId(2), "topic `t`, partition 4", "x", true, start);
        blocked.look(after(start, 100), |_| Some(true));
        let reason = blocked.reason();
        assert_eq!(
            reason.as_deref(),
            Some("topic `t`, partition 3 cannot be read: wrong checksum; 1 more")
        );
        blocked.look(after(start, 100), |lane| {
            (lane == LaneId(2)).then_some(true)
        });
        assert_eq!(blocked.count(), 1);
    }

    #[test]
    fn of_data_is_what_librdkafka_would_pass_over() {
        let of_data = |code| is_of_data(&KafkaError::MessageConsumption(code));
        assert!(of_data(RDKafkaErrorCode::BadMessage));
        assert!(of_data(RDKafkaErrorCode::BadCompression));
        assert!(of_data(RDKafkaErrorCode::NotImplemented));
        // These are fetched again from the same offset.
        assert!(!of_data(RDKafkaErrorCode::MessageSizeTooLarge));
        assert!(!of_data(RDKafkaErrorCode::TopicAuthorizationFailed));
        assert!(!of_data(RDKafkaErrorCode::InvalidMessage));
    }
}
