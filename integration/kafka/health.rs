//! Tests that `/ready` and the metrics are true: outages, idle connections, groups that have not answered, partitions
//! that cannot be read, and the progress of the others.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::producer::Producer as _;
use serde_json::{Value, json};
use support::{Cluster, PATIENCE, Pipeline, Running, eventually, logged, numbered, numbers, send};

const COPY: &str = "root = {'n': this['n']}";

/// Returns the reasons at `/ready`: `None` if it is ready.
fn reasons(running: &Running) -> Option<Value> {
    let (status, body) = running.web().get("/ready").expect("it listens");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(status, if answer["ready"] == true { 200 } else { 503 });
    answer.get("reasons").cloned()
}

/// Waits for the reason of this part, and returns it.
#[track_caller]
fn await_reason(running: &mut Running, part: &str) -> String {
    running.until(&format!("{part} is not ready"), |running| {
        let reasons = reasons(running).unwrap_or_default();
        let found = reasons[part].as_str().filter(|reason| !reason.is_empty());
        found.map(str::to_owned).ok_or(reasons.to_string())
    })
}

/// Returns the value of a series of `/metrics`, which is written as there.
fn metric(running: &Running, series: &str) -> Option<f64> {
    running.web().metric(series)
}

#[track_caller]
fn await_metric(running: &mut Running, series: &str, value: f64) {
    running.until(&format!("{series} is {value}"), |running| {
        let now = metric(running, series);
        (now == Some(value)).then_some(()).ok_or(format!("{now:?}"))
    });
}

#[track_caller]
fn await_count(running: &mut Running, cluster: &Cluster, topic: &str, count: i64) {
    running.eventually(&format!("{count} records in {topic}"), || {
        let now = cluster.count(topic);
        (now >= count).then_some(()).ok_or(format!("{now}"))
    });
}

const LINKS: [&str; 3] = ["input", "output", "dead_letter"];

/// Checks, without any message, that it is well again as soon as Kafka is.
#[test]
fn an_outage_is_over_when_the_brokers_are_back() {
    let cluster = Cluster::start("outage", 1, &[]);
    let pipeline = Pipeline::new(&cluster, "outage", 2, COPY).listening();
    let mut running = pipeline.start_and_join();
    running.await_ready();
    for _ in 0..2 {
        cluster.broker("kill", 1);
        for link in LINKS {
            let why = await_reason(&mut running, link);
            assert!(why.contains("cannot reach Kafka"), "{why}");
            assert!(!why.contains("brokers are down"), "{why}");
            let series = format!("nerodia_kafka_up{{link=\"{link}\"}}");
            await_metric(&mut running, &series, 0.0);
        }
        sleep(Duration::from_secs(15));
        cluster.broker("start", 1);
        let back = Instant::now();
        running.await_ready();
        println!("ready {:?} after the broker", back.elapsed());
        for link in LINKS {
            let series = format!("nerodia_kafka_up{{link=\"{link}\"}}");
            assert_eq!(metric(&running, &series), Some(1.0), "{link}");
        }
    }
    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");
    let told = |text| logged(&log, text).len();
    let [away, back] = ["cannot reach Kafka: trying again", "Kafka is there again"].map(told);
    assert_eq!((away, back), (6, 6), "each client, each time: {log}");
}

#[test]
fn idle_connections_that_brokers_close_are_no_outage() {
    let cluster = Cluster::start("idle", 1, &[]);
    cluster.configure(1, "connections.max.idle.ms=10000");
    let pipeline = Pipeline::new(&cluster, "idle", 1, COPY).listening();
    let mut running = pipeline.start_and_join();
    running.await_ready();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(45) {
        assert_eq!(reasons(&running), None, "after {:?}", began.elapsed());
        for link in LINKS {
            let series = format!("nerodia_kafka_up{{link=\"{link}\"}}");
            assert_eq!(metric(&running, &series), Some(1.0), "{link}");
        }
        sleep(Duration::from_millis(250));
    }
    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(logged(&log, "cannot reach Kafka").len(), 0);
}

