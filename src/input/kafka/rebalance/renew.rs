//! Partitions that no member has are given to one: this member subscribes anew, which makes the group assign anew.

use std::time::Instant;

use rdkafka::consumer::Consumer as _;

use super::super::commit::Committer;
use super::super::poll::Poller;
use super::super::scout::Place;
use crate::config::GroupProtocol;

impl Poller {
    /// Asks regularly which partitions no member has, where that can happen: see [`unassigned`](super::super::unassigned).
    pub(in crate::input::kafka) fn look_for_unassigned(&mut self, now: Instant) {
        let can_happen = self.config.instance_id.is_some()
            && self.config.group.protocol == GroupProtocol::Classic
            && self.commits.by != Committer::Nobody;
        if can_happen && !self.stopped && self.group.vigil.is_due(now) {
            let group = &self.config.consumer_group;
            self.questions.ask_unassigned(&self.consumer, group);
        }
    }

    /// Handles the answer. A member without partitions cannot make the group assign anew: for the brokers, nothing about it
    /// would have changed. The others can.
    pub(in crate::input::kafka) fn hear_of_unassigned(&mut self, places: &[Place]) {
        if self.stopped || self.group.debt.is_some() || self.partitions.is_empty() {
            return;
        }
        let now = Instant::now();
        let renew = self.group.vigil.heard(!places.is_empty(), now);
        let (true, Some((topic, partition))) = (renew, places.first()) else {
            return;
        };
        tracing::warn!(
            partitions = places.len(),
            first = format!("{topic}-{partition}"),
            "no member of the group has these partitions: subscribing again, so that the group assigns all anew"
        );
        self.consumer.unsubscribe();
        self.subscribe();
    }
}
