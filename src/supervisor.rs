//! The queue of work, the guests, and their lives: scaling, restart, recycling.
//!
//! actix's own `Supervisor` does not survive a panic and restarts the same value, so this is our own: every
//! guest that died becomes a new one that has said READY, and the work it held stays here until it is
//! answered. The decisions are pure and stand in [`scaling`], [`restart`], [`replay`] and
//! [`generations`]; this file hands out the work, `population` makes the guests more or fewer, `lives` starts and
//! replaces them, and `reload` has guests with new scripts take over.

pub mod generations;
mod lives;
mod population;
mod reload;
pub mod replay;
pub mod restart;
pub mod scaling;
mod slot;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;

use self::generations::Generations;
use self::reload::Candidate;
pub use self::reload::{NewScripts, Successor};
use self::replay::{Next, Turn, Work};
use self::scaling::{Bounds, Reason};
use self::slot::{Slot, State};
use crate::engine::{Engine, Watch};
use crate::guest::{Execute, Executed, GuestSpec, Stop, YIELD_AFTER};
use crate::message::gate::Gate;
use crate::message::{Batch, Outcome, Outcomes, Processed};
use crate::telemetry::metrics::Metrics;

/// Starts that may fail in a row, with no guest ready, before the engine gives up.
const MOST_FAILED_STARTS: u32 = 4;
/// Threads that may be stuck in the host's code before the engine gives up: they cannot be ended.
const MOST_ABANDONED: u32 = 8;

/// When guests are replaced although they are well.
#[derive(Debug, Clone, Copy)]
pub struct Recycle {
    /// After this many messages.
    pub messages: Option<u64>,
    /// When a guest has this many bytes of memory: WebAssembly memory never shrinks.
    pub memory: u64,
}

/// A batch to run.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Run(pub Arc<Batch>);

/// The actor. See the module's documentation.
pub struct Supervisor {
    generations: Generations<Arc<GuestSpec>>,
    /// New scripts whose first guest is on its way to READY.
    candidate: Option<Candidate>,
    bounds: Bounds,
    recycle: Recycle,
    gate: Gate,
    metrics: Arc<Metrics>,
    processor: Recipient<Processed>,
    engine: Addr<Engine>,
    queue: BTreeMap<Turn, Work>,
    arrivals: u64,
    /// Batches that a guest has begun, by arrival.
    begun: u64,
    slots: Vec<Slot>,
    next_number: usize,
    /// Failed starts since a guest last reached READY.
    failed_starts: u32,
    abandoned: u32,
    alarm: Option<SpawnHandle>,
    /// Waits until the gate lets work go on.
    held_back: Option<SpawnHandle>,
    _watch: Watch,
}

/// What a supervisor is given.
pub struct Parts {
    /// What the first guests are made from.
    pub first: Successor,
    /// The bound on memory.
    pub gate: Gate,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who hears that the first guest is ready, and of what cannot be mended.
    pub engine: Addr<Engine>,
}

impl Supervisor {
    /// A supervisor without guests that gives outcomes to `processor`. When it is started itself, it starts
    /// `min` of them, and at least one: that one shows that the scripts can start.
    pub fn new(parts: Parts, processor: Recipient<Processed>) -> Self {
        let Parts {
            first,
            gate,
            metrics,
            engine,
        } = parts;
        let Successor {
            spec,
            bounds,
            recycle,
        } = first;
        Self {
            generations: Generations::new(spec),
            candidate: None,
            bounds,
            recycle,
            gate,
            metrics,
            processor,
            _watch: Watch::over("supervisor", &engine),
            engine,
            queue: BTreeMap::new(),
            arrivals: 0,
            begun: 0,
            slots: Vec::new(),
            next_number: 0,
            failed_starts: 0,
            abandoned: 0,
            alarm: None,
            held_back: None,
        }
    }

    /// Hands out work, scales, and sets the alarm for the next time something may be due.
    fn act(&mut self, ctx: &mut Context<Self>) {
        self.dispatch(ctx);
        self.end_old_generations(ctx);
        self.scale(ctx);
        if !cfg!(feature = "uncounted") {
            self.metrics.now().guests = self.guests_now();
        }
    }

    /// Gives the oldest work to idle guests, as far as the gate has room for results.
    fn dispatch(&mut self, ctx: &mut Context<Self>) {
        if let Some(held_back) = self.held_back.take() {
            ctx.cancel_future(held_back);
        }
        while let Some((turn, index)) = self.next_run() {
            let any_busy = self.slots.iter().any(|slot| slot.work().is_some());
            if !self.gate.may_work(any_busy) {
                let room = self.gate.clone().until_may_work(any_busy);
                let room = room.into_actor(self);
                self.held_back = Some(ctx.spawn(room.map(|(), supervisor, ctx| {
                    supervisor.held_back = None;
                    supervisor.act(ctx);
                })));
                return;
            }
            let Some(work) = self.queue.remove(&turn) else {
                return;
            };
            self.run(index, work, ctx);
        }
    }

