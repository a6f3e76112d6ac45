//! Resequencer: puts outcomes back in the order of their lane, and sends them on.
//!
//! Outcomes leave as soon as everything before them in their lane has left: results to the output, failures by their
//! [`FailureRoute`]. (The pattern is called Resequencer in Hohpe and Woolf, *Enterprise Integration Patterns*.)

pub(crate) mod failure_window;
pub(crate) mod sequencer;

use std::collections::HashMap;
use std::sync::Arc;

use actix::prelude::*;

use self::failure_window::FailureWindow;
use self::sequencer::Sequencer;
use crate::config::MaxFailures;
use crate::control::{DeathGuard, Notice, TooManyFailures};
use crate::message::ack::Ack;
use crate::message::{Lane, LaneId, Outcome, Outcomes, Processed};
use crate::output::{Deliver, FailureRoute};
use crate::telemetry::events::{Fate, MessageFailed};
use crate::telemetry::metrics::Metrics;

impl Message for Processed {
    type Result = ();
}

/// Notice that a lane has ended: no message of it is in flight, and no more will come. What is kept for it is dropped.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct LaneEnded(pub LaneId);

/// Limit on failed messages. Sent again at each reload.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct FailureLimit {
    /// Limit; `None` if all messages may fail.
    pub max_failures: Option<MaxFailures>,
    /// Hash of the scripts whose failures count. Failures of earlier scripts do not.
    pub script_hash: Arc<str>,
}

/// Actor between the guests and the outputs.
pub(crate) struct Resequencer {
    output: Recipient<Deliver>,
    failures: FailureRoute,
    metrics: Arc<Metrics>,
    lanes: HashMap<LaneId, (Arc<Lane>, Sequencer<InOrder>)>,
    window: Option<FailureWindow>,
    /// Hash of the scripts whose failures count in the `window`.
    script_hash: Arc<str>,
    /// Whether too many messages failed, so that nothing is sent on any more.
    over: bool,
    _guard: DeathGuard,
    engine: Recipient<Notice>,
}

/// Outcomes that wait for earlier ones.
struct InOrder {
    processed: Processed,
    ack: Ack,
    /// Notice to send if the next message failed and the pipeline ends before it.
    stop: Option<Notice>,
}

impl Resequencer {
    /// Creates a resequencer that sends results to `output` and failures by `failures`.
    pub(crate) fn new(
        output: Recipient<Deliver>,
        failures: FailureRoute,
        limit: FailureLimit,
        metrics: Arc<Metrics>,
        engine: Recipient<Notice>,
    ) -> Self {
        let FailureLimit {
            max_failures,
            script_hash,
        } = limit;
        Self {
            output,
            failures,
            metrics,
            lanes: HashMap::new(),
            window: max_failures.map(FailureWindow::new),
            script_hash,
            over: false,
            _guard: DeathGuard::new("resequencer", engine.clone()),
            engine,
        }
    }

    fn release(&self, in_order: InOrder) {
        let InOrder {
            mut processed,
            ack,
            stop,
        } = in_order;
        ack.leave();
        let failed = self.count(&processed);
        match &self.failures {
            FailureRoute::DeadLetters(dead_letters) | FailureRoute::StandardError(dead_letters)
                if failed > 0 =>
            {
                dead_letters.do_send(Deliver {
                    processed: Processed {
                        batch: Arc::clone(&processed.batch),
                        start: processed.start,
                        outcomes: processed.outcomes.take_failures(),
                    },
                    ack: ack.share(),
                });
            }
            FailureRoute::Drop if failed > 0 => drop(processed.outcomes.take_failures()),
            _ => {}
        }
        if let Some(failed) = stop {
            // The next start reads the lane from here on. Other lanes continue until everything is drained.
            processed.batch.lane.stop();
            self.engine.do_send(failed);
        }
        // The memory budget bounds the mailboxes of outputs.
        self.output.do_send(Deliver { processed, ack });
    }

