//! Partitions that no member of the group has.
//!
//! This happens to members with an `instance_id`. A member that returns within its session gets back the assignment that
//! it had, without a rebalance (KIP-345). What should have led to a rebalance meanwhile is forgotten with the process that
//! had noticed it: partitions that were added while the group's leader was away, or partitions that all members had let
//! go for another one, when all of them returned before the rebalance that gives them away. librdkafka compares with what
//! it has seen since its own start, so no member asks for a rebalance any more, and nobody reads those partitions.
//!
//! So a member with an `instance_id` regularly compares the group's assignments with the partitions that exist. When
//! partitions stay without a member, it gives up its own subscription and subscribes again: the brokers then see a member
//! whose partitions have changed, and start a rebalance. In the consumer protocol the brokers assign by themselves, and a
//! member without an `instance_id` is a new member after each start, so neither needs this.

use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Interval of the comparisons.
const LOOK: Duration = Duration::from_secs(20);
/// Number of comparisons in a row that must find partitions without a member: a rebalance may be about to begin.
const IN_A_ROW: u32 = 2;
/// Longest pause after a rebalance that was asked for and did not help.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// Decides when to compare, and when to ask for a rebalance.
#[derive(Debug)]
pub(super) struct Vigil {
    due: Instant,
    found: u32,
    /// Comparisons are this far apart after a rebalance that did not help.
    pause: Duration,
}

impl Vigil {
    /// Creates the state before the first comparison.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            due: now + LOOK,
            found: 0,
            pause: LOOK,
        }
    }

    /// Returns whether it is time to compare, and if so, plans the next comparison.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let due = now >= self.due;
        if due {
            self.due = now + LOOK;
        }
        due
    }

    /// Takes the result of a comparison: whether partitions have no member. Returns whether to ask for a rebalance.
    pub(super) fn heard(&mut self, found: bool, now: Instant) -> bool {
        if !found {
            *self = Self::new(now);
            return false;
        }
        self.found += 1;
        if self.found < IN_A_ROW {
            return false;
        }
        self.found = 0;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.due = now + self.pause;
        true
    }
}

/// Reads the partitions of one member from `assignment`, as Kafka's consumer protocol has it (`ConsumerProtocolAssignment`,
/// all versions begin alike): a version, topics with partition numbers, and data of the assignor. An empty text is an
/// assignment without partitions. `None` if it is malformed.
pub(super) fn partitions_of(assignment: &[u8]) -> Option<HashSet<(String, i32)>> {
    let mut partitions = HashSet::new();
    if assignment.is_empty() {
        return Some(partitions);
    }
    let mut rest = assignment.get(2..)?; // after the version
    for _ in 0..number(&mut rest)? {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let length = usize::try_from(i16::from_be_bytes(*length)).ok()?;
        let (topic, after) = after.split_at_checked(length)?;
        rest = after;
        let topic = std::str::from_utf8(topic).ok()?;
        for _ in 0..number(&mut rest)? {
            partitions.insert((topic.to_owned(), number(&mut rest)?));
        }
    }
    Some(partitions)
}

fn number(rest: &mut &[u8]) -> Option<i32> {
    let (number, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(i32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(topics: &[(String, Vec<i32>)]) -> Vec<u8> {
        let mut bytes = vec![0, 3];
        bytes.extend((topics.len() as i32).to_be_bytes());
        for (topic, partitions) in topics {
            bytes.extend((topic.len() as i16).to_be_bytes());
            bytes.extend(topic.as_bytes());
            bytes.extend((partitions.len() as i32).to_be_bytes());
            for partition in partitions {
                bytes.extend(partition.to_be_bytes());
            }
        }
        bytes.extend((-1_i32).to_be_bytes()); // no data of the assignor
        bytes
    }

    proptest! {
        #[test]
        fn assignments_are_read(topics in prop::collection::vec(("[a-z.]{0,9}", prop::collection::vec(any::<i32>(), 0..4)), 0..4)) {
            let all = topics.iter().flat_map(|(topic, partitions)| partitions.iter().map(|one| (topic.clone(), *one)));
            let expected: HashSet<_> = all.collect();
            let bytes = encoded(&topics);
            prop_assert_eq!(partitions_of(&bytes), Some(expected));
            let cut = &bytes[..bytes.len().saturating_sub(5)];
            prop_assert!(topics.is_empty() || partitions_of(cut).is_none());
        }

        #[test]
        fn hostile_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = partitions_of(&bytes);
        }
    }

    #[test]
    fn a_rebalance_is_asked_for_after_two_findings_and_then_ever_more_rarely() {
        let start = Instant::now();
        let mut vigil = Vigil::new(start);
        assert!(!vigil.is_due(start) && vigil.is_due(start + LOOK));
        assert!(!vigil.heard(true, start + LOOK));
        assert!(!vigil.heard(false, start + 2 * LOOK), "it was passing");
        let mut now = start + 3 * LOOK;
        let mut pauses = Vec::new();
        for _ in 0..7 {
            assert!(!vigil.heard(true, now));
            now += LOOK;
            assert!(vigil.heard(true, now));
            let asked = now;
            while !vigil.is_due(now) {
                now += Duration::from_secs(1);
            }
            pauses.push((now - asked).as_secs());
        }
        assert_eq!(pauses, [40, 80, 160, 320, 600, 600, 600]);
    }
}
