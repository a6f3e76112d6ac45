//! Tests of the consumer group: members that end under load, that join, that leave.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{DefaultProducerContext, Producer as _, ThreadedProducer};
use serde_json::{Value, json};
use support::{
    Cluster, PATIENCE, Pipeline, Record, Running, Signal, errors, eventually, logged, send,
};

const PARTITIONS: i32 = 12;

/// Writer of numbered messages, in order for each partition, until it is told to stop.
struct Traffic {
    stop: AtomicBool,
    sent: AtomicU64,
}

impl Traffic {
    /// Runs `test` while messages flow to `topic`, about `rate` per second. Returns how many there were.
    fn during(cluster: &Cluster, topic: &str, rate: u64, test: impl FnOnce(&Self)) -> u64 {
        let traffic = Self {
            stop: AtomicBool::new(false),
            sent: AtomicU64::new(0),
        };
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| traffic.write(cluster, topic, rate));
            // Also when the test fails; otherwise the thread would never end.
            let stop = StopAtEnd(&traffic.stop);
            test(&traffic);
            drop(stop);
            writer.join().expect("it writes");
        });
        traffic.sent.into_inner()
    }

    fn write(&self, cluster: &Cluster, topic: &str, rate: u64) {
        let producer: ThreadedProducer<DefaultProducerContext> = cluster
            .client()
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .create()
            .expect("a producer");
        let began = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            let due = began.elapsed().as_millis() as u64 * rate / 1000;
            // After a pause of the machine, not all of them at once.
            for n in self.sent.load(Ordering::Relaxed)..due {
                send(&producer, topic, &numbered(n));
                self.sent.store(n + 1, Ordering::Relaxed);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        producer.flush(PATIENCE).expect("written");
    }
}

struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn numbered(n: u64) -> Record {
    let lane = n % PARTITIONS as u64;
    Record::json(&json!({ "n": n, "text": "what an order may say of itself" }))
        .partition(lane as i32)
        .key(format!("lane-{lane}"))
}

/// Checks that each message of `0..sent` is there once, and those of a partition in order.
fn assert_each_once_in_order(cluster: &Cluster, topic: &str, sent: u64) {
    let mut seen = vec![0u8; sent as usize];
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    let (mut twice, mut disorder) = (Vec::new(), Vec::new());
    cluster.for_each(topic, |record| {
        let n = record.value()["n"].as_u64().expect("a number");
        seen[n as usize] += 1;
        if seen[n as usize] > 1 {
            twice.push(n);
        }
        if let Some(before) = last.insert(n % PARTITIONS as u64, n)
            && before >= n
        {
            disorder.push((before, n));
        }
    });
    let lost: Vec<usize> = (0..seen.len()).filter(|&n| seen[n] == 0).collect();
    assert_eq!(
        (lost.len(), twice.len(), disorder.len()),
        (0, 0, 0),
        "of {sent} lost, twice, out of order: first {:?} {:?} {:?}",
        lost.first(),
        twice.first(),
        disorder.first()
    );
}

fn copy(cluster: &Cluster, name: &str) -> Pipeline {
    Pipeline::new(cluster, name, PARTITIONS, "root = {'n': this['n']}")
}

fn await_more(cluster: &Cluster, topic: &str, more: i64, running: &mut Running) {
    let before = cluster.count(topic);
    running.eventually(&format!("{more} results more than {before}"), || {
        let now = cluster.count(topic);
        (now >= before + more).then_some(()).ok_or(format!("{now}"))
    });
}

/// Checks "SIGTERM under load: everything in flight delivered and committed within `shutdown_timeout`; a restart brings
/// no duplicates."
#[test]
fn terminated_and_started_again() {
    let cluster = Cluster::shared();
    // A long time between commits, so that the last commit decides.
    let pipeline = copy(cluster, "term").with("input.kafka.commit_period", "1m");
    let mut took = Vec::new();
    let sent = Traffic::during(cluster, &pipeline.input, 20_000, |_| {
        for (cycle, threads) in [1, 2, 4, 2, 1].into_iter().enumerate() {
            let mut running = pipeline.clone().with("pipeline.threads", threads).start();
            await_more(cluster, &pipeline.output, 5_000, &mut running);
            let began = Instant::now();
            // Both signals that ask for an end.
            running.signal(if cycle % 2 == 0 {
                Signal::TERM
            } else {
                Signal::INT
            });
            let (code, log) = running.wait();
            took.push(began.elapsed());
            assert_eq!(code, Some(0), "{log}");
            let committed = cluster.committed(&pipeline.group, &pipeline.input);
            assert_eq!(
                committed.values().sum::<i64>(),
                cluster.count(&pipeline.output),
                "what was delivered, no more and no less, is committed after cycle {cycle}: {committed:?}"
            );
        }
    });
    println!("{sent} messages; from the signal to the end: {took:?}");
    // `shutdown_timeout` is 20 s.
    assert!(took.iter().all(|took| *took < Duration::from_secs(20)));
    assert_the_rest_comes(cluster, &pipeline, sent);
    assert_eq!(cluster.count(pipeline.dead()), 0);
}

