//! A processor and a supervisor with fake guests, between an input and outputs that write down what they are told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use bytes::Bytes;

use super::fakes::Fakes;
use crate::clock::Clock;
use crate::engine::{Fatal, GuestsReady, MessageFailed, TooManyFailures, Watch};
use crate::guest::error::StartError;
use crate::message::ack::{Acked, Fate};
use crate::message::gate::Gate;
use crate::message::{Batch, Deliver, Incoming, Lane, Message, Origin, Outcome};
use crate::processor::error_policy::ErrorPolicy;
use crate::processor::{Judge, Processor, ToEngine};
use crate::supervisor::scaling::Bounds;
use crate::supervisor::{NewScripts, Parts, Recycle, Successor, Supervisor};
use crate::telemetry::metrics::Metrics;

/// No test waits longer. It is no measure of speed: a hang is what it finds.
const HANG: Duration = Duration::from_secs(120);

/// What was told.
#[derive(Debug, Default)]
pub struct Seen {
    /// Lane and offset of each result, as they left.
    pub results: Vec<(u64, i64)>,
    /// The same of each dead letter, and its type.
    pub letters: Vec<(u64, i64, String)>,
    /// How often each message was answered for, by lane and position.
    pub acked: BTreeMap<(u64, u64), usize>,
    /// What cannot be mended.
    pub fatal: Vec<String>,
    /// How often the first guest was ready.
    pub ready: usize,
    /// Where the pipeline was to end.
    pub stopped: Vec<String>,
}

/// Everybody around the processor and the supervisor.
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
        let lane = deliver.batch.origin.lane.0;
        let messages = &deliver.batch.messages[deliver.start..];
        for (message, outcome) in messages.iter().zip(&deliver.outcomes.items) {
            match outcome {
                Outcome::Failed(failure) if self.letters => {
                    let letter = (lane, message.offset, failure.kind.clone());
                    seen.letters.push(letter);
                }
                Outcome::Record(record) if !self.letters => {
                    assert_eq!(deliver.outcomes.payload(record), message.payload);
                    seen.results.push((lane, message.offset));
                }
                _ => {}
            }
        }
        drop(seen);
        deliver.ack.done();
    }
}

impl Handler<Acked> for Around {
    type Result = ();

    fn handle(&mut self, acked: Acked, _: &mut Self::Context) {
        if acked.fate == Fate::Delivered {
            for position in acked.position..acked.position + acked.count as u64 {
                let key = (acked.lane.0, position);
                *self.seen.lock().unwrap().acked.entry(key).or_default() += 1;
            }
        }
    }
}

impl Handler<Fatal> for Around {
    type Result = ();

    fn handle(&mut self, fatal: Fatal, _: &mut Self::Context) {
        self.seen.lock().unwrap().fatal.push(format!("{fatal:?}"));
    }
}

impl Handler<GuestsReady> for Around {
    type Result = ();

    fn handle(&mut self, GuestsReady: GuestsReady, _: &mut Self::Context) {
        self.seen.lock().unwrap().ready += 1;
    }
}

impl Handler<TooManyFailures> for Around {
    type Result = ();

    fn handle(&mut self, _: TooManyFailures, _: &mut Self::Context) {
        let mut seen = self.seen.lock().unwrap();
        seen.stopped.push("too many failures".into());
    }
}

impl Handler<MessageFailed> for Around {
    type Result = ();

    fn handle(&mut self, failed: MessageFailed, _: &mut Self::Context) {
        self.seen.lock().unwrap().stopped.push(failed.place);
    }
}

/// The actors under test, and what they told.
pub struct Pipeline {
    pub processor: Addr<Processor>,
    supervisor: Addr<Supervisor>,
    around: Addr<Around>,
    pub metrics: Arc<Metrics>,
    gate: Gate,
    seen: Arc<Mutex<Seen>>,
    lanes: BTreeMap<u64, (Arc<Origin>, u64)>,
    guests: usize,
}

impl Pipeline {
    /// With `guests` of `fakes`, which are waited for by `clock`.
    pub fn new(fakes: Arc<Fakes>, guests: usize, clock: Clock) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let around = |letters| {
            let seen = Arc::clone(&seen);
            Around { seen, letters }.start()
        };
        let (around, letters) = (around(false), around(true));
        let gate = Gate::new(1 << 30);
        let metrics = Arc::<Metrics>::default();
        let context = Context::<Processor>::new();
        let parts = Parts {
            first: successor(fakes, guests),
            gate: gate.clone(),
            metrics: Arc::clone(&metrics),
            ready: around.clone().recipient(),
            fatal: around.clone().recipient(),
            clock,
        };
        let supervisor = Supervisor::new(parts, context.address().recipient()).start();
        let processor = Processor::new(
            supervisor.clone().recipient(),
            around.clone().recipient(),
            ErrorPolicy::DeadLetter(letters.recipient()),
            Judge {
                max_failures: None,
                script_hash: "".into(),
            },
            Arc::clone(&metrics),
            ToEngine {
                failed: around.clone().recipient(),
                too_many: around.clone().recipient(),
            },
            Watch::new("processor", around.clone().recipient()),
        );
        Self {
            processor: context.run(processor),
            supervisor,
            around,
            metrics,
            gate,
            seen,
            lanes: BTreeMap::new(),
            guests,
        }
    }

    /// A batch of `lane` with these payloads.
    pub fn send(&mut self, lane: u64, payloads: &[&'static [u8]]) {
        let (origin, position) = self.lanes.entry(lane).or_insert_with(|| {
            let origin = Origin::of_partition(Lane(lane), "topic".into(), lane as i32);
            (Arc::new(origin), 0)
        });
        let offsets = *position as i64..;
        let messages = payloads.iter().zip(offsets);
        let messages: Vec<Message> = messages
            .map(|(payload, offset)| Message::new(Bytes::from_static(payload), offset))
            .collect();
        let permit = self.gate.acquire(messages.iter().map(Message::cost).sum());
        let batch = Batch::new(
            Arc::clone(origin),
            *position,
            messages,
            permit,
            self.around.clone().recipient(),
        );
        *position += payloads.len() as u64;
        self.processor.do_send(Incoming(Arc::new(batch)));
    }

    /// Waits until everything that was sent is answered for.
    pub async fn drained(&self) {
        let drained = tokio::time::timeout(HANG, self.gate.drained()).await;
        drained.unwrap_or_else(|_| panic!("it hangs: {:?}", self.seen.lock().unwrap()));
    }

    /// Waits until `enough` was told.
    pub async fn until(&self, enough: impl Fn(&Seen) -> bool) {
        let told = async {
            while !enough(&self.seen.lock().unwrap()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let told = tokio::time::timeout(HANG, told).await;
        told.unwrap_or_else(|_| panic!("not told: {:?}", self.seen.lock().unwrap()));
    }

    /// Has guests of `fakes` take over.
    pub async fn reload(&self, fakes: Arc<Fakes>) -> Result<(), StartError> {
        let scripts = NewScripts(successor(fakes, self.guests));
        self.supervisor.send(scripts).await.expect("it lives")
    }

    /// What was told so far, once all actors have had their turn.
    pub async fn seen(&self) -> Seen {
        tokio::time::sleep(Duration::from_millis(20)).await;
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

fn successor(spec: Arc<Fakes>, guests: usize) -> Successor {
    Successor {
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
