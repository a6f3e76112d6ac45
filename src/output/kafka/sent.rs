//! Slices that were given to a producer, until all of their records are reported.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use actix::Recipient;

use super::report::Report;
use crate::message::Processed;
use crate::message::ack::Ack;

/// Records of a slice that are sent again, by the index of the message and of the record in it. Each goes to the
/// partition that it had before; elsewhere it could come after records that it was before.
pub type Only = BTreeMap<(usize, usize), Option<i32>>;

/// Slice in flight, shared by all of its records. When the last of them is reported, it ends its ack, or comes back.
#[derive(Debug)]
pub struct Sent {
    /// Outcomes that were sent.
    pub processed: Arc<Processed>,
    /// Ack of the slice; `None` within a transaction, whose commit ends the acks.
    ack: Option<Ack>,
    /// Whether the slice must not count as delivered.
    withheld: AtomicBool,
    /// Reports of the records that were not written.
    reports: Mutex<Vec<Report>>,
    /// Position in the order in which slices were sent. They are sent again in the same order.
    number: u64,
    returns: Arc<Returns>,
}

impl Sent {
    /// Creates a slice that is about to be sent. If some of its records are not written, it comes back to `returns`,
    /// together with the reports in `later`.
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

    /// Returns the ack of the slice.
    pub fn ack(&self) -> Option<&Ack> {
        self.ack.as_ref()
    }

    /// Makes sure that the slice does not count as delivered, whatever is reported.
    pub fn withhold(&self) {
        self.withheld.store(true, Ordering::Relaxed);
    }

    /// Notes that a record of the slice was not written.
    pub fn report(&self, report: Report) {
        lock(&self.reports).push(report);
        // At once, not when all records are reported: a producer that has given up leaves later records in its queue.
        if !self.returns.troubled.swap(true, Ordering::AcqRel) {
            self.returns.tell_actor();
        }
    }
}

impl Sent {
    /// Ends the slice after all of its records are reported.
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
        // After the slice has come back, so that a thread that sees nothing in flight also sees the slice.
        self.returns.on_their_way.fetch_sub(1, Ordering::Release);
    }
}

/// Identity of a record in flight, for its report.
#[derive(Debug)]
pub struct Ticket {
    /// Slice of the record.
    pub sent: Arc<Sent>,
    /// Index in the slice of the message from which the record was made.
    pub message: u32,
    /// Index of the record among the message's records.
    pub record: u32,
    /// Timestamp, which librdkafka does not give back with an error; `None` for the time of writing.
    pub timestamp: Option<i64>,
}

/// Slice that was not written completely.
#[derive(Debug)]
pub struct Returned {
    number: u64,
    /// Outcomes that were sent.
    pub processed: Arc<Processed>,
    /// Ack of the slice; `None` within a transaction.
    pub ack: Option<Ack>,
    /// Reports of the records that were not written.
    pub reports: Vec<Report>,
}

/// Notification that something was not written, or will not be written by this producer.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub struct Troubled;

/// Place to which slices come back that were not written completely.
#[derive(Debug, Default)]
pub struct Returns {
    list: Mutex<Vec<Returned>>,
    /// Whether a record was not written since the last check.
    troubled: AtomicBool,
    /// Number of slices with records that are not reported yet.
    on_their_way: AtomicUsize,
    next: AtomicU64,
    /// Actor that is notified of the first record that was not written since the last check, of each slice that comes
    /// back, and of a stranded producer.
    actor: OnceLock<Recipient<Troubled>>,
}

impl Returns {
    /// Notifies `actor` from now on.
    pub fn tell(&self, actor: Recipient<Troubled>) {
        let _ = self.actor.set(actor); // an actor starts once
    }

    /// Whether a record was not written since the last [`take`](Self::take).
    pub fn is_troubled(&self) -> bool {
        self.troubled.load(Ordering::Acquire)
    }

    /// Whether all records that were sent are reported, and their reports handled.
    pub fn are_all_here(&self) -> bool {
        self.on_their_way.load(Ordering::Acquire) == 0
    }

    /// Takes the slices that came back, in the order in which they were sent.
    pub fn take(&self) -> Vec<Returned> {
        self.take_more(Vec::new())
    }

    /// Takes the slices that came back and adds them to those taken `before`, in the order in which they were sent.
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

    /// Notifies the actor that something must be done about the slices that were sent.
    pub fn tell_actor(&self) {
        if let Some(actor) = self.actor.get() {
            actor.do_send(Troubled);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
