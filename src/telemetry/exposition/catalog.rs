//! Catalog of all metrics: name, meaning, and value in [`Stats`].

use std::collections::BTreeMap;

use prometheus_client::metrics::MetricType;

use crate::guest::error::Death;
use crate::telemetry::histogram::Distribution;
use crate::telemetry::processors::ProcessorStats;
use crate::telemetry::stats::Stats;

/// Name of a metric, its meaning, the name of its label, and its values.
pub(super) struct Metric<'a> {
    pub name: &'static str,
    pub help: &'static str,
    pub label: &'static str,
    pub value: Value<'a>,
}

pub(super) enum Value<'a> {
    Counter(u64),
    CounterF(f64),
    CountersF(Vec<(String, f64)>),
    Gauge(f64),
    Counters(BTreeMap<String, u64>),
    Gauges(Vec<(String, f64)>),
    Histogram(&'a Distribution),
    /// Values of partitions, which have two labels.
    Partitions(Vec<(&'a str, i32, f64)>),
    /// The number 1, with labels that say what runs.
    Info([(&'static str, &'a str); 2]),
}

impl Value<'_> {
    pub(super) fn kind(&self) -> MetricType {
        match self {
            Self::Counter(_) | Self::CounterF(_) | Self::CountersF(_) | Self::Counters(_) => {
                MetricType::Counter
            }
            Self::Gauge(_) | Self::Gauges(_) | Self::Partitions(_) | Self::Info(_) => {
                MetricType::Gauge
            }
            Self::Histogram(_) => MetricType::Histogram,
        }
    }
}

fn metric<'a>(name: &'static str, help: &'static str, value: Value<'a>) -> Metric<'a> {
    by("", name, help, value)
}

fn by<'a>(
    label: &'static str,
    name: &'static str,
    help: &'static str,
    value: Value<'a>,
) -> Metric<'a> {
    Metric {
        name,
        help,
        label,
        value,
    }
}

/// Returns counters that begin with 0 for each of `names`: Prometheus cannot see the increase of a series that begins
/// with 1.
fn from_zero(names: &[&str], counted: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut all: BTreeMap<_, _> = names.iter().map(|name| ((*name).to_owned(), 0)).collect();
    all.extend(counted.clone());
    all
}

fn by_processor(
    processors: &[ProcessorStats],
    value: fn(&ProcessorStats) -> u64,
) -> BTreeMap<String, u64> {
    let named = processors.iter().map(|one| (one.name.clone(), value(one)));
    named.collect()
}

