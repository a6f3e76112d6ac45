//! Partitions that are read again because their transaction was aborted or their topic was created again.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::super::admin::TopicId;
use super::super::begin::{self, PartitionFacts};
use super::super::poll::Poller;
use super::super::scout::Place;
use super::assign::tell;
use crate::kafka::offsets;

impl Poller {
    /// Reads again, from the committed offset, the partitions whose transaction was aborted.
    pub(in crate::input::kafka) fn rewind(&mut self) {
        if self.group.debt.is_some() || self.questions.rewinding.is_some() || self.stopped {
            return;
        }
        let mut places = Vec::new();
        for partition in self.partitions.iter_mut() {
            if !partition.closed && partition.lane.is_abandoned() {
                partition.close();
                let topic = partition.lane.topic.clone().unwrap_or_default();
                places.push((topic, partition.lane.partition));
            }
        }
        if !places.is_empty() {
            self.questions.rewinding = Some(self.questions.ask_facts(&self.consumer, Some(places)));
        }
    }

    /// Reads abandoned partitions again in new lanes; those of topics that were created again begin at their oldest
    /// record. A seek is no answer to the group: an answer that is owed stays owed.
    pub(in crate::input::kafka) fn restart(
        &mut self,
        facts: &HashMap<Place, Option<PartitionFacts>>,
        ids: &HashMap<String, TopicId>,
    ) {
        let mut seek = TopicPartitionList::new();
        for ((topic, number), fact) in facts {
            let found = self
                .partitions
                .iter()
                .position(|one| one.is(topic, *number) && one.lane.is_abandoned());
            let Some(index) = found else { continue };
            let owed = self.group.debt.as_ref();
            if owed.is_some_and(|debt| debt.is_about(&self.partitions[index])) {
                continue; // it goes to another member
            }
            let lane = self.partitions.next_lane();
            let old = self.partitions.take(index, &self.intake);
            let was = old.begin.unwrap_or(0);
            let id = ids.get(&**topic).copied().or(old.topic_id);
            let anew = id != old.topic_id;
            let mut partition = old.into_lane(lane);
            partition.topic_id = id;
            let fact = fact.unwrap_or(PartitionFacts {
                committed: None,
                low: was,
                high: i64::MAX,
                young: true,
            });
            let mut known = fact;
            if anew {
                known.committed = None; // the committed offset belongs to the topic that existed before
            } else if fact.committed.is_none() {
                known.committed = Some(was);
            }
            let begin = begin::begin(known, true);
            tell(&begin, known, topic, *number);
            let offset = self.begin(&mut partition, begin, fact);
            if offsets::add(&mut seek, topic, *number, offset).is_err() {
                return self.lose("a partition cannot be read again");
            }
            self.partitions.push(partition);
        }
        if seek.count() == 0 {
            return;
        }
        self.tell_assigned(&seek);
        let sought = self
            .consumer
            .seek_partitions(seek, Duration::from_secs(1))
            .and_then(|sought| {
                let mut errors = sought.elements().into_iter().map(|one| one.error());
                errors.find(Result::is_err).unwrap_or(Ok(()))
            });
        match sought {
            Ok(()) => self.commit(),
            Err(error) => self.lose(&format!("partitions cannot be read again: {error}")),
        }
    }

    /// Detects topics that were deleted and created again under the same name. Their messages in flight are given up,
    /// and they are read from their oldest records.
    pub(in crate::input::kafka) fn compare(&mut self, ids: &HashMap<String, TopicId>) {
        if self.group.debt.is_some() || self.questions.rewinding.is_some() || self.stopped {
            return; // the ids are asked for again
        }
        let mut places = Vec::new();
        for partition in self.partitions.iter_mut() {
            let topic = partition.lane.topic.clone().unwrap_or_default();
            let now = ids.get(&*topic).copied();
            if let (Some(then), Some(now)) = (partition.topic_id, now)
                && then != now
            {
                tracing::warn!(
                    topic = &*topic,
                    partition = partition.lane.partition,
                    "the topic was deleted and created again: reading it from its beginning"
                );
                partition.abandon();
                places.push((topic, partition.lane.partition));
            } else if partition.topic_id.is_none() {
                partition.topic_id = now;
            }
        }
        if !places.is_empty() {
            self.questions.rewinding = Some(self.questions.ask_facts(&self.consumer, Some(places)));
        }
    }
}
