//! Snapshot of the engine's state. `/stats` returns it as JSON, and `/metrics` is made from it too, so that the two
//! cannot disagree. `nerodia top` parses it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::histogram::Distribution;
use super::metrics::{GuestsNow, Metrics};
use super::process;
use crate::config::Running;
use crate::message::budget::MemoryBudget;

/// Snapshot of the engine's state. Totals count from the start of the process; times are in seconds, sizes in bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stats {
    /// Version of the engine.
    pub version: String,
    /// Start of the process, in milliseconds since the Unix epoch.
    pub started_at_ms: u64,
    /// Seconds since the start of the process.
    pub uptime_seconds: f64,
    /// Whether messages that arrive now would be processed.
    pub ready: bool,
    /// Reasons why the pipeline is not ready, by the part that reports them.
    pub not_ready: BTreeMap<String, String>,
    /// Summary of the config in use.
    pub pipeline: Facts,
    /// Number of reloads that were `taken` or `refused` while the pipeline ran.
    pub reloads: BTreeMap<String, u64>,
    /// Messages that were read, and what became of them.
    pub messages: Messages,
    /// Results and bytes that were given to the outputs.
    pub output: Output,
    /// Time that messages spend in the queue, in a guest and altogether.
    pub latency: Latency,
    /// Queue of batches that wait for a guest.
    pub queue: Queue,
    /// Use of the memory budget.
    pub gate: GateNow,
    /// Guests: their states, starts, deaths and use of resources.
    pub guests: Guests,
    /// State of the Kafka clients; empty if neither the input nor an output is Kafka.
    pub kafka: Kafka,
    /// Processor time and memory of the process.
    pub process: process::Usage,
    /// Last failures, the newest first.
    pub recent_failures: Vec<RecentFailure>,
}

/// Messages that were read, and what became of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Messages {
    /// Messages read from the input.
    pub received: u64,
    /// Payload bytes of the messages read from the input.
    pub received_bytes: u64,
    /// Messages finished: all their results or their dead letter are acknowledged, or they were dropped. Dropped
    /// messages are included.
    pub delivered: u64,
    /// Messages that the script dropped: `root` stayed `None` and nothing was emitted.
    pub dropped: u64,
    /// Failed messages that were not dropped: each became a dead letter or stopped the pipeline.
    pub failed: u64,
    /// Failed messages that were dropped because of `on_error: drop`.
    pub failed_and_dropped: u64,
    /// Failed messages, dropped or not, by the type of the exception or the cause of the guest's death.
    pub failures_by_type: BTreeMap<String, u64>,
    /// Number of messages in each batch that the input made.
    pub batch_size: Distribution,
}

/// Results and bytes that were given to the outputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Output {
    /// Results made by scripts; one message can have several.
    pub records: u64,
    /// Payload bytes given to the outputs, dead letters included.
    pub bytes: u64,
}

/// Times in seconds, each counted once for every message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Latency {
    /// Time that a message waited in the queue for the guest that processed it.
    pub queue: Distribution,
    /// Time that a guest spent on the request with this message, including all messages of that request and JSON
    /// conversion.
    pub guest: Distribution,
    /// Time from reading a message until it was finished.
    pub whole: Distribution,
}

/// Queue of batches that wait for a guest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Queue {
    /// Number of batches, or of unfinished parts of batches, that wait for a guest.
    pub batches: usize,
    /// Seconds that the oldest waiting batch has waited; 0 if none waits.
    pub age_seconds: f64,
}

/// Use of the memory budget.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GateNow {
    /// Bytes of messages in flight and their results, counted against the memory budget.
    pub bytes: u64,
    /// Memory budget in bytes: `pipeline.max_in_flight`.
    pub limit_bytes: u64,
}

/// Guests: their states, starts, deaths and use of resources.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Guests {
    /// Number of guests in each state: `starting`, `idle`, `busy` or `retiring`.
    pub states: BTreeMap<String, usize>,
    /// Guests that reached READY.
    pub starts: u64,
    /// Guests that did not reach READY.
    pub failed_starts: u64,
    /// Seconds from the instantiation of a guest to READY.
    pub ready_seconds: Distribution,
    /// Guests that died after READY, by cause.
    pub deaths: BTreeMap<String, u64>,
    /// Healthy guests that were replaced by fresh ones.
    pub recycled: u64,
    /// Changes of the number of guests, by reason.
    pub scalings: BTreeMap<String, u64>,
    /// Processor time of the guests' threads, JSON conversion included.
    pub cpu_seconds: f64,
    /// Bytes of WebAssembly memory of all living guests.
    pub memory_bytes: u64,
}

/// State of the Kafka clients of this process.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Kafka {
    /// Partitions that are assigned to this process.
    pub partitions: Vec<Partition>,
    /// Number of assigned partitions that cannot be read; `not_ready` gives the reason.
    #[serde(default)]
    pub blocked_partitions: usize,
    /// Failed attempts to read an assigned partition, by error.
    #[serde(default)]
    pub partition_errors: BTreeMap<String, u64>,
    /// Commits that Kafka accepted, transactions included.
    pub commits: u64,
    /// Commits that Kafka refused, and transactions that were aborted. A commit is tried again; the messages of a
    /// transaction are read again.
    pub failed_commits: u64,
    /// Times that partitions were `assigned`, `revoked` or `lost`, by kind.
    pub rebalances: BTreeMap<String, u64>,
    /// Connections of each client, by the client's name.
    pub links: BTreeMap<String, Link>,
}

