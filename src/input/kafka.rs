//! Input that reads Kafka topics as a member of a consumer group.
//!
//! ```text
//! librdkafka ──▶ poll ──▶ partition: queue ─▶ batch ─▶ … ─▶ ack ─▶ offsets ──▶ commit
//!                 │ rebalance: assign, revoke (finish, commit, let go), lost (abandon)
//! ```
//!
//! One thread polls, whatever happens in the rest of the pipeline: it never waits for processing, so the member stays
//! in its group. Each partition has a queue of its own. For backpressure the thread takes nothing from it, and
//! librdkafka stops fetching when the queue is full. (Pausing partitions would also work, but librdkafka discards what
//! it has fetched of a paused partition, and under load the budget is full most of the time.)

mod admin;
mod batch;
pub(crate) mod begin;
mod blocked;
mod commit;
mod cursor;
mod group;
mod lag;
mod leave;
pub(crate) mod offsets;
mod partition;
mod partitions;
mod poll;
mod questions;
mod rebalance;
pub(crate) mod sample;
mod scout;
mod told;
mod topics;
mod trouble;
mod unassigned;
mod waiting;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};

use actix::Recipient;
use anyhow::Context as _;
use rdkafka::ClientConfig;
use tokio::sync::oneshot;

use self::group::Group;
use self::poll::Poller;
use self::scout::Scout;
use super::{Control, Intake};
use crate::config::{GroupProtocol, KafkaInputConfig};
use crate::control::Notice;
use crate::kafka::client;
use crate::kafka::consumer::{Consumer, ConsumerCallbacks};
use crate::kafka::session::Session;
use crate::message::ack::Acked;
use crate::telemetry::group::GroupWatch;
use crate::telemetry::metrics::Metrics;

/// Source with a consumer that has not subscribed yet.
pub(crate) struct KafkaInput {
    config: KafkaInputConfig,
    consumer: Arc<Consumer>,
    commands: Receiver<Command>,
    waker: Waker,
    /// If set, the output commits the offsets within its transactions.
    session: Option<Session>,
    scout: Scout,
    metrics: Arc<Metrics>,
}

/// Command of the actor to the polling thread.
enum Command {
    /// These messages were delivered.
    Delivered(Acked),
    /// Stop reading.
    Stop,
    /// Commit, leave the group and end.
    Finish(oneshot::Sender<anyhow::Result<()>>),
}

/// Handle that wakes the polling thread.
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

/// Handle by which the actor controls the polling thread.
pub(crate) struct Handle {
    commands: Sender<Command>,
    waker: Waker,
}

impl Handle {
    fn tell(&self, command: Command) {
        // If the thread has panicked, the engine was already notified.
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
    /// Creates a consumer for `config`, and the handle that controls it. With a `session`, the output commits its
    /// offsets.
    ///
    /// # Errors
    /// If librdkafka does not accept the config.
    pub(crate) fn new(
        config: &KafkaInputConfig,
        metrics: &Arc<Metrics>,
        session: Option<&Session>,
    ) -> anyhow::Result<(Self, Handle)> {
        told::wait_for_group(config, &metrics.health);
        let waker = Waker::default();
        let (sender, commands) = channel();
        let scout = Scout::start(config, waker.clone())?;
        let consumer = connect(config, &waker, metrics, session)?;
        let group = GroupWatch::new(Arc::new(Group::new(config, &consumer)));
        // A pipeline has one input.
        let _ = metrics.group.set(group);
        let source = Self {
            config: config.clone(),
            consumer,
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

    /// Reads on a thread of its own until the actor sends `Finish`.
    pub(super) fn spawn(self, intake: Intake, engine: Recipient<Notice>) {
        super::spawn("kafka", engine.clone(), move || {
            self.waker.set_thread();
            Poller::new(self, intake, engine).run();
        });
    }
}

/// Creates a consumer that has not subscribed yet.
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
    // `begin` decides where reading a partition begins. This setting is for an offset that is out of range later: it
    // skips nothing.
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
        // The brokers decide both times and the assignment.
        GroupProtocol::Consumer => {
            client.set("group.protocol", "consumer");
        }
    }
    // At the end of a partition, commits may pass records that are no messages.
    client.set("enable.partition.eof", "true");
    // Only delivered messages are committed, not all that were read.
    client.set("enable.auto.commit", "false");
    client.set("enable.auto.offset.store", "false");
    let defaults = [
        // Data corrupted on a disk or in transit must not be taken for messages.
        ("check.crcs", "true"),
        // Limit on what a member holds of each partition in librdkafka, in addition to the memory budget.
        ("queued.max.messages.kbytes", "1024"),
        ("queued.min.messages", "10000"),
        // The client changes to the next broker when one is silent for this time; the default is a minute.
        ("socket.timeout.ms", "10000"),
        // With queues this small, the default of one second would let them run empty.
        ("fetch.queue.backoff.ms", "5"),
    ];
    for (name, value) in defaults {
        if client.get(name).is_none() {
            client.set(name, value);
        }
    }
    client
}
