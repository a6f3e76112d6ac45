//! Questions that are not answered yet, and the decision which one is asked next.
//!
//! Two things limit the requests to a registry in trouble. After a failure only one request at a time tries whether it
//! answers again, after ever longer pauses: that is the gate, and any answer opens it. And a question that failed comes
//! again only after a pause of its own, behind the others: one that fails for ever (a subject that this user may not
//! read, say) keeps the gate closed for a moment now and then, and nothing else.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::question::Question;

/// Failures in a row after which the registry itself is the reason, so that its first answer ends the pauses of all.
const OUTAGE: u32 = 3;

/// Pauses between attempts: each twice as long as the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Backoff {
    /// Shortest pause.
    pub first: Duration,
    /// Longest pause.
    pub most: Duration,
}

impl Backoff {
    /// Returns the pause after so many `failures` in a row. `luck`, from 0 to 1, spreads the attempts of several
    /// clients: it takes away up to half of the pause.
    fn pause(self, failures: u32, luck: f64) -> Duration {
        let doubled = 1_u32
            .checked_shl(failures.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let pause = self.first.saturating_mul(doubled).min(self.most);
        pause.mul_f64(1.0 - luck / 2.0).max(self.first)
    }
}

/// Questions without an answer, and who waits for each: a `W` for each caller.
#[derive(Debug)]
pub(super) struct Queue<W> {
    backoff: Backoff,
    most_waiting: usize,
    pending: HashMap<Arc<Question>, Pending<W>>,
    ready: VecDeque<Arc<Question>>,
    /// Questions that failed, by the end of their pauses. The number distinguishes equal times.
    later: BTreeMap<(Instant, u64), Arc<Question>>,
    gate: Gate,
    waiting: usize,
    last_number: u64,
}

/// Question without an answer.
#[derive(Debug)]
struct Pending<W> {
    waiters: Vec<(Ticket, W)>,
    failures: u32,
    /// Whether it is asked even if nobody waits.
    refresh: bool,
}

/// Limit on the requests to a registry in trouble.
#[derive(Debug, Default)]
struct Gate {
    /// Failures since the last answer.
    failures: u32,
    /// Time of the next attempt; `None` if the gate is open.
    until: Option<Instant>,
    /// Whether that attempt is under way.
    probing: bool,
}

/// Name of a waiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// What a thread that asks questions does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It asks this question.
    Ask(Attempt),
    /// It waits until that time. Without one, there is nothing to do until a question is added or answered.
    Wait(Option<Instant>),
}

/// Question that is being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    pub question: Arc<Question>,
    /// Whether it is the only one, to see if the registry answers again.
    probe: bool,
}

impl<W> Queue<W> {
    pub(super) fn new(backoff: Backoff, most_waiting: usize) -> Self {
        Self {
            backoff,
            most_waiting,
            pending: HashMap::new(),
            ready: VecDeque::new(),
            later: BTreeMap::new(),
            gate: Gate::default(),
            waiting: 0,
            last_number: 0,
        }
    }

    /// Adds a question, or a caller to one that is there already.
    ///
    /// # Errors
    /// Returns the caller if too many wait.
    pub(super) fn add(&mut self, question: Question, waiter: W) -> Result<Ticket, W> {
        if self.waiting >= self.most_waiting {
            return Err(waiter);
        }
        self.waiting += 1;
        let ticket = Ticket(self.number());
        self.pending(question).waiters.push((ticket, waiter));
        Ok(ticket)
    }

    /// Adds a question for whose answer nobody waits.
    pub(super) fn refresh(&mut self, question: &Question) {
        match self.pending.get_mut(question) {
            Some(pending) => pending.refresh = true,
            None => self.pending(question.clone()).refresh = true,
        }
    }

    /// Removes a caller that waits no longer.
    pub(super) fn forget(&mut self, question: &Question, ticket: Ticket) -> Option<W> {
        let pending = self.pending.get_mut(question)?;
        let place = pending
            .waiters
            .iter()
            .position(|(other, _)| *other == ticket)?;
        self.waiting -= 1;
        Some(pending.waiters.swap_remove(place).1)
    }