/// Checks that a new producer, which replaces one whose transaction was given up meanwhile, begins well.
#[test]
fn a_producer_that_is_made_anew_is_well() {
    let cluster = Cluster::start("renewed", 1, &[]);
    let timeout = json!({ "transaction.timeout.ms": 10_000 });
    let pipeline = Pipeline::new(&cluster, "renewed", 1, COPY)
        .with("delivery", "exactly_once")
        .with("input.kafka.instance_id", "the-one")
        .with("output.kafka.properties", timeout.clone())
        .with("dead_letter.kafka.properties", timeout);
    let pipeline = pipeline.listening();
    let mut running = pipeline.start_and_join();
    running.await_ready();
    // One transaction is open when the broker goes away.
    cluster.produce(&pipeline.input, (0..500).map(numbered));
    await_metric(&mut running, "nerodia_received_messages_total", 500.0);
    cluster.broker("kill", 1);
    await_reason(&mut running, "output");
    sleep(Duration::from_secs(30));
    cluster.broker("start", 1);
    let back = Instant::now();
    running.await_ready();
    println!("ready {:?} after the broker", back.elapsed());
    cluster.produce(&pipeline.input, (500..600).map(numbered));
    pipeline.await_all_committed(&cluster, &mut running);
    assert_eq!(reasons(&running), None);
    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");
}

/// Returns the first segment of a partition.
fn segment(cluster: &Cluster, topic: &str, partition: i32) -> PathBuf {
    let folder = cluster.folder(1).join(format!("data/{topic}-{partition}"));
    folder.join("00000000000000000000.log")
}

/// Returns where in a segment its batch with this number begins, and how long it is.
fn batch(segment: &[u8], number: usize) -> (usize, usize) {
    let mut at = 0;
    for _ in 0..number {
        at += length(segment, at);
    }
    (at, length(segment, at))
}

/// Returns the length of a batch: offset and length come before the bytes that the length counts.
fn length(segment: &[u8], at: usize) -> usize {
    let bytes = segment[at + 8..at + 12].try_into().expect("four bytes");
    12 + u32::from_be_bytes(bytes) as usize
}

/// Checks that a batch that a disk has changed stops its partition before it, and no other partition.
#[test]
fn a_broken_batch_is_not_passed_over() {
    let cluster = Cluster::start("broken", 1, &[]);
    let pipeline = Pipeline::new(&cluster, "broken", 2, COPY).listening();
    for n in 0..9 {
        // One batch each.
        cluster.produce(&pipeline.input, [numbered(n).partition(0)]);
    }
    cluster.produce(&pipeline.input, (10..20).map(|n| numbered(n).partition(1)));
    // On a running broker: one that is started after a kill looks for broken batches, and truncates the log there.
    let path = segment(&cluster, &pipeline.input, 0);
    let bytes = std::fs::read(&path).expect("the segment");
    let (at, length) = batch(&bytes, 4);
    let last = at + length - 2; // within the last message's payload
    let file = OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("the segment");
    file.write_at(&[bytes[last] ^ 0xff], last as u64)
        .expect("written");
    drop(file);

    let mut running = pipeline.start_and_join();
    let why = await_reason(&mut running, "partitions");
    println!("{why}");
    let place = format!("topic `{}`, partition 0 cannot be read", pipeline.input);
    assert!(why.contains(&place) && why.contains("CRC"), "{why}");
    assert_eq!(
        metric(&running, "nerodia_kafka_blocked_partitions"),
        Some(1.0)
    );
    let errors = "nerodia_kafka_partition_errors_total{error=\"BadMessage\"}";
    assert!(metric(&running, errors) >= Some(1.0));
    // The other partition continues.
    cluster.produce(&pipeline.input, (20..30).map(|n| numbered(n).partition(1)));
    await_count(&mut running, &cluster, &pipeline.output, 4 + 20);
    running.eventually("what was delivered is committed", || {
        let committed = cluster.committed(&pipeline.group, &pipeline.input);
        let right = committed == BTreeMap::from([(0, 4), (1, 20)]);
        right.then_some(()).ok_or(format!("{committed:?}"))
    });
    sleep(Duration::from_secs(3));
    assert_eq!(cluster.count(&pipeline.output), 4 + 20);
    // The batch has its original bytes again, and is read at the next try.
    let file = OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("the segment");
    file.write_at(&[bytes[last]], last as u64).expect("written");
    pipeline.await_all_committed(&cluster, &mut running);
    running.await_ready();
    assert_eq!(
        metric(&running, "nerodia_kafka_blocked_partitions"),
        Some(0.0)
    );
    let mut numbers = numbers(&cluster.read(&pipeline.output));
    numbers.sort_unstable();
    assert_eq!(numbers, (0..9).chain(10..30).collect::<Vec<_>>());
    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");
    let warned = logged(&log, "a partition is stopped before a broken batch");
    assert!(!warned.is_empty(), "{log}");
    for line in &warned {
        assert_eq!(line["topic"], pipeline.input.as_str());
        assert_eq!(line["partition"], 0);
    }
}

