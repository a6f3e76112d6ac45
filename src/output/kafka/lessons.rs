//! Lessons: what topics have refused before. A record like one that was refused is not sent for some time, because each
//! refusal costs a producer or a transaction.
//!
//! A lesson comes only from a broker's answer about a single record, so it is never stricter than the topic was when it
//! refused that record. It is forgotten after a minute, since topics can be changed. The limit of timestamps in the
//! future moves with the clock, so a record may be refused here that the topic would accept again: one that was beyond
//! the limit by less than this minute.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::record::Composed;
use super::report::DeliveryReport;
use super::verdict::Fault;

/// Time for which a refusal counts.
const FRESH: Duration = Duration::from_secs(60);
/// Limit on remembered topics.
const MOST: usize = 1000;
/// Distance to the current time within which a refused timestamp gives no lesson: otherwise records that are written
/// now would be refused because of it.
const NEAR_MILLIS: u64 = FRESH.as_millis() as u64;
/// Quarters of its size that a record keeps when it is cut to be written again.
const QUARTERS: usize = 3;

/// Lessons about the topics of one producer.
#[derive(Debug, Default)]
pub(crate) struct Lessons {
    topics: HashMap<String, Topic>,
    /// Whether records are compressed. Then the size of one says nothing about others: it depends on the contents.
    compressed: bool,
}

#[derive(Debug, Default)]
struct Topic {
    keyless: Option<Instant>,
    /// Refused timestamp of the past; all older ones are refused as well.
    oldest: Option<(i64, Instant)>,
    /// Refused timestamp of the future; all later ones are refused as well.
    ahead: Option<(i64, Instant)>,
    bytes: Option<(usize, Instant)>,
}

/// Current time by two clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// Time for measuring.
    pub instant: Instant,
    /// Milliseconds since the Unix epoch.
    pub millis: i64,
}

impl Now {
    /// Reads both clocks.
    pub(crate) fn ask() -> Self {
        let millis = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            instant: Instant::now(),
            millis: millis.map_or(0, |since| {
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }),
        }
    }
}

fn fresh<T: Copy>(lesson: Option<(T, Instant)>, now: Now) -> Option<T> {
    let (value, since) = lesson?;
    (now.instant.duration_since(since) < FRESH).then_some(value)
}

impl Lessons {
    /// Creates an empty memory.
    pub(crate) fn new(compressed: bool) -> Self {
        Self {
            topics: HashMap::new(),
            compressed,
        }
    }

    /// Returns whether nothing was ever refused.
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Notes that a record was refused because of `fault`.
    pub(crate) fn learn(&mut self, report: &DeliveryReport, fault: &Fault, now: Now) {
        if self.topics.len() >= MOST && !self.topics.contains_key(&report.topic) {
            self.topics.clear();
        }
        let topic = self.topics.entry(report.topic.clone()).or_default();
        match (fault, report.timestamp) {
            (Fault::Keyless, _) => topic.keyless = Some(now.instant),
            (Fault::Timestamp, Some(timestamp))
                if timestamp.abs_diff(now.millis) <= NEAR_MILLIS => {}
            (Fault::Timestamp, Some(timestamp)) if timestamp < now.millis => {
                let oldest = fresh(topic.oldest, now).unwrap_or(timestamp);
                topic.oldest = Some((oldest.max(timestamp), now.instant));
            }
            // Not a later one than before: it was sent before the lesson, and would extend it.
            (Fault::Timestamp, Some(timestamp))
                if fresh(topic.ahead, now).is_none_or(|least| timestamp < least) =>
            {
                topic.ahead = Some((timestamp, now.instant));
            }
            (Fault::Size, _) if !self.compressed => {
                let least = fresh(topic.bytes, now).unwrap_or(report.bytes);
                topic.bytes = Some((least.min(report.bytes), now.instant));
            }
            _ => {}
        }
    }

    /// Returns the fault for which the topic would refuse a record.
    pub(crate) fn against(&self, record: &Composed<'_>, now: Now) -> Option<Fault> {
        let topic = self.topics.get(record.topic)?;
        let keyless = fresh(topic.keyless.map(|since| ((), since)), now).is_some();
        if keyless && record.key.is_none() {
            return Some(Fault::Keyless);
        }
        if record.timestamp.is_some_and(|one| refuses(topic, one, now)) {
            return Some(Fault::Timestamp);
        }
        let too_large = fresh(topic.bytes, now).is_some_and(|least| record.bytes >= least);
        too_large.then_some(Fault::Size)
    }

    /// Returns whether `topic` refuses records without a key.
    pub(crate) fn wants_key(&self, topic: &str, now: Now) -> bool {
        let keyless = self.topics.get(topic).and_then(|topic| topic.keyless);
        fresh(keyless.map(|since| ((), since)), now).is_some()
    }

    /// Returns whether `topic` refuses this timestamp.
    pub(crate) fn refuses_timestamp(&self, topic: &str, timestamp: i64, now: Now) -> bool {
        let topic = self.topics.get(topic);
        topic.is_some_and(|topic| refuses(topic, timestamp, now))
    }

    /// Returns how large a record for `topic` with this number of `bytes` may be, if it is too large and can be cut.
    pub(crate) fn room(&self, topic: &str, bytes: usize, now: Now) -> Option<usize> {
        let least = fresh(self.topics.get(topic)?.bytes, now)?;
        (bytes >= least).then(|| smaller(least))
    }
}

/// Returns the next size to try for a record that was too large.
pub(super) fn smaller(bytes: usize) -> usize {
    bytes / 4 * QUARTERS
}

