//! Scout: a thread that asks Kafka what the polling thread must not wait for, such as where partitions begin and end,
//! and whether a topic was created again.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::groups::GroupInfo;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::Waker;
use super::admin::{self, TopicId};
use super::begin::{AtStart, PartitionFacts};
use super::topics::Topics;
use super::unassigned::partitions_of;
use crate::config::KafkaInputConfig;
use crate::kafka::consumer::Consumer;

/// Time limit of one request, which is then repeated.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(200);
/// Tries after which the scout gives up a topic of which Kafka cannot report where its partitions begin. Otherwise that
/// topic would delay the others.
const TRIES: u32 = 10;

/// Topic and partition.
pub(super) type Place = (Arc<str>, i32);

/// Question of the polling thread.
pub(super) enum Question {
    /// What exists before this process joins its group? By that, younger partitions are recognized later.
    Start(Weak<Consumer>),
    /// Where do these partitions begin and end?
    Facts {
        /// Number that the answer repeats.
        id: u64,
        /// Consumer that asks.
        consumer: Weak<Consumer>,
        /// Partitions; `None` for all partitions of the topics that the config names.
        places: Option<Vec<Place>>,
    },
    /// Which partitions does no member of this group have?
    Unassigned(Weak<Consumer>, String),
    /// What are the ids of these topics?
    Ids(Weak<Consumer>, Vec<Arc<str>>),
}

/// Answer of the scout.
pub(super) enum Report {
    /// Answer to [`Question::Start`]: the scout knows the state at the start, and uses it for later facts.
    Start,
    /// Answer to [`Question::Facts`].
    Facts {
        /// Number of the question.
        id: u64,
        /// Facts about each partition of the question. `None` if Kafka cannot report them: the topic is gone, or access
        /// is denied.
        facts: HashMap<Place, Option<PartitionFacts>>,
        /// Ids of the topics, as far as Kafka reports them.
        ids: HashMap<String, TopicId>,
    },
    /// Answer to [`Question::Unassigned`].
    Unassigned(Vec<Place>),
    /// Answer to [`Question::Ids`].
    Ids(HashMap<String, TopicId>),
}

/// Handle by which the polling thread uses the scout.
pub(super) struct Scout {
    questions: Sender<Question>,
    reports: Receiver<Report>,
}

impl Scout {
    /// Starts the thread, which wakes the polling thread by `waker` and ends when this value is dropped.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub(super) fn start(config: &KafkaInputConfig, waker: Waker) -> std::io::Result<Self> {
        let (questions, asked) = channel();
        let (told, reports) = channel();
        let mut work = Work {
            topics: Topics::or_all(&config.topics),
            is_exact: Topics::new(&config.topics).is_ok(),
            start: None,
        };
        thread::Builder::new()
            .name("kafka-scout".into())
            .spawn(move || {
                for question in asked {
                    let report = work.ask(question);
                    if let Some(report) = report {
                        if told.send(report).is_err() {
                            return;
                        }
                        waker.wake();
                    }
                }
            })?;
        Ok(Self { questions, reports })
    }

    /// Sends a question. The answer comes as a report.
    pub(super) fn ask(&self, question: Question) {
        // The thread ends only when this value is dropped.
        let _ = self.questions.send(question);
    }

    /// Returns a report, if one has come.
    pub(super) fn report(&self) -> Option<Report> {
        self.reports.try_recv().ok()
    }
}

struct Work {
    topics: Topics,
    /// Whether `topics` are those of the config, and not all because of an expression that only librdkafka can read.
    is_exact: bool,
    /// State of the topics at the start, if it is needed.
    start: Option<AtStart>,
}

