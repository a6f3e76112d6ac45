//! Sends batches to the guests and puts what comes back in order again.
//!
//! A stretch of outcomes leaves as soon as all before it have left: results to the output, failures where
//! the error policy says.

pub mod error_policy;
pub mod failure_window;
pub mod sequencer;

use std::collections::HashMap;
use std::sync::Arc;

use actix::prelude::*;

use self::error_policy::ErrorPolicy;
use self::failure_window::{FailureWindow, TooMany};
use self::sequencer::Sequencer;
use crate::config::MaxFailures;
use crate::engine::{MessageFailed, TooManyFailures, Watch};
use crate::message::ack::Ack;
use crate::message::{
    Batch, Deliver, Incoming, Lane, LaneEnded, Origin, Outcome, Outcomes, Processed,
};
use crate::supervisor::Run;
use crate::telemetry::events::MessageFailed as Failed;
use crate::telemetry::metrics::Metrics;

/// How many messages may fail, and by which scripts: what comes of those before them does not count. To the
/// processor at each reload.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub struct Judge {
    /// `None` for all.
    pub max_failures: Option<MaxFailures>,
    /// [`GuestSpec::script_hash`](crate::guest::GuestSpec::script_hash) of the scripts.
    pub script_hash: Arc<str>,
}

/// What the processor tells the engine.
#[derive(Debug)]
pub struct ToEngine {
    /// A message failed, and the pipeline ends before it.
    pub failed: Recipient<MessageFailed>,
    /// Nearly all fail.
    pub too_many: Recipient<TooManyFailures>,
}

/// The actor. See the module's documentation.
pub struct Processor {
    supervisor: Recipient<Run>,
    output: Recipient<Deliver>,
    error_policy: ErrorPolicy,
    metrics: Arc<Metrics>,
    lanes: HashMap<Lane, (Arc<Origin>, Sequencer<Stretch>)>,
    failures: Option<FailureWindow>,
    /// The scripts whose failures count.
    judged: Arc<str>,
    /// Too many messages failed: nothing more is taken in or let out.
    over: bool,
    engine: ToEngine,
    _watch: Watch,
}

struct Stretch {
    batch: Arc<Batch>,
    start: usize,
    outcomes: Outcomes,
    ack: Ack,
    /// The message behind the stretch failed, and the pipeline ends before it.
    stop: Option<MessageFailed>,
}

impl Processor {
    /// A processor between these.
    pub fn new(
        supervisor: Recipient<Run>,
        output: Recipient<Deliver>,
        error_policy: ErrorPolicy,
        Judge {
            max_failures,
            script_hash,
        }: Judge,
        metrics: Arc<Metrics>,
        engine: ToEngine,
        watch: Watch,
    ) -> Self {
        Self {
            supervisor,
            output,
            error_policy,
            metrics,
            lanes: HashMap::new(),
            failures: max_failures.map(FailureWindow::new),
            judged: script_hash,
            over: false,
            engine,
            _watch: watch,
        }
    }

