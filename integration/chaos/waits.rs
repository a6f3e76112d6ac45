//! Waits of the run, before the chaos and after it.

use std::thread;
use std::time::{Duration, Instant};

use support::{Cluster, Signal, eventually, kafka_sh};

use super::admin::Admin;
use super::faults::Brokers;
use super::fleet::{Fleet, PROCESSES};
use crate::Form;

/// Time for which the group may keep static members that were asked to end: their session.
const SESSION: Duration = Duration::from_secs(30);
/// Time for which the group may keep members that report that they leave: what the brokers need to process it.
const LEAVES: Duration = Duration::from_secs(4);

impl Fleet<'_> {
    /// Waits until each process has a share of the partitions, so that the group is complete.
    pub(crate) fn await_members(&mut self, brokers: Option<&Brokers<'_>>) {
        eventually("each process has partitions", || {
            self.reap_all(brokers);
            let running = self.slots.iter().filter_map(|slot| slot.running.as_ref());
            let have = running.filter(|one| one.has_partitions()).count();
            (have == PROCESSES)
                .then_some(())
                .ok_or(format!("{have} of {PROCESSES} have some"))
        });
    }

    /// Waits until the group has a position in each partition of a topic, so that later messages are read; or for as
    /// long as that should take.
    pub(crate) fn await_positions(&mut self, admin: &Admin, topic: &str) {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(15) {
            self.reap_all(None);
            let positions = admin.positions(&self.pipeline.group, topic);
            if positions.is_some_and(|positions| positions.values().all(Option::is_some)) {
                self.timeline.note("the group has its positions");
                return;
            }
            thread::sleep(Duration::from_millis(200));
        }
        self.timeline
            .note("the group has partitions, but committed no position in which it begins");
    }

    /// Waits until the first results are there: then chaos may begin.
    pub(crate) fn await_results(&mut self, cluster: &Cluster) {
        eventually("there are results", || {
            self.reap_all(None);
            let count = cluster.count(&self.pipeline.output);
            (count > 1000)
                .then_some(())
                .ok_or(format!("{count} results"))
        });
        self.timeline.note("results come");
    }

    /// Waits until all of these topics is committed. If nothing more is committed for some time, returns what is not.
    pub(crate) fn await_committed(
        &mut self,
        cluster: &Cluster,
        topics: &[String],
        brokers: &Brokers<'_>,
        patience: Duration,
    ) -> Option<String> {
        let mut moved = (0, Instant::now());
        let ends: Vec<_> = topics.iter().map(|topic| cluster.ends(topic)).collect();
        loop {
            self.reap_all(Some(brokers));
            for index in 0..PROCESSES {
                // A process that gave up before Kafka was back.
                if self.slots[index].running.is_none() {
                    self.start(index);
                }
            }
            let group = &self.pipeline.group;
            let committed = topics.iter().map(|topic| cluster.committed(group, topic));
            let committed: Vec<_> = committed.collect();
            let sum: i64 = committed.iter().flat_map(|topic| topic.values()).sum();
            if sum > moved.0 {
                moved = (sum, Instant::now());
            }
            let open = topics.iter().zip(&ends).zip(committed);
            let open: Vec<String> = open
                .filter(|((_, ends), committed)| committed != *ends)
                .map(|((topic, ends), committed)| format!("{topic}: {committed:?} of {ends:?}"))
                .collect();
            if open.is_empty() {
                return None;
            }
            if moved.1.elapsed() > patience {
                let running = self.slots.iter().filter_map(|slot| slot.running.as_ref());
                let tails: Vec<String> = running
                    .map(|one| format!("{}\n{}", one.name(), one.tail()))
                    .collect();
                return Some(format!(
                    "nothing more is committed for {patience:?}: {open:#?}\n{}",
                    tails.join("\n")
                ));
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Ends all processes. Everything is up and done, so they must end at once and without errors, and leave the group.
    pub(crate) fn end_all(&mut self, cluster: &Cluster, brokers: &Brokers<'_>) {
        (0..PROCESSES).for_each(|index| self.send(index, Signal::TERM));
        while self.slots.iter().any(|slot| slot.running.is_some()) {
            self.reap_all(Some(brokers));
            thread::sleep(Duration::from_millis(20));
        }
        let patience = match self.pipeline.form {
            // Static members stay for their session.
            Form::ExactlyOnce => SESSION,
            Form::AtLeastOnce | Form::ConsumerProtocol => LEAVES,
        };
        let began = Instant::now();
        loop {
            let asked = began.elapsed();
            let members = members(cluster, &self.pipeline.group);
            if members.is_empty() {
                return self.timeline.note("the group has no members");
            }
            if asked > patience {
                self.problems.push(format!(
                    "{asked:?} after all processes ended, the group has members: {members:#?}"
                ));
                return;
            }
        }
    }
}

/// Returns the members of a group, from Kafka's own tool.
fn members(cluster: &Cluster, group: &str) -> Vec<String> {
    let told = kafka_sh(&[
        "tool",
        "ConsumerGroupCommand",
        "--name",
        &cluster.name,
        "--describe",
        "--members",
        "--group",
        group,
    ]);
    let members = told.lines().filter(|line| line.starts_with(group));
    members.map(str::to_owned).collect()
}
