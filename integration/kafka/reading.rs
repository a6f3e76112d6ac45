//! Tests of reading topics: those that a pattern names, from the newest message on, and the gaps that transactions and
//! retention leave.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::producer::Producer as _;
use serde_json::json;
use support::{Cluster, PATIENCE, Pipeline, Record, logged, numbered, numbers, send, unique};

fn range(from: u64, to: u64) -> Vec<u64> {
    (from..to).collect()
}

#[test]
fn topics_by_pattern() {
    let cluster = Cluster::shared();
    let stem = unique("orders");
    let mut topics: Vec<String> = (0..3)
        .map(|n| cluster.topic(&format!("{stem}-{n}"), 2))
        .collect();
    let other = cluster.topic(&format!("other-{stem}"), 1);
    let plain = cluster.topic("plain", 1);
    let pipeline = Pipeline::new(
        cluster,
        "pattern",
        1,
        "root = {'n': this['n'], 'from': meta['topic']}",
    )
    .with("input.kafka.topics", json!([format!("^{stem}-.*"), plain]))
    .with(
        "input.kafka.properties",
        json!({ "topic.metadata.refresh.interval.ms": 1000 }),
    );
    cluster.produce(&other, [numbered(0)]);
    let mut running = pipeline.start();
    running.await_logged("partitions assigned", 1);
    // A topic that is created later is found, and read from its beginning.
    topics.push(cluster.topic(&format!("{stem}-later"), 2));
    topics.push(plain);
    for topic in &topics {
        cluster.produce(topic, (0..100).map(numbered));
    }
    for topic in &topics {
        let ends = cluster.ends(topic);
        running.eventually(&format!("all of {topic}"), || {
            let committed = cluster.committed(&pipeline.group, topic);
            (committed == ends)
                .then_some(())
                .ok_or(format!("{committed:?}"))
        });
    }
    assert_eq!(running.terminate().0, Some(0));
    let mut from: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in cluster.read(&pipeline.output) {
        let value = record.value();
        let topic = value["from"].as_str().expect("a topic").to_owned();
        from.entry(topic)
            .or_default()
            .push(value["n"].as_u64().expect("a number"));
    }
    topics.sort();
    assert_eq!(from.keys().cloned().collect::<Vec<_>>(), topics);
    for (topic, mut numbers) in from {
        numbers.sort_unstable();
        assert_eq!(numbers, range(0, 100), "{topic}");
    }
}

#[test]
fn from_the_newest() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "newest", 1, "root = this")
        .with("input.kafka.start_from_oldest", false);
    cluster.produce(&pipeline.input, (0..100).map(numbered));
    let mut running = pipeline.start();
    running.await_logged("partitions assigned", 1);
    let mut n = 100;
    running.eventually("a new message", || {
        n += 1;
        cluster.produce(&pipeline.input, [numbered(n)]);
        (cluster.count(&pipeline.output) > 0)
            .then_some(())
            .ok_or("none".into())
    });
    pipeline.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(0));
    let first = numbers(&cluster.read(&pipeline.output))[0];
    assert!(first > 100, "{first} is an old one");
    // Messages that come while it does not run are no longer new, but come after the position.
    cluster.produce(&pipeline.input, [numbered(n + 1)]);
    let mut running = pipeline.start();
    pipeline.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(0));
    assert_eq!(
        numbers(&cluster.read(&pipeline.output)),
        range(first, n + 2)
    );
}