    fn release(&self, stretch: Stretch) {
        let Stretch {
            batch,
            start,
            mut outcomes,
            ack,
            stop,
        } = stretch;
        ack.leave();
        let failed = self.count(&batch, start, &outcomes);
        match &self.error_policy {
            ErrorPolicy::DeadLetter(dead_letters) if failed > 0 => {
                dead_letters.do_send(Deliver {
                    batch: Arc::clone(&batch),
                    start,
                    outcomes: outcomes.take_failures(),
                    ack: ack.share(),
                });
            }
            ErrorPolicy::Drop if failed > 0 => drop(outcomes.take_failures()),
            _ => {}
        }
        if let Some(failed) = stop {
            // From here on the lane is read again at the next start; others go on until all is drained.
            batch.origin.stop();
            self.engine.failed.do_send(failed);
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
    fn count(&self, batch: &Batch, start: usize, outcomes: &Outcomes) -> u64 {
        let (mut dropped, mut failed, mut records) = (0, 0, 0);
        for (message, outcome) in batch.messages[start..].iter().zip(&outcomes.items) {
            match outcome {
                Outcome::Dropped => dropped += 1,
                Outcome::Record(_) => records += 1,
                Outcome::Records(several) => records += several.len() as u64,
                Outcome::Failed(failure) => {
                    failed += 1;
                    let (origin, dropped) = (
                        &batch.origin,
                        matches!(self.error_policy, ErrorPolicy::Drop),
                    );
                    Failed {
                        origin,
                        message,
                        failure,
                        dropped,
                    }
                    .emit(&self.metrics);
                }
            }
        }
        Metrics::add(&self.metrics.dropped, dropped);
        Metrics::add(&self.metrics.records, records);
        failed
    }
}

impl Processor {
    /// Where a failure ends the pipeline: takes the first one out of `outcomes`, with all that follows.
    fn stop_before_failure(
        &self,
        batch: &Batch,
        start: usize,
        outcomes: &mut Outcomes,
    ) -> Option<MessageFailed> {
        let ErrorPolicy::Stop = self.error_policy else {
            return None;
        };
        let (index, outcome) = outcomes.cut_at_failure()?;
        let Outcome::Failed(failure) = outcome else {
            return None;
        };
        let (origin, message) = (&batch.origin, &batch.messages[start + index]);
        let event = Failed {
            origin,
            message,
            failure: &failure,
            dropped: false,
        };
        event.emit(&self.metrics);
        Some(MessageFailed {
            place: origin.place(message.offset).to_string(),
            failure,
        })
    }
}

impl Processor {
    /// Takes note of what became of messages; whether too many failed.
    fn judge(&mut self, outcomes: &Outcomes) -> Option<TooMany> {
        let window = self.failures.as_mut()?;
        if outcomes.script_hash != self.judged {
            return None;
        }
        let mut well = 0;
        for outcome in &outcomes.items {
            let Outcome::Failed(failure) = outcome else {
                well += 1;
                continue;
            };
            window.pass(std::mem::take(&mut well));
            window.fail(&failure.kind, failure.at.as_deref());
            if let Some(too_many) = window.verdict() {
                return Some(too_many);
            }
        }
        window.pass(well);
        None
    }

    /// Gives up what is under way in all lanes, so that it is not committed: it is read again at the next start.
    fn give_up(&mut self, too_many: TooMany) {
        self.over = true;
        for (origin, _) in self.lanes.values() {
            origin.stop();
        }
        // After that: the acks in the sequencers are abandoned, not lost.
        self.lanes.clear();
        self.engine.too_many.do_send(TooManyFailures(too_many));
    }
}

impl Actor for Processor {
    type Context = Context<Self>;
}

impl Handler<Incoming> for Processor {
    type Result = ();

    fn handle(&mut self, Incoming(batch): Incoming, _: &mut Self::Context) {
        let (count, bytes) = (
            batch.messages.len(),
            batch
                .messages
                .iter()
                .map(|message| message.payload.len())
                .sum::<usize>(),
        );
        if self.over {
            batch.origin.stop();
            return;
        }
        Metrics::add(&self.metrics.received, count as u64);
        Metrics::add(&self.metrics.received_bytes, bytes as u64);
        self.metrics.batches.observe(count as f64, 1);
        self.supervisor.do_send(Run(batch));
    }
}

impl Handler<Processed> for Processor {
    type Result = ();

    fn handle(&mut self, processed: Processed, _: &mut Self::Context) {
        let Processed {
            batch,
            start,
            mut outcomes,
        } = processed;
        if self.over {
            batch.origin.stop();
        }
        if batch.origin.is_over() {
            return; // who has the partition now makes these results too, and is further on
        }
        if let Some(too_many) = self.judge(&outcomes) {
            batch.origin.stop();
            self.give_up(too_many);
            return;
        }
        let stop = self.stop_before_failure(&batch, start, &mut outcomes);
        let count = outcomes.items.len();
        // Results count at the gate from here on, before they wait for their turn.
        let ack = batch.ack(start, &outcomes);
        let (origin, position) = (Arc::clone(&batch.origin), batch.position + start as u64);
        let stretch = Stretch {
            batch,
            start,
            outcomes,
            ack,
            stop,
        };
        let (_, sequencer) = self
            .lanes
            .entry(origin.lane)
            .or_insert_with(|| (Arc::clone(&origin), Sequencer::default()));
        sequencer.insert(position, count as u64, stretch);
        let ready: Vec<Stretch> = std::iter::from_fn(|| sequencer.pop()).collect();
        for stretch in ready {
            self.release(stretch);
        }
        if origin.is_over() {
            self.lanes.remove(&origin.lane);
        }
    }
}

impl Handler<Judge> for Processor {
    type Result = ();

    fn handle(&mut self, judge: Judge, _: &mut Self::Context) {
        let Judge {
            max_failures,
            script_hash,
        } = judge;
        self.failures = max_failures.map(FailureWindow::new);
        self.judged = script_hash;
    }
}

impl Handler<LaneEnded> for Processor {
    type Result = ();

    fn handle(&mut self, LaneEnded(lane): LaneEnded, _: &mut Self::Context) {
        self.lanes.remove(&lane);
    }
}

#[cfg(test)]
mod tests;
