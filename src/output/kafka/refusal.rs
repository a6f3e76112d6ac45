//! Handling of a message with a record that cannot be written: it is too large, is for a topic that is not allowed, or
//! does not have the form that the topic requires.

use std::sync::Arc;

use actix::Recipient;

use super::writer::Refused;
use crate::control::{Notice, OutputError};
use crate::message::ack::Ack;
use crate::message::{Outcome, Outcomes, Processed};
use crate::output::{Deliver, FailureRoute};
use crate::telemetry::events::MessageFailed as Failed;
use crate::telemetry::metrics::Metrics;

/// Rule for messages with a record that cannot be written.
pub(crate) enum Refusals {
    /// The message has failed, as if its script had, and takes this route.
    Policy(FailureRoute, Recipient<Notice>),
    /// The output cannot continue: the record is a dead letter already.
    Fatal(Recipient<Notice>),
}

/// Work that is left for the slice.
pub(crate) enum Left {
    /// No work.
    Nothing,
    /// These dead letters are for the same output that refused the records.
    Letters(Deliver),
    /// The pipeline ends before the message with this index: messages before it are written.
    Before(usize),
    /// The slice must not count as delivered.
    Withhold,
}

impl Refusals {
    /// Returns whether the first refusal ends the pipeline, so that nothing after it may be written.
    pub(crate) fn are_the_end(&self) -> bool {
        matches!(self, Self::Policy(FailureRoute::Stop, _))
    }

    /// Handles the refused messages of a slice, in their order, by the failure route. `ack` is the slice's ack.
    pub(crate) fn handle(
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
        let fate = policy.fate();
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
                fate,
            };
            event.emit(metrics);
            Metrics::add(&metrics.refused, 1);
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
            FailureRoute::DeadLetters(to) | FailureRoute::StandardError(to) => to.do_send(letters),
            FailureRoute::WithResults => return Left::Letters(letters),
            FailureRoute::Drop | FailureRoute::Stop => letters.ack.done(),
        }
        Left::Nothing
    }
}
