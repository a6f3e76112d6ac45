//! Tests from Kafka to Kafka, against a real broker: every promise that needs no fault from outside.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use support::{Cluster, Pipeline, Record};

const MILLION: u64 = 1_000_000;
const PARTITIONS: i32 = 12;

/// Start of the timestamps: old ones would make the broker delete the messages.
static START: LazyLock<i64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_millis() as i64 - 10_000_000
});

fn numbered(n: u64) -> Record {
    Record::json(&json!({ "n": n, "text": "what an order may say of itself" }))
        .partition((n % PARTITIONS as u64) as i32)
        .key(format!("key-{}", n % 4096))
        .timestamp(*START + n as i64)
        .header("number", Some(n.to_string().as_bytes()))
        .header("number", Some(&[0xff, 0x00, n as u8]))
        .header("none", None)
        .header("empty", Some(b""))
}

/// Checks "Each result once, in order within its partition, headers and keys exact."
fn a_million_come_through(guests: u32) {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(
        cluster,
        &format!("million-{guests}"),
        PARTITIONS,
        "root = {\"n\": this[\"n\"], \"twice\": 2 * this[\"n\"]}",
    )
    .with("pipeline.threads", guests);
    pipeline.run(cluster, (0..MILLION).map(numbered), 0);

    let mut seen = vec![false; MILLION as usize];
    let mut last: HashMap<(i32, u64), u64> = HashMap::new();
    cluster.for_each(&pipeline.output, |record| {
        let value = record.value();
        let n = value["n"].as_u64().expect("a number");
        assert_eq!(value, json!({ "n": n, "twice": 2 * n }));
        assert!(
            !std::mem::replace(&mut seen[n as usize], true),
            "{n} came twice"
        );
        let sent = numbered(n);
        assert_eq!(
            (&record.key, &record.headers, record.timestamp),
            (&sent.key, &sent.headers, sent.timestamp)
        );
        // Results of one input partition in one output partition.
        let lane = (record.partition, n % PARTITIONS as u64);
        if let Some(before) = last.insert(lane, n) {
            assert!(before < n, "{n} came after {before}");
        }
    });
    let missing = seen.iter().filter(|&&seen| !seen).count();
    assert_eq!(missing, 0, "lost");
    assert_eq!(cluster.count(pipeline.dead()), 0);
}

#[test]
fn a_million_come_through_one_guest() {
    a_million_come_through(1);
}

#[test]
fn a_million_come_through_four_guests() {
    a_million_come_through(4);
}
