//! Answers in memory, bounded by their number and by their size.
//!
//! A number names the same schema for ever, so its answer never becomes old. That a schema is missing may change at any
//! time, and is remembered only long enough to keep a stream of such messages from asking for each of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lru::LruCache;

use super::question::{Answer, Missing, Question};

/// Bytes that an answer takes beside its texts: a guess that is not too low.
const OVERHEAD: usize = 256;

/// Bounds of the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Most schemas.
    pub schemas: usize,
    /// Most bytes of their texts. The newest one is kept even if it alone has more.
    pub bytes: usize,
    /// Most questions that are known to have no schema.
    pub missing: usize,
    /// Time for which such a question is remembered.
    pub missing_for: Duration,
    /// Time after which the latest schema of a subject is old.
    pub latest_for: Duration,
}

/// Answers in memory.
#[derive(Debug)]
pub(super) struct Cache<T> {
    bounds: Bounds,
    found: LruCache<Arc<Question>, Entry<T>>,
    bytes: usize,
    missing: LruCache<Arc<Question>, (Missing, Instant)>,
}

/// Answer with a schema.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub value: Arc<T>,
    /// Number of the schema.
    pub id: Option<u32>,
    /// Bytes of the schema's texts.
    pub bytes: usize,
    /// Time when the registry gave the answer.
    pub at: Instant,
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            ..*self
        }
    }
}

impl<T> Cache<T> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            found: LruCache::unbounded(),
            bytes: 0,
            missing: LruCache::unbounded(),
        }
    }

    /// Returns the answer to a question, and whether it is old.
    pub(super) fn get(&mut self, question: &Question, now: Instant) -> Option<(Answer<T>, bool)> {
        if let Some(entry) = self.found.get(question) {
            let is_latest = matches!(question, Question::Latest { .. });
            let is_old = is_latest && now.duration_since(entry.at) >= self.bounds.latest_for;
            return Some((Ok(Arc::clone(&entry.value)), is_old));
        }
        let (missing, at) = self.missing.get(question)?;
        if now.duration_since(*at) < self.bounds.missing_for {
            return Some((Err(missing.clone()), false));
        }
        self.missing.pop(question);
        None
    }

    /// Returns the answer with the schema `id`, if an answer that may be shared has it: that for the number itself, or
    /// the current one to the same question.
    pub(super) fn known(&mut self, question: &Question, id: u32) -> Option<Entry<T>> {
        let same = |entry: &&Entry<T>| entry.id == Some(id);
        if let Some(entry) = self.found.get(&Question::Id(id)) {
            return Some(entry.clone());
        }
        self.found.peek(question).filter(same).cloned()
    }

    /// Remembers a schema. Returns what was forgotten for it, so that the caller can drop that when no lock is held.
    #[must_use]
    pub(super) fn insert(&mut self, question: Arc<Question>, entry: Entry<T>) -> Vec<Entry<T>> {
        self.missing.pop(&question);
        self.bytes += size(&question, &entry);
        let mut forgotten = Vec::new();
        if let Some((old_question, old)) = self.found.push(question, entry) {
            self.bytes -= size(&old_question, &old);
            forgotten.push(old);
        }
        while self.found.len() > self.bounds.schemas.max(1)
            || self.bytes > self.bounds.bytes && self.found.len() > 1
        {
            let Some((old_question, old)) = self.found.pop_lru() else {
                break;
            };
            self.bytes -= size(&old_question, &old);
            forgotten.push(old);
        }
        forgotten
    }

    /// Remembers that there is no schema. Returns the answer that was remembered until now.
    #[must_use]
    pub(super) fn insert_missing(
        &mut self,
        question: Arc<Question>,
        missing: Missing,
        now: Instant,
    ) -> Option<Entry<T>> {
        let old = self.found.pop(&question);
        if let Some(old) = &old {
            self.bytes -= size(&question, old);
        }
        self.missing.push(question, (missing, now));
        while self.missing.len() > self.bounds.missing {
            self.missing.pop_lru();
        }
        old
    }

    /// Forgets that there is no schema, if that is remembered.
    pub(super) fn forget_missing(&mut self, question: &Question) {
        self.missing.pop(question);
    }
}

