//! Tests of slow outputs and scripts: memory is bounded, the member stays in its group, and nothing comes twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use support::{Cluster, Pipeline, Record, logged, recently, resident};

const PARTITIONS: i32 = 4;
const MIB: u64 = 1024; // in KiB
/// Value of `pipeline.max_in_flight`: messages in flight, and as much again for their results.
const IN_FLIGHT: u64 = 16 * MIB;
/// Memory that the client has read ahead: `queued.max.messages.kbytes` of each partition, and an answer of the broker
/// of the same size (`fetch.max.bytes` in the config).
const READ_AHEAD: u64 = PARTITIONS as u64 * MIB + 2 * 4 * MIB;
/// Slack for guests, which take and release memory, and for the allocator.
const SLACK: u64 = 20 * MIB;

/// Returns the duration of the output's outage: 20 s are longer than the session and the poll interval.
fn pause() -> Duration {
    let long = std::env::var_os("NERODIA_LONG").is_some();
    Duration::from_secs(if long { 180 } else { 20 })
}

/// Checks "Slow output (a paused broker) for 3 minutes with a fast input: host memory bounded by the configured figure,
/// the member stays in its group."
#[test]
fn a_paused_output() {
    let input = Cluster::shared();
    let output = Cluster::start("slow", 1, &[]);
    let pipeline = Pipeline::between(
        input,
        &output,
        "slow",
        PARTITIONS,
        "root = {'n': this['n'], 'text': this['text']}",
    )
    .with("pipeline.max_in_flight", "16MiB")
    .with("input.kafka.group.rebalance_timeout", "10s")
    .with(
        "input.kafka.properties",
        json!({ "max.poll.interval.ms": 10000, "fetch.max.bytes": 4_194_304 }),
    );
    let record = |n: u64| {
        Record::json(&json!({ "n": n, "text": "x".repeat(1000) }))
            .partition((n % PARTITIONS as u64) as i32)
            .key(format!("lane {}", n % PARTITIONS as u64))
            .timestamp(recently())
    };
    // Some messages first, so that guests and clients have the memory that they need.
    const WARM: u64 = 40_000;
    const ALL: u64 = 400_000;
    input.produce(&pipeline.input, (0..WARM).map(record));
    let mut running = pipeline.start();
    pipeline.await_all_committed(input, &mut running);
    let member = input.members(&pipeline.group);
    assert_eq!(member.len(), 1);
    let pid = running.pid();
    let rss = || resident(pid, "VmRSS:").expect("it runs");
    let before = rss();

    output.broker("pause", 1);
    let began = Instant::now();
    let (mut most, mut at_once) = (before, 0);
    let produced = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            input.produce(&pipeline.input, (WARM..ALL).map(record));
            produced.store(true, Ordering::Relaxed);
        });
        while began.elapsed() < pause() || !produced.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
            most = most.max(rss());
            if began.elapsed() < Duration::from_secs(5) {
                at_once = most;
            }
        }
    });
    let during = input.committed(&pipeline.group, &pipeline.input);
    let same = input.members(&pipeline.group);
    output.broker("resume", 1);
    pipeline.await_all_committed(input, &mut running);
    most = most.max(rss());

    let grown = most - before;
    let bound = 2 * IN_FLIGHT + READ_AHEAD + SLACK;
    println!(
        "resident: {} MiB before, {} MiB 5 s into the pause, {} MiB at most in {:?} of it; committed meanwhile: {}",
        before / MIB,
        at_once / MIB,
        most / MIB,
        pause(),
        during.values().sum::<i64>(),
    );
    assert!(grown <= bound, "{grown} KiB more, the bound is {bound} KiB");
    assert_eq!(same, member, "a member stays");
    assert_eq!(input.members(&pipeline.group), member, "and afterwards too");
    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(logged(&log, "partitions assigned").len(), 1);
    assert_eq!(logged(&log, "partitions revoked").len(), 0, "{log}");
    each_once(&output, &pipeline.output, ALL);
}

fn each_once(cluster: &Cluster, topic: &str, all: u64) {
    let mut seen = vec![false; all as usize];
    let mut last = vec![None; PARTITIONS as usize];
    cluster.for_each(topic, |record| {
        let n = record.value()["n"].as_u64().expect("a number");
        assert!(
            !std::mem::replace(&mut seen[n as usize], true),
            "{n} came twice"
        );
        let lane = &mut last[(n % PARTITIONS as u64) as usize];
        assert!(lane.is_none_or(|before| before < n), "{n} after {lane:?}");
        *lane = Some(n);
    });
    assert!(seen.iter().all(|&seen| seen), "lost");
}

/// Returns a pipeline whose messages say for how many seconds the script sleeps.
fn sleepy(cluster: &Cluster, name: &str) -> Pipeline {
    let script = "import time\ntime.sleep(this['sleep'])\nroot = this";
    Pipeline::new(cluster, name, 2, script)
        .with("guests.timeout", "60s")
        .with("pipeline.threads", 2)
}

fn sleeping(n: i32, seconds: u32) -> Record {
    Record::json(&json!({ "n": n, "sleep": seconds })).partition(n % 2)
}

/// Checks "A script that takes 20 s a message with max.poll.interval.ms at 10 s: stays in the group too."
#[test]
fn a_slow_script() {
    let cluster = Cluster::shared();
    let pipeline = sleepy(cluster, "sleepy")
        .with("input.kafka.group.rebalance_timeout", "10s")
        .with(
            "input.kafka.properties",
            json!({ "max.poll.interval.ms": 10000 }),
        );
    cluster.produce(&pipeline.input, (0..2).map(|n| sleeping(n, 20)));
    let mut running = pipeline.start();
    running.await_logged("partitions assigned", 1);
    let member = cluster.members(&pipeline.group);
    assert_eq!(member.len(), 1);
    pipeline.await_all_committed(cluster, &mut running);
    cluster.produce(&pipeline.input, (2..4).map(|n| sleeping(n, 0)));
    pipeline.await_all_committed(cluster, &mut running);
    assert_eq!(cluster.members(&pipeline.group), member, "a member stays");
    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(logged(&log, "partitions assigned").len(), 1);
    assert_eq!(logged(&log, "partitions revoked").len(), 0, "{log}");
    assert_eq!(cluster.count(&pipeline.output), 4);
    assert_eq!(cluster.count(pipeline.dead()), 0);
}

/// Checks that a script of 20 s does not keep partitions from members that join, and that its results do not come
/// twice.
#[test]
fn a_slow_script_and_another_member() {
    let cluster = Cluster::shared();
    let pipeline = sleepy(cluster, "sleepy-join");
    cluster.produce(&pipeline.input, (0..2).map(|n| sleeping(n, 12)));
    let mut first = pipeline.start();
    first.await_logged("partitions assigned", 1);
    let mut second = pipeline.start();
    second.await_logged("partitions assigned", 1);
    pipeline.await_all_committed(cluster, &mut first);
    cluster.produce(&pipeline.input, (2..6).map(|n| sleeping(n, 0)));
    pipeline.await_all_committed(cluster, &mut second);
    assert_eq!(first.terminate().0, Some(0));
    assert_eq!(second.terminate().0, Some(0));
    let mut numbers: Vec<_> = cluster.read(&pipeline.output);
    numbers.sort_by_key(|record| record.value()["n"].as_u64());
    let numbers: Vec<_> = numbers.iter().map(|one| one.value()["n"].clone()).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5].map(|n| json!(n)));
}
