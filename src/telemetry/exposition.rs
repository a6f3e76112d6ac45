//! Prometheus text of [`Stats`]. The metrics are listed in the `catalog`, from which `docs/metrics.md` is made too.

mod catalog;

use std::fmt::{Error, Write as _};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeMetric as _, MetricEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use self::catalog::{Metric, Value, metrics};
use super::facts::PipelineFacts;
use super::metrics::Metrics;
use super::stats::Stats;
use crate::message::budget::MemoryBudget;

/// Content type of the text that [`render`] returns.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Returns the text that Prometheus reads.
pub(crate) fn render(stats: Stats) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exposition(stats)));
    let mut page = String::new();
    text::encode(&mut page, &registry).expect("a String takes all that is written to it");
    page
}

#[derive(Debug)]
struct Exposition(Stats);

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        for Metric {
            name,
            help,
            label,
            value,
        } in metrics(&self.0)
        {
            let metric = encoder.encode_descriptor(name, help, None, value.kind())?;
            encode(metric, label, &value)?;
        }
        Ok(())
    }
}

fn encode(
    mut encoder: MetricEncoder<'_>,
    label: &'static str,
    value: &Value<'_>,
) -> Result<(), Error> {
    match value {
        Value::Counter(count) => ConstCounter::new(*count).encode(encoder),
        Value::CounterF(amount) => ConstCounter::new(*amount).encode(encoder),
        Value::Gauge(amount) => ConstGauge::new(*amount).encode(encoder),
        Value::Counters(named) => named.iter().try_for_each(|(name, &count)| {
            ConstCounter::new(count).encode(encoder.encode_family(&[(label, name.as_str())])?)
        }),
        Value::CountersF(named) => named.iter().try_for_each(|(name, amount)| {
            ConstCounter::new(*amount).encode(encoder.encode_family(&[(label, name.as_str())])?)
        }),
        Value::Gauges(named) => named.iter().try_for_each(|(name, amount)| {
            ConstGauge::new(*amount).encode(encoder.encode_family(&[(label, name.as_str())])?)
        }),
        Value::Info(labels) => ConstGauge::new(1.0).encode(encoder.encode_family(labels)?),
        Value::Partitions(partitions) => {
            partitions
                .iter()
                .try_for_each(|(topic, partition, amount)| {
                    let labels = [
                        ("topic", (*topic).to_owned()),
                        ("partition", partition.to_string()),
                    ];
                    ConstGauge::new(*amount).encode(encoder.encode_family(&labels)?)
                })
        }
        Value::Histogram(distribution) => {
            let mut below = 0;
            let buckets: Vec<(f64, u64)> = distribution
                .buckets
                .iter()
                .map(|&(bound, count)| {
                    let inside = count - below;
                    below = count;
                    (bound.unwrap_or(f64::INFINITY), inside)
                })
                .collect();
            encoder.encode_histogram::<NoLabelSet>(
                distribution.sum,
                distribution.count,
                &buckets,
                None,
            )
        }
    }
}

/// Returns the text of `docs/metrics.md`.
pub(crate) fn reference() -> String {
    let stats = Stats::new(
        &Metrics::default(),
        &MemoryBudget::new(0),
        PipelineFacts::default(),
        &[],
    );
    let mut page = "\
# Metrics

<!-- Made by `nerodia schema --metrics` from src/telemetry/exposition/catalog.rs; a test holds it up to date. -->

`/metrics` returns these metrics as OpenMetrics text, which Prometheus reads. `/stats` has the same numbers as JSON.
Totals count from the start of the process. Labels have few values: after the first fifty types of exceptions, further
types count as `other`.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
"
    .to_owned();
    for Metric {
        name,
        help,
        label,
        value,
    } in metrics(&stats)
    {
        let (end, kind) = match value.kind() {
            MetricType::Counter => ("_total", "counter"),
            MetricType::Histogram => ("", "histogram"),
            _ => ("", "gauge"),
        };
        let _ = writeln!(page, "| `{name}{end}` | {kind} | {label} | {help} |");
    }
    page
}