impl Work {
    /// Repeats the request until there is an answer or the consumer is gone.
    fn ask(&mut self, question: Question) -> Option<Report> {
        match question {
            Question::Start(consumer) => {
                let start = persist(&consumer, u32::MAX, |consumer| self.look(consumer))?;
                self.start = start.ok();
                Some(Report::Start)
            }
            Question::Facts {
                id,
                consumer,
                places,
            } => self.facts(id, &consumer, places),
            Question::Unassigned(consumer, group) => {
                let unassigned = |consumer: &Consumer| self.unassigned(consumer, &group);
                let places = persist(&consumer, 1, unassigned)?.ok()?;
                Some(Report::Unassigned(places))
            }
            Question::Ids(consumer, topics) => {
                let ids = |consumer: &Consumer| {
                    admin::topic_ids(consumer, topics.iter().map(|topic| &**topic), PATIENCE)
                };
                let ids = persist(&consumer, 1, ids)?.ok()?;
                Some(Report::Ids(ids.into_iter().collect()))
            }
        }
    }

    fn facts(
        &self,
        id: u64,
        consumer: &Weak<Consumer>,
        places: Option<Vec<Place>>,
    ) -> Option<Report> {
        let places = match places {
            Some(places) => places,
            None => {
                let all = persist(consumer, u32::MAX, |consumer| {
                    self.topics.partitions(consumer, PATIENCE)
                })?;
                let all = all.unwrap_or_default().into_iter();
                all.map(|(topic, partition)| (Arc::from(topic), partition))
                    .collect()
            }
        };
        let mut topics: Vec<Arc<str>> = places.iter().map(|(topic, _)| Arc::clone(topic)).collect();
        topics.sort_unstable();
        topics.dedup();
        let committed = persist(consumer, u32::MAX, |consumer| {
            committed(consumer, &places, PATIENCE)
        })?
        .unwrap_or_default();
        let mut facts = HashMap::new();
        // One request for each topic: a topic that is gone makes librdkafka refuse the whole request.
        for topic in &topics {
            let of_topic: Vec<&Place> = places.iter().filter(|(of, _)| of == topic).collect();
            let low = persist(consumer, TRIES, |consumer| {
                ends(consumer, &of_topic, Offset::Beginning, PATIENCE)
            })?;
            let high = persist(consumer, TRIES, |consumer| {
                ends(consumer, &of_topic, Offset::End, PATIENCE)
            })?;
            for place in of_topic {
                let ends = match (&low, &high) {
                    (Ok(low), Ok(high)) => low.get(place).zip(high.get(place)),
                    _ => None,
                };
                let fact = ends.map(|(&low, &high)| PartitionFacts {
                    committed: committed.get(place).copied(),
                    low,
                    high,
                    young: false,
                });
                facts.insert(place.clone(), fact);
            }
        }
        self.mark_young(&mut facts);
        let ids = persist(consumer, TRIES, |consumer| {
            admin::topic_ids(consumer, topics.iter().map(|topic| &**topic), PATIENCE)
        })?;
        Some(Report::Facts {
            id,
            facts,
            ids: ids.unwrap_or_default().into_iter().collect(),
        })
    }

    /// Returns the current state of the topics.
    fn look(&self, consumer: &Consumer) -> KafkaResult<AtStart> {
        let partitions = self.topics.partitions(consumer, PATIENCE)?;
        let places: Vec<Place> = partitions
            .iter()
            .map(|(topic, partition)| (Arc::from(topic.as_str()), *partition))
            .collect();
        // An admin client could return all that the group has committed, but such a request may leave something in
        // librdkafka 2.12 for which the end of its client waits for ever.
        let committed = committed(consumer, &places, PATIENCE)?.into_keys();
        Ok(AtStart {
            partitions: partitions.into_iter().collect(),
            committed: committed.map(|(topic, _)| topic.to_string()).collect(),
        })
    }

