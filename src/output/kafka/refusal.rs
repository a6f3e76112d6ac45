//! What becomes of a message one of whose records cannot be written: it is too large, for a topic that is not allowed, or
//! not what the topic takes.

use std::sync::Arc;

use actix::{Addr, Recipient};

use super::sent::Stretch;
use super::writer::Refused;
use crate::engine::{Engine, MessageFailed, OutputEnded};
use crate::message::ack::Ack;
use crate::message::{Deliver, Outcome, Outcomes};
use crate::processor::error_policy::ErrorPolicy;
use crate::telemetry::events::MessageFailed as Failed;
use crate::telemetry::metrics::Metrics;

/// What becomes of it.
pub enum Refusals {
    /// It has failed, as if its script had.
    Policy(ErrorPolicy, Addr<Engine>),
    /// Nothing can: it is a dead letter already.
    Fatal(Recipient<OutputEnded>),
}

/// What is left to do for the stretch.
pub enum Left {
    /// Nothing.
    Nothing,
    /// These are dead letters for the very output that refused them.
    Letters(Deliver),
    /// The pipeline ends before the message with this index: what came before it is written.
    Before(usize),
    /// It must not pass for delivered.
    Withhold,
}

impl Refusals {
    /// Whether the first refusal ends the pipeline: nothing that comes behind it is to be written.
    pub fn are_the_end(&self) -> bool {
        matches!(self, Self::Policy(ErrorPolicy::Stop, _))
    }

    /// Does with refused messages of a stretch, in their order, as the config says. `ack` is the stretch's.
    pub fn handle(
        &self,
        stretch: &Stretch,
        ack: &Ack,
        refused: Refused,
        metrics: &Metrics,
    ) -> Left {
        if refused.is_empty() {
            return Left::Nothing;
        }
        let origin = &stretch.batch.origin;
        let (policy, engine) = match self {
            Self::Policy(policy, engine) => (policy, engine),
            Self::Fatal(engine) => {
                for (index, failure) in refused {
                    engine.do_send(OutputEnded::Failed(format!(
                        "a dead letter cannot be written: {} ({})",
                        failure.message,
                        stretch.place(index)
                    )));
                }
                return Left::Withhold;
            }
        };
        let dropped = matches!(policy, ErrorPolicy::Drop);
        let mut outcomes = Outcomes {
            script_hash: Arc::clone(&stretch.outcomes.script_hash),
            ..Outcomes::default()
        };
        let count = stretch.outcomes.items.len();
        outcomes.items.resize_with(count, || Outcome::Dropped);
        for (index, failure) in refused {
            let event = Failed {
                origin,
                message: stretch.message(index),
                failure: &failure,
                dropped,
            };
            event.emit(metrics);
            let failure = Box::new(failure);
            if let ErrorPolicy::Stop = policy {
                let place = stretch.place(index);
                engine.do_send(MessageFailed { place, failure });
                return Left::Before(index);
            }
            outcomes.items[index] = Outcome::Failed(failure);
        }
        let letters = Deliver {
            batch: Arc::clone(&stretch.batch),
            start: stretch.start,
            outcomes,
            ack: ack.share(),
        };
        match policy {
            ErrorPolicy::DeadLetter(to) => to.do_send(letters),
            ErrorPolicy::WithResults => return Left::Letters(letters),
            ErrorPolicy::Drop | ErrorPolicy::Stop => letters.ack.done(),
        }
        Left::Nothing
    }
}
