//! Partitions come and go.
//!
//! ```text
//! assignment ─▶ owed ─▶ scout: where do they begin? ─▶ open lanes ─▶ answer ─▶ commit the beginnings ─▶ read
//! revocation ─▶ owed ─▶ close lanes ─▶ finish what is in flight ─▶ commit ─▶ answer
//! anything in between ─▶ lost: give up all that is in flight, join again with a new consumer
//! ```
//!
//! Revoked is not lost: a revoked partition waits for this member. What is in flight is finished, within the time that is
//! allowed, and committed; then the member lets go. A lost one has another member already, so what is in flight is given
//! up: its results would come after those of the new owner.
//!
//! While an answer is owed librdkafka reads no partition of this member at all, so the time for it is short.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::admin::TopicId;
use super::begin::{self, Begin, Facts, Reason};
use super::commit::Committer;
use super::leave;
use super::member::{Kind, Owed};
use super::partition::Partition;
use super::poll::Poller;
use super::scout::{Place, Question};
use crate::config::Extent;
use crate::message::Lane;
use crate::telemetry::events::Rebalanced;

/// What the group waits for.
pub enum Debt {
    /// Partitions are to be taken when the scout has told where they begin.
    Taking {
        /// The answer.
        owed: Owed,
        /// The scout's question.
        question: u64,
    },
    /// Partitions are to be let go of when what is in flight is finished and committed.
    Letting {
        /// The answer.
        owed: Owed,
        /// Until then what is in flight may finish, and after that the last commit may be answered.
        deadline: Instant,
        /// When the last commit was asked for.
        asked: Option<Instant>,
    },
}

impl Debt {
    fn is_about(&self, partition: &Partition) -> bool {
        let (Self::Taking { owed, .. } | Self::Letting { owed, .. }) = self;
        is_among(partition, &owed.partitions)
    }
}

/// How long the answer to the last commit may take.
const LAST_COMMIT: Duration = Duration::from_secs(5);
/// A last commit that was refused is asked for again after this.
const ASK_AGAIN: Duration = Duration::from_millis(100);

