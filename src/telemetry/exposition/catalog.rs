//! Every metric: its name, what it means, and its value in [`Stats`].

use std::collections::BTreeMap;

use prometheus_client::metrics::MetricType;

use crate::telemetry::histogram::Distribution;
use crate::telemetry::stats::Stats;

/// A metric's name, what it means, the name of its label, and its values.
pub(super) struct Metric<'a> {
    pub name: &'static str,
    pub help: &'static str,
    pub label: &'static str,
    pub value: Value<'a>,
}

pub(super) enum Value<'a> {
    Counter(u64),
    CounterF(f64),
    Gauge(f64),
    Counters(BTreeMap<String, u64>),
    Gauges(Vec<(String, f64)>),
    Histogram(&'a Distribution),
    /// Of partitions, which have two labels.
    Partitions(Vec<(&'a str, i32, f64)>),
}

impl Value<'_> {
    pub fn kind(&self) -> MetricType {
        match self {
            Self::Counter(_) | Self::CounterF(_) | Self::Counters(_) => MetricType::Counter,
            Self::Gauge(_) | Self::Gauges(_) | Self::Partitions(_) => MetricType::Gauge,
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

/// All metrics. Counters get `_total` at the end of their names.
pub(super) fn metrics(stats: &Stats) -> Vec<Metric<'_>> {
    use Value::{Counter, CounterF, Counters, Gauge, Gauges, Histogram};
    let Stats {
        version: _,
        started_at_ms,
        uptime_seconds: _,
        ready,
        not_ready: _,
        pipeline: _,
        reloads,
        messages,
        output,
        latency,
        queue,
        gate,
        guests,
        kafka,
        process,
        recent_failures: _,
    } = stats;
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
    let resident = process.resident_bytes.unwrap_or_default() as f64;
    vec![
        metric(
            "nerodia_ready",
            "1 if messages that come now would be processed, else 0",
            Gauge(f64::from(*ready)),
        ),
        metric(
            "nerodia_received_messages",
            "Messages read",
            Counter(messages.received),
        ),
        metric(
            "nerodia_received_bytes",
            "Payload bytes of messages read",
            Counter(messages.received_bytes),
        ),
        metric(
            "nerodia_batch_messages",
            "Messages in a batch, as the input cuts them",
            Histogram(&messages.batch_size),
        ),
        metric(
            "nerodia_delivered_messages",
            "Messages finished: their results or dead letters are written, or they were dropped",
            Counter(messages.delivered),
        ),
        metric(
            "nerodia_dropped_messages",
            "Messages whose script left root at None",
            Counter(messages.dropped),
        ),
        metric(
            "nerodia_failed_messages",
            "Messages that failed and were not dropped: dead letters, unless the pipeline ended",
            Counter(messages.failed),
        ),
        metric(
            "nerodia_failed_and_dropped_messages",
            "Messages that failed and were dropped, as on_error: drop asks",
            Counter(messages.failed_and_dropped),
        ),
        by(
            "type",
            "nerodia_failures",
            "Messages that failed, by the type of the exception or how the guest died",
            Counters(messages.failures_by_type.clone()),
        ),
        metric(
            "nerodia_output_records",
            "Output messages made by scripts",
            Counter(output.records),
        ),
        metric(
            "nerodia_output_bytes",
            "Payload bytes given to outputs, dead letters included",
            Counter(output.bytes),
        ),
        metric(
            "nerodia_queue_wait_seconds",
            "How long a message waited for the guest that answered for it",
            Histogram(&latency.queue),
        ),
        metric(
            "nerodia_guest_run_seconds",
            "Time a guest spent on the messages that it ran together with this one, including JSON conversion",
            Histogram(&latency.guest),
        ),
        metric(
            "nerodia_message_seconds",
            "From when a message was read to when it was finished",
            Histogram(&latency.whole),
        ),
        metric(
            "nerodia_queue_batches",
            "Batches that wait for a guest",
            Gauge(queue.batches as f64),
        ),
        metric(
            "nerodia_queue_age_seconds",
            "How long the oldest batch has waited for a guest",
            Gauge(queue.age_seconds),
        ),
        metric(
            "nerodia_gate_bytes",
            "Bytes of messages and results under way",
            Gauge(gate.bytes as f64),
        ),
        metric(
            "nerodia_gate_limit_bytes",
            "Bytes that may be under way: pipeline.max_in_flight",
            Gauge(gate.limit_bytes as f64),
        ),
        by(
            "state",
            "nerodia_guests",
            "Guests by state: starting, idle, busy, retiring",
            Gauges(states),
        ),
        metric(
            "nerodia_guest_starts",
            "Guests that reached READY",
            Counter(guests.starts),
        ),
        metric(
            "nerodia_guest_start_failures",
            "Guests that did not reach READY",
            Counter(guests.failed_starts),
        ),
        metric(
            "nerodia_guest_ready_seconds",
            "From instantiation of a guest to READY",
            Histogram(&guests.ready_seconds),
        ),
        by(
            "death",
            "nerodia_guest_deaths",
            "Guests that died while they ran, by how",
            Counters(guests.deaths.clone()),
        ),
        metric(
            "nerodia_guest_recycles",
            "Healthy guests replaced (recycled)",
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
            "Processor time of guests, with the transcoding",
            CounterF(guests.cpu_seconds),
        ),
        metric(
            "nerodia_guest_memory_bytes",
            "WebAssembly memory of the guests that live",
            Gauge(guests.memory_bytes as f64),
        ),
        by(
            "result",
            "nerodia_reloads",
            "Configs that were taken and refused while the pipeline ran",
            Counters(reloads.clone()),
        ),
        by(
            "topic, partition",
            "nerodia_kafka_lag_messages",
            "Messages between what is finished and the end of an assigned partition; 0 when all that can be read is finished",
            Value::Partitions(lags.collect()),
        ),
        by(
            "topic, partition",
            "nerodia_kafka_under_way_messages",
            "Messages of an assigned partition that are under way",
            Value::Partitions(under_way.collect()),
        ),
        metric(
            "nerodia_kafka_assigned_partitions",
            "Partitions that the group has assigned to this process",
            Gauge(kafka.partitions.len() as f64),
        ),
        metric(
            "nerodia_kafka_blocked_partitions",
            "Assigned partitions that cannot be read; /ready says why",
            Gauge(kafka.blocked_partitions as f64),
        ),
        by(
            "error",
            "nerodia_kafka_partition_errors",
            "Errors that kept an assigned partition from being read, each time it was tried",
            Counters(kafka.partition_errors.clone()),
        ),
        metric(
            "nerodia_kafka_commits",
            "Commits that Kafka accepted, transactions included",
            Counter(kafka.commits),
        ),
        metric(
            "nerodia_kafka_commit_failures",
            "Commits that Kafka refused and transactions that were aborted",
            Counter(kafka.failed_commits),
        ),
        by(
            "kind",
            "nerodia_kafka_rebalances",
            "How often partitions were assigned, revoked and lost",
            Counters(kafka.rebalances.clone()),
        ),
        by(
            "link",
            "nerodia_kafka_up",
            "1 if this client is connected to a broker, or needs no more than a moment for it; else 0",
            Gauges(up),
        ),
        by(
            "link",
            "nerodia_kafka_retries",
            "Requests that were sent again since the client started",
            Counters(retries),
        ),
        metric(
            "process_cpu_seconds",
            "Processor time of the process",
            CounterF(process.cpu_seconds),
        ),
        metric(
            "process_resident_memory_bytes",
            "Resident memory of the process; 0 where the system does not tell",
            Gauge(resident),
        ),
        metric(
            "process_start_time_seconds",
            "When the process started, in seconds since the Unix epoch",
            Gauge(*started_at_ms as f64 / 1e3),
        ),
    ]
}