    /// Takes the question that is to be asked now.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        while let Some(entry) = self.later.first_entry()
            && entry.key().0 <= now
        {
            self.ready.push_back(entry.remove());
        }
        self.drop_abandoned();
        let probe = match self.gate.until {
            Some(_) if self.gate.probing => return Next::Wait(None),
            Some(until) if now < until && !self.pending.is_empty() => {
                return Next::Wait(Some(until));
            }
            until => until.is_some(),
        };
        match self.ready.pop_front() {
            Some(question) => {
                self.gate.probing = probe;
                Next::Ask(Attempt { question, probe })
            }
            None => Next::Wait(self.later.first_key_value().map(|((at, _), _)| *at)),
        }
    }

    /// Removes a question that has its answer. Returns those who wait for it.
    pub(super) fn answered(&mut self, attempt: &Attempt) -> Vec<W> {
        let gate = mem::take(&mut self.gate);
        // An answer that was under way before the trouble opens the gate too; the attempt of the gate goes on.
        self.gate.probing = gate.probing && !attempt.probe && gate.until.is_some();
        if gate.failures >= OUTAGE {
            self.ready.extend(mem::take(&mut self.later).into_values());
        }
        let answered = self.pending.remove(&attempt.question);
        let waiters = answered
            .map(|answered| answered.waiters)
            .unwrap_or_default();
        self.waiting -= waiters.len();
        waiters.into_iter().map(|(_, waiter)| waiter).collect()
    }

    /// Puts a question back that failed. `luck` is a random number from 0 to 1.
    pub(super) fn failed(&mut self, attempt: Attempt, now: Instant, luck: f64) {
        if attempt.probe {
            self.gate.probing = false;
        }
        // Requests that were under way together fail together: they are one failure.
        if attempt.probe || self.gate.until.is_none() {
            self.gate.failures = self.gate.failures.saturating_add(1);
            self.gate.until = Some(now + self.backoff.pause(self.gate.failures, luck));
        }
        let number = self.number();
        let Some(pending) = self.pending.get_mut(&attempt.question) else {
            return;
        };
        if pending.is_abandoned() {
            self.pending.remove(&attempt.question);
            return;
        }
        pending.failures = pending.failures.saturating_add(1);
        let at = now + self.backoff.pause(pending.failures, luck);
        self.later.insert((at, number), attempt.question);
    }

    /// Removes all questions. Returns those who wait.
    pub(super) fn clear(&mut self) -> Vec<W> {
        let all = mem::replace(self, Self::new(self.backoff, self.most_waiting));
        let waiters = all
            .pending
            .into_values()
            .flat_map(|pending| pending.waiters);
        waiters.map(|(_, waiter)| waiter).collect()
    }

    /// Returns the number of questions that could be asked now, if there were enough threads.
    pub(super) fn work(&self) -> usize {
        match self.gate.until {
            None => self.ready.len(),
            Some(_) => self.pending.len().min(1),
        }
    }

    /// Returns the number of questions for whose answers somebody waits.
    pub(super) fn awaited(&self) -> usize {
        let awaited = self
            .pending
            .values()
            .filter(|pending| !pending.waiters.is_empty());
        awaited.count()
    }

    /// Returns whether a question that somebody needs failed, or nothing can be asked now.
    pub(super) fn is_in_trouble(&self) -> bool {
        let mut pending = self
            .pending
            .values()
            .filter(|pending| !pending.is_abandoned());
        self.gate.until.is_some() || pending.any(|pending| pending.failures > 0)
    }

    fn pending(&mut self, question: Question) -> &mut Pending<W> {
        let question = Arc::new(question);
        let ready = &mut self.ready;
        self.pending.entry(question).or_insert_with_key(|question| {
            ready.push_back(Arc::clone(question));
            Pending {
                waiters: Vec::new(),
                failures: 0,
                refresh: false,
            }
        })
    }

    /// Drops questions at the front for which nobody waits any longer.
    fn drop_abandoned(&mut self) {
        while let Some(question) = self.ready.front()
            && self.pending.get(question).is_none_or(Pending::is_abandoned)
        {
            self.pending.remove(question);
            self.ready.pop_front();
        }
    }

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

impl<W> Pending<W> {
    fn is_abandoned(&self) -> bool {
        self.waiters.is_empty() && !self.refresh
    }
}

#[cfg(test)]
mod tests;