fn size<T>(question: &Question, entry: &Entry<T>) -> usize {
    OVERHEAD + question.size() + entry.bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        schemas: 4,
        bytes: 4 * OVERHEAD + 100,
        missing: 3,
        missing_for: Duration::from_secs(10),
        latest_for: Duration::from_secs(60),
    };

    fn entry(id: u32, bytes: usize, at: Instant) -> Entry<u32> {
        Entry {
            value: Arc::new(id),
            id: Some(id),
            bytes,
            at,
        }
    }

    fn id(number: u32) -> Arc<Question> {
        Arc::new(Question::Id(number))
    }

    fn latest() -> Arc<Question> {
        let subject = "s".to_owned();
        Arc::new(Question::Latest { subject })
    }

    #[test]
    fn what_was_used_last_is_kept() {
        let now = Instant::now();
        let mut cache = Cache::new(BOUNDS);
        for number in 1..=4 {
            assert!(cache.insert(id(number), entry(number, 10, now)).is_empty());
        }
        assert!(cache.get(&id(1), now).is_some());
        let forgotten = cache.insert(id(5), entry(5, 10, now));
        assert_eq!(*forgotten[0].value, 2);
        assert!(cache.get(&id(2), now).is_none() && cache.get(&id(1), now).is_some());
        // One large answer takes the place of several small ones, and is kept even if it is too large.
        let forgotten = cache.insert(id(6), entry(6, 1_000_000, now));
        assert_eq!(forgotten.len(), 4);
        assert!(cache.get(&id(6), now).is_some());
    }

    #[test]
    fn missing_is_forgotten_soon() {
        let now = Instant::now();
        let mut cache = Cache::<u32>::new(BOUNDS);
        for number in 1..=4 {
            assert!(
                cache
                    .insert_missing(id(number), Missing::new("none"), now)
                    .is_none()
            );
        }
        assert!(cache.get(&id(1), now).is_none(), "there is room for three");
        let almost = now + BOUNDS.missing_for - Duration::from_millis(1);
        assert_eq!(
            cache.get(&id(4), almost),
            Some((Err(Missing::new("none")), false))
        );
        assert_eq!(cache.get(&id(4), now + BOUNDS.missing_for), None);
        // It is registered meanwhile.
        assert!(cache.insert(id(3), entry(3, 1, now)).is_empty());
        assert_eq!(cache.get(&id(3), now), Some((Ok(Arc::new(3)), false)));
    }

    #[test]
    fn the_latest_becomes_old_and_a_number_does_not() {
        let now = Instant::now();
        let mut cache = Cache::new(BOUNDS);
        let _ = cache.insert(latest(), entry(1, 1, now));
        let _ = cache.insert(id(1), entry(1, 1, now));
        let old = |cache: &mut Cache<u32>, question: &Question, later: u64| {
            cache
                .get(question, now + Duration::from_secs(later))
                .map(|(_, is_old)| is_old)
        };
        assert_eq!(old(&mut cache, &latest(), 59), Some(false));
        assert_eq!(old(&mut cache, &latest(), 60), Some(true));
        assert_eq!(old(&mut cache, &id(1), 1_000_000), Some(false));
        // The subject is deleted.
        assert!(
            cache
                .insert_missing(latest(), Missing::new("none"), now)
                .is_some()
        );
        assert!(matches!(cache.get(&latest(), now), Some((Err(_), false))));
    }

    #[test]
    fn one_schema_has_one_value() {
        let now = Instant::now();
        let mut cache = Cache::new(BOUNDS);
        assert!(cache.known(&latest(), 1).is_none());
        let _ = cache.insert(latest(), entry(1, 1, now));
        assert!(cache.known(&latest(), 1).is_some());
        assert!(cache.known(&latest(), 2).is_none());
        let _ = cache.insert(id(2), entry(2, 1, now));
        assert_eq!(*cache.known(&latest(), 2).unwrap().value, 2);
    }

    proptest! {
        #[test]
        fn the_bounds_hold(steps in prop::collection::vec((0..9_u32, 0..200_usize, any::<bool>()), 0..60)) {
            let now = Instant::now();
            let mut cache = Cache::new(BOUNDS);
            for (number, bytes, is_found) in steps {
                if is_found {
                    drop(cache.insert(id(number), entry(number, bytes, now)));
                    prop_assert!(cache.get(&id(number), now).is_some());
                } else {
                    drop(cache.insert_missing(id(number), Missing::new("none"), now));
                }
                let counted: usize = cache.found.iter().map(|(question, entry)| size(question, entry)).sum();
                prop_assert_eq!(cache.bytes, counted);
                prop_assert!(cache.found.len() <= BOUNDS.schemas && cache.missing.len() <= BOUNDS.missing);
                prop_assert!(cache.bytes <= BOUNDS.bytes || cache.found.len() == 1);
            }
        }
    }
}
