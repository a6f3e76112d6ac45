//! Stats of a pipeline for tests: fixed, with some of everything.

use std::collections::BTreeMap;

use serde_json::json;

use crate::telemetry::histogram::{Histogram, SECONDS};
use crate::telemetry::stats::{RegistryStats, Stats};

/// Returns the stats after a bit more than three minutes.
pub(super) fn stats() -> Stats {
    let spread = |value: f64| {
        let histogram = Histogram::new(SECONDS);
        histogram.observe(value, 90_000);
        histogram.observe(value * 20.0, 2000);
        serde_json::to_value(histogram.distribution()).expect("a distribution is JSON")
    };
    let partitions: Vec<_> = (0..12)
        .map(|number| {
            json!({ "topic": "orders", "partition": number, "lag": number * number * 100, "position": 40_000, "under_way": number })
        })
        .collect();
    let failure = |back: u64, kind: &str, text: &str| {
        let offset = 41_000 - back;
        let at_ms = 1_700_000_000_000u64 + 185_000 - back * 1000;
        let last = json!({
            "at_ms": at_ms,
            "message": format!("topic `orders`, partition 3, offset {offset}"),
            "topic": "orders", "partition": 3, "offset": offset, "text": text,
            "traceback": format!("Traceback (most recent call last):\n  File \"orders.py\", line 12, in <module>\n    root = price(this)\n{kind}: {text}\n"),
            "attempts": 1, "payload": "{\"qty\": 3}",
        });
        json!({
            "type": kind, "script": "orders.py:12", "processor": "orders.py", "count": 30 / back + 1,
            "first_at_ms": at_ms - 5000, "last": last,
            "command": format!("nerodia try orders.yaml --from-kafka orders --partition 3 --offset {offset} --count 1"),
        })
    };
    let value = json!({
        "version": "0.1.0", "started_at_ms": 1_700_000_000_000u64, "uptime_seconds": 185.0,
        "ready": true, "not_ready": {},
        "pipeline": {
            "input": { "type": "kafka", "detail": "orders" },
            "output": { "type": "kafka", "detail": "orders.priced" },
            "failures": { "type": "kafka", "detail": "orders.dead" },
            "delivery": "exactly_once", "runtime": "cpython-3.14", "min_guests": 1, "max_guests": 4,
        },
        "messages": {
            "received": 1_234_567, "received_bytes": 600_000_000, "delivered": 1_234_000, "dropped": 1200,
            "failed": 42, "failed_and_dropped": 0, "failures_by_type": { "KeyError": 30, "Timeout": 12 },
            "batch_size": spread(0.5),
        },
        "output": { "records": 1_232_000, "bytes": 700_000_000 },
        "latency": { "queue": spread(0.0004), "guest": spread(0.0021), "whole": spread(0.011) },
        "queue": { "batches": 3, "age_seconds": 0.0042 },
        "gate": { "bytes": 3_500_000, "limit_bytes": 8_388_608 },
        "reloads": { "taken": 1 },
        "guests": {
            "states": { "busy": 2, "idle": 1, "starting": 0, "retiring": 0 }, "starts": 17, "failed_starts": 1,
            "ready_seconds": spread(0.004), "deaths": { "Killed": 12, "Timeout": 1 }, "recycled": 2,
            "scalings": { "queue_age": 3, "idle": 1 }, "cpu_seconds": 30.0, "memory_bytes": 48_000_000,
        },
        "kafka": {
            "partitions": partitions, "commits": 180, "failed_commits": 1,
            "rebalances": { "assigned": 2, "revoked": 1 },
            "links": { "input": { "up": true, "retries": 0 }, "output": { "up": false, "retries": 7 } },
        },
        "process": { "cpu_seconds": 40.0, "resident_bytes": 91_000_000 },
        "processors": [
            { "name": "orders.py", "messages": 1_234_500, "failed": 30, "cpu_seconds": 20.0 },
            { "name": "prices.py", "messages": 1_233_000, "failed": 0, "cpu_seconds": 10.0 },
        ],
        "failures": [
            failure(1, "KeyError", "'qty'"), failure(3, "Timeout", "no result within 1s"),
            failure(70, "ValueError", "bad\nprice"),
        ],
    });
    serde_json::from_value(value).expect("these are stats")
}

/// Adds a schema registry, which answers.
pub(super) fn with_registry(mut stats: Stats) -> Stats {
    stats.schema_registry = Some(RegistryStats {
        requests: 1204,
        cached: 1_234_567,
        missing: 3,
        failures: BTreeMap::new(),
    });
    stats
}

/// Returns the stats a second later, with messages that wait for the schema registry.
pub(super) fn waiting_for_registry() -> Stats {
    let mut stats = with_registry(later());
    if let Some(registry) = &mut stats.schema_registry {
        registry.requests += 13;
        let failures = [("timeout", 1), ("unreachable", 12)];
        registry.failures = failures
            .map(|(kind, count)| (kind.to_owned(), count))
            .into();
    }
    stats.ready = false;
    let why = "the schema registry http://registry:8080: connection refused (2 requests waiting)";
    stats
        .not_ready
        .insert("schema_registry".to_owned(), why.to_owned());
    stats
}

/// Returns the stats a second later, with more messages finished.
pub(super) fn later() -> Stats {
    let mut stats = stats();
    stats.uptime_seconds += 1.0;
    stats.messages.received += 12_345;
    stats.messages.received_bytes += 6_000_000;
    stats.messages.delivered += 12_000;
    stats.output.records += 11_950;
    stats.output.bytes += 7_000_000;
    stats.process.cpu_seconds += 1.4;
    stats.guests.cpu_seconds += 1.1;
    for processor in &mut stats.processors {
        processor.messages += 12_000;
        processor.cpu_seconds += 0.55;
    }
    let spread = [
        (&mut stats.latency.queue, 0.0003),
        (&mut stats.latency.guest, 0.002),
        (&mut stats.latency.whole, 0.012),
    ];
    for (distribution, value) in spread {
        let histogram = Histogram::new(SECONDS);
        histogram.observe(value, 11_500);
        histogram.observe(value * 30.0, 500);
        let more = histogram.distribution();
        distribution.count += more.count;
        for (bucket, more) in distribution.buckets.iter_mut().zip(&more.buckets) {
            bucket.1 += more.1;
        }
    }
    stats
}
