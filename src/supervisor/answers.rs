//! What guests answer, and what is done with it: outcomes to the processor, the rest back into the queue.

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;

use super::Supervisor;
use super::replay::{Next, Work};
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
        let Some(index) = self.slots.iter().position(|slot| slot.number == number) else {
            return;
        };
        let Some(work) = self.slots[index].take_work() else {
            return;
        };
        match result {
            Ok(executed) if executed.answers(work.len()) => {
                self.settle(index, work, executed, ctx);
            }
            Ok(_) => {
                let what = "an answer for another number of messages";
                self.lost(index, work, Death::Protocol(what.into()), false, ctx);
            }
            Err(MailboxError::Closed) => {
                let what = "see the message on standard error";
                self.lost(index, work, Death::Panic(what.into()), false, ctx);
            }
            Err(MailboxError::Timeout) => {
                let what = "its thread does not answer and is abandoned";
                self.lost(index, work, Death::Panic(what.into()), true, ctx);
            }
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

    pub(super) fn hand_on(&self, batch: Arc<Batch>, start: usize, outcomes: Outcomes) {
        if !outcomes.items.is_empty() {
            // Bounded by the gate: a batch has at most as many outcomes as messages.
            self.processor.do_send(Processed {
                batch,
                start,
                outcomes,
            });
        }
    }

    /// The rest of work that takes long goes back in shares: what nobody has time for makes the guests grow.
    fn requeue(&mut self, mut work: Work) {
        work.since = Instant::now();
        for share in work.share(self.bounds.max) {
            self.enqueue(share);
        }
    }
}
