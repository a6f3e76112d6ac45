//! Exactly once: results, dead letters and the offsets they were made from are committed together, in one
//! transaction a commit period.
//!
//! ```text
//! begin ─▶ records of stretches … ─▶ flush ─▶ offsets ─▶ commit ─▶ acks
//!                                      │ cannot be committed
//!                                      └──▶ abort, abandon the lanes: the input reads them again
//! ```
//!
//! A transaction has whole stretches, and of each lane a gapless run of them, so the offset to commit is the
//! one behind the last. The group's generation goes along (KIP-447): a member that has lost a partition cannot
//! commit for it. Calls that may take long block this actor's own thread; the gate bounds what waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use actix::prelude::*;
use anyhow::Context as _;
use rdkafka::consumer::{Consumer as _, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::delivery::{Context, Delivery};
use super::refusal::{Left, Refusals};
use super::writer::Writer;
use super::{Producer, client};
use crate::config::KafkaOutputConfig;
use crate::engine::OutputEnded;
use crate::input::kafka::Consumer;
use crate::kafka::fence::Fence;
use crate::message::ack::Ack;
use crate::message::gate::Gate;
use crate::message::{Deliver, Origin};
use crate::telemetry::events::TransactionAborted;
use crate::telemetry::metrics::Metrics;

/// One try of a call; it is tried again for as long as it may succeed.
const STEP: Duration = Duration::from_secs(5);

/// The consumer whose offsets the transactions commit.
#[derive(Clone, Default)]
pub struct Session {
    consumer: Arc<Mutex<Weak<Consumer>>>,
    /// How often consumer and producer were fenced.
    pub fence: Fence,
}

impl Session {
    /// The input has this consumer from now on.
    pub fn set(&self, consumer: &Arc<Consumer>) {
        *self.consumer() = Arc::downgrade(consumer);
    }

    fn group(&self) -> Option<ConsumerGroupMetadata> {
        let consumer = self.consumer().upgrade();
        consumer?.group_metadata()
    }

    fn consumer(&self) -> std::sync::MutexGuard<'_, Weak<Consumer>> {
        self.consumer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The actor. See the module's documentation.
pub struct Transactions {
    config: KafkaOutputConfig,
    /// `None` until the actor has started, and when it has ended.
    producer: Option<Producer>,
    writer: Writer,
    refusals: Refusals,
    session: Session,
    /// With so many bytes under way in a transaction it is committed early: the input waits for acks.
    full: u64,
    commit_period: Duration,
    engine: Recipient<OutputEnded>,
    open: Option<Open>,
}

/// A transaction that has begun.
#[derive(Default)]
struct Open {
    stretches: Vec<(Arc<Origin>, Ack)>,
    /// What to commit, of each topic and partition.
    offsets: HashMap<(Arc<str>, i32), i64>,
    /// What its messages and results take at the gate.
    bytes: u64,
    /// A record was not taken, or must not be committed.
    spoiled: bool,
}

/// The open transaction is old enough.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Due;

/// Why a transaction is not committed.
enum Trouble {
    /// It must be aborted; the next one may succeed.
    Abort(String),
    /// The producer is of no use any more.
    Renew(String),
}

impl From<KafkaError> for Trouble {
    fn from(error: KafkaError) -> Self {
        let fatal = match &error {
            KafkaError::Transaction(error) => error.is_fatal(),
            error => error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal),
        };
        if fatal {
            Self::Renew(error.to_string())
        } else {
            Self::Abort(error.to_string())
        }
    }
}

/// Calls until it succeeds or there is no use in trying again.
fn persist(what: &str, mut call: impl FnMut() -> KafkaResult<()>) -> Result<(), Trouble> {
    let began = Instant::now();
    let mut told = false;
    loop {
        let error = match call() {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let again = match &error {
            KafkaError::Transaction(error) => error.is_retriable(),
            error => error.rdkafka_error_code() == Some(RDKafkaErrorCode::OperationTimedOut),
        };
        if !again {
            return Err(error.into());
        }
        if !told && began.elapsed() > STEP {
            tracing::warn!(%error, "cannot {what} yet: trying on");
            told = true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

impl Transactions {
    /// Transactions for an output. Its limit on a message is that of the producer, and dead letters are
    /// written by the same one.
    pub(in crate::output) fn new(
        config: &KafkaOutputConfig,
        writer: Writer,
        refusals: Refusals,
        session: Session,
        gate: &Gate,
        commit_period: Duration,
        engine: Recipient<OutputEnded>,
    ) -> Self {
        Self {
            config: config.clone(),
            producer: None,
            writer,
            refusals,
            session,
            full: gate.limit() / 2,
            commit_period,
            engine,
            open: None,
        }
    }

    /// A producer that has fenced all before it that had its id, and ended their transactions.
    fn connect(&self) -> anyhow::Result<Producer> {
        let cluster = &self.config.client;
        let context = Context::transactional(cluster, &self.writer.metrics, self.engine.clone());
        let producer: Producer = client::configure(&self.config)
            .create_with_context(context)
            .context("`output.kafka` cannot be used")?;
        match persist("begin with transactions", || {
            producer.init_transactions(STEP)
        }) {
            Ok(()) => Ok(producer),
            Err(Trouble::Abort(reason) | Trouble::Renew(reason)) => {
                let id = self.config.transactional_id.as_deref().unwrap_or_default();
                anyhow::bail!(
                    "Kafka at {} refuses transactions with the id `{id}`: {reason}",
                    cluster.all_addresses()
                )
            }
        }
    }

    fn give_up(&mut self, error: &anyhow::Error) {
        self.producer = None;
        self.engine
            .do_send(OutputEnded::Failed(format!("{error:#}")));
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
                    stretches = open.stretches.len(),
                    bytes = open.bytes,
                    took = ?began.elapsed(),
                    "committed a transaction"
                );
                open.stretches.into_iter().for_each(|(_, ack)| ack.done());
            }
            Err(Trouble::Abort(reason)) => self.abort(open, &reason),
            Err(Trouble::Renew(reason)) => self.renew(open, &reason),
        }
    }

    fn try_commit(&self, producer: &Producer, open: &Open) -> Result<(), Trouble> {
        if open.spoiled {
            return Err(Trouble::Abort("a record was not taken".into()));
        }
        // Before the look at the lanes: a partition is given up before its member joins the next generation, so this
        // one is of a time when all lanes that are not given up were ours. The other way round, a partition could go
        // in between, and its offset be committed with the generation in which it is another member's.
        let Some(group) = self.session.group() else {
            return Err(Trouble::Abort("there is no consumer".into()));
        };
        if open
            .stretches
            .iter()
            .any(|(origin, _)| origin.is_abandoned())
        {
            return Err(Trouble::Abort("a partition went to another member".into()));
        }
        let mut offsets = TopicPartitionList::new();
        for ((topic, partition), offset) in &open.offsets {
            offsets.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
        }
        persist("write all of a transaction", || producer.flush(STEP))?;
        persist("commit offsets", || {
            producer.send_offsets_to_transaction(&offsets, &group, STEP)
        })?;
        persist("commit a transaction", || producer.commit_transaction(STEP))
    }

    /// Nothing of the transaction was written, for whoever reads committed messages. What it was made from is
    /// read again.
    fn abort(&mut self, open: Open, reason: &str) {
        let event = TransactionAborted {
            reason,
            stretches: open.stretches.len(),
        };
        event.emit(&self.writer.metrics);
        open.abandon();
        let Some(producer) = &self.producer else {
            return;
        };
        // Records on their way while a transaction is aborted can be fatal (librdkafka issue 4849).
        let _ = producer.flush(STEP);
        let aborted = persist("abort a transaction", || producer.abort_transaction(STEP));
        if let Err(Trouble::Abort(reason) | Trouble::Renew(reason)) = aborted {
            self.renew(Open::default(), &reason);
        }
    }

    /// Goes on with a new producer. It takes the old one's id, which ends the old one's transaction.
    fn renew(&mut self, open: Open, reason: &str) {
        open.abandon();
        let Some(producer) = self.producer.take() else {
            return;
        };
        let fatal = producer.client().fatal_error();
        drop(producer);
        let fenced = matches!(
            fatal,
            Some((
                RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced,
                _
            ))
        );
        let reason = fatal.map_or_else(|| reason.to_owned(), |(_, reason)| reason);
        if fenced && self.session.fence.is_contested(Instant::now()) {
            let id = self.config.transactional_id.as_deref().unwrap_or_default();
            self.give_up(&anyhow::anyhow!(
                "another process uses the transactional id `{id}` ({reason}): give each process an \
                 `input.kafka.instance_id` or an `output.kafka.transactional_id` of its own"
            ));
            return;
        }
        tracing::warn!(reason, "the Kafka producer cannot go on: making a new one");
        match self.connect() {
            Ok(producer) => self.producer = Some(producer),
            Err(error) => self.give_up(&error),
        }
    }

    fn write(&mut self, deliver: Deliver, ctx: &mut actix::Context<Self>) {
        let Some(producer) = &self.producer else {
            return; // the engine was told
        };
        if self.open.is_none() {
            if let Err(error) = producer.begin_transaction() {
                deliver.batch.origin.abandon();
                self.renew(Open::default(), &error.to_string());
                return;
            }
            self.open = Some(Open::default());
            ctx.notify_later(Due, self.commit_period);
        }
        let Some(open) = &mut self.open else {
            return;
        };
        let delivery = Arc::new(Delivery::in_transaction());
        let mut written = self.writer.write(producer, &deliver, &delivery);
        if let Ok(refused) = &mut written {
            let refused = std::mem::take(refused);
            match self
                .refusals
                .handle(&deliver, refused, &self.writer.metrics)
            {
                Left::Nothing => {}
                Left::Letters(letters) => {
                    written = self.writer.write(producer, &letters, &delivery);
                    letters.ack.done();
                }
                Left::Before(_) => {
                    // What comes behind is on its way here already, and all of it is rolled back.
                    deliver.batch.origin.abandon();
                    open.spoiled = true;
                }
                Left::Withhold => open.spoiled = true,
            }
        }
        match written {
            Ok(refused) if refused.is_empty() => {}
            Ok(refused) => {
                let refusals = Refusals::Fatal(self.engine.clone());
                refusals.handle(&deliver, refused, &self.writer.metrics);
                open.spoiled = true;
            }
            Err((error, topic)) => {
                delivery.fail(&error, &topic, producer.client().context());
                open.spoiled = true;
            }
        }
        let Deliver {
            batch,
            start,
            outcomes,
            ack,
        } = deliver;
        let last = batch.messages[start..start + outcomes.items.len()].last();
        if let (Some(last), Some(topic)) = (last, &batch.origin.topic) {
            let partition = (Arc::clone(topic), batch.origin.partition);
            open.offsets.insert(partition, last.offset + 1);
        }
        open.bytes += ack.bytes();
        open.stretches.push((Arc::clone(&batch.origin), ack));
    }
}

impl Open {
    fn abandon(self) {
        for (origin, _) in &self.stretches {
            origin.abandon();
        }
    }
}

impl Actor for Transactions {
    type Context = actix::Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        match self.connect() {
            Ok(producer) => self.producer = Some(producer),
            Err(error) => self.give_up(&error),
        }
    }
}

impl Handler<Deliver> for Transactions {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, ctx: &mut Self::Context) {
        if deliver.batch.origin.is_abandoned() {
            return; // they are read again, here or by another member
        }
        self.write(deliver, ctx);
        let ripe = |open: &Open| open.spoiled || open.bytes >= self.full;
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
