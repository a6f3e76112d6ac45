//! Lives of guests: how they are started, die, end and are replaced.
//!
//! A slot keeps its number and its work during all of this; only its thread and interpreter change.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::replay::{Next, Work};
use super::slot::{Slot, SlotState};
use super::{MOST_FAILED_STARTS, Supervisor, patience};
use crate::control::Notice;
use crate::guest::error::{Death, StartError};
use crate::guest::{Link, MakeGuests, Start, Started};
use crate::message::{Outcome, Outcomes};
use crate::telemetry::events::{GuestDied, GuestNotStarted, GuestReady, GuestRecycled};
use crate::telemetry::metrics::Metrics;

impl Supervisor {
    /// Adds another guest of the current generation.
    pub(super) fn grow(&mut self, replaces: Option<usize>, ctx: &mut Context<Self>) {
        let current = self.generations.current();
        let (number, spec) = (current.number, Arc::clone(&current.spec));
        self.add(number, spec, replaces, ctx);
    }

    pub(super) fn add(
        &mut self,
        generation: u64,
        spec: Arc<dyn MakeGuests>,
        replaces: Option<usize>,
        ctx: &mut Context<Self>,
    ) {
        self.next_number += 1;
        let mut slot = Slot::new(generation, spec, replaces);
        let replaced = replaces.and_then(|replaced| self.slots.get(&replaced));
        if let Some(replaced) = replaced {
            slot.lines = replaced.lines.clone();
        }
        self.slots.insert(self.next_number, slot);
        self.start(self.next_number, None, Duration::ZERO, ctx);
    }

