//! Tests of `delivery: exactly_once`: a reader of committed messages sees each result once, whatever is killed.

use std::time::Duration;

use serde_json::json;
use support::{Cluster, Pipeline, Record, Running, counts, eventually};

const SCRIPT: &str = "\
if this['n'] % 100 == 7:
    raise ValueError('seven')
root = {'n': this['n'], 'twice': 2 * this['n']}
";

fn pipeline(cluster: &Cluster, name: &str) -> Pipeline {
    Pipeline::new(cluster, name, 4, SCRIPT)
        .with("delivery", "exactly_once")
        .with("input.kafka.instance_id", "the-one")
        .with("input.kafka.commit_period", "300ms")
        .with("logger", json!({ "level": "debug" }))
}

fn numbered(numbers: std::ops::Range<u64>) -> impl Iterator<Item = Record> {
    let record = |n: u64| {
        Record::json(&json!({ "n": n }))
            .key(format!("key-{}", n % 64))
            .partition((n % 4) as i32)
    };
    numbers.map(record)
}

#[track_caller]
fn assert_each_once(cluster: &Cluster, pipeline: &Pipeline, all: u64) {
    let results = counts(&cluster.read(&pipeline.output));
    let letters = counts(&cluster.read(pipeline.dead()));
    for n in 0..all {
        let came = (results.get(&n), letters.get(&n));
        let expected = if n % 100 == 7 {
            (None, Some(&1))
        } else {
            (Some(&1), None)
        };
        assert_eq!(
            came, expected,
            "how often {n} came, as a result and as a dead letter"
        );
    }
}

#[test]
fn each_result_comes_once_though_the_process_is_killed_again_and_again() {
    const ALL: u64 = 60_000;
    let cluster = Cluster::shared();
    let pipeline = pipeline(cluster, "once");
    cluster.produce(&pipeline.input, numbered(0..ALL));
    // What is in flight is less than a transaction, so that every kill finds an open one.
    let slow = pipeline
        .clone()
        .script(&format!("import time\ntime.sleep(0.0005)\n{SCRIPT}"));
    let mut kills = 0;
    for round in 1..=6 {
        let mut running = slow.start();
        let before: i64 = cluster
            .committed(&pipeline.group, &pipeline.input)
            .values()
            .sum();
        running.eventually("a transaction is committed", || {
            let now: i64 = cluster
                .committed(&pipeline.group, &pipeline.input)
                .values()
                .sum();
            (now > before || now == ALL as i64)
                .then_some(())
                .ok_or(format!("{now} of {ALL}"))
        });
        std::thread::sleep(Duration::from_millis(37 * round));
        running.kill();
        kills += 1;
    }
    assert_eq!(kills, 6);
    let mut running = pipeline.start();
    pipeline.await_all_committed(cluster, &mut running);
    let (code, log) = running.terminate();
    assert_eq!(code, Some(1), "some are dead letters: {log}");
    assert_each_once(cluster, &pipeline, ALL);
}

#[test]
fn a_second_process_of_the_same_name_ends_one_of_them_and_nothing_twice() {
    const ALL: u64 = 20_000;
    let cluster = Cluster::shared();
    let pipeline = pipeline(cluster, "fenced");
    let first = pipeline.start();
    eventually("the first one reads", || {
        (!first.logged("partitions assigned").is_empty())
            .then_some(())
            .ok_or(first.log())
    });
    cluster.produce(&pipeline.input, numbered(0..ALL / 2));
    let second = pipeline.start();
    cluster.produce(&pipeline.input, numbered(ALL / 2..ALL));
    let (code, log) = first.wait();
    assert_eq!(code, Some(1), "{log}");
    assert!(
        log.contains("error: another process") && log.contains("instance_id"),
        "says what to change: {log}"
    );
    let mut second = second;
    pipeline.await_all_committed(cluster, &mut second);
    second.terminate();
    assert_each_once(cluster, &pipeline, ALL);
}

/// librdkafka continues to wait for the broker that was the group's coordinator, although another one is now (its
/// issues 5456 and 5511).
#[test]
fn any_broker_may_go_also_the_groups_coordinator() {
    let cluster = Cluster::start("coordinator", 3, &[]);
    let pipeline = pipeline(&cluster, "coordinator");
    let mut running = pipeline.start_and_join();
    let mut all = 0;
    let mut more = |running: &mut Running| {
        cluster.produce(&pipeline.input, numbered(all..all + 400));
        pipeline.await_all_committed(&cluster, running);
        all += 400;
    };
    more(&mut running);
    for broker in 1..=3 {
        cluster.broker("kill", broker);
        more(&mut running);
        cluster.broker("start", broker);
        more(&mut running);
    }
    let (code, log) = running.terminate();
    assert_eq!(code, Some(1), "some are dead letters: {log}");
    assert_each_once(&cluster, &pipeline, all);
}

#[test]
fn without_dead_letters_all_before_the_failure_is_committed_and_nothing_after() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "stop", 1, SCRIPT)
        .with("delivery", "exactly_once")
        .with("input.kafka.instance_id", "the-one")
        .without_dead_letters();
    cluster.produce(
        &pipeline.input,
        (0..200).map(|n| Record::json(&json!({ "n": n }))),
    );
    for _ in 0..2 {
        let (code, log) = pipeline.start().wait();
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains("partition 0, offset 7"), "{log}");
        assert_eq!(
            cluster.committed(&pipeline.group, &pipeline.input)[&0],
            7,
            "{log}"
        );
        let results = counts(&cluster.read(&pipeline.output));
        assert_eq!(results, (0..7).map(|n| (n, 1)).collect());
    }
}
