//! The lives of guests: how they come, go, die and are replaced.
//!
//! A slot keeps its number and its work through all of it; what changes is the thread and the interpreter.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::replay::{Next, Work};
use super::slot::{Slot, State};
use super::{MOST_ABANDONED, MOST_FAILED_STARTS, Supervisor};
use crate::engine::{Fatal, GuestsReady};
use crate::guest::error::{Death, StartError};
use crate::guest::{Guest, GuestSpec, Start, Started, Stop};
use crate::message::{Outcome, Outcomes};
use crate::telemetry::events::{GuestDied, GuestNotStarted, GuestReady, GuestRecycled};
use crate::telemetry::metrics::Metrics;

impl Supervisor {
    /// Another guest of the current generation.
    pub(super) fn grow(&mut self, replaces: Option<usize>, ctx: &mut Context<Self>) {
        let current = self.generations.current();
        let (number, spec) = (current.number, Arc::clone(&current.spec));
        self.add(number, spec, replaces, ctx);
    }

    pub(super) fn add(
        &mut self,
        generation: u64,
        spec: Arc<GuestSpec>,
        replaces: Option<usize>,
        ctx: &mut Context<Self>,
    ) {
        self.next_number += 1;
        let slot = Slot::new(self.next_number, generation, spec, replaces);
        self.slots.push(slot);
        self.start(self.slots.len() - 1, None, Duration::ZERO, ctx);
    }

    pub(super) fn start(
        &mut self,
        index: usize,
        work: Option<Work>,
        delay: Duration,
        ctx: &mut Context<Self>,
    ) {
        let slot = &mut self.slots[index];
        slot.state = State::Starting(work);
        slot.messages = 0;
        slot.worn = false;
        slot.memory_now = 0;
        let number = slot.number;
        if delay.is_zero() {
            self.send_start(number, ctx);
        } else {
            ctx.run_later(delay, move |supervisor, ctx| {
                supervisor.send_start(number, ctx)
            });
        }
    }

