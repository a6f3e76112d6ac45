//! Exactly-once delivery: results, dead letters and the offsets of their messages are committed together, in one
//! transaction for each commit period.
//!
//! ```text
//! begin ─▶ records of slices … ─▶ flush ─▶ offsets ─▶ commit ─▶ acks
//!                                      │ cannot be committed
//!                                      └──▶ abort, abandon the lanes: the input reads them again
//! ```
//!
//! A transaction contains whole slices, and of each lane a run of slices without a gap, so the offset to commit is the
//! one after the last message. The group's generation is sent with the offsets (KIP-447): a member that has lost a
//! partition cannot commit for it. Calls that may take long block this actor's own thread; the memory budget bounds
//! what waits.

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
use crate::kafka::session::{Advance, Ears, Hurry, Session};
use crate::message::{Lane, Processed};
use crate::output::Deliver;
use crate::telemetry::metrics::Metrics;

/// Time limit of one try of a call. Calls are tried again as long as they may succeed.
const STEP: Duration = Duration::from_secs(5);
/// Age at which a transaction is committed while the input is in a hurry. Results that are already on their way can
/// still join it.
const HURRY: Duration = Duration::from_millis(20);
/// Time that the input may take, during a rebalance, to confirm which partitions it still has.
const CONFIRMATION: Duration = Duration::from_secs(2);
/// Time between two checks whether a record was refused; if one was, waiting for the others is useless.
const LOOK: Duration = Duration::from_millis(20);

/// Actor that writes to Kafka in transactions. See the module's documentation.
pub struct Transactions {
    config: KafkaOutputConfig,
    /// Producer; `None` before the actor has started, and after the output has ended.
    producer: Option<Producer>,
    batches: Batches,
    /// Slices with records that were not written.
    returns: Arc<Returns>,
    writer: Writer,
    refusals: Refusals,
    session: Session,
    fence: Fence,
    /// Bytes in the transaction at which it is committed early, since the input waits for acks.
    full: u64,
    commit_period: Duration,
    engine: Recipient<Notice>,
    open: Option<Open>,
}

/// Limits on transactions and on the batches in them.
#[derive(Debug, Clone, Copy)]
pub(in crate::output) struct Size {
    /// Bytes in the transaction at which it is committed early, since the input waits for acks.
    pub full: u64,
    /// Time after which a transaction with fewer bytes is committed.
    pub commit_period: Duration,
    /// How batches are made.
    pub batches: Batches,
}

/// Timer message: the open transaction is old enough to be committed.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Due;

impl Transactions {
    /// Creates the actor for an output. The limit on a message in `config` is that of the producer, which writes dead
    /// letters as well.
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
            offsets.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
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

    /// Returns the group's metadata, to be sent with the offsets of `open`. In the metadata's generation, all lanes of
    /// `open` belong to this member.
    ///
    /// The metadata is taken before the lanes are checked: a member gives up a partition before it joins the next
    /// generation, so in this generation all lanes that are not given up belonged to this member. In the opposite
    /// order, a partition could be given up between the two steps, and its offset would be committed with a generation
    /// in which it belongs to another member.
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
                // There is a new generation, of which the input does not know yet.
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Begins a transaction if none is open. Returns `false` if that fails; `lane` is then given up.
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
                // Messages after this one are already on their way here. Everything is rolled back.
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
