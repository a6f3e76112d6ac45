//! Number of guests: carries out what [`scaling`] decides.

use std::time::Instant;

use actix::prelude::*;

use super::scaling::{self, Decision, Reason, Snapshot};
use super::slot::Slot;
use super::{Supervisor, oldest_of};
use crate::telemetry::events::Scaled;
use crate::telemetry::metrics::GuestsNow;

impl Supervisor {
    /// Starts or ends guests as the load requires, and sets the alarm for when time alone may change that.
    pub(super) fn scale(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        loop {
            let seen = self.snapshot(now);
            match scaling::decide(&seen, &self.bounds) {
                Decision::Stay => break,
                Decision::Grow(reason) => self.scale_up(reason, ctx),
                Decision::Shrink(reason) => self.scale_down(reason),
            }
        }
        self.set_alarm(now, ctx);
    }

    /// Returns the state of the guests for people.
    pub(super) fn guests_now(&self) -> GuestsNow {
        let count =
            |which: fn(&Slot) -> bool| self.slots.values().filter(|slot| which(slot)).count();
        let is_current = |slot: &Slot| slot.generation == self.generations.current().number;
        let retires = |slot: &&Slot| slot.is_busy() && (slot.retiring || !is_current(slot));
        let retiring = self.slots.values().filter(retires).count();
        GuestsNow {
            states: [
                ("starting", count(|slot| slot.is_starting())),
                ("idle", count(|slot| slot.idle_since().is_some())),
                ("busy", count(|slot| slot.is_busy()) - retiring),
                ("retiring", retiring),
            ],
            memory: self.slots.values().map(|slot| slot.memory_now).sum(),
            queued: self.queue.len(),
            oldest: self.queue.values().next().map(|work| work.since),
        }
    }

    pub(super) fn scale_up(&mut self, reason: Reason, ctx: &mut Context<Self>) {
        let event = Scaled {
            up: true,
            reason: reason.as_str(),
            guests: self.current_slots().count() + 1,
            bound: self.bounds.max,
        };
        event.emit(&self.metrics);
        self.grow(None, ctx);
    }

    fn scale_down(&mut self, reason: Reason) {
        let current = self.generations.current().number;
        let idle = |(guest, slot): (&usize, &Slot)| Some((slot.idle_since()?, *guest));
        let Some((_, idlest)) = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.generation == current)
            .filter_map(idle)
            .min()
        else {
            return;
        };
        self.slots.remove(&idlest);
        let event = Scaled {
            up: false,
            reason: reason.as_str(),
            guests: self.current_slots().count(),
            bound: self.bounds.min,
        };
        event.emit(&self.metrics);
    }

    /// Returns the slots of guests that get the batches that arrive.
    pub(super) fn current_slots(&self) -> impl Iterator<Item = &Slot> {
        let current = self.generations.current().number;
        self.slots
            .values()
            .filter(move |slot| slot.generation == current)
    }

    /// Returns the facts that decide how many guests there should be; guests with old scripts end by themselves.
    fn snapshot(&self, now: Instant) -> Snapshot {
        let oldest = oldest_of(&self.queue, self.generations.current().from..u64::MAX);
        let idle_since = self.current_slots().filter_map(Slot::idle_since).min();
        Snapshot {
            waited: oldest.map(|(_, work)| now.duration_since(work.since)),
            idle: self
                .current_slots()
                .filter(|slot| slot.idle_since().is_some())
                .count(),
            starting: self
                .current_slots()
                .filter(|slot| slot.is_starting())
                .count(),
            guests: self.current_slots().count(),
            idle_for: idle_since.map(|since| now.duration_since(since)),
        }
    }

    fn set_alarm(&mut self, now: Instant, ctx: &mut Context<Self>) {
        if let Some(alarm) = self.alarm.take() {
            ctx.cancel_future(alarm);
        }
        if let Some(delay) = scaling::next_look(&self.snapshot(now), &self.bounds) {
            self.alarm = Some(ctx.run_later(delay, |supervisor, ctx| {
                supervisor.alarm = None;
                supervisor.act(ctx);
            }));
        }
    }
}
