//! Reload: new scripts take over from old ones while messages flow.
//!
//! One guest with the new scripts is started in addition to the others. If it does not reach READY, nothing has
//! changed. If it does, batches that no guest has begun are for the new scripts from then on (see
//! [`super::generations`]), as many guests are started as there were before, and the old ones end when they have
//! finished what they had begun.

use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::scaling::{Bounds, Reason};
use super::{Recycle, Supervisor, oldest_of};
use crate::guest::MakeGuests;
use crate::guest::error::{Death, ScriptProblem, StartError};
use crate::telemetry::events::ScriptsReplaced;

/// Plan of a generation of guests.
#[derive(Clone)]
pub(crate) struct GuestPlan {
    /// Specification of the guests.
    pub spec: Arc<dyn MakeGuests>,
    /// Limits on the number of guests.
    pub bounds: Bounds,
    /// Limits at which guests are replaced.
    pub recycle: Recycle,
}

/// Request that guests with new scripts take over. The answer comes when the first one is READY and the next batch is
/// for the new scripts: what that guest has found that could be better in them. If it fails, the answer is the reason, and
/// nothing has changed.
#[derive(Message)]
#[rtype(result = "Result<Vec<ScriptProblem>, StartError>")]
pub(crate) struct NewScripts(pub GuestPlan);

/// New scripts whose first guest is not READY yet.
pub(super) struct Candidate {
    /// Number of that guest.
    slot: usize,
    successor: GuestPlan,
    answer: oneshot::Sender<Result<Vec<ScriptProblem>, StartError>>,
}

impl Handler<NewScripts> for Supervisor {
    type Result = ResponseFuture<Result<Vec<ScriptProblem>, StartError>>;

    fn handle(
        &mut self,
        NewScripts(successor): NewScripts,
        ctx: &mut Self::Context,
    ) -> Self::Result {
        let (answer, answered) = oneshot::channel();
        if let Some(Candidate { slot, .. }) = self.candidate.take() {
            self.slots.remove(&slot); // replaced by this one; its request is answered below
        }
        self.candidate = Some(Candidate {
            slot: self.next_number + 1,
            successor: successor.clone(),
            answer,
        });
        self.add(self.generations.next_number(), successor.spec, None, ctx);
        Box::pin(async {
            answered.await.unwrap_or_else(|_| {
                let why = "another reload, or the end of the pipeline, came first";
                Err(StartError::Died(Death::Killed(why)))
            })
        })
    }
}

impl Supervisor {
    /// Handles that the guest with this number is ready, with these `warnings` about its scripts. If it is the first guest of
    /// new scripts, they take over.
    pub(super) fn take_over(
        &mut self,
        number: usize,
        warnings: Vec<ScriptProblem>,
        ctx: &mut Context<Self>,
    ) {
        let Some(candidate) = self.candidate.take_if(|candidate| candidate.slot == number) else {
            return;
        };
        let before = self.current_slots().count();
        let GuestPlan {
            spec,
            bounds,
            recycle,
        } = candidate.successor;
        (self.bounds, self.recycle) = (bounds, recycle);
        self.generations.succeed(spec, self.begun);
        let event = ScriptsReplaced {
            generation: self.generations.current().number,
            unfinished: self
                .slots
                .values()
                .filter(|slot| slot.work().is_some())
                .count(),
        };
        event.emit(&self.metrics);
        for _ in 1..before.min(self.bounds.max) {
            self.scale_up(Reason::Reload, ctx);
        }
        // The receiver may be gone.
        let _ = candidate.answer.send(Ok(warnings));
    }

    /// Handles that guest `number` did not start. If it is the first guest of new scripts, they are refused, and `None`
    /// is returned; if not, the error is returned.
    pub(super) fn refuse(&mut self, number: usize, error: StartError) -> Option<StartError> {
        let Some(candidate) = self.candidate.take_if(|candidate| candidate.slot == number) else {
            return Some(error);
        };
        self.slots.remove(&number);
        let _ = candidate.answer.send(Err(error));
        None
    }

    /// Ends the guests of old scripts that have no work left; younger generations wait for older ones.
    pub(super) fn end_old_generations(&mut self, ctx: &mut Context<Self>) {
        while let Some((oldest, batches)) = self.generations.oldest_old() {
            let (number, spec) = (oldest.number, Arc::clone(&oldest.spec));
            let queued = oldest_of(&self.queue, batches).is_some();
            let guests = || self.slots.values().filter(|slot| slot.generation == number);
            let held = guests().any(|slot| slot.work().is_some());
            if queued && guests().next().is_none() {
                // The last guest of the generation was ended for another reason.
                self.add(number, spec, None, ctx);
            }
            if queued || held {
                return;
            }
            self.slots.retain(|_, slot| slot.generation != number);
            self.generations.end_oldest();
            tracing::debug!(generation = number, "the last guest with old scripts ended");
        }
    }
}
