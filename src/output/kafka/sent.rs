//! Slices whose records were given to a producer, until all of them are reported.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use actix::Recipient;

use super::report::Report;
use crate::message::Processed;
use crate::message::ack::Ack;

/// Which records of a slice are sent again, by their message and their place in it: each to the partition that it
/// had before, or it could come behind others that it was before.
pub type Only = BTreeMap<(usize, usize), Option<i32>>;

/// A slice on its way. Shared by all of its records; when the last of them is reported, it ends the ack, or comes back.
#[derive(Debug)]
pub struct Sent {
    /// What was sent.
    pub processed: Arc<Processed>,
    /// `None` within a transaction, whose commit ends the acks.
    ack: Option<Ack>,
    /// The ack is not to pass for delivered.
    withheld: AtomicBool,
    /// Of the records that were not written.
    reports: Mutex<Vec<Report>>,
    /// Slices are sent again in the order in which they were sent.
    number: u64,
    returns: Arc<Returns>,
}

impl Sent {
    /// A slice that is about to be sent. What is not written of it goes to `returns`, with what is to be sent `later`.
    pub fn new(
        processed: Arc<Processed>,
        ack: Option<Ack>,
        returns: &Arc<Returns>,
        later: Vec<Report>,
    ) -> Arc<Self> {
        returns.on_their_way.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self {
            processed,
            ack,
            withheld: AtomicBool::new(false),
            reports: Mutex::new(later),
            number: returns.next.fetch_add(1, Ordering::Relaxed),
            returns: Arc::clone(returns),
        })
    }

    /// Its ack.
    pub fn ack(&self) -> Option<&Ack> {
        self.ack.as_ref()
    }

    /// It must not pass for delivered, whatever is reported.
    pub fn withhold(&self) {
        self.withheld.store(true, Ordering::Relaxed);
    }

    /// A record of it was not written.
    pub fn report(&self, report: Report) {
        lock(&self.reports).push(report);
        // Now, not when all of them are reported: a producer that has given up leaves what is behind it in its queue.
        if !self.returns.troubled.swap(true, Ordering::AcqRel) {
            self.returns.tell_actor();
        }
    }
}

impl Sent {
    /// All of its records are reported.
    fn end(&mut self) {
        let reports = std::mem::take(
            self.reports
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let ack = self.ack.take();
        if *self.withheld.get_mut() {
            return;
        }
        if reports.is_empty() {
            if let Some(ack) = ack {
                ack.done();
            }
            return;
        }
        self.returns.take_back(Returned {
            number: self.number,
            processed: Arc::clone(&self.processed),
            ack,
            reports,
        });
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.end();
        // After what came back, so that whoever sees that nothing is on its way sees that too.
        self.returns.on_their_way.fetch_sub(1, Ordering::Release);
    }
}

/// A record on its way: which one it is, for its report.
#[derive(Debug)]
pub struct Ticket {
    /// The slice that it is of.
    pub sent: Arc<Sent>,
    /// The message that it was made from, by its index in the slice.
    pub message: u32,
    /// Which of the message's records it is.
    pub record: u32,
    /// Its timestamp, which librdkafka does not give back with an error; `None` for the time of writing.
    pub timestamp: Option<i64>,
}

/// A slice of which not all was written.
#[derive(Debug)]
pub struct Returned {
    number: u64,
    /// The slice.
    pub processed: Arc<Processed>,
    /// Its ack; `None` within a transaction.
    pub ack: Option<Ack>,
    /// Of each record that was not written.
    pub reports: Vec<Report>,
}

/// Something was not written, or will not be by this producer.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub struct Troubled;

/// Where slices go of which not all was written.
#[derive(Debug, Default)]
pub struct Returns {
    list: Mutex<Vec<Returned>>,
    /// A record was not written since the last look.
    troubled: AtomicBool,
    /// Slices of which not all records are reported yet.
    on_their_way: AtomicUsize,
    next: AtomicU64,
    /// Told of the first record that was not written since the last look, of each slice, and if the producer is
    /// stranded.
    actor: OnceLock<Recipient<Troubled>>,
}

impl Returns {
    /// `actor` is told from now on.
    pub fn tell(&self, actor: Recipient<Troubled>) {
        let _ = self.actor.set(actor); // an actor starts once
    }

    /// Whether a record was not written since the last [`take`](Self::take).
    pub fn is_troubled(&self) -> bool {
        self.troubled.load(Ordering::Acquire)
    }

    /// Whether all records that were sent are reported, and their reports dealt with.
    pub fn are_all_here(&self) -> bool {
        self.on_their_way.load(Ordering::Acquire) == 0
    }

    /// What came back, in the order in which it was sent.
    pub fn take(&self) -> Vec<Returned> {
        self.take_more(Vec::new())
    }

    /// The same, with what was taken `before`.
    pub fn take_more(&self, before: Vec<Returned>) -> Vec<Returned> {
        self.troubled.store(false, Ordering::Release);
        let mut returned = before;
        returned.append(&mut lock(&self.list));
        returned.sort_by_key(|one| one.number);
        returned
    }

    fn take_back(&self, returned: Returned) {
        lock(&self.list).push(returned);
        self.troubled.store(true, Ordering::Release);
        self.tell_actor();
    }

    /// Something is to be done about what was sent.
    pub fn tell_actor(&self) {
        if let Some(actor) = self.actor.get() {
            actor.do_send(Troubled);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
