//! Guest that is ready: it answers one request after the other until it dies.

use std::time::{Duration, Instant};

use super::error::Death;
use super::instance::Instance;
use super::pace::{Pace, Took};
use super::protocol::response::{decode_response, take_response};
use super::{GuestSpec, Limits};
use crate::codec::Scratch;
use crate::message::{Outcome, Outcomes};

const TEST_HOOK: &str = "the test hook ended it";

/// Instance that has said READY.
pub(super) struct Alive {
    instance: Instance,
    uses_meta: bool,
    pace: Pace,
    /// Number of requests answered since READY; also the id of the next one.
    requests: u32,
    /// Time at which the test hook ends the guest.
    killed_at: Option<Instant>,
}

impl Alive {
    pub(super) fn new(instance: Instance, uses_meta: bool, limits: &Limits) -> Self {
        let killed_at = |mean: Duration| Instant::now() + mean.mul_f64(2.0 * random_fraction());
        Self {
            instance,
            uses_meta,
            pace: Pace::new(limits.timeout, limits.max_log),
            requests: 0,
            killed_at: limits.kill_after.map(killed_at),
        }
    }

    /// Returns whether the guest has run nothing yet, so that no message has left traces in it.
    pub(super) fn is_fresh(&self) -> bool {
        self.requests == 0
    }

    /// Returns how the guest ended, if it has ended since READY or since its last answer.
    pub(super) fn over(&self) -> Option<&Death> {
        self.instance.over()
    }

    /// Returns the id of the next request.
    pub(super) fn next_id(&self) -> u32 {
        self.requests
    }

    /// Returns whether scripts use `meta`, so that it must be sent.
    pub(super) fn uses_meta(&self) -> bool {
        self.uses_meta
    }

    /// Returns how many messages the next request should have.
    pub(super) fn pace(&self) -> usize {
        self.pace.next()
    }

    /// Returns the guest's memory in bytes.
    pub(super) fn memory(&self) -> u64 {
        self.instance.memory().bytes()
    }

    /// Sends `request`, which has `count` messages, and appends their outcomes to `outcomes`. Returns how many messages
    /// the guest answered.
    ///
    /// # Errors
    /// The way in which the guest died. Outcomes that were appended nevertheless belong to messages before the fatal
    /// one.
    pub(super) fn answer(
        &mut self,
        request: &[u8],
        count: usize,
        spec: &GuestSpec,
        waiting: &tokio::runtime::Runtime,
        scratch: &mut Scratch,
        outcomes: &mut Outcomes,
    ) -> Result<usize, Death> {
        let limits = &spec.limits;
        let id = self.requests;
        self.requests = self.requests.wrapping_add(1).max(1);
        let (items, bytes) = (outcomes.items.len(), outcomes.data.len());
        self.instance.stdio().begin(request, limits.max_log)?;
        let began = Instant::now();
        let frame = self.reply(began, limits, waiting)?;
        let time = began.elapsed();
        let answered = decode_response(
            &frame,
            id,
            count,
            limits.max_output,
            &spec.stages,
            scratch,
            outcomes,
        )?;
        self.instance.stdio().reuse(frame);
        if let Some(index) = outcomes.items[items..].iter().position(is_memory_error) {
            // Earlier messages may have filled the memory: the message gets a fresh guest.
            outcomes.items.truncate(items + index);
            return Err(Death::Memory(limits.memory));
        }
        self.pace.observe(Took {
            messages: answered,
            time,
            bytes: (outcomes.data.len() - bytes) as u64,
            log: self.instance.stdio().lock().log.written(),
        });
        Ok(answered)
    }

    fn reply(
        &mut self,
        began: Instant,
        limits: &Limits,
        waiting: &tokio::runtime::Runtime,
    ) -> Result<Vec<u8>, Death> {
        let left = self
            .killed_at
            .map_or(Duration::MAX, |at| at.saturating_duration_since(began));
        if left.is_zero() {
            return Err(Death::Killed(TEST_HOOK));
        }
        let limit = limits.timeout.min(left);
        let max_frame = limits.max_frame();
        let reply = self.instance.reply(limit, |streams| {
            take_response(&mut streams.outbox, max_frame)
        });
        match waiting.block_on(reply) {
            Err(Death::Timeout(_)) if limit < limits.timeout => Err(Death::Killed(TEST_HOOK)),
            reply => reply,
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
