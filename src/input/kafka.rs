//! Kafka topics, read as a member of a consumer group.
//!
//! ```text
//! librdkafka ──▶ poll ──▶ partition: queue ─▶ batch ─▶ … ─▶ ack ─▶ offsets ──▶ commit
//!                 │ rebalance: assign, revoke (finish, commit, let go), lost (abandon)
//! ```
//!
//! One thread polls, whatever happens behind it: it never waits for processing, so the member stays in its
//! group. Each partition has a queue of its own, and backpressure is not to take from it; librdkafka stops fetching when
//! the queue is full. (Pausing partitions would do as well, but librdkafka throws away what it has fetched
//! of a partition that is paused, and under load the budget is full most of the time.)

mod admin;
mod batch;
pub mod begin;
mod blocked;
mod commit;
mod cursor;
mod lag;
mod leave;
pub mod offsets;
mod partition;
mod poll;
mod rebalance;
pub mod sample;
mod scout;
mod told;
mod topics;
mod trouble;
mod waiting;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};

use actix::Recipient;
use anyhow::Context as _;
use rdkafka::ClientConfig;
use tokio::sync::oneshot;

use self::poll::Poller;
use self::scout::Scout;
use super::{Control, Intake};
use crate::config::{GroupProtocol, KafkaInputConfig};
use crate::control::Notice;
use crate::kafka::client;
use crate::kafka::consumer::{Consumer, ConsumerCallbacks};
use crate::kafka::session::Session;
use crate::message::ack::Acked;
use crate::telemetry::metrics::Metrics;

/// The source: a consumer that has not subscribed yet.
pub struct KafkaInput {
    config: KafkaInputConfig,
    consumer: Arc<Consumer>,
    commands: Receiver<Command>,
    waker: Waker,
    /// With one, the output commits the offsets within its transactions.
    session: Option<Session>,
    scout: Scout,
    metrics: Arc<Metrics>,
}

/// What the actor tells the polling thread.
enum Command {
    /// These were delivered.
    Delivered(Acked),
    /// Read no more.
    Stop,
    /// Commit, leave the group and end.
    Finish(oneshot::Sender<anyhow::Result<()>>),
}

/// Wakes the polling thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waker(Arc<OnceLock<Thread>>);

impl Waker {
    fn set_thread(&self) {
        self.0.get_or_init(thread::current);
    }

    fn wake(&self) {
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }
}

/// The actor's hold on the polling thread.
pub struct Handle {
    commands: Sender<Command>,
    waker: Waker,
}

impl Handle {
    fn tell(&self, command: Command) {
        // If the thread has panicked, the engine knows already.
        let _ = self.commands.send(command);
        self.waker.wake();
    }
}

impl Control for Handle {
    fn stop(&self) {
        self.tell(Command::Stop);
    }

    fn delivered(&self, acked: Acked) {
        self.tell(Command::Delivered(acked));
    }

    fn finish(&self, done: oneshot::Sender<anyhow::Result<()>>) {
        self.tell(Command::Finish(done));
    }
}

impl KafkaInput {
    /// A consumer for `config`, and the hold on it. With a `session`, the output commits its offsets.
    ///
    /// # Errors
    /// If librdkafka does not take the config.
    pub fn new(
        config: &KafkaInputConfig,
        metrics: &Arc<Metrics>,
        session: Option<&Session>,
    ) -> anyhow::Result<(Self, Handle)> {
        told::wait_for_group(config, &metrics.health);
        let waker = Waker::default();
        let (sender, commands) = channel();
        let scout = Scout::start(config, waker.clone())?;
        let source = Self {
            config: config.clone(),
            consumer: connect(config, &waker, metrics, session)?,
            commands,
            waker: waker.clone(),
            session: session.cloned(),
            scout,
            metrics: Arc::clone(metrics),
        };
        let handle = Handle {
            commands: sender,
            waker,
        };
        Ok((source, handle))
    }

    /// Reads on a thread of its own until it is told to finish.
    pub(super) fn spawn(self, intake: Intake, engine: Recipient<Notice>) {
        super::spawn("kafka", engine.clone(), move || {
            self.waker.set_thread();
            Poller::new(self, intake, engine).run();
        });
    }
}

/// A consumer that has not subscribed yet.
fn connect(
    config: &KafkaInputConfig,
    waker: &Waker,
    metrics: &Arc<Metrics>,
    session: Option<&Session>,
) -> anyhow::Result<Arc<Consumer>> {
    let mut consumer: Consumer = configure(config)
        .create_with_context(ConsumerCallbacks::new(&config.client, metrics))
        .context("`input.kafka` cannot be used")?;
    let waker = waker.clone();
    consumer.set_nonempty_callback(move || waker.wake());
    let consumer = Arc::new(consumer);
    if let Some(session) = session {
        session.set_consumer(&consumer);
    }
    Ok(consumer)
}

fn configure(config: &KafkaInputConfig) -> ClientConfig {
    let mut client = client::configure(&config.client);
    client.set("group.id", &config.consumer_group);
    if let Some(instance) = &config.instance_id {
        client.set("group.instance.id", instance);
    }
    // Where partitions begin is decided in `begin`. This is for an offset that is out of range later: nothing is skipped.
    client.set("auto.offset.reset", "earliest");
    match config.group.protocol {
        GroupProtocol::Classic => {
            let session = config.group.session_timeout.as_millis().to_string();
            client.set("session.timeout.ms", session);
            let heartbeat = config.group.heartbeat_interval.as_millis().to_string();
            client.set("heartbeat.interval.ms", heartbeat);
            if client.get("partition.assignment.strategy").is_none() {
                client.set("partition.assignment.strategy", "cooperative-sticky");
            }
        }
        // Both times and the assignment are the brokers'.
        GroupProtocol::Consumer => {
            client.set("group.protocol", "consumer");
        }
    }
    // The end of a partition is where commits may pass records that are no messages.
    client.set("enable.partition.eof", "true");
    // What is committed is what was delivered, not what was read.
    client.set("enable.auto.commit", "false");
    client.set("enable.auto.offset.store", "false");
    let defaults = [
        // What is broken on a disk or on the way must not pass for messages.
        ("check.crcs", "true"),
        // A member has no more than this in memory of each partition, beside what counts in the memory budget.
        ("queued.max.messages.kbytes", "1024"),
        ("queued.min.messages", "10000"),
        // A broker that is silent is given up for the next one after this; the default is a minute.
        ("socket.timeout.ms", "10000"),
        // With queues this small, the default of a second would make them run dry.
        ("fetch.queue.backoff.ms", "5"),
    ];
    for (name, value) in defaults {
        if client.get(name).is_none() {
            client.set(name, value);
        }
    }
    client
}