/// Returns all metrics. The names of counters get `_total` at the end.
pub(super) fn metrics(stats: &Stats) -> Vec<Metric<'_>> {
    use Value::{Counter, CounterF, Counters, CountersF, Gauge, Gauges, Histogram, Info};
    let Stats {
        version,
        started_at_ms,
        uptime_seconds: _,
        ready,
        not_ready: _,
        pipeline,
        reloads,
        messages,
        output,
        latency,
        queue,
        gate,
        guests,
        kafka,
        schema_registry,
        process,
        processors,
        failures: _,
        replay_command: _,
    } = stats;
    let registry = schema_registry.clone().unwrap_or_default();
    let lags = kafka
        .partitions
        .iter()
        .filter_map(|one| Some((one.topic.as_str(), one.partition, one.lag? as f64)));
    let under_way = kafka
        .partitions
        .iter()
        .map(|one| (one.topic.as_str(), one.partition, one.under_way as f64));
    let up = kafka
        .links
        .iter()
        .map(|(name, link)| (name.clone(), f64::from(link.up)))
        .collect();
    let retries = kafka
        .links
        .iter()
        .map(|(name, link)| (name.clone(), link.retries))
        .collect();
    let states = guests
        .states
        .iter()
        .map(|(state, &count)| (state.clone(), count as f64))
        .collect();
    let processed = by_processor(processors, |one| one.messages);
    let failed_in = by_processor(processors, |one| one.failed);
    let processor_cpu = processors
        .iter()
        .map(|one| (one.name.clone(), one.cpu_seconds))
        .collect();
    let resident = process.resident_bytes.unwrap_or_default() as f64;
    vec![
        metric(
            "nerodia_ready",
            "1 if messages that arrive now would be processed, else 0",
            Gauge(f64::from(*ready)),
        ),
        metric(
            "nerodia_received_messages",
            "Messages read from the input",
            Counter(messages.received),
        ),
        metric(
            "nerodia_received_bytes",
            "Payload bytes of the messages read from the input",
            Counter(messages.received_bytes),
        ),
        metric(
            "nerodia_batch_messages",
            "Messages in each batch that the input made",
            Histogram(&messages.batch_size),
        ),
        metric(
            "nerodia_delivered_messages",
            "Messages finished: all their results or their dead letter are acknowledged, or they were dropped",
            Counter(messages.delivered),
        ),
        metric(
            "nerodia_dropped_messages",
            "Messages that the script dropped (root stayed None and nothing was emitted)",
            Counter(messages.dropped),
        ),
        metric(
            "nerodia_failed_messages",
            "Failed messages that were not dropped: each became a dead letter or stopped the pipeline",
            Counter(messages.failed),
        ),
        metric(
            "nerodia_failed_and_dropped_messages",
            "Failed messages that were dropped because of on_error: drop",
            Counter(messages.failed_and_dropped),
        ),
        by(
            "type",
            "nerodia_failures",
            "Failed messages, by the type of the exception or the cause of the guest's death",
            Counters(messages.failures_by_type.clone()),
        ),
        by(
            "processor",
            "nerodia_processor_messages",
            "Messages that reached a processor; those that ran again, because a guest died, count again",
            Counters(processed),
        ),
        by(
            "processor",
            "nerodia_processor_failed_messages",
            "Messages that failed in the script of a processor, also by the death of a guest, if it is known where it died",
            Counters(failed_in),
        ),
        by(
            "processor",
            "nerodia_processor_cpu_seconds",
            "Processor time of the guests, JSON conversion included, divided by times that are measured for some messages; without that of a guest's last request, if it is not known where it died",
            CountersF(processor_cpu),
        ),
        metric(
            "nerodia_output_records",
            "Results made by scripts; one message can have several",
            Counter(output.records),
        ),
        metric(
            "nerodia_output_bytes",
            "Payload bytes handed to the outputs, dead letters included",
            Counter(output.bytes),
        ),
        metric(
            "nerodia_queue_wait_seconds",
            "Time that a message waited in the queue for the guest that processed it",
            Histogram(&latency.queue),
        ),
        metric(
            "nerodia_guest_run_seconds",
            "Time that a guest spent on the request with this message, all messages of that request and JSON conversion included",
            Histogram(&latency.guest),
        ),
        metric(
            "nerodia_message_seconds",
            "Time from reading a message until it was finished",
            Histogram(&latency.whole),
        ),
        metric(
            "nerodia_queue_batches",
            "Batches that wait for a guest",
            Gauge(queue.batches as f64),
        ),
        metric(
            "nerodia_queue_age_seconds",
            "Time that the oldest waiting batch has waited for a guest",
            Gauge(queue.age_seconds),
        ),
        metric(
            "nerodia_gate_bytes",
            "Bytes of messages in flight and their results, counted against the memory budget",
            Gauge(gate.bytes as f64),
        ),
        metric(
            "nerodia_gate_limit_bytes",
            "Memory budget in bytes: pipeline.max_in_flight",
            Gauge(gate.limit_bytes as f64),
        ),
        by(
            "state",
            "nerodia_guests",
            "Guests by state: starting, idle, busy or retiring",
            Gauges(states),
        ),
        metric(
            "nerodia_guest_starts",
            "Guests that became ready (sent READY)",
            Counter(guests.starts),
        ),
        metric(
            "nerodia_guest_start_failures",
            "Guests that did not become ready",
            Counter(guests.failed_starts),
        ),
        metric(
            "nerodia_guest_ready_seconds",
            "Time from the instantiation of a guest until it is ready",
            Histogram(&guests.ready_seconds),
        ),
        by(
            "death",
            "nerodia_guest_deaths",
            "Guests that died after they were ready, by cause",
            Counters(from_zero(&Death::NAMES, &guests.deaths)),
        ),
        metric(
            "nerodia_guest_recycles",
            "Healthy guests that were replaced by fresh ones (recycled)",
            Counter(guests.recycled),
        ),
        by(
            "reason",
            "nerodia_scalings",
            "Changes of the number of guests, by reason",
            Counters(guests.scalings.clone()),
        ),
        metric(
            "nerodia_guest_cpu_seconds",
            "Processor time of the guests, JSON conversion included",
            CounterF(guests.cpu_seconds),
        ),
        metric(
            "nerodia_guest_memory_bytes",
            "WebAssembly memory of all living guests",
            Gauge(guests.memory_bytes as f64),
        ),
        by(
            "result",
            "nerodia_reloads",
            "Changed configs that were taken or refused while the pipeline ran",
            Counters(reloads.clone()),
        ),
        by(
            "topic, partition",
            "nerodia_kafka_lag_messages",
            "Messages of an assigned partition that are not finished, up to its end; 0 when all that can be read is finished",
            Value::Partitions(lags.collect()),
        ),
        by(
            "topic, partition",
            "nerodia_kafka_under_way_messages",
            "Messages of an assigned partition that are in flight",
            Value::Partitions(under_way.collect()),
        ),
        metric(
            "nerodia_kafka_assigned_partitions",
            "Partitions that the group has assigned to this process",
            Gauge(kafka.partitions.len() as f64),
        ),
        metric(
            "nerodia_kafka_blocked_partitions",
            "Assigned partitions that cannot be read; /ready gives the reason",
            Gauge(kafka.blocked_partitions as f64),
        ),
        by(
            "error",
            "nerodia_kafka_partition_errors",
            "Failed attempts to read an assigned partition, by error",
            Counters(kafka.partition_errors.clone()),
        ),
        metric(
            "nerodia_kafka_commits",
            "Commits that Kafka accepted, transactions included",
            Counter(kafka.commits),
        ),
        metric(
            "nerodia_kafka_commit_failures",
            "Commits that Kafka refused, and transactions that were aborted",
            Counter(kafka.failed_commits),
        ),
        by(
            "kind",
            "nerodia_kafka_rebalances",
            "Times that partitions were assigned, revoked or lost, by kind",
            Counters(kafka.rebalances.clone()),
        ),
        by(
            "link",
            "nerodia_kafka_up",
            "1 if this client has a connection to a broker, or can make one within moments; else 0",
            Gauges(up),
        ),
        by(
            "link",
            "nerodia_kafka_retries",
            "Requests that the client sent again since it started",
            Counters(retries),
        ),
        metric(
            "nerodia_schema_registry_requests",
            "HTTP requests to the schema registry",
            Counter(registry.requests),
        ),
        metric(
            "nerodia_schema_registry_cached",
            "Schemas that were found in memory",
            Counter(registry.cached),
        ),
        metric(
            "nerodia_schema_registry_missing",
            "Answers of the schema registry that there is no such schema, or that it cannot be used",
            Counter(registry.missing),
        ),
        by(
            "kind",
            "nerodia_schema_registry_failures",
            "Failed requests to the schema registry, which are made again, by kind",
            Counters(registry.failures),
        ),
        by(
            "version, runtime",
            "nerodia_build_info",
            "1, with the version of the engine and the runtime of its guests",
            Info([("version", version), ("runtime", &pipeline.runtime)]),
        ),
        metric(
            "process_cpu_seconds",
            "Processor time of the process",
            CounterF(process.cpu_seconds),
        ),
        metric(
            "process_resident_memory_bytes",
            "Resident memory of the process; 0 where the system does not report it",
            Gauge(resident),
        ),
        metric(
            "process_start_time_seconds",
            "Start of the process, in seconds since the Unix epoch",
            Gauge(*started_at_ms as f64 / 1e3),
        ),
    ]
}
