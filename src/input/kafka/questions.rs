//! Questions of the polling thread to the scout, and the answers that it waits for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::scout::{Place, Question, Report, Scout};
use crate::kafka::consumer::Consumer;

/// Interval of requests for the ids of topics.
const IDS: Duration = Duration::from_secs(10);

/// Questions that were asked, and the scout that answers them.
pub(super) struct Questions {
    scout: Scout,
    /// Whether the scout knows what existed at the start.
    pub knows_start: bool,
    /// Number of questions for facts so far.
    count: u64,
    /// Question whose answer is needed to read abandoned lanes again.
    pub rewinding: Option<u64>,
    /// Question whose answer is needed to read without a group.
    pub alone: Option<u64>,
    ids_due: Instant,
}

impl Questions {
    /// Creates the state before any question to `scout`.
    pub(super) fn new(scout: Scout, now: Instant) -> Self {
        Self {
            scout,
            knows_start: false,
            count: 0,
            rewinding: None,
            alone: None,
            ids_due: now + IDS,
        }
    }

    /// Asks what existed before this process joins its group.
    pub(super) fn ask_start(&self, consumer: &Arc<Consumer>) {
        self.scout.ask(Question::Start(Arc::downgrade(consumer)));
    }

    /// Asks where `places` begin and end, or all partitions that the config names. Returns the number of the question.
    pub(super) fn ask_facts(
        &mut self,
        consumer: &Arc<Consumer>,
        places: Option<Vec<Place>>,
    ) -> u64 {
        self.count += 1;
        self.scout.ask(Question::Facts {
            id: self.count,
            consumer: Arc::downgrade(consumer),
            places,
        });
        self.count
    }

    /// Asks which partitions no member of `group` has.
    pub(super) fn ask_unassigned(&self, consumer: &Arc<Consumer>, group: &str) {
        let consumer = Arc::downgrade(consumer);
        self.scout
            .ask(Question::Unassigned(consumer, group.to_owned()));
    }

    /// Asks for the ids of `topics`, if it is time to.
    pub(super) fn ask_ids(
        &mut self,
        consumer: &Arc<Consumer>,
        topics: impl FnOnce() -> Vec<Arc<str>>,
        now: Instant,
    ) {
        if now < self.ids_due {
            return;
        }
        self.ids_due = now + IDS;
        let topics = topics();
        if !topics.is_empty() {
            let consumer = Arc::downgrade(consumer);
            self.scout.ask(Question::Ids(consumer, topics));
        }
    }

    /// Returns the next answer that has arrived.
    pub(super) fn answer(&self) -> Option<Report> {
        self.scout.report()
    }
}
