//! State of the engine at one moment: `/stats` is this as JSON, and `/metrics` is made from it too, so that the two
//! cannot disagree. `nerodia top` reads it back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::commands;
use super::facts::PipelineFacts;
use super::failures::FailureGroup;
use super::group::{GroupStats, GroupWatch};
use super::histogram::Distribution;
use super::metrics::{GuestsNow, Metrics};
use super::process;
use super::processors::ProcessorStats;
use crate::config::Running;
use crate::format::Registry;
use crate::message::budget::MemoryBudget;
use crate::registry::Counts;

/// State of the engine. Totals are since the start, times in seconds, sizes in bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stats {
    /// Version of the engine.
    pub version: String,
    /// Start of the engine, in milliseconds since the Unix epoch.
    pub started_at_ms: u64,
    /// Time since the start.
    pub uptime_seconds: f64,
    /// Whether messages that arrive now would be processed.
    pub ready: bool,
    /// Parts that are not ready, with the reasons.
    pub not_ready: BTreeMap<String, String>,
    /// Facts about the running pipeline.
    pub pipeline: PipelineFacts,
    /// Times that another config was `taken` or `refused` while the pipeline ran.
    pub reloads: BTreeMap<String, u64>,
    /// Messages that were read, and their outcomes.
    pub messages: Messages,
    /// Processors, in their order.
    pub processors: Vec<ProcessorStats>,
    /// Results and dead letters that were written.
    pub output: OutputStats,
    /// Durations: in the queue, in the guest, and in total.
    pub latency: Latency,
    /// Batches that wait for a guest.
    pub queue: Queue,
    /// Use of the memory budget.
    pub gate: GateNow,
    /// Guests of the pipeline.
    pub guests: Guests,
    /// Kafka's part, if the input or an output is Kafka.
    pub kafka: KafkaStats,
    /// Requests to the schema registry; `null` if the pipeline has none.
    #[serde(default)]
    pub schema_registry: Option<RegistryStats>,
    /// Resource usage of the process.
    pub process: process::Usage,
    /// Last failures, by type and place; those of the newest minute first. Only for `/stats`.
    pub failures: Vec<FailureGroup>,
    /// Command that shows what replaying the dead letters would do; `null` if they are not in Kafka.
    #[serde(default)]
    pub replay_command: Option<String>,
}

/// Messages that were read, and their outcomes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Messages {
    /// Messages that were read.
    pub received: u64,
    /// Bytes of the payloads of these messages.
    pub received_bytes: u64,
    /// Messages that are finished: everything made from them is acknowledged, or they were dropped. It includes
    /// `dropped`.
    pub delivered: u64,
    /// Messages that were dropped because their script left `root` at `None`.
    pub dropped: u64,
    /// Messages that failed and were not dropped: they became dead letters, or end the pipeline.
    pub failed: u64,
    /// Messages that failed and were dropped because of `on_error: drop`.
    pub failed_and_dropped: u64,
    /// All failed messages, by the type of the exception or the name of the guest's death.
    pub failures_by_type: BTreeMap<String, u64>,
    /// Number of messages in a batch.
    pub batch_size: Distribution,
}

/// Results and dead letters that were written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OutputStats {
    /// Records that scripts made.
    pub records: u64,
    /// Payload bytes given to outputs, including dead letters.
    pub bytes: u64,
}

/// Durations in seconds; one value for each message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Latency {
    /// Time in the queue for a guest.
    pub queue: Distribution,
    /// Time in the guest, with all messages that ran together, including transcoding.
    pub guest: Distribution,
    /// Time from reading the message until it was finished.
    pub whole: Distribution,
}

/// Batches that wait for a guest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Queue {
    /// Number of waiting batches, or parts of batches.
    pub batches: usize,
    /// Time that the oldest of them has waited.
    pub age_seconds: f64,
}

/// Use of the memory budget.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GateNow {
    /// Bytes taken by messages in flight and their results.
    pub bytes: u64,
    /// Limit: `pipeline.max_in_flight`.
    pub limit_bytes: u64,
}

/// State and history of the guests.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Guests {
    /// Number of guests that are `starting`, `idle`, `busy`, `retiring`.
    pub states: BTreeMap<String, usize>,
    /// Guests that reached READY.
    pub starts: u64,
    /// Guests that did not reach READY.
    pub failed_starts: u64,
    /// Time from the instantiation of a guest to READY.
    pub ready_seconds: Distribution,
    /// Guests that died, by the name of the death.
    pub deaths: BTreeMap<String, u64>,
    /// Guests that were replaced although they were healthy.
    pub recycled: u64,
    /// Changes of the number of guests, by reason.
    pub scalings: BTreeMap<String, u64>,
    /// Processor time of the guests' threads, including transcoding.
    pub cpu_seconds: f64,
    /// WebAssembly memory of all living guests.
    pub memory_bytes: u64,
}

