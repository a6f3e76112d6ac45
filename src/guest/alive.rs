//! Guest that is ready: it answers one request after the other until it dies.

use std::time::{Duration, Instant};

use super::error::Death;
use super::instance::Instance;
use super::pace::{Pace, Took};
use super::protocol::costs::{StageCosts, take_costs, take_stage};
use super::protocol::request::RequestForm;
use super::protocol::response::{Asked, decode_response, take_response};
use super::{GuestSpec, Limits};
use crate::message::{Message, Outcome, Outcomes};
use nerodia_codec::Scratch;

/// Number of documents that had to be sent whole after which all are, if there were so few requests between two of them.
const WHOLES: u32 = 10;
const RECENT: u32 = 100;
/// Largest id of a request: a guest may write it as a signed number of 32 bits.
const MAX_ID: u32 = i32::MAX as u32;
const TEST_HOOK: &str = "the test hook ended it";

/// Instance that has said READY.
pub(super) struct Alive {
    instance: Instance,
    form: RequestForm,
    /// Whether no message has been run but the one that is to be sent whole.
    fresh: bool,
    /// Number of requests that ended before a document that has to be sent whole, and the last of them.
    wholes: (u32, u32),
    /// Form of the next request, if it is another one.
    next_form: Option<RequestForm>,
    pace: Pace,
    /// Id of the next request.
    requests: u32,
    /// Time at which the test hook ends the guest.
    killed_at: Option<Instant>,
    /// Time at which the last request was sent.
    began: Instant,
    /// Index of the script that ran last, as far as the guest said.
    stage: Option<usize>,
}

/// Answer of a guest to one request.
pub(super) struct Answer {
    /// Number of messages that it answered.
    pub answered: usize,
    /// What the scripts took for them, if there are several.
    pub costs: Option<Vec<StageCosts>>,
}

impl Alive {
    pub(super) fn new(instance: Instance, form: RequestForm, limits: &Limits) -> Self {
        let killed_at = |mean: Duration| Instant::now() + mean.mul_f64(2.0 * random_fraction());
        Self {
            instance,
            form,
            fresh: true,
            wholes: (0, 0),
            next_form: None,
            pace: Pace::new(limits.timeout, limits.max_log),
            requests: 0,
            killed_at: limits.kill_after.map(killed_at),
            began: Instant::now(),
            stage: None,
        }
    }

    /// Returns the time that has passed since the last request was sent.
    pub(super) fn since_request(&self) -> Duration {
        self.began.elapsed()
    }

    /// Returns the index of the script that ran last in the last request, if that is known.
    pub(super) fn stage(&self) -> Option<usize> {
        self.stage
    }

    /// Returns whether the guest has run nothing yet, so that no message has left traces in it.
    pub(super) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Returns how the guest ended, if it has ended since READY or since its last answer.
    pub(super) fn over(&self) -> Option<&Death> {
        self.instance.over()
    }

    /// Returns the id of the next request.
    pub(super) fn next_id(&self) -> u32 {
        self.requests
    }

    /// Returns the form of the guest's next request.
    pub(super) fn form(&self) -> &RequestForm {
        self.next_form.as_ref().unwrap_or(&self.form)
    }

    /// Makes the next request one with whole documents; and all that follow, if that happens often.
    fn send_whole(&mut self, id: u32) {
        let whole = RequestForm {
            projection: None,
            ..self.form.clone()
        };
        let (count, last) = self.wholes;
        let recent = id.wrapping_sub(last) < RECENT;
        self.wholes = (if recent { count + 1 } else { 1 }, id);
        if self.wholes.0 < WHOLES {
            self.next_form = Some(whole);
        } else {
            self.form = whole;
        }
    }

    /// Returns how many messages the next request should have.
    pub(super) fn pace(&self) -> usize {
        self.pace.next()
    }

    /// Returns the guest's memory in bytes.
    pub(super) fn memory(&self) -> u64 {
        self.instance.memory().bytes()
    }

