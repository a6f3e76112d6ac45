//! Supervisor: the queue of work, the guests, and their lives (scaling, restart, recycling).
//!
//! actix's own `Supervisor` does not survive a panic and restarts the same value, so this is our own: each guest that
//! died is replaced by a new one that has said READY, and the dead guest's work stays here until it is answered. The
//! decisions are pure functions in [`scaling`], [`restart`], [`replay`] and [`generations`]. This file gives out the
//! work, `answers` handles the answers, `population` changes the number of guests, `lives` starts and replaces guests,
//! `patience` decides when a guest is given up, and `reload` lets guests with new scripts take over.

mod answers;
pub(crate) mod generations;
mod lives;
mod patience;
mod population;
mod reload;
pub(crate) mod replay;
pub(crate) mod restart;
pub(crate) mod scaling;
mod slot;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;

use self::generations::Generations;
use self::patience::Abandoned;
use self::reload::Candidate;
pub(crate) use self::reload::{GuestPlan, NewScripts};
use self::replay::{Turn, Work};
use self::scaling::{Bounds, Reason};
use self::slot::{Slot, SlotState};
use crate::clock::Clock;
use crate::control::{DeathGuard, Notice};
use crate::guest::{Execute, MakeGuests};
use crate::message::budget::MemoryBudget;
use crate::message::{Batch, Processed};
use crate::telemetry::metrics::Metrics;

/// Failed starts in a row, with no guest ready, after which the engine gives up.
const MOST_FAILED_STARTS: u32 = 4;

/// Limits at which a healthy guest is replaced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recycle {
    /// Number of messages.
    pub messages: Option<u64>,
    /// Bytes of memory: WebAssembly memory never shrinks.
    pub memory: u64,
}

/// Request to run a batch.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Run(pub Arc<Batch>);

/// Actor that gives work to guests and manages their lives. See the module's documentation.
pub(crate) struct Supervisor {
    generations: Generations<Arc<dyn MakeGuests>>,
    /// New scripts whose first guest is not READY yet, if a reload is under way.
    candidate: Option<Candidate>,
    bounds: Bounds,
    recycle: Recycle,
    budget: MemoryBudget,
    metrics: Arc<Metrics>,
    results: Recipient<Processed>,
    engine: Recipient<Notice>,
    /// Clock by which the supervisor waits for guests; it stands still while the process does.
    clock: Clock,
    /// Work that is in no slot, the oldest first.
    queue: BTreeMap<Turn, Work>,
    /// Number of batches that have arrived; the next one gets it as its arrival.
    arrivals: u64,
    /// Arrival after the latest batch that a guest has begun; batches from here on may go to new scripts.
    begun: u64,
    /// Slots by the number of the guest. Numbers grow, so the oldest guest is the first.
    slots: BTreeMap<usize, Slot>,
    next_number: usize,
    /// Number of failed starts since a guest last reached READY.
    failed_starts: u32,
    abandoned: Abandoned,
    /// Timer for when time alone may change the number of guests.
    alarm: Option<SpawnHandle>,
    /// Task that waits until the budget allows work again.
    held_back: Option<SpawnHandle>,
    _guard: DeathGuard,
}

/// Parts from which a supervisor is made.
pub(crate) struct Parts {
    /// Plan of the first guests.
    pub first: GuestPlan,
    /// Bound on the memory of messages in flight.
    pub budget: MemoryBudget,
    /// Counters of the pipeline.
    pub metrics: Arc<Metrics>,
    /// Engine, which is notified when the first guest is ready, and of errors that cannot be repaired.
    pub engine: Recipient<Notice>,
    /// Clock by which the supervisor waits for guests; it stands still while the process does.
    pub clock: Clock,
}

