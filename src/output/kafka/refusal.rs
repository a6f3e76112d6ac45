//! Handling of messages with a record that cannot be written: it is too large, its topic is not allowed, or the topic
//! does not accept it.

use std::sync::Arc;

use actix::Recipient;

use super::writer::Refused;
use crate::control::{Notice, OutputError};
use crate::message::ack::Ack;
use crate::message::{Outcome, Outcomes, Processed};
use crate::output::{Deliver, FailureRoute};
use crate::telemetry::events::MessageFailed as Failed;
use crate::telemetry::metrics::Metrics;

/// What an output does with such a message.
pub enum Refusals {
    /// Treats the message as failed, as if its script had raised an exception.
    Policy(FailureRoute, Recipient<Notice>),
    /// Ends the output: the record is a dead letter already.
    Fatal(Recipient<Notice>),
}

/// What is left to do for the slice.
pub enum Left {
    /// Nothing is left to do.
    Nothing,
    /// These dead letters are for the same output that refused the records.
    Letters(Deliver),
    /// The pipeline ends before the message with this index. Everything before it is written.
    Before(usize),
    /// The slice must not count as delivered.
    Withhold,
}

impl Refusals {
    /// Whether the first refusal ends the pipeline, so that nothing after it may be written.
    pub fn are_the_end(&self) -> bool {
        matches!(self, Self::Policy(FailureRoute::Stop, _))
    }

    /// Handles refused messages of a slice, given in their order, as the config says. `ack` is the slice's ack.
    pub fn handle(
        &self,
        processed: &Processed,
        ack: &Ack,
        refused: Refused,
        metrics: &Metrics,
    ) -> Left {
        if refused.is_empty() {
            return Left::Nothing;
        }
        let lane = &processed.batch.lane;
        let (policy, engine) = match self {
            Self::Policy(policy, engine) => (policy, engine),
            Self::Fatal(engine) => {
                for (index, failure) in refused {
                    engine.do_send(Notice::OutputEnded(OutputError::Failed(format!(
                        "a dead letter cannot be written: {} ({})",
                        failure.message,
                        processed.place(index)
                    ))));
                }
                return Left::Withhold;
            }
        };
        let dropped = matches!(policy, FailureRoute::Drop);
        let mut outcomes = Outcomes {
            script_hash: Arc::clone(&processed.outcomes.script_hash),
            ..Outcomes::default()
        };
        let count = processed.outcomes.items.len();
        outcomes.items.resize_with(count, || Outcome::Dropped);
        for (index, failure) in refused {
            let event = Failed {
                lane,
                message: processed.message(index),
                failure: &failure,
                dropped,
            };
            event.emit(metrics);
            let failure = Box::new(failure);
            if let FailureRoute::Stop = policy {
                let place = processed.place(index);
                engine.do_send(Notice::MessageFailed { place, failure });
                return Left::Before(index);
            }
            outcomes.items[index] = Outcome::Failed(failure);
        }
        let letters = Deliver {
            processed: Processed {
                batch: Arc::clone(&processed.batch),
                start: processed.start,
                outcomes,
            },
            ack: ack.share(),
        };
        match policy {
            FailureRoute::DeadLetters(to) => to.do_send(letters),
            FailureRoute::WithResults => return Left::Letters(letters),
            FailureRoute::Drop | FailureRoute::Stop => letters.ack.done(),
        }
        Left::Nothing
    }
}