/// Sends a signal at any moment: while it checks the cluster, starts guests, joins the group, reads its first messages.
#[test]
fn terminated_at_any_moment() {
    let cluster = Cluster::shared();
    let pipeline = copy(cluster, "moments");
    const SENT: u64 = 60_000;
    cluster.produce(&pipeline.input, (0..SENT).map(numbered));
    for wait in [0, 30, 100, 300, 600, 900, 1200] {
        let running = pipeline.start();
        std::thread::sleep(Duration::from_millis(wait));
        running.signal(Signal::TERM);
        let began = Instant::now();
        let (code, log) = running.wait();
        // Before it handles signals, the signal's default action ends it.
        assert!(
            matches!(code, Some(0) | None),
            "{code:?} after {wait} ms: {log}"
        );
        assert!(began.elapsed() < Duration::from_secs(20));
        let committed = cluster.committed(&pipeline.group, &pipeline.input);
        assert_eq!(
            committed.values().sum::<i64>(),
            cluster.count(&pipeline.output),
            "{wait} ms: {committed:?}"
        );
    }
    let mut running = pipeline.start_and_join();
    pipeline.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(0));
    assert_each_once_in_order(cluster, &pipeline.output, SENT);
}

/// Starts a last process, which brings the missing results and commits them at its end.
fn assert_the_rest_comes(cluster: &Cluster, pipeline: &Pipeline, sent: u64) {
    let mut running = pipeline.start();
    running.eventually("all results", || {
        let count = cluster.count(&pipeline.output);
        (count as u64 >= sent)
            .then_some(())
            .ok_or(format!("{count} of {sent}"))
    });
    assert_eq!(running.terminate().0, Some(0));
    assert_eq!(
        cluster.committed(&pipeline.group, &pipeline.input),
        cluster.ends(&pipeline.input)
    );
    assert_each_once_in_order(cluster, &pipeline.output, sent);
}

/// Returns the partitions in a line `partitions assigned`: none in a line `no partitions assigned`.
fn assigned(line: &Value) -> Vec<String> {
    let names = line["partitions"].as_str().unwrap_or_default();
    names.split_whitespace().map(str::to_owned).collect()
}

fn all_assigned(log: &str) -> Vec<String> {
    let lines = logged(log, "partitions assigned");
    lines.iter().flat_map(assigned).collect()
}

fn all_revoked(log: &str) -> u64 {
    let lines = logged(log, "partitions revoked");
    let counts = lines.iter().map(|line| line["partitions"].as_u64());
    counts.map(|count| count.expect("a number")).sum()
}

fn await_partitions(running: &mut [&mut Running], each: usize) {
    let what = format!("{} members have {each} partitions each", running.len());
    eventually(&what, || {
        let have: Vec<i64> = running
            .iter()
            .map(|running| {
                let log = running.log();
                all_assigned(&log).len() as i64 - all_revoked(&log) as i64
            })
            .collect();
        have.iter()
            .all(|&have| have == each as i64)
            .then_some(())
            .ok_or(format!("{have:?}"))
    });
}

