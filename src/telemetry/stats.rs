//! What the engine says of itself at one moment: `/stats` is this as JSON, and `/metrics` is made from it too, so
//! that the two cannot disagree. `nerodia top` reads it back.

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

/// All of it. Totals are since the start, times in seconds, sizes in bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stats {
    /// The engine's version.
    pub version: String,
    /// Milliseconds since the Unix epoch.
    pub started_at_ms: u64,
    /// Since the start.
    pub uptime_seconds: f64,
    /// Whether messages that come now would be processed.
    pub ready: bool,
    /// Why not: which part, and what is wrong.
    pub not_ready: BTreeMap<String, String>,
    /// What runs.
    pub pipeline: Facts,
    /// How often another config was `taken` or `refused` while it ran.
    pub reloads: BTreeMap<String, u64>,
    /// What came in, and what became of it.
    pub messages: Messages,
    /// What went out.
    pub output: Output,
    /// Waiting, running, and all the way.
    pub latency: Latency,
    /// What waits for a guest.
    pub queue: Queue,
    /// The bound on memory.
    pub gate: GateNow,
    /// The interpreters.
    pub guests: Guests,
    /// Kafka, if the input or an output is.
    pub kafka: Kafka,
    /// The process.
    pub process: process::Usage,
    /// The last failures, the newest first.
    pub recent_failures: Vec<RecentFailure>,
}

/// What came in, and what became of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Messages {
    /// Taken in.
    pub received: u64,
    /// Bytes of their payloads.
    pub received_bytes: u64,
    /// Done: everything made from them is written, or they were dropped. So these are among them.
    pub delivered: u64,
    /// By scripts that left `root` at `None`.
    pub dropped: u64,
    /// And not dropped: they are dead letters, or end the pipeline.
    pub failed: u64,
    /// As `on_error: drop` asks.
    pub failed_and_dropped: u64,
    /// Both kinds, by the type of the exception or the way the guest died.
    pub failures_by_type: BTreeMap<String, u64>,
    /// Messages in a batch.
    pub batch_size: Distribution,
}

/// What went out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Output {
    /// Output messages made by scripts.
    pub records: u64,
    /// Bytes of payload given to outputs, dead letters included.
    pub bytes: u64,
}

/// Seconds, a message each.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Latency {
    /// Waiting for a guest.
    pub queue: Distribution,
    /// In the guest, with the transcoding: with all that was run together with it.
    pub guest: Distribution,
    /// From when it was read to when all was delivered.
    pub whole: Distribution,
}

/// What waits for a guest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Queue {
    /// Batches, or rests of some.
    pub batches: usize,
    /// For how long the oldest has waited.
    pub age_seconds: f64,
}

/// The bound on memory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GateNow {
    /// Taken by messages and results under way.
    pub bytes: u64,
    /// `pipeline.max_in_flight`.
    pub limit_bytes: u64,
}

/// The interpreters.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Guests {
    /// How many are `starting`, `idle`, `busy`, `retiring`.
    pub states: BTreeMap<String, usize>,
    /// That reached READY.
    pub starts: u64,
    /// That did not.
    pub failed_starts: u64,
    /// From instantiation to READY.
    pub ready_seconds: Distribution,
    /// That died, by how.
    pub deaths: BTreeMap<String, u64>,
    /// Replaced although they were well.
    pub recycled: u64,
    /// Changes of their number, by reason.
    pub scalings: BTreeMap<String, u64>,
    /// Processor time of their threads, with the transcoding.
    pub cpu_seconds: f64,
    /// WebAssembly memory of those that live.
    pub memory_bytes: u64,
}

/// Kafka, as this process sees it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Kafka {
    /// Partitions that are ours.
    pub partitions: Vec<Partition>,
    /// How many of them cannot be read; `not_ready` says why.
    #[serde(default)]
    pub blocked_partitions: usize,
    /// Errors of single partitions, by their name.
    #[serde(default)]
    pub partition_errors: BTreeMap<String, u64>,
    /// Accepted, transactions included.
    pub commits: u64,
    /// Refused: they are tried again, or what they were for is read again.
    pub failed_commits: u64,
    /// How often partitions were `assigned`, `revoked` and `lost`.
    pub rebalances: BTreeMap<String, u64>,
    /// Connections.
    pub links: BTreeMap<String, Link>,
}

/// A partition that is ours.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Partition {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// Messages between what was delivered and its end; `None` until it was fetched from for the first time.
    pub lag: Option<u64>,
    /// The offset of the first message that is not delivered.
    pub position: Option<i64>,
    /// Messages of it that are under way.
    pub under_way: u64,
}

/// The connections of one client.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Link {
    /// Some broker answers.
    pub up: bool,
    /// Requests that librdkafka sent again.
    pub retries: u64,
}

/// A message that failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecentFailure {
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Where it came from.
    pub message: String,
    /// The exception's type, or how the guest died.
    #[serde(rename = "type")]
    pub kind: String,
    /// The exception's text.
    pub text: String,
    /// `file:line` of the script.
    pub script: Option<String>,
    /// Python's.
    pub traceback: String,
    /// How often it was run.
    pub attempts: u32,
    /// Its beginning, with `http.show_payloads`.
    pub payload: Option<String>,
}

/// What is looked at to say all this.
#[derive(Debug)]
pub struct Observed {
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The bound on memory.
    pub budget: MemoryBudget,
    /// What runs.
    pub running: Running,
}

impl Observed {
    /// What there is to say now.
    pub fn stats(&self) -> Stats {
        Stats::new(&self.metrics, &self.budget, Facts::new(&self.running.get()))
    }
}

impl Stats {
    /// What there is to say now of `pipeline`.
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