    /// The oldest work for which a guest is idle, and the slot of that guest.
    fn next_run(&mut self) -> Option<(Turn, usize)> {
        for (generation, batches) in self.generations.spans() {
            let turn = loop {
                let Some((&turn, work)) = oldest_of(&self.queue, batches.clone()) else {
                    break None;
                };
                if !work.stretch.batch.origin.is_over() {
                    break Some(turn);
                }
                self.queue.remove(&turn);
            };
            let idle = |slot: &Slot| slot.generation == generation && slot.idle_since().is_some();
            let index = self.slots.iter().position(idle);
            if let (Some(turn), Some(index)) = (turn, index) {
                return Some((turn, index));
            }
        }
        None
    }

    fn run(&mut self, index: usize, mut work: Work, ctx: &mut Context<Self>) {
        let slot = &self.slots[index];
        let number = slot.number;
        let Some(guest) = slot.guest.clone() else {
            self.enqueue(work); // only guests with a thread are idle
            return;
        };
        work.waited += work.since.elapsed();
        self.begun = self.begun.max(work.turn().0 + 1);
        let slot = &mut self.slots[index];
        let limits = &slot.spec.limits;
        // It hands on what it has after `YIELD_AFTER`, but for the request it is at. Only a guest that is
        // stuck in the host's code is later than this.
        let patience = YIELD_AFTER + limits.timeout + limits.start_timeout;
        let request = guest.send(Execute(work.stretch.clone())).timeout(patience);
        slot.state = State::Busy(work);
        ctx.spawn(
            request
                .into_actor(self)
                .map(move |result, supervisor, ctx| {
                    supervisor.executed(number, result, ctx);
                }),
        );
    }

    fn executed(
        &mut self,
        number: usize,
        result: Result<Executed, MailboxError>,
        ctx: &mut Context<Self>,
    ) {
        let Some(index) = self.slots.iter().position(|slot| slot.number == number) else {
            return;
        };
        let Some(work) = self.slots[index].take_work() else {
            return;
        };
        match result {
            Ok(executed) => self.settle(index, work, executed, ctx),
            Err(error) => self.lost(index, work, error, ctx),
        }
        self.act(ctx);
    }

    /// A guest answered.
    fn settle(&mut self, index: usize, work: Work, executed: Executed, ctx: &mut Context<Self>) {
        let Executed {
            mut outcomes,
            stop,
            memory,
            took,
            cpu_seconds,
        } = executed;
        let (batch, start) = (Arc::clone(&work.stretch.batch), work.stretch.next);
        let answered = outcomes.items.len();
        if answered > 0 {
            self.slots[index].backoff.reset();
        }
        self.slots[index].messages += answered as u64;
        self.slots[index].memory_now = memory;
        // What is left of the batch waits again, and counts when it is answered.
        Metrics::took(&self.metrics.queue_seconds, work.waited, answered);
        Metrics::took(&self.metrics.guest_seconds, took, answered);
        Metrics::add(&self.metrics.guest_cpu_micros, (cpu_seconds * 1e6) as u64);
        match work.after(answered, &stop) {
            Next::Done => self.free(index, memory, ctx),
            Next::Continue(work) => {
                self.requeue(work);
                self.free(index, memory, ctx);
            }
            Next::Restart { work, convicted } => {
                if let Some((_, failure)) = convicted {
                    self.slots[index].backoff.reset();
                    outcomes.items.push(Outcome::Failed(Box::new(failure)));
                }
                if let Stop::Died { death, .. } = stop {
                    self.bury(index, &death, work, ctx);
                }
            }
        }
        self.hand_on(batch, start, outcomes);
    }

    fn hand_on(&self, batch: Arc<Batch>, start: usize, outcomes: Outcomes) {
        if !outcomes.items.is_empty() {
            // Bounded by the gate: a batch has at most as many outcomes as messages.
            self.processor.do_send(Processed {
                batch,
                start,
                outcomes,
            });
        }
    }

    fn enqueue(&mut self, work: Work) {
        self.queue.insert(work.turn(), work);
    }

    /// The rest of work that takes long goes back in shares: what nobody has time for makes the guests grow.
    fn requeue(&mut self, mut work: Work) {
        work.since = Instant::now();
        for share in work.share(self.bounds.max) {
            self.enqueue(share);
        }
    }
}

/// The oldest work that waits, of these batches by arrival.
fn oldest_of(queue: &BTreeMap<Turn, Work>, batches: Range<u64>) -> Option<(&Turn, &Work)> {
    queue.range((batches.start, 0)..(batches.end, 0)).next()
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Bounded by the gate, not by the mailbox.
        ctx.set_mailbox_capacity(0);
        self.scale_up(Reason::Start, ctx);
        self.act(ctx);
    }
}

impl Handler<Run> for Supervisor {
    type Result = ();

    fn handle(&mut self, Run(batch): Run, ctx: &mut Self::Context) {
        self.enqueue(Work::new(batch, self.arrivals, Instant::now()));
        self.arrivals += 1;
        self.act(ctx);
    }
}