/// Checks that joining moves no more partitions than needed, and that nothing is lost, twice or out of order.
#[test]
fn joining_and_leaving() {
    let cluster = Cluster::shared();
    // A long time between commits: what moves is committed because it moves.
    let pipeline = copy(cluster, "join").with("input.kafka.commit_period", "1m");
    let mut moved = Vec::new();
    let mut ends: Vec<String> = Vec::new();
    let sent = Traffic::during(cluster, &pipeline.input, 5_000, |_| {
        let mut first = pipeline.start();
        await_partitions(&mut [&mut first], 12);
        await_more(cluster, &pipeline.output, 2_000, &mut first);

        let mut second = pipeline.start();
        await_partitions(&mut [&mut first, &mut second], 6);
        moved.push(all_revoked(&first.log()));
        await_more(cluster, &pipeline.output, 2_000, &mut second);

        let before = all_revoked(&first.log()) + all_revoked(&second.log());
        let mut third = pipeline.start();
        await_partitions(&mut [&mut first, &mut second, &mut third], 4);
        moved.push(all_revoked(&first.log()) + all_revoked(&second.log()) - before);
        await_more(cluster, &pipeline.output, 2_000, &mut third);
        // No partition that stayed was assigned again.
        let log = first.log();
        let names = all_assigned(&log);
        let mut once = names.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), names.len(), "given twice: {log}");

        // One member leaves: the two others take its four partitions, and give none.
        let before = all_revoked(&second.log()) + all_revoked(&third.log());
        let (code, log) = first.terminate();
        assert_eq!(code, Some(0), "{log}");
        ends.push(log);
        await_partitions(&mut [&mut second, &mut third], 6);
        moved.push(all_revoked(&second.log()) + all_revoked(&third.log()) - before);
        await_more(cluster, &pipeline.output, 2_000, &mut second);

        for running in [second, third] {
            let (code, log) = running.terminate();
            assert_eq!(code, Some(0), "{log}");
            ends.push(log);
        }
    });
    println!("{sent} messages; partitions that moved: {moved:?}");
    assert_eq!(moved, [6, 4, 0]);
    for log in &ends {
        assert_eq!(logged(log, "gave up").len(), 0, "{log}");
    }
    assert_the_rest_comes(cluster, &pipeline, sent);
}

/// Checks that, with `instance_id`, a restart within the session moves no partition at all.
#[test]
fn a_static_member_comes_back() {
    let cluster = Cluster::shared();
    let pipeline = copy(cluster, "static").with("input.kafka.group.session_timeout", "30s");
    let named = |name: &str| pipeline.clone().with("input.kafka.instance_id", name);
    let mut first = named("one").start();
    await_partitions(&mut [&mut first], 12);
    let mut second = named("two").start();
    await_partitions(&mut [&mut first, &mut second], 6);
    let mut had = all_assigned(&second.log());
    had.sort_unstable();
    assert_eq!(second.terminate().0, Some(0));
    cluster.produce(&pipeline.input, (0..1_200).map(numbered));
    let mut second = named("two").start();
    await_partitions(&mut [&mut second], 6);
    let mut has = all_assigned(&second.log());
    has.sort_unstable();
    assert_eq!(has, had, "the same partitions");
    pipeline.await_all_committed(cluster, &mut second);
    // Nothing of the first member's moved, except when the second one came for the first time.
    let log = first.log();
    assert_eq!(
        (all_assigned(&log).len(), all_revoked(&log)),
        (12, 6),
        "{log}"
    );

    // A client with the same name that is soon gone, like one that the brokers can make of our own second try: the
    // member comes back.
    let ghost: BaseConsumer = cluster
        .client()
        .set("group.id", &pipeline.group)
        .set("group.instance.id", "two")
        .set("session.timeout.ms", "30000")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .create()
        .expect("a consumer");
    ghost.subscribe(&[&pipeline.input]).expect("subscribed");
    eventually("the one that was fenced comes again", || {
        let _ = ghost.poll(Duration::from_millis(20));
        let log = second.log();
        (log.contains("joining again")).then_some(()).ok_or(log)
    });
    drop(ghost);
    cluster.produce(&pipeline.input, (1_200..2_400).map(numbered));
    pipeline.await_all_committed(cluster, &mut second);

    // Another process with the same name: one of the two ends and gives the reason.
    let mut thief = named("two").start();
    let (code, log) = second.wait();
    assert_eq!(code, Some(1), "{log}");
    let errors = errors(&log);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("instance_id` `two`"), "{errors:?}");
    await_partitions(&mut [&mut thief], 6);
    assert_eq!(thief.terminate().0, Some(0));
    assert_eq!(first.terminate().0, Some(0));
    assert_each_once_in_order(cluster, &pipeline.output, 2_400);
}
