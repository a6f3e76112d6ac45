//! Partitions come and go.
//!
//! Revoked is not lost: a revoked partition waits for us. What is under way is finished, within the time that is
//! allowed, and committed; then we let go. A lost one has another member already (we were silent for too
//! long), so what is under way is given up: its results would come after those of the new owner.

use std::time::{Duration, Instant};

use rdkafka::consumer::{Consumer as _, RebalanceProtocol};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::context;
use super::partition::Partition;
use super::poll::Poller;
use crate::config::Extent;
use crate::message::Lane;
use crate::telemetry::events::Rebalanced;

/// Partitions on their way to other members.
pub struct Revoking {
    partitions: TopicPartitionList,
    /// Until then what is under way may finish.
    deadline: Instant,
    /// The last commit was asked for.
    committing: bool,
}

/// How long the question for the end of a partition may take.
const END_PATIENCE: Duration = Duration::from_secs(10);
/// How long the answer to the last commit may take.
const LAST_COMMIT: Duration = Duration::from_secs(5);

impl Poller {
    pub(super) fn assign(&mut self, assigned: &TopicPartitionList) {
        self.joined = true;
        self.tell_assigned(assigned);
        let mut names = Vec::new();
        for one in assigned.elements() {
            let lane = Lane(self.next_lane);
            self.next_lane += 1;
            // Never there twice; if librdkafka thinks otherwise, the new one counts.
            self.remove(|partition| partition.is(one.topic(), one.partition()));
            let mut opened = Partition::open(
                &self.consumer,
                &self.waker,
                lane,
                one.topic(),
                one.partition(),
            );
            if let (Some(partition), Extent::ToEnd { .. }) = (&mut opened, self.config.extent) {
                let ends =
                    self.consumer
                        .fetch_watermarks(one.topic(), one.partition(), END_PATIENCE);
                // Unknown, the end is where the messages end.
                partition.end = Some(ends.map_or(i64::MAX, |(_, end)| end));
            }
            self.partitions.extend(opened);
            names.push(format!("{}-{}", one.topic(), one.partition()));
        }
        match context::take(&self.consumer, assigned) {
            Ok(()) => {
                let event = Rebalanced::Assigned {
                    partitions: &names.join(" "),
                    in_all: self.partitions.len(),
                };
                event.emit(&self.metrics);
            }
            Err(error) => {
                let error =
                    anyhow::Error::new(error).context("cannot take the partitions assigned to us");
                self.end(Err(error));
            }
        }
    }

    /// Reads partitions again from their commit points whose transaction was aborted.
    pub(super) fn rewind(&mut self) {
        // While others are waited for, librdkafka would take the call below for the answer to its revocation. (So it
        // does if a revocation is in its queue by now that we have not seen.)
        if self.revoking.is_some() {
            return;
        }
        let given_up = |one: &Partition| !one.closed && one.origin.is_abandoned();
        if !self.partitions.iter().any(given_up) {
            return;
        }
        let protocol = self.consumer.rebalance_protocol();
        let some = matches!(protocol, RebalanceProtocol::Cooperative);
        let mut again = TopicPartitionList::new();
        for one in self.partitions.iter().filter(|one| !some || given_up(one)) {
            again.add_partition(
                one.origin.topic.as_deref().unwrap_or_default(),
                one.origin.partition,
            );
        }
        self.remove(|partition| is_among(partition, &again));
        match context::let_go(&self.consumer, &again) {
            // Without offsets: librdkafka asks for the committed ones.
            Ok(()) => self.assign(&again),
            Err(error) => {
                let error = anyhow::Error::new(error).context("cannot read partitions again");
                self.end(Err(error));
            }
        }
    }

    pub(super) fn revoke(&mut self, revoked: TopicPartitionList) {
        let lost = self.consumer.assignment_lost();
        let now = Instant::now();
        self.told.waiting.begin(now);
        let mut under_way = 0;
        for partition in self
            .partitions
            .iter_mut()
            .filter(|one| is_among(one, &revoked))
        {
            partition.close();
            under_way += partition.offsets.in_flight();
        }
        let event = Rebalanced::Revoked {
            partitions: revoked.count(),
            lost,
            under_way,
        };
        event.emit(&self.metrics);
        self.revoking = Some(Revoking {
            partitions: revoked,
            deadline: if lost {
                now
            } else {
                now + self.config.rebalance_timeout
            },
            committing: false,
        });
    }

    /// Lets go of revoked partitions when what is under way is finished and committed.
    pub(super) fn step_revoking(&mut self) {
        let Some(mut revoking) = self.revoking.take() else {
            return;
        };
        let now = Instant::now();
        let lost = self.consumer.assignment_lost();
        let late = lost || now >= revoking.deadline;
        let mut settled = true;
        for partition in self
            .partitions
            .iter_mut()
            .filter(|one| is_among(one, &revoking.partitions))
        {
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
        if !settled {
            self.revoking = Some(revoking);
            return;
        }
        if !lost && !revoking.committing {
            self.commit();
            revoking.committing = true;
            revoking.deadline = now + LAST_COMMIT;
        }
        if !lost && self.is_committing() && now < revoking.deadline {
            self.revoking = Some(revoking);
            return;
        }
        self.remove(|partition| is_among(partition, &revoking.partitions));
        if let Err(error) = context::let_go(&self.consumer, &revoking.partitions) {
            let error = anyhow::Error::new(error).context("cannot let go of revoked partitions");
            self.end(Err(error));
        }
    }

    /// Nothing is ours any more: what is under way is read again, here or by another member.
    pub(super) fn give_up(&mut self) {
        self.remove(|_| true);
        self.commits_under_way = 0;
    }

    /// Joins the group with a new consumer in place of one that the brokers do not serve any more.
    pub(super) fn rejoin(&mut self) -> anyhow::Result<()> {
        self.close();
        self.consumer = super::connect(
            &self.config,
            &self.waker,
            &self.metrics,
            self.session.as_ref(),
        )?;
        self.subscribe();
        Ok(())
    }

    /// To be called before the consumer is dropped.
    pub(super) fn close(&mut self) {
        if let Some(revoking) = self.revoking.take() {
            context::answer(&self.consumer, false, &revoking.partitions);
        }
        context::close(&self.consumer);
    }

    fn remove(&mut self, which: impl Fn(&Partition) -> bool) {
        self.partitions.retain(|partition| {
            let gone = which(partition);
            if gone {
                // Nothing is under way, or it was given up; if not, it is now.
                partition.origin.abandon();
                self.sink.end(&partition.origin);
            }
            !gone
        });
    }
}

fn is_among(partition: &Partition, list: &TopicPartitionList) -> bool {
    let topic = partition.origin.topic.as_deref().unwrap_or_default();
    list.find_partition(topic, partition.origin.partition)
        .is_some()
}
