//! What befalls the brokers.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::Cluster;

use super::order::now;
use super::plan::{Fault, Plan};
use super::timeline::Timeline;

/// How long after an outage the cluster may still be busy with it: leaders, coordinators, sessions.
const AFTERMATH: Duration = Duration::from_secs(20);

/// How long a record for a topic that was deleted may wait for it: librdkafka takes it for one that was just made and that
/// not all brokers know yet (`topic.metadata.propagation.max.ms`, 30 s). The output waits with it.
const GONE_FOR_SURE: Duration = Duration::from_secs(40);

/// The brokers, and when they were not well.
pub struct Brokers<'a> {
    cluster: &'a Cluster,
    timeline: &'a Timeline,
    /// From when till when; the last may be going on.
    outages: Mutex<Vec<(Instant, Option<Instant>)>>,
    /// The same in milliseconds since the epoch, those that are over.
    past: Mutex<Vec<(i64, i64)>>,
    /// When topics that scripts choose were deleted.
    deletions: Mutex<Vec<Instant>>,
    pub kills: AtomicU32,
    pub pauses: AtomicU32,
    pub all_down: AtomicU32,
}

impl<'a> Brokers<'a> {
    pub fn new(cluster: &'a Cluster, timeline: &'a Timeline) -> Self {
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

    /// Does what the plan says, one fault after the other.
    pub fn follow(&self, plan: &Plan, began: Instant) {
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
                // One alone is not waited for: it cannot be ready before the others are.
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

    /// Once chaos is over.
    pub fn start_all(&self) {
        self.cluster.make_whole();
    }

    /// A topic that scripts choose is deleted now.
    pub fn note_deletion(&self) {
        self.deletions.lock().unwrap().push(Instant::now());
    }

    /// Whether all brokers were well all the time since then, and took what was written.
    pub fn were_well(&self, since: Instant) -> bool {
        let outages = self.outages.lock().unwrap();
        let deletions = self.deletions.lock().unwrap();
        outages
            .iter()
            .all(|&(_, till)| till.is_some_and(|till| till + AFTERMATH < since))
            && deletions.iter().all(|at| *at + GONE_FOR_SURE < since)
    }

    /// Whether all brokers run at this moment.
    pub fn are_up(&self) -> bool {
        let outages = self.outages.lock().unwrap();
        outages.last().is_none_or(|(_, till)| till.is_some())
    }

    /// When they were not, in milliseconds since the epoch.
    pub fn outages(&self) -> Vec<(i64, i64)> {
        self.past.lock().unwrap().clone()
    }

    fn note(&self, what: String) {
        self.timeline.note(what);
    }
}
