//! Tests of `nerodia try --from-kafka`: messages before and after, without any trace in Kafka.

use std::path::Path;
use std::time::Duration;

use rdkafka::producer::Producer as _;
use serde_json::{Value, json};
use support::{Cluster, Nerodia, PATIENCE, Pipeline, Record, nerodia, send};

fn objects(text: &str) -> Vec<Value> {
    let objects = text.lines().map(serde_json::from_str);
    objects.collect::<Result<_, _>>().expect("lines of JSON")
}

/// Returns the command `nerodia try --json` with messages from Kafka.
fn try_from_kafka(config: &Path) -> Nerodia {
    nerodia(["try", "--json", "-c"])
        .arg(config)
        .arg("--from-kafka")
}

#[test]
fn kafka_is_read_without_a_trace() {
    let cluster = Cluster::shared();
    let script = "meta['key'] = 'mine'\nroot = 1 / this['n']";
    let pipeline = Pipeline::new(cluster, "try", 3, script);
    let records = (0..30).map(|n| {
        Record::json(&json!({ "n": n }))
            .key(format!("key-{n}"))
            .header("trace", Some(b"abc"))
            .partition(n % 3)
    });
    cluster.produce(&pipeline.input, records);
    // A member that is there all the time, and must not notice anything.
    let mut running = pipeline.start_and_join();
    pipeline.await_all_committed(cluster, &mut running);
    let members = cluster.members(&pipeline.group);
    let before = (
        cluster.committed(&pipeline.group, &pipeline.input),
        cluster.ends(&pipeline.output),
        cluster.ends(pipeline.dead()),
    );

    let file = pipeline.file();
    let ran = try_from_kafka(file.path())
        .arg("--count")
        .arg("9")
        .run()
        .expect(0);
    let shown = objects(ran.text());
    let mut offsets: Vec<(i64, i64)> = shown
        .iter()
        .map(|one| {
            (
                one["partition"].as_i64().expect("a number"),
                one["offset"].as_i64().expect("a number"),
            )
        })
        .collect();
    offsets.sort_unstable();
    let last = (0..3).flat_map(|partition| (7..10).map(move |offset| (partition, offset)));
    assert_eq!(offsets, last.collect::<Vec<_>>(), "the last, evenly");
    one_message_at_its_offset(file.path());
    let one = &shown[0];
    assert_eq!(one["topic"], *pipeline.input);
    assert!(
        one["input"]["key"]
            .as_str()
            .is_some_and(|key| key.starts_with("key-")),
        "{one}"
    );
    assert_eq!(one["outputs"][0]["key"], "mine");
    assert_eq!(one["outputs"][0]["headers"], json!([["trace", "abc"]]));

    // All messages of another topic, which has fewer than requested.
    let ran = try_from_kafka(file.path())
        .arg(&pipeline.input)
        .arg("--count")
        .arg("100")
        .run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let shown = objects(ran.text());
    assert_eq!(shown.len(), 30);
    let failed: Vec<&Value> = shown
        .iter()
        .filter(|one| one["outcome"] == "failed")
        .collect();
    let [failed] = failed[..] else {
        panic!("{failed:?}")
    };
    assert_eq!(failed["error"]["type"], "ZeroDivisionError");
    assert_eq!(
        (&failed["partition"], &failed["offset"]),
        (&json!(0), &json!(0))
    );
    let empty = try_from_kafka(file.path())
        .arg(cluster.topic("try-empty", 2))
        .run()
        .expect(0);
    assert_eq!(empty.text(), "");

    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(
        cluster.members(&pipeline.group),
        members,
        "nobody came or went"
    );
    assert_eq!(
        running.logged("partitions assigned").len(),
        1,
        "{}",
        running.log()
    );
    let after = (
        cluster.committed(&pipeline.group, &pipeline.input),
        cluster.ends(&pipeline.output),
        cluster.ends(pipeline.dead()),
    );
    assert_eq!(after, before);
    let own = format!("{}-try", pipeline.group);
    assert_eq!(cluster.members(&own), Vec::<String>::new());
    assert!(
        cluster
            .committed(&own, &pipeline.input)
            .values()
            .all(|&offset| offset == 0)
    );
    running.terminate();

    let ran = try_from_kafka(file.path())
        .arg("no-such-topic")
        .arg("--connect-timeout")
        .arg("5s")
        .run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("the topic `no-such-topic` of `--from-kafka` does not exist"),
        "{}",
        ran.stderr
    );
}

/// Offsets are only an upper bound for the number of messages: markers and aborted messages have some too.
#[test]
fn topics_that_were_written_with_transactions() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "try-transactions", 2, "root = this");
    let producer = cluster.transactional_producer("writer");
    for round in 0..24 {
        producer.begin_transaction().expect("begun");
        let record = Record::json(&json!(round)).partition(round % 2);
        send(&producer, &pipeline.input, &record);
        producer.flush(PATIENCE).expect("written");
        // The last messages are aborted: at the end of the topic there is nothing to see.
        if round < 18 {
            producer.commit_transaction(PATIENCE).expect("committed");
        } else {
            producer.abort_transaction(PATIENCE).expect("rolled back");
        }
    }
    let file = pipeline.file();
    let sample = |count: &str| {
        let ran = try_from_kafka(file.path())
            .arg("--count")
            .arg(count)
            .set("logger.level=info")
            .run()
            .expect(0);
        assert!(!ran.stderr.contains("PartitionEOF"), "{}", ran.stderr);
        let shown = objects(ran.text());
        let mut payloads: Vec<i64> = shown
            .iter()
            .map(|one| one["input"]["payload"].as_str().expect("text"))
            .map(|payload| payload.parse().expect("a number"))
            .collect();
        payloads.sort_unstable();
        payloads
    };
    assert_eq!(sample("6"), (12..18).collect::<Vec<_>>(), "the last six");
    assert_eq!(sample("100"), (0..18).collect::<Vec<_>>(), "all there are");
}

/// Checks that one message can be looked at by its partition and offset, and what is said of those that are not there.
fn one_message_at_its_offset(config: &Path) {
    let at = |partition: &str, offset: &str| {
        try_from_kafka(config)
            .arg("--partition")
            .arg(partition)
            .arg("--offset")
            .arg(offset)
            .arg("--count")
            .arg("1")
            .run()
    };
    let ran = at("1", "4").expect(0);
    let shown = objects(ran.text());
    let places: Vec<_> = shown
        .iter()
        .map(|one| (one["partition"].clone(), one["offset"].clone()))
        .collect();
    assert_eq!(places, [(json!(1), json!(4))]);
    for (partition, offset, why) in [
        ("7", "4", "has no partition 7"),
        ("1", "10", "has the offsets 0 to 9: there is no 10"),
    ] {
        let ran = at(partition, offset).expect(1);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    }
}
