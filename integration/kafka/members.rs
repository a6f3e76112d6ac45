//! Tests of a group member and the answers that it owes: what may happen before they are given, and the effect of a
//! second process.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;
use support::{
    Cluster, Pipeline, Record, Running, Signal, counts, eventually, nerodia, on_each_delivery,
};

use crate::topics;

/// Returns how often each number came.
fn came(cluster: &Cluster, topic: &str) -> BTreeMap<u64, u32> {
    counts(&cluster.read(topic))
}

fn each_once(count: u64) -> BTreeMap<u64, u32> {
    (0..count).map(|n| (n, 1)).collect()
}

/// Checks that a member for which there is no partition says so, and takes over when there is one.
#[test]
fn a_member_without_partitions_says_why() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "spare", 1, "root = this");
    let without = "no partitions assigned: the group has more members than there are partitions";
    let some = r#""message":"partitions assigned""#;
    let mut first = pipeline.start();
    first.await_said(some, 1);
    let mut second = pipeline.start();
    second.await_said(without, 1);
    assert_eq!(first.said(without), 0, "{}", first.log());
    let (code, _) = first.terminate();
    assert_eq!(code, Some(0));
    second.await_said(some, 1);
    assert_eq!(second.terminate().0, Some(0));
}

/// Script for message `n` in partition `n`, which takes long if `n` is 0 or 1.
const SLOW: &str = "\
import time
if this['n'] < 2 and this['slow']:
    time.sleep(this['slow'])
root = {'n': this['n']}
";

fn record(n: u64, slow: u64) -> Record {
    Record::json(&json!({ "n": n, "slow": slow })).partition((n % 2) as i32)
}

/// Returns a pipeline with two partitions, and messages that take as long as a rebalance may.
fn patient(cluster: &Cluster, name: &str, delivery: &str) -> Pipeline {
    Pipeline::new(cluster, name, 2, SLOW)
        .with("delivery", delivery)
        .with("guests.timeout", "2m")
        .with("pipeline.threads", 2)
        .with("input.kafka.group.rebalance_timeout", "60s")
}

/// Waits until there are `count` results; `what` describes them.
fn await_results(
    cluster: &Cluster,
    pipeline: &Pipeline,
    running: &mut Running,
    count: usize,
    what: &str,
) {
    running.eventually(what, || {
        let there = came(cluster, &pipeline.output).len();
        (there == count).then_some(()).ok_or(format!("{there}"))
    });
}

/// Waits until `running` has messages in flight that take long, and others that are done.
fn await_in_flight(cluster: &Cluster, pipeline: &Pipeline, running: &mut Running) {
    await_results(cluster, pipeline, running, 2, "all but the slow ones");
}

/// Waits for all four results, and checks that both members end without errors.
#[track_caller]
fn end_with_all_results(
    cluster: &Cluster,
    pipeline: &Pipeline,
    mut first: Running,
    second: Running,
) {
    await_results(cluster, pipeline, &mut first, 4, "all results");
    for running in [first, second] {
        let (code, log) = running.terminate();
        assert_eq!(code, Some(0), "{log}");
    }
}

/// A topic that matches the pattern is created while a revocation waits for its answer: librdkafka joins again by
/// itself, and the partition that this process is finishing goes to another one. Checks that the process gives up
/// messages of it in flight.
#[test]
fn a_topic_appears_while_a_revocation_waits() {
    let cluster = Cluster::shared();
    let pipeline = patient(cluster, "overtaken", "at_least_once");
    let pattern = format!("^{}", pipeline.input);
    let pipeline = pipeline.with("input.kafka.topics", json!([pattern])).with(
        "input.kafka.properties",
        json!({ "topic.metadata.refresh.interval.ms": 500 }),
    );
    let mut first = pipeline.start_and_join();
    cluster.produce(&pipeline.input, [record(2, 0), record(3, 0)]);
    pipeline.await_all_committed(cluster, &mut first);
    cluster.produce(&pipeline.input, [record(0, 25), record(1, 25)]);
    std::thread::sleep(Duration::from_secs(1));
    await_in_flight(cluster, &pipeline, &mut first);
    let mut second = pipeline.start();
    first.await_logged("partitions revoked", 1);
    topics::create(cluster, &format!("{}-new", pipeline.input), 1);
    first.await_logged("lost the place in the group", 1);
    second.await_logged("partitions assigned", 1);
    end_with_all_results(cluster, &pipeline, first, second);
    assert_eq!(came(cluster, &pipeline.output), each_once(4));
    assert_eq!(cluster.members(&pipeline.group), Vec::<String>::new());
}