/// Markers of transactions are offsets without a message; messages that were rolled back are not read.
#[test]
fn transactions_in_the_input() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(
        cluster,
        "gaps",
        2,
        "root = {'n': this['n'], 'offset': meta['offset']}",
    );
    let producer = cluster.transactional_producer("writer");
    let mut committed = 0;
    for round in 0..40u64 {
        producer.begin_transaction().expect("begun");
        for n in 0..25 {
            let record = numbered(round * 25 + n).partition((n % 2) as i32);
            send(&producer, &pipeline.input, &record);
        }
        producer.flush(PATIENCE).expect("written");
        if round % 4 == 3 {
            producer.abort_transaction(PATIENCE).expect("rolled back");
        } else {
            producer.commit_transaction(PATIENCE).expect("committed");
            committed += 25;
        }
    }
    let seen = cluster.read(&pipeline.input);
    assert_eq!(seen.len(), committed);
    let after = |partition: i32, records: &[Record]| {
        let own = records
            .iter()
            .filter(|record| record.partition == partition);
        own.map(|record| record.offset + 1).max().expect("some")
    };
    for round in 0..2 {
        let mut running = pipeline.start_and_join();
        running.eventually("the last message of each partition is committed", || {
            let committed = cluster.committed(&pipeline.group, &pipeline.input);
            let reached = (0..2).all(|partition| committed[&partition] >= after(partition, &seen));
            reached.then_some(()).ok_or(format!("{committed:?}"))
        });
        assert_eq!(running.terminate().0, Some(0));
        // Started again, there is nothing to read.
        assert_eq!(
            cluster.count(&pipeline.output) as usize,
            committed,
            "round {round}"
        );
        let ends = cluster.ends(&pipeline.input);
        let point = cluster.committed(&pipeline.group, &pipeline.input);
        println!("committed {point:?} of {ends:?}");
        assert!((0..2).all(|partition| point[&partition] <= ends[&partition]));
    }
    let mut results = numbers(&cluster.read(&pipeline.output));
    results.sort_unstable();
    let mut expected = numbers(&seen);
    expected.sort_unstable();
    assert_eq!(results, expected);

    // Killed and started again in the middle of gaps, with the positions that it committed.
    let more: Vec<u64> = (1_000..1_010).collect();
    producer.begin_transaction().expect("begun");
    for &n in &more {
        send(&producer, &pipeline.input, &numbered(n).partition(0));
    }
    producer.flush(PATIENCE).expect("written");
    producer.commit_transaction(PATIENCE).expect("committed");
    let mut running = pipeline.start();
    running.eventually("ten more", || {
        let count = cluster.count(&pipeline.output) as usize;
        (count == committed + 10)
            .then_some(())
            .ok_or(format!("{count}"))
    });
    assert_eq!(running.terminate().0, Some(0));
    let results = numbers(&cluster.read(&pipeline.output));
    assert_eq!(results[results.len() - 10..].len(), more.len());
    assert_eq!(cluster.count(&pipeline.output) as usize, committed + 10);
}

/// The record at the position was deleted while no process ran (retention). Checks that reading begins at the oldest
/// message, and that this is logged.
#[test]
fn positions_that_are_no_longer_there() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "deleted", 1, "root = this");
    pipeline.run(cluster, (0..10).map(numbered), 0);
    cluster.produce(&pipeline.input, (10..40).map(numbered));
    cluster.delete_before(&pipeline.input, 0, 30);
    cluster.produce(&pipeline.input, [numbered(40)]);
    let log = pipeline.run(cluster, [], 0);
    assert_eq!(
        numbers(&cluster.read(&pipeline.output)),
        [range(0, 10), range(30, 41)].concat()
    );
    let warned = logged(&log, "records were deleted before they were read");
    assert_eq!(warned.len(), 1, "{log}");
    assert_eq!(
        (&warned[0]["committed"], &warned[0]["offset"]),
        (&json!(10), &json!(30))
    );
    assert_eq!(warned[0]["count"], 20);
}

/// Checks that a batch that is not full keeps only the memory that it needs, so that many such batches can wait at the
/// same time.
#[test]
fn many_partitions_with_few_messages_wait_together() {
    const PARTITIONS: i32 = 40;
    const PERIOD: Duration = Duration::from_secs(15);
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "waiting", PARTITIONS, "root = this").with(
        "input.kafka.batching",
        json!({ "count": 100, "period": "15s" }),
    );
    let records = (0..PARTITIONS).map(|n| numbered(n as u64).partition(n));
    cluster.produce(&pipeline.input, records);
    let mut running = pipeline.start();
    let first = std::cell::Cell::new(None);
    running.eventually("all results are there", || {
        let count = cluster.count(&pipeline.output);
        if count > 0 && first.get().is_none() {
            first.set(Some(Instant::now()));
        }
        (count == i64::from(PARTITIONS))
            .then_some(())
            .ok_or(format!("{count}"))
    });
    // With space for sixteen at a time there would be three rounds.
    let spread = first.get().expect("a first one").elapsed();
    assert!(spread < PERIOD, "{spread:?} from the first to the last");
    running.terminate();
}