/// Partition that is assigned to this process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Partition {
    /// Topic of the partition.
    pub topic: String,
    /// Number of the partition within its topic.
    pub partition: i32,
    /// Messages from the first that is not delivered to the end of the partition; `None` until the first fetch.
    pub lag: Option<u64>,
    /// Offset of the first message that is not delivered.
    pub position: Option<i64>,
    /// Messages of the partition that are in flight.
    pub under_way: u64,
}

/// Connections of one Kafka client.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Link {
    /// Whether the client has a connection to a broker, or can make one within moments.
    pub up: bool,
    /// Requests that librdkafka sent again.
    pub retries: u64,
}

/// Message that failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecentFailure {
    /// Time of the failure, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Place of the message: where it was read.
    pub message: String,
    /// Type of the exception, or cause of the guest's death.
    #[serde(rename = "type")]
    pub kind: String,
    /// Text of the exception.
    pub text: String,
    /// Place in the script, as `file:line`.
    pub script: Option<String>,
    /// Python traceback.
    pub traceback: String,
    /// Number of times that the message was run.
    pub attempts: u32,
    /// Beginning of the payload, if `http.show_payloads` is set.
    pub payload: Option<String>,
}

/// Sources from which a snapshot is made.
#[derive(Debug)]
pub struct Observed {
    /// Counters and histograms.
    pub metrics: Arc<Metrics>,
    /// Memory budget.
    pub budget: MemoryBudget,
    /// Config in use.
    pub running: Running,
}

impl Observed {
    /// Takes a snapshot.
    pub fn stats(&self) -> Stats {
        Stats::new(&self.metrics, &self.budget, Facts::new(&self.running.get()))
    }
}

impl Stats {
    /// Takes a snapshot of `metrics` and `budget`, with `pipeline` as the summary of the config.
    pub fn new(metrics: &Metrics, budget: &MemoryBudget, pipeline: Facts) -> Self {
        let ills = metrics.health.ills();
        let (guests, kafka) = {
            let now = metrics.now();
            let named = |(name, link): (&&'static str, &Link)| ((*name).to_owned(), link.clone());
            let kafka = Kafka {
                partitions: now.partitions.clone(),
                blocked_partitions: now.blocked_partitions,
                partition_errors: metrics.partition_errors.totals(),
                commits: Metrics::get(&metrics.commits),
                failed_commits: Metrics::get(&metrics.failed_commits),
                rebalances: metrics.rebalances.totals(),
                links: now.links.iter().map(named).collect(),
            };
            (now.guests.clone(), kafka)
        };
        let started = metrics
            .started
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Stats {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at_ms: started.as_millis() as u64,
            uptime_seconds: SystemTime::now()
                .duration_since(metrics.started)
                .unwrap_or_default()
                .as_secs_f64(),
            ready: ills.is_empty(),
            not_ready: ills
                .into_iter()
                .map(|(part, why)| (part.to_owned(), why))
                .collect(),
            pipeline,
            reloads: metrics.reloads.totals(),
            messages: messages(metrics),
            output: Output {
                records: Metrics::get(&metrics.records),
                bytes: Metrics::get(&metrics.bytes_written),
            },
            latency: Latency {
                queue: metrics.queue_seconds.distribution(),
                guest: metrics.guest_seconds.distribution(),
                whole: metrics.whole_seconds.distribution(),
            },
            queue: Queue {
                batches: guests.queued,
                age_seconds: guests.oldest.map_or(0.0, |since| {
                    Instant::now().duration_since(since).as_secs_f64()
                }),
            },
            gate: GateNow {
                bytes: budget.in_flight(),
                limit_bytes: budget.limit(),
            },
            guests: guests_now(metrics, &guests),
            kafka,
            process: process::usage(),
            recent_failures: metrics.failures.recent(),
        }
    }
}

fn messages(metrics: &Metrics) -> Messages {
    Messages {
        received: Metrics::get(&metrics.received),
        received_bytes: Metrics::get(&metrics.received_bytes),
        delivered: Metrics::get(&metrics.delivered),
        dropped: Metrics::get(&metrics.dropped),
        failed: Metrics::get(&metrics.failed),
        failed_and_dropped: Metrics::get(&metrics.failed_and_dropped),
        failures_by_type: metrics.failures_by_type.totals(),
        batch_size: metrics.batches.distribution(),
    }
}

fn guests_now(metrics: &Metrics, now: &GuestsNow) -> Guests {
    let states = now.states.iter().filter(|(name, _)| !name.is_empty());
    Guests {
        states: states
            .map(|&(name, count)| (name.to_owned(), count))
            .collect(),
        starts: Metrics::get(&metrics.starts),
        failed_starts: Metrics::get(&metrics.failed_starts),
        ready_seconds: metrics.ready_seconds.distribution(),
        deaths: metrics.deaths.totals(),
        recycled: Metrics::get(&metrics.recycled),
        scalings: metrics.scalings.totals(),
        cpu_seconds: Metrics::get(&metrics.guest_cpu_micros) as f64 / 1e6,
        memory_bytes: now.memory,
    }
}
