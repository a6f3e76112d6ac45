//! Loss of the membership: messages in flight are given up, and the input joins the group again with a new consumer.

use super::super::commit::Committer;
use super::super::poll::Poller;
use super::super::{connect, leave};
use crate::kafka::member::Membership;

impl Poller {
    /// Detects that the group no longer knows this member. A member that holds partitions and has no id in two
    /// consecutive checks, without an event, gets none later either: librdkafka believes that it is in the middle of a
    /// rebalance.
    pub(in crate::input::kafka) fn look_for_membership(&mut self) {
        let is_member = self.partitions.is_empty()
            || self.group.debt.is_some()
            || self.commits.by == Committer::Nobody
            || Membership::of(&self.consumer).is_some();
        if is_member {
            self.group.nameless = false;
        } else if std::mem::replace(&mut self.group.nameless, true) {
            self.lose("the group does not know this member any more");
        }
    }

    /// Gives up all messages in flight and joins the group again with a new consumer. The partitions no longer belong
    /// to this member, and librdkafka's view of the group cannot be repaired from outside.
    pub(in crate::input::kafka) fn lose(&mut self, reason: &str) {
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

    /// Gives up all partitions: messages in flight are read again, here or by another member.
    pub(in crate::input::kafka) fn give_up(&mut self) {
        self.partitions.remove(&self.intake, |_| true);
        self.group.debt = None; // which answers
        self.questions.rewinding = None;
        self.commits.under_way = 0;
        self.group.nameless = false;
        if let Some(session) = &self.session {
            session.confirm(None);
        }
        if !self.stopped {
            self.hurry(false);
        }
    }

    /// Joins the group with a new consumer, which replaces one that the brokers do not serve any more.
    pub(in crate::input::kafka) fn rejoin(&mut self) -> anyhow::Result<()> {
        self.leave();
        self.consumer = connect(
            &self.config,
            &self.waker,
            &self.metrics,
            self.session.as_ref(),
        )?;
        self.join();
        Ok(())
    }

    /// Leaves the group. To be called before the consumer is dropped.
    pub(in crate::input::kafka) fn leave(&mut self) {
        self.group.debt = None; // which answers
        if let Some(session) = &self.session {
            session.forget_consumer();
        }
        leave::leave(&self.consumer);
    }
}
