//! Exactly-once delivery: results, dead letters and the offsets of their messages are committed together, in one
//! transaction per commit period.
//!
//! ```text
//! begin ─▶ records of slices … ─▶ flush ─▶ offsets ─▶ commit ─▶ acks
//!                                      │ cannot be committed
//!                                      └──▶ abort, abandon the lanes: the input reads them again
//! ```
//!
//! A transaction contains whole slices, and a run of them without gaps for each lane, so the offset to commit is the
//! one after the last message. The group's generation is sent with it (KIP-447): a member that has lost a partition
//! cannot commit for it. Calls that may take long block this actor's own thread; the budget bounds what waits.

mod open;
mod producer;
mod refused;
mod rollback;

use self::open::Open;
use self::producer::{Trouble, persist};

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::producer::Producer as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::Producer;
use super::client::Batches;
use super::refusal::{Left, Refusals};
use super::sent::{Returns, Sent};
use super::writer::Writer;
use crate::config::KafkaOutputConfig;
use crate::control::Notice;
use crate::kafka::fence::Fence;
use crate::kafka::offsets::add;
use crate::kafka::session::{Advance, Ears, Hurry, Session};
use crate::message::{Lane, Processed};
use crate::output::Deliver;
use crate::telemetry::metrics::Metrics;

/// Time limit of one try of a call, which is repeated for as long as it may succeed.
const STEP: Duration = Duration::from_secs(5);
/// Age at which a transaction is committed while the input is in a hurry: long enough for results that are about to
/// arrive.
const HURRY: Duration = Duration::from_millis(20);
/// Time that the input may take, during a rebalance, to confirm which partitions it still has.
const CONFIRMATION: Duration = Duration::from_secs(2);
/// Interval of checks whether a record was refused: then it is useless to wait for the others.
const LOOK: Duration = Duration::from_millis(20);

/// Actor that writes records in transactions. See the module's documentation.
pub(crate) struct Transactions {
    config: KafkaOutputConfig,
    /// Producer; `None` until the actor has started, and after it has ended.
    producer: Option<Producer>,
    batches: Batches,
    /// Slices with records that were not written.
    returns: Arc<Returns>,
    writer: Writer,
    refusals: Refusals,
    session: Session,
    fence: Fence,
    /// Bytes in a transaction at which it is committed early, because the input waits for acks.
    full: u64,
    commit_period: Duration,
    engine: Recipient<Notice>,
    open: Option<Open>,
}

/// Limits on the size of transactions, and of batches in them.
#[derive(Debug, Clone, Copy)]
pub(in crate::output) struct Size {
    /// Bytes in flight at which a transaction is committed early, because the input waits for acks.
    pub full: u64,
    /// Time after which a transaction is committed otherwise.
    pub commit_period: Duration,
    /// Rules for making batches.
    pub batches: Batches,
}

/// Message of the actor to itself: the open transaction is old enough.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Due;

impl Transactions {
    /// Creates the actor for an output. The limit on a message in `config` is the producer's, which also writes dead
    /// letters.
    pub(in crate::output) fn new(
        config: &KafkaOutputConfig,
        writer: Writer,
        refusals: Refusals,
        session: Session,
        size: Size,
        engine: Recipient<Notice>,
    ) -> Self {
        Self {
            config: config.clone(),
            producer: None,
            batches: size.batches,
            returns: Arc::default(),
            writer,
            refusals,
            fence: session.fence(),
            session,
            full: size.full,
            commit_period: size.commit_period,
            engine,
            open: None,
        }
    }

    fn commit(&mut self) {
        let began = Instant::now();
        let (Some(open), Some(producer)) = (self.open.take(), &self.producer) else {
            return;
        };
        match self.try_commit(producer, &open) {
            Ok(()) => {
                Metrics::add(&self.writer.metrics.commits, 1);
                tracing::debug!(
                    stretches = open.acks.len(),
                    bytes = open.bytes,
                    took = ?began.elapsed(),
                    "committed a transaction"
                );
                open.acks.into_iter().for_each(|(_, ack)| ack.done());
            }
            Err(Trouble::Abort(reason)) => self.abort(open, &reason),
            Err(Trouble::Renew(reason)) => self.renew(open, &reason),
        }
    }

    fn try_commit(&self, producer: &Producer, open: &Open) -> Result<(), Trouble> {
        if open.spoiled {
            return Err(Trouble::Abort("a record was not taken".into()));
        }
        let group = self.group(open)?;
        let mut offsets = TopicPartitionList::new();
        for ((topic, partition), offset) in &open.offsets {
            add(&mut offsets, topic, *partition, Offset::Offset(*offset))?;
        }
        self.flush(producer)?;
        if self.returns.is_troubled() {
            return Err(Trouble::Abort("a record was refused".into()));
        }
        persist(producer, "commit offsets", || {
            producer.send_offsets_to_transaction(&offsets, &group, STEP)
        })?;
        persist(producer, "commit a transaction", || {
            producer.commit_transaction(STEP)
        })
    }

