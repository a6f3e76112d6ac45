//! Faults of the brokers.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::Cluster;

use super::order::now;
use super::plan::{Fault, Plan};
use super::timeline::Timeline;

/// Time after an outage in which the cluster may still be busy with it: leaders, coordinators, sessions.
const AFTERMATH: Duration = Duration::from_secs(20);

/// Time for which a record may wait for a topic that was deleted: librdkafka takes the topic for a new one that not all
/// brokers know yet (`topic.metadata.propagation.max.ms`, 30 s). The output waits with it.
const GONE_FOR_SURE: Duration = Duration::from_secs(40);

/// Brokers of the cluster, and their outages.
pub(crate) struct Brokers<'a> {
    cluster: &'a Cluster,
    timeline: &'a Timeline,
    /// Begin and end of each outage; the last one may still continue.
    outages: Mutex<Vec<(Instant, Option<Instant>)>>,
    /// Begin and end of past outages, in milliseconds since the epoch.
    past: Mutex<Vec<(i64, i64)>>,
    /// Times at which topics that scripts choose were deleted.
    deletions: Mutex<Vec<Instant>>,
    pub kills: AtomicU32,
    pub pauses: AtomicU32,
    pub all_down: AtomicU32,
}

impl<'a> Brokers<'a> {
    pub(crate) fn new(cluster: &'a Cluster, timeline: &'a Timeline) -> Self {
        Self {
            cluster,
            timeline,
            outages: Mutex::default(),
            past: Mutex::default(),
            deletions: Mutex::default(),
            kills: AtomicU32::new(0),
            pauses: AtomicU32::new(0),
            all_down: AtomicU32::new(0),
        }
    }

    /// Carries out the faults of the plan, one after the other.
    pub(crate) fn follow(&self, plan: &Plan, began: Instant) {
        for &(at, fault) in &plan.brokers {
            thread::sleep(at.saturating_sub(began.elapsed()));
            self.outages.lock().unwrap().push((Instant::now(), None));
            let from = now();
            self.suffer(fault);
            self.past.lock().unwrap().push((from, now()));
            let mut outages = self.outages.lock().unwrap();
            outages.last_mut().expect("it was pushed").1 = Some(Instant::now());
        }
    }

    fn suffer(&self, fault: Fault) {
        match fault {
            Fault::Kill(broker, down) => {
                self.kills.fetch_add(1, Ordering::Relaxed);
                self.note(format!("broker {broker} is killed, for {down:?}"));
                self.cluster.broker("kill", broker);
                thread::sleep(down);
                self.start(broker);
            }
            Fault::Pause(broker, down) => {
                self.pauses.fetch_add(1, Ordering::Relaxed);
                self.note(format!("broker {broker} is stopped, for {down:?}"));
                self.cluster.broker("pause", broker);
                thread::sleep(down);
                self.cluster.broker("resume", broker);
                self.note(format!("broker {broker} goes on"));
            }
            Fault::AllDown(down) => {
                self.all_down.fetch_add(1, Ordering::Relaxed);
                self.note(format!("all brokers are killed, for {down:?}"));
                let all = 1..=self.cluster.brokers;
                all.for_each(|broker| self.cluster.broker("kill", broker));
                thread::sleep(down);
                // No wait for the single broker: it cannot be ready before the others are.
                self.cluster.broker("start", 1);
                self.cluster.make_whole();
                self.note("all brokers are back".into());
            }
        }
    }

    fn start(&self, broker: i16) {
        self.cluster.broker("start", broker);
        self.note(format!("broker {broker} is back"));
    }

    /// Starts all brokers, after the chaos.
    pub(crate) fn start_all(&self) {
        self.cluster.make_whole();
    }

    /// Notes that a topic that scripts choose is deleted now.
    pub(crate) fn note_deletion(&self) {
        self.deletions.lock().unwrap().push(Instant::now());
    }

    /// Returns whether all brokers were up all the time since then, and accepted what was written.
    pub(crate) fn were_well(&self, since: Instant) -> bool {
        let outages = self.outages.lock().unwrap();
        let deletions = self.deletions.lock().unwrap();
        outages
            .iter()
            .all(|&(_, till)| till.is_some_and(|till| till + AFTERMATH < since))
            && deletions.iter().all(|at| *at + GONE_FOR_SURE < since)
    }

    /// Returns whether all brokers are running now.
    pub(crate) fn are_up(&self) -> bool {
        let outages = self.outages.lock().unwrap();
        outages.last().is_none_or(|(_, till)| till.is_some())
    }

    /// Returns the outages, in milliseconds since the epoch.
    pub(crate) fn outages(&self) -> Vec<(i64, i64)> {
        self.past.lock().unwrap().clone()
    }

    fn note(&self, what: String) {
        self.timeline.note(what);
    }
}
