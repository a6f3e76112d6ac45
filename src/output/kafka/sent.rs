//! Slices whose records were given to a producer, until all of these records are reported.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use actix::Recipient;

use super::report::DeliveryReport;
use crate::message::Processed;
use crate::message::ack::Ack;

/// Records of a slice that are sent again, by message and index in the message: each to the partition that it had
/// before, or it could be written after records that it preceded.
pub(super) type Only = BTreeMap<(usize, usize), Option<i32>>;

/// Slice in flight, shared by all of its records. When the last of them is reported, it ends the ack, or is returned.
#[derive(Debug)]
pub(crate) struct Sent {
    /// Outcomes that were sent.
    pub processed: Arc<Processed>,
    /// Ack of the slice; `None` within a transaction, whose commit ends the acks.
    ack: Option<Ack>,
    /// Whether the ack must not count as delivered.
    withheld: AtomicBool,
    /// Reports about records that were not written.
    reports: Mutex<Vec<DeliveryReport>>,
    /// Number of the slice: slices are sent again in the order in which they were sent.
    number: u64,
    returns: Arc<Returns>,
}

impl Sent {
    /// Creates a slice that is about to be sent. Records that are not written go to `returns`, together with those to
    /// send `later`.
    pub(crate) fn new(
        processed: Arc<Processed>,
        ack: Option<Ack>,
        returns: &Arc<Returns>,
        later: Vec<DeliveryReport>,
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

    /// Returns the slice's ack.
    pub(crate) fn ack(&self) -> Option<&Ack> {
        self.ack.as_ref()
    }

    /// Withholds the ack: the slice must not count as delivered, whatever is reported.
    pub(crate) fn withhold(&self) {
        self.withheld.store(true, Ordering::Relaxed);
    }

    /// Notes that a record of the slice was not written.
    pub(crate) fn report(&self, report: DeliveryReport) {
        lock(&self.reports).push(report);
        // At once, and not when all records are reported: a producer that has given up leaves later records in its
        // queue.
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
        // Only after the slice was returned, so that a thread that sees no slice in flight also sees the returned one.
        self.returns.on_their_way.fetch_sub(1, Ordering::Release);
    }
}

/// Record in flight: identifies the record in its report.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// Slice of the record.
    pub sent: Arc<Sent>,
    /// Index in the slice of the record's message.
    pub message: u32,
    /// Index of the record among the message's records.
    pub record: u32,
    /// Timestamp, which librdkafka does not return with an error; `None` for the time of writing.
    pub timestamp: Option<i64>,
}

/// Slice with records that were not written.
#[derive(Debug)]
pub(crate) struct Returned {
    number: u64,
    /// Outcomes that were sent.
    pub processed: Arc<Processed>,
    /// Ack of the slice; `None` within a transaction.
    pub ack: Option<Ack>,
    /// Reports about the records that were not written.
    pub reports: Vec<DeliveryReport>,
}

/// Notice that a record was not written, or that this producer will write no more.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Troubled;

/// Collection of slices with records that were not written.
#[derive(Debug, Default)]
pub(crate) struct Returns {
    list: Mutex<Vec<Returned>>,
    /// Whether a record was not written since the last look.
    troubled: AtomicBool,
    /// Number of slices whose records are not all reported yet.
    on_their_way: AtomicUsize,
    next: AtomicU64,
    /// Actor to notify: of the first record that was not written since the last look, of each returned slice, and if
    /// the producer is stranded.
    actor: OnceLock<Recipient<Troubled>>,
}

impl Returns {
    /// Notifies `actor` from now on.
    pub(crate) fn tell(&self, actor: Recipient<Troubled>) {
        let _ = self.actor.set(actor); // an actor starts once
    }

    /// Returns whether a record was not written since the last [`take`](Self::take).
    pub(crate) fn is_troubled(&self) -> bool {
        self.troubled.load(Ordering::Acquire)
    }

    /// Returns whether all records that were sent are reported, and their reports handled.
    pub(crate) fn are_all_here(&self) -> bool {
        self.on_their_way.load(Ordering::Acquire) == 0
    }

    /// Takes the returned slices, in the order in which they were sent.
    pub(crate) fn take(&self) -> Vec<Returned> {
        self.take_more(Vec::new())
    }

    /// Takes the returned slices, together with those that were taken `before`.
    pub(crate) fn take_more(&self, before: Vec<Returned>) -> Vec<Returned> {
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

    /// Notifies the actor that it has to look at the returned slices.
    pub(crate) fn tell_actor(&self) {
        if let Some(actor) = self.actor.get() {
            actor.do_send(Troubled);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