/// State of Kafka, as this process sees it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct KafkaStats {
    /// Partitions that are assigned to this process.
    pub partitions: Vec<PartitionStats>,
    /// Consumer group, with the partitions of its other members; `null` until Kafka has described it. Only for `/stats`.
    #[serde(default)]
    pub group: Option<GroupStats>,
    /// Number of these partitions that cannot be read; `not_ready` has the reason.
    #[serde(default)]
    pub blocked_partitions: usize,
    /// Failed attempts to read an assigned partition, by error.
    #[serde(default)]
    pub partition_errors: BTreeMap<String, u64>,
    /// Commits that Kafka accepted, including transactions.
    pub commits: u64,
    /// Commits that Kafka refused: they are repeated, or their messages are read again.
    pub failed_commits: u64,
    /// Times that partitions were `assigned`, `revoked` and `lost`.
    pub rebalances: BTreeMap<String, u64>,
    /// Connections by the client's name.
    pub links: BTreeMap<String, LinkStats>,
}

/// Partition that is assigned to this process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PartitionStats {
    /// Topic of the partition.
    pub topic: String,
    /// Number of the partition.
    pub partition: i32,
    /// Messages between the last delivered one and the end; `None` before the first fetch.
    pub lag: Option<u64>,
    /// Offset of the first message that is not delivered.
    pub position: Option<i64>,
    /// Number of its messages in flight.
    pub under_way: u64,
}

/// Connections of one client.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct LinkStats {
    /// Whether any broker answers.
    pub up: bool,
    /// Requests that librdkafka sent again.
    pub retries: u64,
}

/// Requests to the schema registry.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct RegistryStats {
    /// HTTP requests.
    pub requests: u64,
    /// Schemas, or reports that there is none, that were found in memory.
    pub cached: u64,
    /// Answers that there is no such schema, or that it cannot be used.
    pub missing: u64,
    /// Requests that failed, by kind.
    pub failures: BTreeMap<String, u64>,
}

impl RegistryStats {
    fn new(registry: &Registry) -> Self {
        let Counts {
            requests,
            cached,
            unreachable,
            timeout,
            refused,
            http_4xx,
            http_5xx,
            malformed,
            missing,
        } = registry.counts();
        let failures = [
            ("unreachable", unreachable),
            ("timeout", timeout),
            ("refused", refused),
            ("http_4xx", http_4xx),
            ("http_5xx", http_5xx),
            ("malformed", malformed),
        ];
        Self {
            requests,
            cached,
            missing,
            failures: failures
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .map(|(kind, count)| (kind.to_owned(), count))
                .collect(),
        }
    }
}

/// Sources of the stats.
#[derive(Debug)]
pub(crate) struct Observed {
    /// Counters of the pipeline.
    pub metrics: Arc<Metrics>,
    /// Memory budget of the pipeline.
    pub budget: MemoryBudget,
    /// Config that is in use.
    pub running: Running,
    /// Path of its file, if it has one.
    pub file: Option<String>,
}

impl Observed {
    /// Returns the current stats for somebody who looks at them: also the last failures and the consumer group.
    pub(crate) fn looked_at(&self) -> Stats {
        let mut stats = self.stats();
        stats.failures = self.metrics.failures.groups();
        for group in &mut stats.failures {
            group.command = commands::try_last(&stats.pipeline, group);
        }
        stats.kafka.group = self.metrics.group.get().and_then(GroupWatch::look);
        stats
    }

    /// Returns the current stats.
    pub(crate) fn stats(&self) -> Stats {
        let config = self.running.get();
        let facts = PipelineFacts {
            config: self.file.clone(),
            ..PipelineFacts::new(&config)
        };
        Stats::new(
            &self.metrics,
            &self.budget,
            facts,
            &config.processor_names(),
        )
    }
}

impl Stats {
    /// Returns the current stats of a pipeline with these processors.
    pub(crate) fn new(
        metrics: &Metrics,
        budget: &MemoryBudget,
        pipeline: PipelineFacts,
        processors: &[Arc<str>],
    ) -> Self {
        let ills = metrics.health.ills();
        let (guests, kafka) = {
            let now = metrics.now();
            let named =
                |(name, link): (&&'static str, &LinkStats)| ((*name).to_owned(), link.clone());
            let kafka = KafkaStats {
                partitions: now.partitions.clone(),
                group: None,
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
            reloads: metrics.reloads.totals(),
            messages: messages(metrics),
            processors: metrics.processors.of(processors),
            output: OutputStats {
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
            schema_registry: metrics.registry.get().map(RegistryStats::new),
            process: process::usage(),
            failures: Vec::new(),
            replay_command: commands::replay(&pipeline),
            pipeline,
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