    /// Waits until all records are written, or one of them is not.
    fn flush(&self, producer: &Producer) -> Result<(), Trouble> {
        persist(producer, "write all of a transaction", || {
            let until = Instant::now() + STEP;
            loop {
                let flushed = producer.flush(LOOK);
                if self.returns.is_troubled() {
                    return Ok(());
                }
                if flushed.is_ok() || Instant::now() >= until {
                    return flushed;
                }
            }
        })
    }

    /// Returns the group metadata to send with the offsets of `open`, in whose generation this member has all of its
    /// lanes.
    ///
    /// The metadata is read before the lanes are checked: a partition is given up before its member joins the next
    /// generation, so in this metadata's generation the member had all lanes that are not given up. In the opposite
    /// order, a partition could be given up in between, and its offset be committed with a generation in which another
    /// member has it.
    fn group(&self, open: &Open) -> Result<ConsumerGroupMetadata, Trouble> {
        let began = Instant::now();
        loop {
            let group = self.session.group();
            if open.has_lost_a_lane() {
                return Err(Trouble::Abort("a partition went to another member".into()));
            }
            match group {
                Some(group) => return Ok(group),
                None if began.elapsed() > CONFIRMATION => {
                    return Err(Trouble::Abort("the input is no member of its group".into()));
                }
                // A new generation that the input has not noticed yet.
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Begins a transaction if there is none. Returns false if that is impossible; then `lane` is given up.
    fn begin(&mut self, lane: &Lane, ctx: &mut actix::Context<Self>) -> bool {
        let Some(producer) = &self.producer else {
            return false; // the engine was notified
        };
        if self.open.is_some() {
            return true;
        }
        if let Err(error) = producer.begin_transaction() {
            lane.abandon();
            self.renew(Open::default(), &error.to_string());
            return false;
        }
        self.open = Some(Open::default());
        let period = if self.session.is_in_a_hurry() {
            HURRY
        } else {
            self.commit_period
        };
        ctx.notify_later(Due, period);
        true
    }

    fn write(&mut self, deliver: Deliver, ctx: &mut actix::Context<Self>) {
        if !self.begin(&deliver.processed.batch.lane, ctx) {
            return;
        }
        let (Some(producer), Some(open)) = (&self.producer, &mut self.open) else {
            return;
        };
        let Deliver { processed, ack } = deliver;
        let processed = Arc::new(processed);
        let sent = Sent::new(Arc::clone(&processed), None, &self.returns, Vec::new());
        let refused = self.writer.write(producer, &sent, None);
        let metrics = &self.writer.metrics;
        match self.refusals.handle(&processed, &ack, refused, metrics) {
            Left::Nothing => {}
            Left::Letters(letters) => {
                let Deliver {
                    processed: letters,
                    ack: share,
                } = letters;
                let letters = Arc::new(letters);
                let sent = Sent::new(Arc::clone(&letters), None, &self.returns, Vec::new());
                let refused = self.writer.write(producer, &sent, None);
                if !refused.is_empty() {
                    let refusals = Refusals::Fatal(self.engine.clone());
                    refusals.handle(&letters, &share, refused, &self.writer.metrics);
                    open.spoiled = true;
                }
                share.done();
            }
            Left::Before(_) => {
                // Later messages are on their way here already, and all of this is rolled back.
                processed.batch.lane.abandon();
                open.spoiled = true;
            }
            Left::Withhold => open.spoiled = true,
        }
        let Processed {
            batch,
            start,
            outcomes,
        } = &*processed;
        if let Some(last) = batch.messages[*start..start + outcomes.items.len()].last() {
            open.pass(&batch.lane, last.offset + 1);
        }
        open.bytes += ack.bytes();
        open.acks.push((Arc::clone(&batch.lane), ack));
    }
}

impl Actor for Transactions {
    type Context = actix::Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.session.listen(Ears {
            advance: ctx.address().recipient(),
            hurry: ctx.address().recipient(),
        });
        match self.connect() {
            Ok(producer) => self.producer = Some(producer),
            Err(error) => self.give_up(&error),
        }
    }
}

impl Handler<Deliver> for Transactions {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, ctx: &mut Self::Context) {
        if deliver.processed.batch.lane.is_abandoned() {
            return; // the messages are read again, here or by another member
        }
        self.write(deliver, ctx);
        let troubled = self.returns.is_troubled();
        let ripe = |open: &Open| open.spoiled || troubled || open.bytes >= self.full;
        if self.open.as_ref().is_some_and(ripe) {
            self.commit();
        }
    }
}

impl Handler<Due> for Transactions {
    type Result = ();

    fn handle(&mut self, Due: Due, _: &mut Self::Context) {
        self.commit();
    }
}

impl Handler<Hurry> for Transactions {
    type Result = ();

    fn handle(&mut self, Hurry: Hurry, _: &mut Self::Context) {
        self.commit();
    }
}

impl Handler<Advance> for Transactions {
    type Result = ();

    fn handle(&mut self, Advance { lane, offset }: Advance, ctx: &mut Self::Context) {
        if lane.is_abandoned() || !self.begin(&lane, ctx) {
            return;
        }
        if let Some(open) = &mut self.open {
            open.pass(&lane, offset);
            open.advances.push(lane);
        }
    }
}