    pub(super) fn start(
        &mut self,
        number: usize,
        work: Option<Work>,
        delay: Duration,
        ctx: &mut Context<Self>,
    ) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        slot.state = SlotState::Starting(work);
        slot.messages = 0;
        slot.worn = false;
        slot.memory_now = 0;
        if delay.is_zero() {
            self.send_start(number, ctx);
        } else {
            ctx.run_later(delay, move |supervisor, ctx| {
                supervisor.send_start(number, ctx)
            });
        }
    }

    pub(super) fn send_start(&mut self, number: usize, ctx: &mut Context<Self>) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        let guest = match &slot.guest {
            Some(guest) => Ok(guest.clone()),
            None => Arc::clone(&slot.spec).spawn(number, &slot.lines),
        };
        let patience = patience::for_start(slot.spec.limits());
        let request = match guest {
            Ok(guest) => slot.guest.insert(guest).start.send(Start),
            Err(error) => {
                self.started(number, Err(error), ctx);
                return;
            }
        };
        let answer = patience::answer(request, patience, self.clock.clone());
        ctx.spawn(answer.into_actor(self).map(move |result, supervisor, ctx| {
            let result = result.unwrap_or_else(|error| {
                supervisor.let_go(number, error == MailboxError::Timeout);
                Err(StartError::Died(Death::Panic(format!(
                    "no answer from its thread: {error}"
                ))))
            });
            supervisor.started(number, result, ctx);
        }));
    }

    pub(super) fn started(
        &mut self,
        number: usize,
        result: Result<Started, StartError>,
        ctx: &mut Context<Self>,
    ) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        match result {
            Ok(Started {
                ready,
                took,
                memory,
            }) => {
                self.failed_starts = 0;
                slot.memory = memory;
                slot.memory_now = memory;
                if Metrics::get(&self.metrics.starts) == 0 {
                    let warnings = ready.warnings.clone();
                    self.engine.do_send(Notice::GuestsReady(warnings));
                }
                let event = GuestReady {
                    guest: number,
                    ready: &ready,
                    took,
                };
                event.emit(&self.metrics);
                self.ready(number, ctx);
                self.take_over(number, ready.warnings, ctx);
            }
            Err(error) => self.failed(number, error, ctx),
        }
        self.act(ctx);
    }

    pub(super) fn ready(&mut self, number: usize, ctx: &mut Context<Self>) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        let replaced = slot.replaces.take();
        let held = slot.take_work();
        slot.state = SlotState::Idle(Instant::now());
        if let Some(work) = held {
            self.run(number, work, ctx);
        }
        if let Some(old) = replaced.and_then(|old| self.slots.get_mut(&old)) {
            old.retiring = true;
        }
        self.slots
            .retain(|_, slot| !(slot.retiring && slot.idle_since().is_some()));
    }

    pub(super) fn failed(&mut self, number: usize, error: StartError, ctx: &mut Context<Self>) {
        let Some(error) = self.refuse(number, error) else {
            return;
        };
        self.failed_starts += 1;
        let any_ready = self.slots.values().any(|slot| !slot.is_starting());
        let fatal =
            !error.is_retriable() || (self.failed_starts >= MOST_FAILED_STARTS && !any_ready);
        let event = GuestNotStarted {
            guest: number,
            error: &error,
            none_runs: !any_ready,
            fatal,
        };
        event.emit(&self.metrics);
        if fatal {
            self.engine.do_send(Notice::CannotStart(error));
            return;
        }
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        slot.guest = None;
        let delay = slot.backoff.fail();
        // Other guests may have time for the work that the guest held.
        if let Some(work) = slot.take_work() {
            self.enqueue(work);
        }
        self.start(number, None, delay, ctx);
    }

    /// Marks guest `number` as idle, and replaces it if that is due.
    pub(super) fn free(&mut self, number: usize, memory: u64, ctx: &mut Context<Self>) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        slot.state = SlotState::Idle(Instant::now());
        if slot.retiring {
            tracing::debug!(guest = number, "recycled guest ended");
            self.slots.remove(&number);
            return;
        }
        let worn_by_messages = self
            .recycle
            .messages
            .is_some_and(|most| slot.messages >= most);
        // A new guest would soon have the memory that this one had at the start, and half as much again.
        let most_memory = self.recycle.memory.max(slot.memory / 2 * 3);
        let is_current = slot.generation == self.generations.current().number;
        if (memory >= most_memory || worn_by_messages) && !slot.worn && is_current {
            slot.worn = true;
            let event = GuestRecycled {
                guest: number,
                memory,
                messages: slot.messages,
            };
            event.emit(&self.metrics);
            // The new guest is started first, so that there is no pause.
            self.grow(Some(number), ctx);
        }
    }

    /// Handles the loss of a guest's thread and its answers: the thread panicked, is `stuck` in the host's code, or
    /// gave an impossible answer.
    pub(super) fn lost(
        &mut self,
        number: usize,
        work: Work,
        death: Death,
        stuck: bool,
        ctx: &mut Context<Self>,
    ) {
        let Some(slot) = self.slots.get(&number) else {
            return;
        };
        let fresh = slot.messages == 0;
        let script_hash = Arc::clone(slot.spec.script_hash());
        self.let_go(number, stuck);
        let (batch, start) = (Arc::clone(&work.slice.batch), work.slice.range.start);
        let (next, others) = work.lost(death.clone(), fresh);
        for mut other in others {
            other.since = Instant::now();
            self.enqueue(other);
        }
        if let Next::Restart { work, convicted } = next {
            self.bury(number, &death, work, ctx);
            if let Some((_, failure)) = convicted {
                let items = vec![Outcome::Failed(Box::new(failure))];
                self.hand_on(
                    batch,
                    start,
                    Outcomes {
                        data: Vec::new(),
                        items,
                        script_hash,
                    },
                );
            }
        }
    }

    /// Gives up the thread of guest `number`. A `stuck` thread cannot be ended: if there are too many, the engine ends.
    fn let_go(&mut self, number: usize, stuck: bool) {
        let slot = self.slots.get_mut(&number);
        // A thread that is not stuck ends with its last address.
        let Some(Link { thread, .. }) = slot.and_then(|slot| slot.guest.take()) else {
            return;
        };
        if stuck && let Some(threads) = self.abandoned.add(thread) {
            self.engine.do_send(Notice::ThreadsStuck(threads));
        }
    }

    /// Handles the death of guest `number`: a new guest takes its place, and the work it held.
    pub(super) fn bury(
        &mut self,
        number: usize,
        death: &Death,
        work: Option<Work>,
        ctx: &mut Context<Self>,
    ) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        let delay = slot.backoff.fail();
        let event = GuestDied {
            guest: number,
            death,
            messages: slot.messages,
        };
        event.emit(&self.metrics);
        if slot.retiring && work.is_none() {
            self.slots.remove(&number);
            return;
        }
        self.start(number, work, delay, ctx);
    }
}