impl Supervisor {
    /// Creates a supervisor without guests that sends outcomes to `results`. When the actor is started, it starts one
    /// guest, which shows that the scripts can start, and later as many as `min`.
    pub(crate) fn new(parts: Parts, results: Recipient<Processed>) -> Self {
        let Parts {
            first,
            budget,
            metrics,
            engine,
            clock,
        } = parts;
        let GuestPlan {
            spec,
            bounds,
            recycle,
        } = first;
        Self {
            generations: Generations::new(spec),
            candidate: None,
            bounds,
            recycle,
            budget,
            metrics,
            results,
            _guard: DeathGuard::new("supervisor", engine.clone()),
            engine,
            clock,
            queue: BTreeMap::new(),
            arrivals: 0,
            begun: 0,
            slots: BTreeMap::new(),
            next_number: 0,
            failed_starts: 0,
            abandoned: Abandoned::default(),
            alarm: None,
            held_back: None,
        }
    }

    /// Gives out work, ends old generations, scales, and sets the alarm for the next time that something may be due.
    fn act(&mut self, ctx: &mut Context<Self>) {
        self.dispatch(ctx);
        self.end_old_generations(ctx);
        self.scale(ctx);
        if !cfg!(feature = "uncounted") {
            self.metrics.now().guests = self.guests_now();
        }
    }

    /// Gives the oldest work to idle guests, as far as the budget has room for results.
    fn dispatch(&mut self, ctx: &mut Context<Self>) {
        if let Some(held_back) = self.held_back.take() {
            ctx.cancel_future(held_back);
        }
        while let Some((turn, guest)) = self.next_run() {
            let any_busy = self.slots.values().any(|slot| slot.work().is_some());
            if !self.budget.may_work(any_busy) {
                let room = self.budget.clone().until_may_work(any_busy);
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
            self.run(guest, work, ctx);
        }
    }

    /// Returns the oldest work for which a guest is idle, and the number of that guest. Removes work of lanes that are
    /// over.
    fn next_run(&mut self) -> Option<(Turn, usize)> {
        for (generation, batches) in self.generations.spans() {
            let turn = loop {
                let Some((&turn, work)) = oldest_of(&self.queue, batches.clone()) else {
                    break None;
                };
                if !work.slice.batch.lane.is_over() {
                    break Some(turn);
                }
                self.queue.remove(&turn);
            };
            let idle = |slot: &Slot| slot.generation == generation && slot.idle_since().is_some();
            let mut guests = self.slots.iter();
            let guest = guests.find_map(|(guest, slot)| idle(slot).then_some(*guest));
            if let (Some(turn), Some(guest)) = (turn, guest) {
                return Some((turn, guest));
            }
        }
        None
    }

    fn run(&mut self, guest: usize, mut work: Work, ctx: &mut Context<Self>) {
        let arrival = work.turn().0;
        let slot = self.slots.get_mut(&guest);
        let Some((slot, link)) = slot.and_then(|slot| {
            // A copy of the recipient: each copy has a place of its own in the guest's mailbox.
            let link = slot.guest.as_ref()?.execute.clone();
            Some((slot, link))
        }) else {
            self.enqueue(work); // only guests with a thread are idle
            return;
        };
        work.waited += work.since.elapsed();
        self.begun = self.begun.max(arrival + 1);
        let patience = patience::for_work(slot.spec.limits());
        let request = link.send(Execute {
            slice: work.slice.clone(),
            solo_until: work.solo_until,
        });
        slot.state = SlotState::Busy(work);
        let answer = patience::answer(request, patience, self.clock.clone());
        ctx.spawn(answer.into_actor(self).map(move |result, supervisor, ctx| {
            supervisor.executed(guest, result, ctx);
        }));
    }

    fn enqueue(&mut self, work: Work) {
        self.queue.insert(work.turn(), work);
    }
}

/// Returns the oldest queued work of these batches, which are given by arrival.
fn oldest_of(queue: &BTreeMap<Turn, Work>, batches: Range<u64>) -> Option<(&Turn, &Work)> {
    queue.range((batches.start, 0)..(batches.end, 0)).next()
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // The memory budget bounds the mailbox, so its capacity is unlimited (0).
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

#[cfg(test)]
mod tests;