    /// Returns the partitions that no member of `group` has. None are missing while the group is not stable.
    ///
    /// Not by an admin client, whose request for a group goes to its coordinator (see [`admin`]): this one asks each
    /// broker.
    fn unassigned(&self, consumer: &Consumer, group: &str) -> KafkaResult<Vec<Place>> {
        if !self.is_exact {
            return Ok(Vec::new()); // topics that the group does not read would be missing for ever
        }
        let groups = consumer.fetch_group_list(Some(group), PATIENCE)?;
        let stable = |one: &&GroupInfo| one.name() == group && one.state() == "Stable";
        let Some(group) = groups.groups().iter().find(stable) else {
            return Ok(Vec::new());
        };
        let mut assigned = HashSet::new();
        for member in group.members() {
            match partitions_of(member.assignment().unwrap_or_default()) {
                Some(partitions) => assigned.extend(partitions),
                None => return Ok(Vec::new()), // another kind of member, of which nothing is known
            }
        }
        let all = self.topics.partitions(consumer, PATIENCE)?.into_iter();
        let missing = all.filter(|place| !assigned.contains(place));
        Ok(missing
            .map(|(topic, partition)| (Arc::from(topic), partition))
            .collect())
    }

    /// Marks the partitions that are younger than the pipeline. Needed only where reading may begin at the end.
    fn mark_young(&self, facts: &mut HashMap<Place, Option<PartitionFacts>>) {
        let Some(start) = &self.start else { return };
        for ((topic, partition), fact) in facts.iter_mut() {
            if let Some(fact) = fact {
                let named = self.topics.is_named(topic);
                fact.young = start.is_young(topic, *partition, named);
            }
        }
    }
}

/// Repeats a request until it is answered, at most `tries` times. Returns `None` if the consumer is gone.
fn persist<T>(
    consumer: &Weak<Consumer>,
    tries: u32,
    ask: impl Fn(&Consumer) -> KafkaResult<T>,
) -> Option<KafkaResult<T>> {
    let mut tried = 0;
    loop {
        let answer = {
            // Not held during the pause: the polling thread waits at the end of a consumer until no other thread holds
            // it.
            let consumer = consumer.upgrade()?;
            ask(&consumer)
        };
        tried += 1;
        match answer {
            Ok(answer) => return Some(Ok(answer)),
            Err(error) if tried >= tries => return Some(Err(error)),
            Err(error) => {
                tracing::debug!(%error, tried, "asking Kafka again where partitions begin")
            }
        }
        thread::sleep(PAUSE);
    }
}

fn list<'a>(
    places: impl IntoIterator<Item = &'a Place>,
    offset: Offset,
) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in places {
        crate::kafka::offsets::add(&mut list, topic, *partition, offset)?;
    }
    Ok(list)
}

fn offsets(list: &TopicPartitionList) -> HashMap<Place, i64> {
    let of = |one: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        let place = (Arc::from(one.topic()), one.partition());
        match (one.error(), one.offset()) {
            (Ok(()), Offset::Offset(offset)) => Some((place, offset)),
            _ => None,
        }
    };
    list.elements().into_iter().filter_map(of).collect()
}

/// Returns the offsets that the group has committed.
pub(super) fn committed(
    consumer: &Consumer,
    places: &[Place],
    patience: Duration,
) -> KafkaResult<HashMap<Place, i64>> {
    if places.is_empty() {
        return Ok(HashMap::new());
    }
    let asked = list(places, Offset::Invalid)?;
    let told = consumer.committed_offsets(asked, patience)?;
    if let Some(error) = told.elements().iter().find_map(|one| one.error().err()) {
        // For example an offset that a transaction has not decided yet.
        tracing::debug!(%error, "Kafka does not tell a committed offset");
        return Err(error);
    }
    Ok(offsets(&told))
}

/// Returns the first or the last offsets of partitions of one topic.
///
/// librdkafka's request for offsets by time accepts the two logical offsets as times, as Kafka's own protocol does
/// (ListOffsets: -2 the earliest, -1 the latest).
pub(super) fn ends(
    consumer: &Consumer,
    places: &[&Place],
    which: Offset,
    patience: Duration,
) -> KafkaResult<HashMap<Place, i64>> {
    let asked = list(places.iter().copied(), which)?;
    let told = offsets(&consumer.offsets_for_times(asked, patience)?);
    if told.len() < places.len() {
        // One of them has no leader at present.
        let code = rdkafka::error::RDKafkaErrorCode::LeaderNotAvailable;
        return Err(KafkaError::OffsetFetch(code));
    }
    Ok(told)
}