    /// Sends `request`, which has these messages, and appends their outcomes to `outcomes`.
    ///
    /// # Errors
    /// The way in which the guest died. Outcomes that were appended nevertheless belong to messages before the fatal
    /// one.
    pub(super) fn answer(
        &mut self,
        request: &[u8],
        messages: &[Message],
        spec: &GuestSpec,
        waiting: &tokio::runtime::Runtime,
        scratch: &mut Scratch,
        outcomes: &mut Outcomes,
    ) -> Result<Answer, Death> {
        let limits = &spec.limits;
        let id = self.requests;
        self.requests = if id < MAX_ID { id + 1 } else { 1 };
        let (items, bytes) = (outcomes.items.len(), outcomes.data.len());
        self.stage = None;
        self.instance.stdio().begin(request, limits.max_log)?;
        self.began = Instant::now();
        let (frame, costs) = self.reply(spec, waiting)?;
        let time = self.began.elapsed();
        let answered = decode_response(
            &frame,
            &Asked {
                id,
                count: messages.len(),
                max_output: limits.max_output,
                stages: &spec.stages,
                modules: &spec.modules,
                // Only of a document of which a guest has a part can it speak as a whole.
                documents: if self.form().projection.is_some() {
                    messages
                } else {
                    &[]
                },
                writes: &spec.formats.writes,
            },
            scratch,
            outcomes,
        )?;
        self.instance.stdio().reuse(frame);
        if let Some(index) = outcomes.items[items..].iter().position(is_memory_error) {
            // Earlier messages may have filled the memory: the message gets a fresh guest.
            outcomes.items.truncate(items + index);
            return Err(Death::Memory(limits.memory));
        }
        self.next_form = None;
        if answered.wants_whole {
            self.send_whole(id);
        }
        let answered = answered.count;
        // One message that is sent again, whole, has met no traces but its own.
        self.fresh &= answered == 0 && messages.len() == 1;
        if answered == 0 {
            return Ok(Answer { answered, costs });
        }
        self.pace.observe(Took {
            messages: answered,
            time,
            bytes: (outcomes.data.len() - bytes) as u64,
            log: self.instance.stdio().lock().log.written(),
        });
        Ok(Answer { answered, costs })
    }

    fn reply(
        &mut self,
        spec: &GuestSpec,
        waiting: &tokio::runtime::Runtime,
    ) -> Result<(Vec<u8>, Option<Vec<StageCosts>>), Death> {
        let GuestSpec { limits, stages, .. } = spec;
        let left = self
            .killed_at
            .map_or(Duration::MAX, |at| at.saturating_duration_since(self.began));
        if left.is_zero() {
            return Err(Death::Killed(TEST_HOOK));
        }
        let limit = limits.timeout.min(left);
        let max_frame = limits.max_frame();
        let mut costs = None;
        // Only one of several has to be named.
        let mut stage = (stages.len() == 1).then_some(0);
        let reply = self.instance.reply(limit, |streams| {
            if let Some(told) = take_stage(&mut streams.outbox) {
                stage = Some(told as usize).filter(|&stage| stage < stages.len());
            }
            match take_costs(&mut streams.outbox, stages.len())? {
                Ok(None) => {}
                Ok(found) if costs.is_none() => costs = found,
                Ok(_) => return Some(Err(Death::Protocol("costs for a second time".into()))),
                Err(death) => return Some(Err(death)),
            }
            take_response(&mut streams.outbox, max_frame)
        });
        let reply = waiting.block_on(reply);
        self.stage = stage;
        match reply {
            Err(Death::Timeout(_)) if limit < limits.timeout => Err(Death::Killed(TEST_HOOK)),
            reply => reply.map(|frame| (frame, costs)),
        }
    }
}

/// Returns a random number from 0 to 1, which is good enough to choose times for the test hook.
fn random_fraction() -> f64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

fn is_memory_error(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(failure) if failure.kind == "MemoryError")
}
