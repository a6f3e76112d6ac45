//! Sends batches to the guests and puts what comes back in order again.
//!
//! A stretch of outcomes leaves as soon as all before it have left: results to the output, failures where
//! the error policy says.

pub mod sequencer;

use std::collections::HashMap;
use std::sync::Arc;

use actix::prelude::*;

use self::sequencer::Sequencer;
use crate::config::OnError;
use crate::dead_letter;
use crate::engine::Watch;
use crate::message::ack::Ack;
use crate::message::{Batch, Deliver, Incoming, Lane, Outcome, Outcomes, Processed};
use crate::supervisor::{Run, Supervisor};
use crate::telemetry::counters::Counters;

/// The actor. See the module's documentation.
pub struct Processor {
    supervisor: Addr<Supervisor>,
    output: Recipient<Deliver>,
    dead_letters: Recipient<Deliver>,
    on_error: OnError,
    counters: Arc<Counters>,
    lanes: HashMap<Lane, Sequencer<Stretch>>,
    _watch: Watch,
}

struct Stretch {
    batch: Arc<Batch>,
    start: usize,
    outcomes: Outcomes,
    ack: Ack,
}

impl Processor {
    /// A processor between these.
    pub fn new(
        supervisor: Addr<Supervisor>,
        output: Recipient<Deliver>,
        dead_letters: Recipient<Deliver>,
        on_error: OnError,
        counters: Arc<Counters>,
        watch: Watch,
    ) -> Self {
        Self {
            supervisor,
            output,
            dead_letters,
            on_error,
            counters,
            lanes: HashMap::new(),
            _watch: watch,
        }
    }

    fn release(&self, stretch: Stretch) {
        let Stretch {
            batch,
            start,
            outcomes,
            ack,
        } = stretch;
        ack.leave();
        let failed = self.count(&outcomes);
        if failed > 0 && self.on_error == OnError::DeadLetter {
            self.dead_letters.do_send(Deliver {
                batch: Arc::clone(&batch),
                start,
                outcomes: dead_letter::letters(&batch, start, &outcomes),
                ack: ack.share(),
            });
        }
        // All outputs are behind the gate, so their mailboxes are bounded by it.
        self.output.do_send(Deliver {
            batch,
            start,
            outcomes,
            ack,
        });
    }

    /// Counts what became of the messages, logs the failures and returns how many there are.
    fn count(&self, outcomes: &Outcomes) -> u64 {
        let (mut dropped, mut failed, mut records) = (0, 0, 0);
        for outcome in &outcomes.items {
            match outcome {
                Outcome::Dropped => dropped += 1,
                Outcome::Record(_) => records += 1,
                Outcome::Records(several) => records += several.len() as u64,
                Outcome::Failed(failure) => {
                    failed += 1;
                    self.counters.count_failure(failure);
                }
            }
        }
        Counters::add(&self.counters.dropped, dropped);
        Counters::add(&self.counters.records, records);
        let counter = match self.on_error {
            OnError::DeadLetter => &self.counters.failed,
            OnError::Drop => &self.counters.failed_and_dropped,
        };
        Counters::add(counter, failed);
        failed
    }
}

impl Actor for Processor {
    type Context = Context<Self>;
}

impl Handler<Incoming> for Processor {
    type Result = ();

    fn handle(&mut self, Incoming(batch): Incoming, _: &mut Self::Context) {
        Counters::add(&self.counters.received, batch.messages.len() as u64);
        self.supervisor.do_send(Run(batch));
    }
}

impl Handler<Processed> for Processor {
    type Result = ();

    fn handle(&mut self, processed: Processed, _: &mut Self::Context) {
        let Processed {
            batch,
            start,
            outcomes,
        } = processed;
        let count = outcomes.items.len();
        // Results count at the gate from here on, before they wait for their turn.
        let ack = batch.ack(start, &outcomes);
        let (lane, position) = (batch.lane, batch.position + start as u64);
        let stretch = Stretch {
            batch,
            start,
            outcomes,
            ack,
        };
        let sequencer = self.lanes.entry(lane).or_default();
        sequencer.insert(position, count as u64, stretch);
        let ready: Vec<Stretch> = std::iter::from_fn(|| sequencer.pop()).collect();
        for stretch in ready {
            self.release(stretch);
        }
    }
}
