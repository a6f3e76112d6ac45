//! Assignment of partitions: the scout finds out where they begin, then their lanes are opened and the group gets its
//! answer.

use std::collections::HashMap;

use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::super::admin::TopicId;
use super::super::begin::{self, Begin, PartitionFacts, Reason};
use super::super::commit::Committer;
use super::super::partition::Partition;
use super::super::poll::Poller;
use super::super::scout::Place;
use super::Debt;
use crate::config::Extent;
use crate::kafka::member::{Kind, Owed};
use crate::kafka::offsets;
use crate::telemetry::events::Rebalanced;

impl Poller {
    /// Handles an assignment by the group. The partitions are taken when it is known where they begin.
    pub(in crate::input::kafka) fn assign(&mut self, assigned: TopicPartitionList) {
        self.group.joined = true;
        if self.group.debt.is_some() {
            return self.lose("the group gave partitions before it had an answer");
        }
        let owed = Owed::new(&self.consumer, Kind::Assignment, assigned);
        self.confirm(&owed);
        let places: Vec<Place> = owed
            .partitions
            .elements()
            .iter()
            .map(|one| (one.topic().into(), one.partition()))
            .collect();
        if places.is_empty() {
            return self.take(owed, &HashMap::new(), &HashMap::new());
        }
        let question = self.questions.ask_facts(&self.consumer, Some(places));
        self.group.debt = Some(Debt::Taking { owed, question });
    }

    /// Reads all existing partitions without a group, which disturbs no other reader.
    pub(in crate::input::kafka) fn read_alone(&mut self) {
        self.questions.alone = Some(self.questions.ask_facts(&self.consumer, None));
    }

    /// Handles the scout's answer to the question `id`.
    pub(in crate::input::kafka) fn learn(
        &mut self,
        id: u64,
        facts: &HashMap<Place, Option<PartitionFacts>>,
        ids: &HashMap<String, TopicId>,
    ) {
        if self.questions.rewinding == Some(id) {
            self.questions.rewinding = None;
            return self.restart(facts, ids);
        }
        if self.questions.alone == Some(id) {
            self.questions.alone = None;
            self.group.joined = true;
            let mut all = TopicPartitionList::new();
            for (topic, partition) in facts.keys() {
                all.add_partition(topic, *partition);
            }
            let owed = Owed::new(&self.consumer, Kind::Assignment, all);
            return self.take(owed, facts, ids);
        }
        match self.group.debt.take() {
            Some(Debt::Taking { owed, question }) if question == id => {
                if owed.is_valid(self.config.group.protocol) {
                    self.take(owed, facts, ids);
                } else {
                    drop(owed);
                    self.lose("the group went on before the assigned partitions were taken");
                }
            }
            // The answer belongs to an assignment that was lost meanwhile.
            debt => self.group.debt = debt,
        }
    }

    fn take(
        &mut self,
        mut owed: Owed,
        facts: &HashMap<Place, Option<PartitionFacts>>,
        ids: &HashMap<String, TopicId>,
    ) {
        self.tell_assigned(&owed.partitions);
        let mut names = Vec::new();
        let mut taken = TopicPartitionList::new();
        for one in owed.partitions.elements() {
            let (topic, number) = (one.topic(), one.partition());
            // No partition is ever there twice; if librdkafka thinks otherwise, the new one counts.
            if let Some(old) = self.partitions.named(topic, number) {
                let old = old.lane.id;
                self.partitions
                    .remove(&self.intake, |partition| partition.lane.id == old);
            }
            let fact = facts.get(&(topic.into(), number)).copied().flatten();
            let lane = self.partitions.next_lane();
            let mut offset = Offset::Stored;
            let opened = Partition::open(&self.consumer, &self.waker, lane, topic, number);
            if let Some(mut partition) = opened {
                partition.topic_id = ids.get(topic).copied();
                if let Some(fact) = fact {
                    let begin = begin::begin(fact, self.config.start_from_oldest);
                    tell(&begin, fact, topic, number);
                    offset = self.begin(&mut partition, begin, fact);
                }
                self.partitions.push(partition);
            }
            // librdkafka refuses to add a partition with an invalid offset.
            if offsets::add(&mut taken, topic, number, offset).is_err() {
                taken.add_partition(topic, number);
            }
            names.push(format!("{topic}-{number}"));
        }
        owed.partitions = taken;
        if let Err(error) = owed.answer() {
            return self.lose(&format!("librdkafka does not take an assignment: {error}"));
        }
        let event = Rebalanced::Assigned {
            partitions: &names.join(" "),
            in_all: self.partitions.len(),
        };
        event.emit(&self.metrics);
        self.commit();
    }

    /// Begins the lane of `partition` as `begin` says. Returns the offset for librdkafka.
    pub(in crate::input::kafka) fn begin(
        &self,
        partition: &mut Partition,
        begin: Begin,
        fact: PartitionFacts,
    ) -> Offset {
        let commits = self.commits.by != Committer::Nobody;
        partition.begin_at(begin, fact.committed, commits);
        if let Extent::ToEnd { .. } = self.config.extent {
            partition.end = Some(fact.high);
            partition.at_end = begin.offset >= fact.high;
        }
        Offset::Offset(begin.offset)
    }
}

/// Logs where reading begins, unless that is the committed offset.
pub(in crate::input::kafka) fn tell(
    begin: &Begin,
    facts: PartitionFacts,
    topic: &str,
    partition: i32,
) {
    let &Begin { offset, reason } = begin;
    let PartitionFacts {
        committed, high, ..
    } = facts;
    match reason {
        Reason::Committed => {}
        Reason::Oldest => tracing::info!(
            topic,
            partition,
            offset,
            count = high.saturating_sub(offset),
            "the group has no offset for this partition: beginning with its oldest message"
        ),
        Reason::Newest => tracing::info!(
            topic,
            partition,
            offset,
            "the group has no offset for this partition: beginning at its end (`start_from_oldest: false`), messages that are there are not read"
        ),
        Reason::Deleted(count) => tracing::warn!(
            topic,
            partition,
            committed,
            offset,
            count,
            "records were deleted before they were read: retention is faster than this pipeline"
        ),
        Reason::Beyond(count) => tracing::warn!(
            topic,
            partition,
            committed,
            end = high,
            offset,
            count,
            "the committed offset lies after the end of the partition, which was truncated or created again: reading \
             it from its oldest message"
        ),
    }
}