impl Poller {
    /// The group gives partitions to this member, which takes them when it is known where they begin.
    pub(super) fn assign(&mut self, assigned: TopicPartitionList) {
        self.joined = true;
        if self.debt.is_some() {
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
        let question = self.ask_for_facts(Some(places));
        self.debt = Some(Debt::Taking { owed, question });
    }

    /// Reads all partitions there are without a group: nobody is disturbed by it.
    pub(super) fn read_alone(&mut self) {
        self.alone = Some(self.ask_for_facts(None));
    }

    pub(super) fn ask_for_facts(&mut self, places: Option<Vec<Place>>) -> u64 {
        self.questions += 1;
        self.scout.ask(Question::Facts {
            id: self.questions,
            consumer: std::sync::Arc::downgrade(&self.consumer),
            places,
        });
        self.questions
    }

    /// The scout's answer to the question `id`.
    pub(super) fn learn(
        &mut self,
        id: u64,
        facts: &HashMap<Place, Option<Facts>>,
        ids: &HashMap<String, TopicId>,
    ) {
        if self.rewinding == Some(id) {
            self.rewinding = None;
            return self.restart(facts, ids);
        }
        if self.alone == Some(id) {
            self.alone = None;
            self.joined = true;
            let mut all = TopicPartitionList::new();
            for (topic, partition) in facts.keys() {
                all.add_partition(topic, *partition);
            }
            let owed = Owed::new(&self.consumer, Kind::Assignment, all);
            return self.take(owed, facts, ids);
        }
        match self.debt.take() {
            Some(Debt::Taking { owed, question }) if question == id => {
                if owed.is_valid(self.config.protocol) {
                    self.take(owed, facts, ids);
                } else {
                    drop(owed);
                    self.lose("the group went on before the assigned partitions were taken");
                }
            }
            // Of an assignment that was lost meanwhile.
            debt => self.debt = debt,
        }
    }

    fn take(
        &mut self,
        mut owed: Owed,
        facts: &HashMap<Place, Option<Facts>>,
        ids: &HashMap<String, TopicId>,
    ) {
        self.tell_assigned(&owed.partitions);
        let mut names = Vec::new();
        let mut taken = TopicPartitionList::new();
        for one in owed.partitions.elements() {
            let (topic, number) = (one.topic(), one.partition());
            // Never there twice; if librdkafka thinks otherwise, the new one counts.
            self.remove(|partition| partition.is(topic, number));
            let fact = facts.get(&(topic.into(), number)).copied().flatten();
            let lane = self.next_lane();
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
            // With an offset that librdkafka knows to be none, it would not be added at all.
            if taken.add_partition_offset(topic, number, offset).is_err() {
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

    /// The lane of `partition` begins as `begin` says. Gives the offset for librdkafka.
    fn begin(&self, partition: &mut Partition, begin: Begin, fact: Facts) -> Offset {
        let commits = self.committer != Committer::Nobody;
        partition.begin_at(begin, fact.committed, commits);
        if let Extent::ToEnd { .. } = self.config.extent {
            partition.end = Some(fact.high);
            partition.at_end = begin.offset >= fact.high;
        }
        Offset::Offset(begin.offset)
    }

    fn next_lane(&mut self) -> Lane {
        let lane = Lane(self.lanes);
        self.lanes += 1;
        lane
    }

    /// Transactions may commit the offsets of what is not given up.
    fn confirm(&self, owed: &Owed) {
        if let Some(session) = &self.session {
            session.confirm(owed.membership.clone());
        }
    }

    /// Reads lanes again whose transaction was aborted, from what the group has committed.
    pub(super) fn rewind(&mut self) {
        if self.debt.is_some() || self.rewinding.is_some() || self.stopped {
            return;
        }
        let mut places = Vec::new();
        for partition in &mut self.partitions {
            if !partition.closed && partition.origin.is_abandoned() {
                partition.close();
                let topic = partition.origin.topic.clone().unwrap_or_default();
                places.push((topic, partition.origin.partition));
            }
        }
        if !places.is_empty() {
            self.rewinding = Some(self.ask_for_facts(Some(places)));
        }
    }

    /// Reads lanes again, those of topics that were made anew from their oldest record. Seeking is no answer to the group:
    /// what it waits for goes on to wait.
    fn restart(&mut self, facts: &HashMap<Place, Option<Facts>>, ids: &HashMap<String, TopicId>) {
        let mut seek = TopicPartitionList::new();
        for ((topic, number), fact) in facts {
            let found = self
                .partitions
                .iter()
                .position(|one| one.is(topic, *number) && one.origin.is_abandoned());
            let Some(index) = found else { continue };
            let owed = self.debt.as_ref();
            if owed.is_some_and(|debt| debt.is_about(&self.partitions[index])) {
                continue; // it goes to another member
            }
            let lane = self.next_lane();
            let old = self.partitions.remove(index);
            self.sink.end(&old.origin);
            let was = old.begin.unwrap_or(0);
            let id = ids.get(&**topic).copied().or(old.topic_id);
            let anew = id != old.topic_id;
            let mut partition = old.into_lane(lane);
            partition.topic_id = id;
            let fact = fact.unwrap_or(Facts {
                committed: None,
                low: was,
                high: i64::MAX,
                young: true,
            });
            let mut known = fact;
            if anew {
                known.committed = None; // it tells of the topic that was there before
            } else if fact.committed.is_none() {
                known.committed = Some(was);
            }
            let begin = begin::begin(known, true);
            tell(&begin, known, topic, *number);
            let offset = self.begin(&mut partition, begin, fact);
            if seek.add_partition_offset(topic, *number, offset).is_err() {
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

    /// Notices topics that were deleted and made anew under their names: what is in flight of them is given up, and they
    /// are read from their oldest records.
    pub(super) fn compare(&mut self, ids: &HashMap<String, TopicId>) {
        if self.debt.is_some() || self.rewinding.is_some() || self.stopped {
            return; // the ids are asked for again
        }
        let mut places = Vec::new();
        for partition in &mut self.partitions {
            let topic = partition.origin.topic.clone().unwrap_or_default();
            let now = ids.get(&*topic).copied();
            if let (Some(then), Some(now)) = (partition.topic_id, now)
                && then != now
            {
                tracing::warn!(
                    topic = &*topic,
                    partition = partition.origin.partition,
                    "the topic was deleted and made anew: reading it from its beginning"
                );
                partition.abandon();
                places.push((topic, partition.origin.partition));
            } else if partition.topic_id.is_none() {
                partition.topic_id = now;
            }
        }
        if !places.is_empty() {
            self.rewinding = Some(self.ask_for_facts(Some(places)));
        }
    }

    /// Other members want partitions, or have them already.
    pub(super) fn revoke(&mut self, revoked: TopicPartitionList) {
        if self.debt.is_some() {
            return self.lose("the group took partitions away before it had an answer");
        }
        let owed = Owed::new(&self.consumer, Kind::Revocation, revoked);
        self.confirm(&owed);
        let lost = self.consumer.assignment_lost();
        let mut under_way = 0;
        for partition in &mut self.partitions {
            if is_among(partition, &owed.partitions) {
                partition.close();
                under_way += partition.offsets.in_flight();
            }
        }
        let event = Rebalanced::Revoked {
            partitions: owed.partitions.count(),
            lost,
            under_way,
        };
        event.emit(&self.metrics);
        if !lost {
            self.hurry(true);
        }
        let now = Instant::now();
        self.told.waiting.begin(now);
        self.debt = Some(Debt::Letting {
            owed,
            deadline: if lost {
                now
            } else {
                now + self.config.rebalance_timeout
            },
            asked: None,
        });
    }

    /// Goes on with what is owed: lets go of revoked partitions when what is in flight is finished and committed.
    pub(super) fn step_debt(&mut self) {
        let (owed, deadline, asked) = match self.debt.take() {
            None => return,
            Some(Debt::Taking { owed, question }) => {
                if !owed.is_valid(self.config.protocol) {
                    drop(owed);
                    return self
                        .lose("the group went on before the assigned partitions were taken");
                }
                self.debt = Some(Debt::Taking { owed, question });
                return;
            }
            Some(Debt::Letting {
                owed,
                deadline,
                asked,
            }) => (owed, deadline, asked),
        };
        let now = Instant::now();
        let lost = self.consumer.assignment_lost();
        if !lost && !owed.is_valid(self.config.protocol) {
            drop(owed);
            return self.lose("the group went on before the revoked partitions were let go of");
        }
        let late = lost || now >= deadline;
        if !self.settle(&owed.partitions, late, lost) {
            self.debt = Some(Debt::Letting {
                owed,
                deadline,
                asked,
            });
            return;
        }
        let committed =
            |one: &Partition| !is_among(one, &owed.partitions) || one.is_committed() || one.refused;
        let stored = self.committer != Committer::Input || self.partitions.iter().all(committed);
        if !lost && !stored {
            let deadline = match asked {
                None => now + LAST_COMMIT,
                Some(_) => deadline,
            };
            let again = asked.is_none_or(|asked| now >= asked + ASK_AGAIN) && !self.is_committing();
            if again {
                self.commit();
            }
            if now < deadline {
                self.debt = Some(Debt::Letting {
                    owed,
                    deadline,
                    asked: if again { Some(now) } else { asked },
                });
                return;
            }
        }
        self.remove(|partition| is_among(partition, &owed.partitions));
        self.hurry(false);
        if let Err(error) = owed.answer() {
            self.lose(&format!(
                "librdkafka does not let go of partitions: {error}"
            ));
        }
    }

    /// Whether all that was read of `revoked` is answered. If it is `late`, what is not is given up.
    fn settle(&mut self, revoked: &TopicPartitionList, late: bool, lost: bool) -> bool {
        let mut settled = true;
        for partition in &mut self.partitions {
            if !is_among(partition, revoked) {
                continue;
            }
            if late && !partition.is_settled() {
                tracing::warn!(
                    under_way = partition.offsets.in_flight(),
                    lost,
                    "gave up what was under way of {}: its next owner reads it again",
                    partition
                        .origin
                        .place(partition.offsets.oldest().unwrap_or_default())
                );
                partition.abandon();
            }
            settled &= partition.is_settled();
        }
        settled
    }

    /// Whether transactions are to be committed as soon as may be.
    pub(super) fn hurry(&self, hurry: bool) {
        if let Some(session) = &self.session {
            session.hurry(hurry);
        }
    }

    /// A member that holds partitions and has no name in its group any more, for two looks in a row and without an event,
    /// gets none either: librdkafka takes itself to be in the middle of a rebalance.
    pub(super) fn look_for_membership(&mut self) {
        let is_member = self.partitions.is_empty()
            || self.debt.is_some()
            || self.committer == Committer::Nobody
            || super::member::Membership::of(&self.consumer).is_some();
        if is_member {
            self.nameless = false;
        } else if std::mem::replace(&mut self.nameless, true) {
            self.lose("the group does not know this member any more");
        }
    }

    /// What this member had is not its own any more, and librdkafka's view of the group cannot be mended from outside:
    /// gives up all that is in flight, and joins again with a new consumer.
    pub(super) fn lose(&mut self, reason: &str) {
        tracing::warn!(
            reason,
            partitions = self.partitions.len(),
            "lost the place in the group: giving up what is in flight, and joining again"
        );
        self.metrics.rebalances.count("lost");
        self.give_up();
        if !self.stopped
            && let Err(error) = self.rejoin()
        {
            self.end(Err(error));
        }
    }

    /// Nothing is this member's any more: what is in flight is read again, here or by another member.
    pub(super) fn give_up(&mut self) {
        self.remove(|_| true);
        self.debt = None; // which answers
        self.rewinding = None;
        self.commits_under_way = 0;
        self.nameless = false;
        if let Some(session) = &self.session {
            session.confirm(None);
        }
        if !self.stopped {
            self.hurry(false);
        }
    }

    /// Joins the group with a new consumer in place of one that the brokers do not serve any more.
    pub(super) fn rejoin(&mut self) -> anyhow::Result<()> {
        self.leave();
        self.consumer = super::connect(
            &self.config,
            &self.waker,
            &self.metrics,
            self.session.as_ref(),
        )?;
        self.join();
        Ok(())
    }

    /// Leaves the group. To be called before the consumer is dropped.
    pub(super) fn leave(&mut self) {
        self.debt = None; // which answers
        if let Some(session) = &self.session {
            session.forget_consumer();
        }
        leave::leave(&self.consumer);
    }

    fn remove(&mut self, which: impl Fn(&Partition) -> bool) {
        self.partitions.retain(|partition| {
            let gone = which(partition);
            if gone {
                // Nothing is in flight, or it was given up; if not, it is now.
                partition.origin.abandon();
                self.sink.end(&partition.origin);
            }
            !gone
        });
    }
}

/// Says where reading begins, where that is not what the group has committed.
fn tell(begin: &Begin, facts: Facts, topic: &str, partition: i32) {
    let &Begin { offset, reason } = begin;
    let Facts {
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
            "the group has no offset for this partition: beginning at its end"
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
            "the committed offset lies after the end of the partition, which was cut off or made anew: reading it again \
             from its oldest message"
        ),
    }
}

fn is_among(partition: &Partition, list: &TopicPartitionList) -> bool {
    let topic = partition.origin.topic.as_deref().unwrap_or_default();
    list.find_partition(topic, partition.origin.partition)
        .is_some()
}