on_each_delivery!(a_session_is_lost_while_a_revocation_waits);
/// The process stands still for longer than its session while a revocation waits. Checks that the partition goes to
/// another process, and that messages of it in flight are given up, not finished late.
fn a_session_is_lost_while_a_revocation_waits(delivery: &str) {
    let cluster = Cluster::shared();
    let pipeline = patient(cluster, "silent", delivery);
    let named = |name: &str| {
        let pipeline = pipeline.clone();
        match delivery {
            "exactly_once" => pipeline.with("output.kafka.transactional_id", name),
            _ => pipeline,
        }
    };
    let mut first = named(&format!("{}-1", pipeline.group)).start_and_join();
    cluster.produce(&pipeline.input, [record(2, 0), record(3, 0)]);
    pipeline.await_all_committed(cluster, &mut first);
    cluster.produce(&pipeline.input, [record(0, 25), record(1, 25)]);
    std::thread::sleep(Duration::from_secs(1));
    let mut second = named(&format!("{}-2", pipeline.group)).start();
    first.await_logged("partitions revoked", 1);
    first.signal(Signal::STOP);
    second.await_logged("partitions assigned", 1);
    second.eventually("the other one is put out", || {
        let members = cluster.members(&pipeline.group).len();
        (members == 1).then_some(()).ok_or(format!("{members}"))
    });
    first.signal(Signal::CONT);
    end_with_all_results(cluster, &pipeline, first, second);
    assert_eq!(came(cluster, &pipeline.output), each_once(4), "{delivery}");
}

/// Checks that an open transaction is committed at once when the pipeline ends, however long it might have lasted.
#[test]
fn a_transaction_does_not_hold_up_the_end() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "hurry", 2, "root = this")
        .with("delivery", "exactly_once")
        .with("input.kafka.instance_id", "the-one")
        .with("input.kafka.commit_period", "30s")
        .with("shutdown_timeout", "10s");
    let running = pipeline.start_and_join();
    cluster.produce(&pipeline.input, (0..20).map(|n| record(n, 0)));
    std::thread::sleep(Duration::from_secs(2)); // written by now, and not committed for a long time
    let began = Instant::now();
    let (code, log) = running.terminate();
    println!("ended after {:?}", began.elapsed());
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(came(cluster, &pipeline.output), each_once(20));
    let committed = cluster.committed(&pipeline.group, &pipeline.input);
    assert_eq!(committed.values().sum::<i64>(), 20);
}

on_each_delivery!(the_consumer_protocol);
/// The brokers assign the partitions (KIP-848), and members come, go, and are killed.
fn the_consumer_protocol(delivery: &str) {
    const ALL: u64 = 6_000;
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "kip848", 12, "root = {'n': this['n']}")
        .with("delivery", delivery)
        .with("input.kafka.group", json!({ "protocol": "consumer" }));
    let named = |n: u32| {
        let id = format!("{}-{n}", pipeline.group);
        match delivery {
            "exactly_once" => pipeline.clone().with("output.kafka.transactional_id", id),
            _ => pipeline.clone(),
        }
    };
    let record = |n: u64| Record::json(&json!({ "n": n })).partition((n % 12) as i32);
    let mut first = named(1).start_and_join();
    cluster.produce(&pipeline.input, (0..ALL / 3).map(record));
    let mut second = named(2).start();
    second.await_logged("partitions assigned", 1);
    cluster.produce(&pipeline.input, (ALL / 3..ALL / 3 * 2).map(record));
    let (code, log) = first_of(&mut first, &pipeline, cluster);
    assert_eq!(code, None, "{log}");
    assert_eq!(first.terminate().0, Some(0));
    cluster.produce(&pipeline.input, (ALL / 3 * 2..ALL).map(record));
    pipeline.await_all_committed(cluster, &mut second);
    let (code, log) = second.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(
        came(cluster, &pipeline.output),
        each_once(ALL),
        "{delivery}"
    );
    assert_eq!(cluster.members(&pipeline.group), Vec::<String>::new());
}

/// Waits until `running` has let some partitions go to the other member, and still runs.
fn first_of(
    running: &mut Running,
    pipeline: &Pipeline,
    cluster: &Cluster,
) -> (Option<i32>, String) {
    running.await_logged("partitions revoked", 1);
    pipeline.await_all_committed(cluster, running);
    (None, running.log())
}

