//! Tests that a record that brokers refuse costs only its own message: that becomes a dead letter, and all others are
//! written, once and in order.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::{Cluster, Pipeline, Record, nerodia, numbers, on_each_delivery, recently};

/// Script that makes what the message asks for: a result with its own size, timestamp and topic.
const SCRIPT: &str = "\
if 'time' in this: meta['timestamp'] = this['time']
if 'topic' in this: meta['topic'] = this['topic']
root = {'n': this['n'], 'pad': 'x' * this.get('size', 0)}
";
/// Script without anything that is refused.
const MENDED: &str = "root = {'n': this['n']}";
const PARTITIONS: u64 = 2;
const YEAR: i64 = 365 * 86_400_000;

/// Returns the fault of message `n`; one in a hundred has each fault, and the others have `None`.
fn sort(n: u64) -> Option<&'static str> {
    match n % 100 {
        13 | 14 => Some("InvalidTimestamp"),
        33 => Some("InvalidRecord"),
        53 => Some("TooLarge"),
        73 => Some("UnknownTopic"),
        _ => None,
    }
}

fn message(n: u64) -> Record {
    let mut value = json!({ "n": n });
    match n % 100 {
        13 => value["time"] = json!(recently() + YEAR),
        14 => value["time"] = json!(recently() - YEAR),
        53 => value["size"] = json!(30_000),
        73 => value["topic"] = json!("not-there"),
        _ => {}
    }
    let record = Record::json(&value).partition((n % PARTITIONS) as i32);
    match n % 100 {
        33 => record,
        _ => record.key(n.to_string()),
    }
}

/// Creates a topic that refuses each of these faults.
fn strict(cluster: &Cluster) -> String {
    let config = [
        ("cleanup.policy", "compact"),
        ("max.message.bytes", "20000"),
        ("message.timestamp.before.max.ms", "86400000"),
        ("message.timestamp.after.max.ms", "3600000"),
    ];
    cluster.topic_with("strict", 1, &config)
}

fn number(record: &Record) -> u64 {
    record.value()["n"].as_u64().expect("a number")
}

/// Returns a pipeline that writes to such a topic, with these fields of `output.kafka`.
fn to_strict(cluster: &Cluster, name: &str, output: &Value) -> Pipeline {
    let mut pipeline = Pipeline::new(cluster, name, PARTITIONS as i32, SCRIPT)
        .with("output.kafka.topics_allowed", json!(["^not"]));
    pipeline.output = strict(cluster);
    pipeline = pipeline
        .clone()
        .with("output.kafka.topic", pipeline.output.clone());
    for (field, value) in output.as_object().expect("fields") {
        pipeline = pipeline.with(&format!("output.kafka.{field}"), value.clone());
    }
    pipeline
}

on_each_delivery!(one_in_a_hundred_of_every_sort);
fn one_in_a_hundred_of_every_sort(delivery: &str) {
    const ALL: u64 = 4_000;
    let cluster = Cluster::shared();
    let pipeline = to_strict(cluster, "mixed", &json!({}))
        .with("delivery", delivery)
        .with("input.kafka.instance_id", "one");
    let log = pipeline.run(cluster, (0..ALL).map(message), 1);

    let results: Vec<u64> = numbers(&cluster.read(&pipeline.output));
    for partition in 0..PARTITIONS {
        let of = |n: &u64| n % PARTITIONS == partition;
        let came: Vec<u64> = results.iter().copied().filter(of).collect();
        let expected: Vec<u64> = (0..ALL).filter(of).filter(|&n| sort(n).is_none()).collect();
        assert_eq!(came, expected, "each once and in order\n{log}");
    }
    let letters = cluster.read(pipeline.dead());
    let types: BTreeMap<u64, &str> = letters
        .iter()
        .map(|letter| {
            (
                number(letter),
                letter.header_text("nerodia-error-type").expect("a type"),
            )
        })
        .collect();
    let expected: BTreeMap<u64, &str> = (0..ALL).filter_map(|n| Some((n, sort(n)?))).collect();
    let wrong: Vec<_> = letters
        .iter()
        .filter(|letter| types.get(&number(letter)) != expected.get(&number(letter)))
        .map(|letter| (number(letter), letter.header_text("nerodia-error-message")))
        .collect();
    assert_eq!(wrong, [], "letters of another type than expected");
    assert_eq!((types, letters.len()), (expected.clone(), expected.len()));

    let file = pipeline.script(MENDED).file();
    let args = ["replay", "--dry-run", "-c"].map(Into::into).into_iter();
    let replayed = nerodia(args.chain([file.path().as_os_str().to_owned()])).run();
    let summary = format!(
        "{0} dead letters read, {0} results would come out",
        expected.len()
    );
    assert!(replayed.stderr.contains(&summary), "{}", replayed.stderr);
}

/// When records are compressed, the size of one says nothing about the size of others.
#[test]
fn one_in_a_hundred_of_every_sort_compressed_and_in_small_batches() {
    // Records that are too large compress well, and are written.
    const ALL: u64 = 1_000;
    let cluster = Cluster::shared();
    let output = json!({ "compression": "lz4", "properties": { "batch.num.messages": 7 } });
    let pipeline = to_strict(cluster, "mixed-lz4", &output);
    cluster.produce(&pipeline.input, (0..ALL).map(message));
    let mut running = pipeline.start();
    pipeline.await_all_committed(cluster, &mut running);
    let (_, log) = running.terminate();
    let results: Vec<u64> = numbers(&cluster.read(&pipeline.output));
    for partition in 0..PARTITIONS {
        let of = |n: &u64| n % PARTITIONS == partition;
        let is_written = |n: &u64| sort(*n).is_none_or(|sort| sort == "TooLarge");
        let came: Vec<u64> = results.iter().copied().filter(of).collect();
        let expected: Vec<u64> = (0..ALL).filter(of).filter(is_written).collect();
        assert_eq!(came, expected, "each once and in order\n{log}");
    }
}

/// Checks that a backlog of small messages makes batches as large as the topic allows, and no larger: by the field that
/// the pages recommend, and by what the output learns if that is not set.
#[test]
fn no_batch_is_larger_than_its_topic_takes() {
    const ALL: u64 = 20_000;
    let cluster = Cluster::shared();
    for advised in [true, false] {
        let mut pipeline = Pipeline::new(cluster, "batches", 1, "root = this");
        pipeline.output = cluster.topic_with("small", 1, &[("max.message.bytes", "65536")]);
        pipeline = pipeline
            .clone()
            .with("output.kafka.topic", pipeline.output.clone());
        if advised {
            pipeline = pipeline.with("output.kafka.max_message_bytes", "64KiB");
        }
        let records = (0..ALL).map(|n| Record::json(&json!({ "n": n })));
        let log = pipeline.run(cluster, records, 0);
        let results: Vec<u64> = numbers(&cluster.read(&pipeline.output));
        assert_eq!(results, (0..ALL).collect::<Vec<_>>(), "{log}");
        assert_eq!(cluster.count(pipeline.dead()), 0);
    }
}