/// After a crash the group waits for the dead member. Checks that the pipeline is not ready until then, and gives the
/// reason.
#[test]
fn a_group_that_has_not_answered() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "waits", 2, COPY).with(
        "input.kafka.group",
        json!({ "session_timeout": "20s", "heartbeat_interval": "1s" }),
    );
    cluster.produce(&pipeline.input, (0..10).map(numbered));
    let mut running = pipeline.start_and_join();
    pipeline.await_all_committed(cluster, &mut running);
    running.kill();

    let pipeline = pipeline.listening();
    let mut running = pipeline.start();
    let text = "waiting for the consumer group";
    running.await_logged(text, 1);
    let told = reasons(&running).expect("it is not ready");
    let why = told["group"].as_str().expect("a reason");
    assert!(
        why.contains(&format!("{text} \"{}\"", pipeline.group)),
        "{why}"
    );
    assert!(why.contains("instance_id"), "{why}");
    let assigned = "nerodia_kafka_assigned_partitions";
    assert_eq!(metric(&running, assigned), Some(0.0));
    running.await_ready();
    await_metric(&mut running, assigned, 2.0);

    // A member without partitions has its answer, and is ready.
    let mut members = vec![running];
    for _ in 0..2 {
        let mut running = pipeline.clone().listening().start_and_join();
        running.await_ready();
        members.push(running);
    }
    eventually("three members share two partitions", || {
        let counts = members.iter().map(|running| metric(running, assigned));
        let counts: Vec<_> = counts.collect();
        let ready = members.iter().all(|running| reasons(running).is_none());
        let shared = counts.iter().flatten().sum::<f64>() == 2.0 && counts.contains(&Some(0.0));
        (shared && ready)
            .then_some(())
            .ok_or(format!("{counts:?}, ready: {ready}"))
    });
    for running in members {
        assert_eq!(running.terminate().0, Some(0));
    }
}

/// Checks that there is a lag before anything is delivered, and that it is 0 at the end; markers of transactions are no
/// messages.
#[test]
fn lag_is_what_is_left() {
    let cluster = Cluster::shared();
    let slow = "import time\ntime.sleep(0.4)\nroot = this";
    let pipeline = Pipeline::new(cluster, "lag", 2, slow);
    cluster.produce(&pipeline.input, (0..12).map(|n| numbered(n).partition(0)));
    let pipeline = pipeline.listening();
    let lag = |partition| {
        let topic = &pipeline.input;
        format!("nerodia_kafka_lag_messages{{topic=\"{topic}\",partition=\"{partition}\"}}")
    };
    let mut running = pipeline.start_and_join();
    await_metric(&mut running, &lag(1), 0.0);
    let mut seen = Vec::new();
    running.until("nothing is left", |running| {
        let now = metric(running, &lag(0));
        seen.extend(now);
        (now == Some(0.0)).then_some(()).ok_or(format!("{now:?}"))
    });
    assert!(seen.is_sorted_by(|one, next| one >= next), "{seen:?}");
    assert!(seen[0] > 0.0, "{seen:?}");
    // Messages that are rolled back, and the markers, have offsets with nothing to read.
    let producer = cluster.transactional_producer("lag");
    for commit in [true, false] {
        producer.begin_transaction().expect("begun");
        send(&producer, &pipeline.input, &numbered(100).partition(1));
        producer.flush(PATIENCE).expect("written");
        if commit {
            producer.commit_transaction(PATIENCE).expect("committed");
        } else {
            producer.abort_transaction(PATIENCE).expect("rolled back");
        }
    }
    await_count(&mut running, cluster, &pipeline.output, 13);
    await_metric(&mut running, &lag(1), 0.0);
    assert_eq!(running.terminate().0, Some(0));
}