/// Checks that a dry run reads dead letters without a group: it takes nothing away from a replay, or from another dry
/// run.
#[test]
fn a_dry_run_joins_no_group() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "dry", 2, "root = this['x']");
    cluster.produce(&pipeline.input, (0..10).map(|n| record(n, 0)));
    let mut running = pipeline.start_and_join();
    pipeline.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(1));
    assert_eq!(cluster.count(pipeline.dead()), 10);
    // A replay is running, and takes long for its first message.
    let replays = format!("{}-replay", pipeline.group);
    let member: rdkafka::consumer::BaseConsumer = cluster
        .client()
        .set("group.id", &replays)
        .set("partition.assignment.strategy", "cooperative-sticky")
        .create()
        .expect("a consumer");
    use rdkafka::consumer::Consumer as _;
    member.subscribe(&[pipeline.dead()]).expect("subscribed");
    eventually("the other one has the partitions", || {
        let _ = member.poll(Duration::from_millis(20));
        let has = member.assignment().expect("an assignment").count();
        (has > 0).then_some(()).ok_or_else(|| "none".into())
    });
    let mended = pipeline.clone().script("root = {'n': this['n']}");
    let file = mended.file();
    let args = ["replay", "--dry-run", "-c"].map(Into::into).into_iter();
    let dry = nerodia(args.chain([file.path().as_os_str().to_owned()])).run();
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert_eq!(dry.text().lines().count(), 10, "{}", dry.stderr);
    let _ = member.poll(Duration::from_millis(20));
    assert!(member.assignment().expect("an assignment").count() > 0);
}

on_each_delivery!(partitions_that_came_while_the_only_member_was_away);
/// A member with an `instance_id` that returns within its session gets back its old assignment, without a rebalance:
/// partitions that were added meanwhile belonged to nobody, for ever.
fn partitions_that_came_while_the_only_member_was_away(delivery: &str) {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "away", 1, "root = {'n': this['n']}")
        .with("delivery", delivery)
        .with("input.kafka.instance_id", "the-one")
        .with("input.kafka.group.session_timeout", "45s");
    let numbered = |numbers: std::ops::Range<u64>, partition: i32| {
        numbers.map(move |n| Record::json(&json!({ "n": n })).partition(partition))
    };
    cluster.produce(&pipeline.input, numbered(0..10, 0));
    let mut running = pipeline.start_and_join();
    pipeline.await_all_committed(cluster, &mut running);
    running.kill();
    topics::grow(cluster, &pipeline.input, 3);
    cluster.produce(
        &pipeline.input,
        numbered(10..20, 1).chain(numbered(20..30, 2)),
    );
    let mut running = pipeline.start();
    running.await_said("no member of the group has these partitions", 1);
    pipeline.await_all_committed(cluster, &mut running);
    cluster.produce(&pipeline.input, numbered(30..40, 0));
    pipeline.await_all_committed(cluster, &mut running);
    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(came(cluster, &pipeline.output), each_once(40), "{log}");
}

/// Checks that a member with another assignment strategy, which keeps this process out of the group, is named.
#[test]
fn a_member_with_another_strategy() {
    use rdkafka::consumer::Consumer as _;
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "strategies", 1, "root = this").listening();
    let rival: rdkafka::consumer::BaseConsumer = cluster
        .client()
        .set("group.id", &pipeline.group)
        .set("partition.assignment.strategy", "range")
        .create()
        .expect("a consumer");
    rival.subscribe(&[&pipeline.input]).expect("subscribed");
    eventually("the other one is in the group", || {
        let _ = rival.poll(Duration::from_millis(20));
        let has = rival.assignment().expect("an assignment").count();
        (has > 0).then_some(()).ok_or_else(|| "none".into())
    });
    let mut running = pipeline.start();
    let told = "set its strategy as partition.assignment.strategy in input.kafka.properties";
    running.until("the strategy is told", |running| {
        let _ = rival.poll(Duration::from_millis(20));
        let log = running.log();
        let (_, ready) = running.web().get("/ready").unwrap_or_default();
        let is_told = log.contains(told) && ready.contains(told);
        is_told.then_some(()).ok_or(log + &ready)
    });
    drop(rival);
    running.await_ready();
    assert_eq!(running.terminate().0, Some(0));
}