fn refuses(topic: &Topic, timestamp: i64, now: Now) -> bool {
    fresh(topic.oldest, now).is_some_and(|oldest| timestamp <= oldest)
        || fresh(topic.ahead, now).is_some_and(|least| timestamp >= least)
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode;

    use super::*;

    const DAY: i64 = 86_400_000;

    fn record<'a>(timestamp: Option<i64>, key: Option<&'a [u8]>, bytes: usize) -> Composed<'a> {
        Composed {
            topic: "out",
            payload: None,
            key: key.map(std::borrow::Cow::Borrowed),
            headers: None,
            timestamp,
            partition: None,
            bytes,
        }
    }

    fn report(record: &Composed<'_>) -> DeliveryReport {
        let error = rdkafka::error::KafkaError::MessageProduction(RDKafkaErrorCode::InvalidRecord);
        DeliveryReport::of_sending(0, 0, &error, record)
    }

    #[test]
    fn what_is_like_what_was_refused_is_refused_for_a_minute() {
        let now = Now::ask();
        let mut lessons = Lessons::new(false);
        let with = |timestamp| record(Some(timestamp), Some(b"k"), 100);
        let (old, ahead) = (now.millis - 7 * DAY, now.millis + DAY);
        lessons.learn(&report(&with(old)), &Fault::Timestamp, now);
        lessons.learn(&report(&with(ahead)), &Fault::Timestamp, now);
        for (timestamp, refused) in [
            (old - 1, true),
            (old, true),
            (old + 1, false),
            (now.millis, false),
            (ahead - 1, false),
            (ahead, true),
            (i64::MAX, true),
        ] {
            let against = lessons.against(&with(timestamp), now);
            assert_eq!(against, refused.then_some(Fault::Timestamp), "{timestamp}");
        }
        assert_eq!(lessons.against(&record(None, Some(b"k"), 100), now), None);
        let later = Now {
            instant: now.instant + FRESH,
            ..now
        };
        assert_eq!(lessons.against(&with(old), later), None);
    }

    /// With a clock that is an hour wrong, or with one timestamp for all records: both are refused once, not each time.
    #[test]
    fn a_record_as_far_ahead_as_one_that_was_refused_is_refused_for_a_minute() {
        let now = Now::ask();
        let after = |seconds: u64| Now {
            instant: now.instant + Duration::from_secs(seconds),
            millis: now.millis + 1000 * i64::try_from(seconds).expect("few"),
        };
        let with = |timestamp| record(Some(timestamp), Some(b"k"), 100);
        let lead = 3_600_000;
        let first = with(now.millis + lead);
        let mut lessons = Lessons::new(false);
        lessons.learn(&report(&first), &Fault::Timestamp, now);
        let refused = Some(Fault::Timestamp);
        for seconds in [0, 1, 59] {
            let then = after(seconds);
            assert_eq!(lessons.against(&first, then), refused, "{seconds}");
            let next = with(then.millis + lead);
            assert_eq!(lessons.against(&next, then), refused, "{seconds}");
        }
        // By now a broker may accept the first record.
        assert_eq!(lessons.against(&first, after(60)), None);
        // Records that were in flight when the first was refused do not extend the lesson.
        let later = with(now.millis + lead + 1);
        lessons.learn(&report(&later), &Fault::Timestamp, after(5));
        assert_eq!(lessons.against(&later, after(60)), None);
        // A record with an earlier timestamp does.
        let earlier = with(now.millis + lead - 1);
        lessons.learn(&report(&earlier), &Fault::Timestamp, after(5));
        assert_eq!(lessons.against(&first, after(64)), refused);
    }

    /// For a topic that accepts only some seconds of the future. Records that are written now must never be refused by
    /// a lesson.
    #[test]
    fn a_timestamp_near_to_now_says_nothing_about_others() {
        let now = Now::ask();
        let mut lessons = Lessons::new(false);
        for near in [-60_000, -1, 0, 6_000, 60_000] {
            let record = record(Some(now.millis + near), Some(b"k"), 100);
            lessons.learn(&report(&record), &Fault::Timestamp, now);
        }
        for seconds in [0, 6, 59] {
            let then = Now {
                instant: now.instant + Duration::from_secs(seconds),
                ..now
            };
            let present = record(Some(now.millis + 1000 * seconds as i64), Some(b"k"), 100);
            assert_eq!(lessons.against(&present, then), None, "{seconds}");
        }
    }

    #[test]
    fn keys_and_sizes() {
        let now = Now::ask();
        let mut lessons = Lessons::new(false);
        assert!(!lessons.wants_key("out", now));
        lessons.learn(&report(&record(None, None, 100)), &Fault::Keyless, now);
        assert!(lessons.wants_key("out", now) && !lessons.wants_key("other", now));
        assert_eq!(
            lessons.against(&record(None, None, 1), now),
            Some(Fault::Keyless)
        );
        assert_eq!(lessons.against(&record(None, Some(b""), 1), now), None);
        lessons.learn(&report(&record(None, None, 4000)), &Fault::Size, now);
        assert_eq!(
            lessons.against(&record(None, Some(b""), 4000), now),
            Some(Fault::Size)
        );
        assert_eq!(lessons.against(&record(None, Some(b""), 3999), now), None);
        assert_eq!(lessons.room("out", 4000, now), Some(3000));
        assert_eq!(lessons.room("out", 3999, now), None);
        // When compressed, a larger record may be smaller.
        let mut compressed = Lessons::new(true);
        compressed.learn(&report(&record(None, None, 4000)), &Fault::Size, now);
        assert_eq!(
            compressed.against(&record(None, Some(b""), 5000), now),
            None
        );
    }
}
