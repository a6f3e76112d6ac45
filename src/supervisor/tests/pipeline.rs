//! Pipeline for tests: a resequencer and a supervisor with fake guests, between an input and outputs that record what
//! they receive.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use bytes::Bytes;

use super::fakes::Fakes;
use crate::clock::Clock;
use crate::control::Notice;
use crate::guest::error::StartError;
use crate::message::ack::{AckSink, Acked, DeliveryStatus};
use crate::message::budget::MemoryBudget;
use crate::message::{Batch, Lane, LaneId, Message, Outcome};
use crate::output::{Deliver, FailureRoute};
use crate::resequencer::{FailureLimit, Resequencer};
use crate::supervisor::scaling::Bounds;
use crate::supervisor::{GuestPlan, NewScripts, Parts, Recycle, Run, Supervisor};
use crate::telemetry::metrics::Metrics;

/// Limit on the wait of a test. It is no measure of speed: it only detects a hang.
const HANG: Duration = Duration::from_secs(120);

/// Record of what the actors sent.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Lane and offset of each result, in the order in which they left.
    pub results: Vec<(u64, i64)>,
    /// Lane, offset and type of each dead letter.
    pub letters: Vec<(u64, i64, String)>,
    /// Number of acknowledgements of each message, by lane and position.
    pub acked: BTreeMap<(u64, u64), usize>,
    /// Errors that cannot be repaired.
    pub fatal: Vec<String>,
    /// Number of times that the first guest was ready.
    pub ready: usize,
    /// Places at which the pipeline was to end.
    pub stopped: Vec<String>,
}

/// Stands for all neighbours of the resequencer and the supervisor.
struct Around {
    seen: Arc<Mutex<Seen>>,
    letters: bool,
}

impl Actor for Around {
    type Context = Context<Self>;
}

impl Handler<Deliver> for Around {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, _: &mut Self::Context) {
        let mut seen = self.seen.lock().unwrap();
        let Deliver { processed, ack } = deliver;
        let lane = processed.batch.lane.id.0;
        for (message, outcome) in processed.messages().iter().zip(&processed.outcomes.items) {
            match outcome {
                Outcome::Failed(failure) if self.letters => {
                    let letter = (lane, message.offset, failure.kind.clone());
                    seen.letters.push(letter);
                }
                Outcome::Record(record) if !self.letters => {
                    assert_eq!(processed.outcomes.payload(record), message.payload);
                    seen.results.push((lane, message.offset));
                }
                _ => {}
            }
        }
        drop(seen);
        ack.done();
    }
}

impl Handler<Notice> for Around {
    type Result = ();

    fn handle(&mut self, notice: Notice, _: &mut Self::Context) {
        let mut seen = self.seen.lock().unwrap();
        match notice {
            Notice::GuestsReady(_) => seen.ready += 1,
            Notice::MessageFailed { place, .. } => seen.stopped.push(place),
            Notice::TooManyFailures(_) => seen.stopped.push("too many failures".into()),
            fatal => seen.fatal.push(format!("{fatal:?}")),
        }
    }
}

/// The actors under test, and what they sent.
pub(super) struct Pipeline {
    pub supervisor: Addr<Supervisor>,
    pub metrics: Arc<Metrics>,
    budget: MemoryBudget,
    seen: Arc<Mutex<Seen>>,
    lanes: BTreeMap<u64, (Arc<Lane>, u64)>,
    guests: usize,
}

impl Pipeline {
    /// Creates a pipeline with `guests` of `fakes`; `clock` is the clock of the waits for them.
    pub(super) fn new(fakes: Arc<Fakes>, guests: usize, clock: Clock) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let around = |letters| {
            let seen = Arc::clone(&seen);
            Around { seen, letters }.start()
        };
        let (around, letters) = (around(false), around(true));
        let budget = MemoryBudget::new(1 << 30);
        let metrics = Arc::<Metrics>::default();
        let resequencer = Resequencer::new(
            around.clone().recipient(),
            FailureRoute::DeadLetters(letters.recipient()),
            FailureLimit {
                max_failures: None,
                script_hash: "".into(),
            },
            Arc::clone(&metrics),
            around.clone().recipient(),
        )
        .start();
        let parts = Parts {
            first: successor(fakes, guests),
            budget: budget.clone(),
            metrics: Arc::clone(&metrics),
            engine: around.recipient(),
            clock,
        };
        let supervisor = Supervisor::new(parts, resequencer.recipient()).start();
        Self {
            supervisor,
            metrics,
            budget,
            seen,
            lanes: BTreeMap::new(),
            guests,
        }
    }

    /// Sends a batch of `lane` with these payloads.
    pub(super) fn send(&mut self, lane: u64, payloads: &[&'static [u8]]) {
        let (lane, position) = self.lanes.entry(lane).or_insert_with(|| {
            let lane = Lane::of_partition(LaneId(lane), "topic".into(), lane as i32);
            (Arc::new(lane), 0)
        });
        let offsets = *position as i64..;
        let messages = payloads.iter().zip(offsets);
        let messages: Vec<Message> = messages
            .map(|(payload, offset)| Message::new(Bytes::from_static(payload), offset))
            .collect();
        let permit = self
            .budget
            .acquire(messages.iter().map(Message::cost).sum());
        let seen = Arc::clone(&self.seen);
        let acks = AckSink::new(move |acked: Acked| {
            if acked.status == DeliveryStatus::Delivered {
                for position in acked.position..acked.position + acked.count as u64 {
                    let key = (acked.lane.0, position);
                    *seen.lock().unwrap().acked.entry(key).or_default() += 1;
                }
            }
        });
        let batch = Batch::new(Arc::clone(lane), *position, messages, permit, acks);
        *position += payloads.len() as u64;
        self.supervisor.do_send(Run(Arc::new(batch)));
    }

    /// Waits until everything that was sent is acknowledged.
    pub(super) async fn drained(&self) {
        let drained = tokio::time::timeout(HANG, self.budget.drained()).await;
        drained.unwrap_or_else(|_| panic!("it hangs: {:?}", self.seen.lock().unwrap()));
    }

    /// Waits until the record has `enough`.
    pub(super) async fn until(&self, enough: impl Fn(&Seen) -> bool) {
        let told = async {
            while !enough(&self.seen.lock().unwrap()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let told = tokio::time::timeout(HANG, told).await;
        told.unwrap_or_else(|_| panic!("not told: {:?}", self.seen.lock().unwrap()));
    }

    /// Lets guests of `fakes` take over.
    pub(super) async fn reload(&self, fakes: Arc<Fakes>) -> Result<(), StartError> {
        let scripts = NewScripts(successor(fakes, self.guests));
        let answer = self.supervisor.send(scripts).await;
        answer.expect("it lives").map(drop)
    }

    /// Returns the record so far, once all actors have had their turn.
    pub(super) async fn seen(&self) -> Seen {
        tokio::time::sleep(Duration::from_millis(20)).await;
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

fn successor(spec: Arc<Fakes>, guests: usize) -> GuestPlan {
    GuestPlan {
        spec,
        bounds: Bounds {
            min: guests,
            max: guests,
            idle_timeout: Duration::from_secs(600),
        },
        recycle: Recycle {
            messages: None,
            memory: 1 << 20,
        },
    }
}