    pub(super) fn send_start(&mut self, number: usize, ctx: &mut Context<Self>) {
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.number == number) else {
            return;
        };
        let guest = match &slot.guest {
            Some(guest) => Ok(guest.clone()),
            None => Guest::spawn(number, Arc::clone(&slot.spec)),
        };
        let patience = slot.spec.limits.start_timeout.saturating_mul(2);
        let guest = match guest {
            Ok(guest) => slot.guest.insert(guest),
            Err(error) => {
                self.started(number, Err(error), ctx);
                return;
            }
        };
        let request = guest.send(Start).timeout(patience);
        ctx.spawn(
            request
                .into_actor(self)
                .map(move |result, supervisor, ctx| {
                    let result = result.unwrap_or_else(|error| {
                        if let MailboxError::Timeout = error {
                            supervisor.abandon();
                        }
                        Err(StartError::Died(Death::Panic(format!(
                            "no answer from its thread: {error}"
                        ))))
                    });
                    supervisor.started(number, result, ctx);
                }),
        );
    }

    pub(super) fn started(
        &mut self,
        number: usize,
        result: Result<Started, StartError>,
        ctx: &mut Context<Self>,
    ) {
        let Some(index) = self.slots.iter().position(|slot| slot.number == number) else {
            return;
        };
        match result {
            Ok(Started {
                ready,
                took,
                memory,
            }) => {
                self.failed_starts = 0;
                self.slots[index].memory = memory;
                self.slots[index].memory_now = memory;
                if Metrics::get(&self.metrics.starts) == 0 {
                    self.engine.do_send(GuestsReady);
                }
                let event = GuestReady {
                    guest: number,
                    ready: &ready,
                    took,
                };
                event.emit(&self.metrics);
                self.ready(index, ctx);
                self.take_over(number, ctx);
            }
            Err(error) => self.failed(index, error, ctx),
        }
        self.act(ctx);
    }

    pub(super) fn ready(&mut self, index: usize, ctx: &mut Context<Self>) {
        let slot = &mut self.slots[index];
        let replaced = slot.replaces.take();
        let held = slot.take_work();
        slot.state = State::Idle(Instant::now());
        if let Some(work) = held {
            self.run(index, work, ctx);
        }
        let old = replaced.and_then(|old| self.slots.iter().position(|slot| slot.number == old));
        if let Some(old) = old {
            self.slots[old].retiring = true;
        }
        self.slots
            .retain(|slot| !(slot.retiring && slot.idle_since().is_some()));
    }

    pub(super) fn failed(&mut self, index: usize, error: StartError, ctx: &mut Context<Self>) {
        let Some(error) = self.refuse(index, error) else {
            return;
        };
        let number = self.slots[index].number;
        self.failed_starts += 1;
        let any_ready = self.slots.iter().any(|slot| !slot.is_starting());
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
            self.engine.do_send(Fatal::Start(error));
            return;
        }
        // Others may have time for the work it held.
        if let Some(work) = self.slots[index].take_work() {
            self.enqueue(work);
        }
        let slot = &mut self.slots[index];
        slot.guest = None;
        let delay = slot.backoff.fail();
        self.start(index, None, delay, ctx);
    }

    /// The guest in `index` has nothing to do; it may be due for replacement.
    pub(super) fn free(&mut self, index: usize, memory: u64, ctx: &mut Context<Self>) {
        let slot = &mut self.slots[index];
        slot.state = State::Idle(Instant::now());
        if slot.retiring {
            tracing::debug!(guest = slot.number, "recycled guest ended");
            self.slots.remove(index);
            return;
        }
        let worn_by_messages = self
            .recycle
            .messages
            .is_some_and(|most| slot.messages >= most);
        // What it had at the start, and half as much again, a new one would soon have as well.
        let most_memory = self.recycle.memory.max(slot.memory / 2 * 3);
        let is_current = slot.generation == self.generations.current().number;
        if (memory >= most_memory || worn_by_messages) && !slot.worn && is_current {
            slot.worn = true;
            let number = slot.number;
            let event = GuestRecycled {
                guest: number,
                memory,
                messages: slot.messages,
            };
            event.emit(&self.metrics);
            // The new one first, so that there is no pause.
            self.grow(Some(number), ctx);
        }
    }

    /// A guest's thread did not answer: it panicked, or is stuck in the host's code.
    pub(super) fn lost(
        &mut self,
        index: usize,
        mut work: Work,
        error: MailboxError,
        ctx: &mut Context<Self>,
    ) {
        let what = match error {
            MailboxError::Closed => "see the message on standard error",
            MailboxError::Timeout => {
                self.abandon();
                "its thread does not answer and is abandoned"
            }
        };
        let death = Death::Panic(what.to_owned());
        // Its outcomes are gone with it, so the stretch itself is halved until one message is left.
        if let Some(other) = work.split_off(work.len().div_ceil(2)) {
            self.enqueue(other);
        }
        let suspects = work.len();
        let is_solo = suspects == 1 && work.stretch.solo_until > work.stretch.next;
        let alone = is_solo && self.slots[index].messages == 0;
        let (batch, start) = (Arc::clone(&work.stretch.batch), work.stretch.next);
        let stop = Stop::Died {
            death: death.clone(),
            suspects,
            alone,
        };
        // The old thread ends with its last address.
        self.slots[index].guest = None;
        let script_hash = Arc::clone(&self.slots[index].spec.script_hash);
        if let Next::Restart { work, convicted } = work.after(0, &stop) {
            self.bury(index, &death, work, ctx);
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

    /// A thread does not answer and cannot be ended: with too many of them the engine gives up.
    fn abandon(&mut self) {
        self.abandoned += 1;
        if self.abandoned > MOST_ABANDONED {
            self.engine.do_send(Fatal::Stuck(self.abandoned));
        }
    }

    /// The guest in `index` died; a new one takes its place, and the work it held.
    pub(super) fn bury(
        &mut self,
        index: usize,
        death: &Death,
        work: Option<Work>,
        ctx: &mut Context<Self>,
    ) {
        let slot = &mut self.slots[index];
        let delay = slot.backoff.fail();
        let event = GuestDied {
            guest: slot.number,
            death,
            messages: slot.messages,
        };
        event.emit(&self.metrics);
        if slot.retiring && work.is_none() {
            self.slots.remove(index);
            return;
        }
        self.start(index, work, delay, ctx);
    }
}
