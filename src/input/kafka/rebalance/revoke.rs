//! Revocation of partitions: messages in flight are finished and committed within the allowed time, then the group gets
//! its answer.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::super::commit::Committer;
use super::super::partition::Partition;
use super::super::poll::Poller;
use super::{Debt, is_among};
use crate::kafka::member::{Kind, Owed};
use crate::telemetry::events::Rebalanced;

/// Limit on the time for the answer to the last commit.
const LAST_COMMIT: Duration = Duration::from_secs(5);
/// Time after which a refused last commit is repeated.
const ASK_AGAIN: Duration = Duration::from_millis(100);

impl Poller {
    /// Handles a revocation: other members want partitions, or have them already.
    pub(in crate::input::kafka) fn revoke(&mut self, revoked: TopicPartitionList) {
        if self.group.debt.is_some() {
            return self.lose("the group took partitions away before it had an answer");
        }
        let owed = Owed::new(&self.consumer, Kind::Revocation, revoked);
        self.confirm(&owed);
        let lost = self.consumer.assignment_lost();
        let mut under_way = 0;
        for partition in self.partitions.iter_mut() {
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
        self.group.debt = Some(Debt::Letting {
            owed,
            deadline: if lost {
                now
            } else {
                now + self.config.group.rebalance_timeout
            },
            asked: None,
        });
    }

    /// Proceeds with the owed answer: lets revoked partitions go when messages in flight are finished and committed.
    pub(in crate::input::kafka) fn step_debt(&mut self) {
        let (owed, deadline, asked) = match self.group.debt.take() {
            None => return,
            Some(Debt::Taking { owed, question }) => {
                if !owed.is_valid(self.config.group.protocol) {
                    drop(owed);
                    return self
                        .lose("the group went on before the assigned partitions were taken");
                }
                self.group.debt = Some(Debt::Taking { owed, question });
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
        if !lost && !owed.is_valid(self.config.group.protocol) {
            drop(owed);
            return self.lose("the group went on before the revoked partitions were let go of");
        }
        let late = lost || now >= deadline;
        if !self.settle(&owed.partitions, late, lost) {
            self.group.debt = Some(Debt::Letting {
                owed,
                deadline,
                asked,
            });
            return;
        }
        let committed =
            |one: &Partition| !is_among(one, &owed.partitions) || one.is_committed() || one.refused;
        let stored = self.commits.by != Committer::Input || self.partitions.iter().all(committed);
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
                self.group.debt = Some(Debt::Letting {
                    owed,
                    deadline,
                    asked: if again { Some(now) } else { asked },
                });
                return;
            }
        }
        self.partitions.remove(&self.intake, |partition| {
            is_among(partition, &owed.partitions)
        });
        self.hurry(false);
        if let Err(error) = owed.answer() {
            self.lose(&format!(
                "librdkafka does not let go of partitions: {error}"
            ));
        }
    }

    /// Returns whether all messages of `revoked` partitions are answered. If it is `late`, gives up those that are not.
    fn settle(&mut self, revoked: &TopicPartitionList, late: bool, lost: bool) -> bool {
        let mut settled = true;
        for partition in self.partitions.iter_mut() {
            if !is_among(partition, revoked) {
                continue;
            }
            if late && !partition.is_settled() {
                tracing::warn!(
                    under_way = partition.offsets.in_flight(),
                    lost,
                    "gave up messages in flight from {} on: the partition's next owner reads them again",
                    partition
                        .lane
                        .place(partition.offsets.oldest().unwrap_or_default())
                );
                partition.abandon();
            }
            settled &= partition.is_settled();
        }
        settled
    }
}