    /// Counts the outcomes, logs the failures, and returns the number of failures.
    fn count(&self, processed: &Processed) -> u64 {
        let fate = self.failures.fate();
        let (mut dropped, mut failed, mut records) = (0, 0, 0);
        for (message, outcome) in processed.messages().iter().zip(&processed.outcomes.items) {
            match outcome {
                Outcome::Dropped => dropped += 1,
                Outcome::Record(_) => records += 1,
                Outcome::Records(several) => records += several.len() as u64,
                Outcome::Failed(failure) => {
                    failed += 1;
                    let event = MessageFailed {
                        lane: &processed.batch.lane,
                        message,
                        failure,
                        fate,
                    };
                    event.emit(&self.metrics);
                }
            }
        }
        Metrics::add(&self.metrics.dropped, dropped);
        Metrics::add(&self.metrics.records, records);
        failed
    }

    /// If the route is `Stop`, cuts off the first failure and everything after it, and returns the notice for the
    /// engine.
    fn stop_before_failure(&self, processed: &mut Processed) -> Option<Notice> {
        let FailureRoute::Stop = self.failures else {
            return None;
        };
        let (index, failure) = processed.outcomes.cut_at_failure()?;
        let event = MessageFailed {
            lane: &processed.batch.lane,
            message: processed.message(index),
            failure: &failure,
            fate: Fate::Kept,
        };
        event.emit(&self.metrics);
        let lane = &processed.batch.lane;
        let place = lane.place(processed.message(index).offset).to_string();
        Some(Notice::MessageFailed { place, failure })
    }

    /// Adds outcomes to the window of `pipeline.max_failures`. Returns a report if too many messages failed.
    fn judge(&mut self, outcomes: &Outcomes) -> Option<TooManyFailures> {
        let window = self.window.as_mut()?;
        if outcomes.script_hash != self.script_hash {
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

    /// Gives up messages in flight in all lanes. They are not committed, so the next start reads them again.
    fn give_up(&mut self, too_many: TooManyFailures) {
        self.over = true;
        for (lane, _) in self.lanes.values() {
            lane.stop();
        }
        // Only after the lanes were stopped, so that the acks in the sequencers count as abandoned, not as lost.
        self.lanes.clear();
        self.engine.do_send(Notice::TooManyFailures(too_many));
    }
}

impl Actor for Resequencer {
    type Context = Context<Self>;
}

impl Handler<Processed> for Resequencer {
    type Result = ();

    fn handle(&mut self, mut processed: Processed, _: &mut Self::Context) {
        let lane = Arc::clone(&processed.batch.lane);
        if self.over {
            lane.stop();
        }
        if lane.is_over() {
            return; // the member that has the partition now makes these results too
        }
        if let Some(too_many) = self.judge(&processed.outcomes) {
            lane.stop();
            self.give_up(too_many);
            return;
        }
        let stop = self.stop_before_failure(&mut processed);
        let count = processed.outcomes.items.len();
        // From here on the results count in the memory budget, even while they wait for their turn.
        let ack = processed.batch.ack(processed.start, &processed.outcomes);
        let position = processed.position();
        let (_, sequencer) = self
            .lanes
            .entry(lane.id)
            .or_insert_with(|| (Arc::clone(&lane), Sequencer::default()));
        let in_order = InOrder {
            processed,
            ack,
            stop,
        };
        sequencer.insert(position, count as u64, in_order);
        let ready: Vec<InOrder> = std::iter::from_fn(|| sequencer.pop()).collect();
        for in_order in ready {
            self.release(in_order);
        }
        if lane.is_over() {
            self.lanes.remove(&lane.id);
        }
    }
}

impl Handler<FailureLimit> for Resequencer {
    type Result = ();

    fn handle(&mut self, limit: FailureLimit, _: &mut Self::Context) {
        let FailureLimit {
            max_failures,
            script_hash,
        } = limit;
        self.window = max_failures.map(FailureWindow::new);
        self.script_hash = script_hash;
    }
}

impl Handler<LaneEnded> for Resequencer {
    type Result = ();

    fn handle(&mut self, LaneEnded(lane): LaneEnded, _: &mut Self::Context) {
        self.lanes.remove(&lane);
    }
}

#[cfg(test)]
mod tests;
