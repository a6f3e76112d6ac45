//! Changes of topics during the run.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::{Cluster, Record};

use super::admin::Admin;
use super::faults::Brokers;
use super::order::{GONE, now};
use super::pipeline::{GROWS_FROM, Pipeline};
use super::plan::{Change, Plan};
use super::producer::Load;
use super::timeline::Timeline;

/// Most partitions of the topic that gets more.
const GROWS_TO: i32 = 8;
/// Partitions of a topic that is created during the run.
const MADE_WITH: i32 = 2;

/// Input topic that was created during the run.
struct Made {
    topic: String,
    there: bool,
    /// Time at which it is to be deleted.
    ends: Instant,
    closed: bool,
}

/// Chosen topic, in its state when it was deleted.
pub(crate) struct Deleted {
    pub records: Vec<Record>,
    /// Time when all brokers know of the deletion: the result of an earlier order may have been in the topic, written
    /// after the last look at it.
    pub at: i64,
    /// Time before which no dead letter may say that the topic is gone.
    pub from: i64,
}

/// Topics of the run, and what is known about deleted ones.
pub(crate) struct Topics<'a> {
    cluster: &'a Cluster,
    pipeline: &'a Pipeline,
    load: &'a Load,
    brokers: &'a Brokers<'a>,
    timeline: &'a Timeline,
    /// Records that input topics contained when they were deleted.
    pub orders: Mutex<Vec<Record>>,
    pub deleted: Mutex<[Option<Deleted>; GONE]>,
    /// Existing input topics.
    pub inputs: Mutex<Vec<String>>,
    pub made: AtomicU32,
    pub ended: AtomicU32,
    pub grown: AtomicU32,
}

impl<'a> Topics<'a> {
    pub(crate) fn new(
        cluster: &'a Cluster,
        pipeline: &'a Pipeline,
        load: &'a Load,
        brokers: &'a Brokers<'a>,
        timeline: &'a Timeline,
    ) -> Self {
        let inputs = [&pipeline.main, &pipeline.grows, &pipeline.idle];
        Self {
            cluster,
            pipeline,
            load,
            brokers,
            timeline,
            orders: Mutex::default(),
            deleted: Mutex::new([const { None }; GONE]),
            inputs: Mutex::new(inputs.map(String::clone).to_vec()),
            made: AtomicU32::new(0),
            ended: AtomicU32::new(0),
            grown: AtomicU32::new(0),
        }
    }

    /// Carries out the plan until it is over. What brokers refuse to do now is tried again.
    pub(crate) fn follow(&self, plan: &Plan, began: Instant, over: &AtomicBool) {
        let admin = Admin::new(self.cluster);
        let mut due: Vec<_> = plan.topics.iter().rev().copied().collect();
        let mut made: Vec<Made> = Vec::new();
        let mut partitions = GROWS_FROM;
        while !over.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(200));
            made.retain_mut(|one| !self.lead(&admin, one));
            let Some(&(at, change)) = due.last() else {
                continue;
            };
            let done = at <= began.elapsed()
                && match change {
                    Change::Make(lives) => {
                        made.push(self.begin(lives));
                        true
                    }
                    Change::Grow => partitions == GROWS_TO || self.grow(&admin, &mut partitions),
                    Change::Delete(index) => self.delete_chosen(&admin, index),
                };
            if done {
                due.pop();
            }
        }
    }

    fn begin(&self, lives: Duration) -> Made {
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        Made {
            topic: format!("{}made-{number}", self.pipeline.prefix),
            there: false,
            ends: Instant::now() + lives,
            closed: false,
        }
    }

    /// Moves a topic one step through its life. Returns whether that is over.
    fn lead(&self, admin: &Admin, one: &mut Made) -> bool {
        let topic = &one.topic;
        if !one.there {
            one.there = admin.make(topic, MADE_WITH);
            if one.there {
                self.timeline.note(format!("{topic} is made"));
                self.inputs.lock().unwrap().push(topic.clone());
                self.load.open(topic, 0..MADE_WITH);
            }
            return false;
        }
        if Instant::now() < one.ends {
            return false;
        }
        if !one.closed {
            self.load.close(topic);
            one.closed = true;
        }
        // Only when all of it is committed: what is deleted unread is not lost by the engine.
        if !self.load.is_written(topic)
            || !self.brokers.are_up()
            || !admin.is_committed(&self.pipeline.group, topic)
        {
            return false;
        }
        let mut records = Vec::new();
        self.cluster.for_each(topic, |record| records.push(record));
        // From here on only this thread reads it, even if the brokers need several tries.
        self.inputs.lock().unwrap().retain(|other| other != topic);
        self.orders.lock().unwrap().extend(records);
        while !admin.delete(topic) {
            thread::sleep(Duration::from_millis(200));
        }
        self.ended.fetch_add(1, Ordering::Relaxed);
        self.timeline.note(format!("{topic} is deleted"));
        true
    }

    fn grow(&self, admin: &Admin, partitions: &mut i32) -> bool {
        let topic = &self.pipeline.grows;
        if !admin.grow(topic, *partitions + 1) {
            return false;
        }
        self.load.open(topic, *partitions..*partitions + 1);
        *partitions += 1;
        self.grown.fetch_add(1, Ordering::Relaxed);
        self.timeline
            .note(format!("{topic} has {partitions} partitions"));
        true
    }

    fn delete_chosen(&self, admin: &Admin, index: usize) -> bool {
        /// Time that brokers may need until each of them knows the change.
        const SPREADS: i64 = 5000;
        if !self.brokers.are_up() {
            return false;
        }
        let topic = &self.pipeline.choices.gone[index];
        let mut records = Vec::new();
        self.cluster.for_each(topic, |record| records.push(record));
        let from = now();
        self.brokers.note_deletion();
        while !admin.delete(topic) {
            thread::sleep(Duration::from_millis(200));
        }
        let at = now() + SPREADS;
        self.deleted.lock().unwrap()[index] = Some(Deleted { records, at, from });
        self.timeline
            .note(format!("{topic}, which scripts choose, is deleted"));
        true
    }
}
