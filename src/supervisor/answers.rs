//! Answers of guests: outcomes go to the resequencer, the rest of the work goes back into the queue.

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;

use super::Supervisor;
use super::replay::{Next, Work};
use super::slot::Slot;
use crate::guest::error::Death;
use crate::guest::{Executed, Stop};
use crate::message::{Batch, Outcome, Outcomes, Processed};
use crate::telemetry::metrics::Metrics;

impl Supervisor {
    pub(super) fn executed(
        &mut self,
        number: usize,
        result: Result<Executed, MailboxError>,
        ctx: &mut Context<Self>,
    ) {
        let slot = self.slots.get_mut(&number);
        let Some(work) = slot.and_then(Slot::take_work) else {
            return;
        };
        match result {
            Ok(executed) if executed.answers(work.len()) => {
                self.settle(number, work, executed, ctx);
            }
            Ok(_) => {
                let what = "an answer for another number of messages";
                self.lost(number, work, Death::Protocol(what.into()), false, ctx);
            }
            Err(MailboxError::Closed) => {
                let what = "see the message on standard error";
                self.lost(number, work, Death::Panic(what.into()), false, ctx);
            }
            Err(MailboxError::Timeout) => {
                let what = "its thread does not answer and is abandoned";
                self.lost(number, work, Death::Panic(what.into()), true, ctx);
            }
        }
        self.act(ctx);
    }

    /// Handles an answer of a guest.
    fn settle(&mut self, number: usize, work: Work, executed: Executed, ctx: &mut Context<Self>) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        self.metrics.processors.executed(&executed);
        let Executed {
            mut outcomes,
            stop,
            memory,
            took,
            cpu_seconds,
            ..
        } = executed;
        let (batch, start) = (Arc::clone(&work.slice.batch), work.slice.range.start);
        let answered = outcomes.items.len();
        if answered > 0 {
            slot.backoff.reset();
        }
        slot.messages += answered as u64;
        slot.memory_now = memory;
        // The rest of the batch waits again, and counts when it is answered.
        Metrics::took(&self.metrics.queue_seconds, work.waited, answered);
        Metrics::took(&self.metrics.guest_seconds, took, answered);
        Metrics::add(&self.metrics.guest_cpu_micros, (cpu_seconds * 1e6) as u64);
        match work.after(answered, &stop) {
            Next::Done => self.free(number, memory, ctx),
            Next::Continue(work) => {
                self.requeue(work);
                self.free(number, memory, ctx);
            }
            Next::Restart { work, convicted } => {
                if let Some((_, failure)) = convicted {
                    slot.backoff.reset();
                    outcomes.items.push(Outcome::Failed(Box::new(failure)));
                }
                if let Stop::Died { death, .. } = stop {
                    self.bury(number, &death, work, ctx);
                }
            }
        }
        self.hand_on(batch, start, outcomes);
    }

    pub(super) fn hand_on(&self, batch: Arc<Batch>, start: usize, outcomes: Outcomes) {
        if !outcomes.items.is_empty() {
            // The budget bounds this: a batch has at most as many outcomes as messages.
            self.results.do_send(Processed {
                batch,
                start,
                outcomes,
            });
        }
    }

    /// Puts the unfinished rest back in the queue, cut into shares for several guests. Queued work is what makes the
    /// supervisor start more guests.
    fn requeue(&mut self, mut work: Work) {
        work.since = Instant::now();
        for share in work.share(self.bounds.max) {
            self.enqueue(share);
        }
    }
}
