//! Tests of where reading begins and continues, whatever ends a process, and whatever happens to a topic.

use std::time::Duration;

use rdkafka::producer::Producer as _;
use serde_json::json;
use support::{
    Cluster, PATIENCE, Pipeline, Running, Signal, eventually, logged, numbered, numbers,
    on_each_delivery, send,
};

use crate::topics;

/// Returns the numbers that came out, sorted.
fn came(cluster: &Cluster, topic: &str) -> Vec<u64> {
    let mut numbers = numbers(&cluster.read(topic));
    numbers.sort_unstable();
    numbers
}

fn range(from: u64, to: u64) -> Vec<u64> {
    (from..to).collect()
}

/// Returns a pipeline with two partitions that reads from the newest message on.
fn newest(cluster: &Cluster, name: &str, script: &str) -> Pipeline {
    Pipeline::new(cluster, name, 2, script).with("input.kafka.start_from_oldest", false)
}

/// Waits until the group has an offset for each partition.
fn await_begun(cluster: &Cluster, pipeline: &Pipeline, running: &mut Running, partitions: usize) {
    running.eventually("the beginnings are committed", || {
        let committed = cluster.committed(&pipeline.group, &pipeline.input);
        (committed.len() == partitions)
            .then_some(())
            .ok_or(format!("{committed:?}"))
    });
}

fn await_numbers(cluster: &Cluster, pipeline: &Pipeline, running: &mut Running, all: &[u64]) {
    running.eventually("all results", || {
        let came = came(cluster, &pipeline.output);
        (came == all).then_some(()).ok_or(format!("{came:?}"))
    });
}

#[test]
fn what_is_written_between_an_idle_process_and_the_next_one_is_read() {
    let cluster = Cluster::shared();
    let pipeline = newest(cluster, "idle", "root = this");
    cluster.produce(&pipeline.input, (100..110).map(numbered));
    let mut running = pipeline.start_and_join();
    await_begun(cluster, &pipeline, &mut running, 2);
    assert_eq!(running.terminate().0, Some(0));
    cluster.produce(&pipeline.input, (0..10).map(numbered));
    let mut running = pipeline.start_and_join();
    await_numbers(cluster, &pipeline, &mut running, &range(0, 10));
    assert_eq!(running.terminate().0, Some(0));
}

/// Each process commits the beginnings of its own partitions at another moment. Checks that the others do not take
/// these for offsets of an earlier group.
#[test]
fn processes_that_start_together_all_begin_at_the_end() {
    let cluster = Cluster::shared();
    for _ in 0..3 {
        let pipeline = Pipeline::new(cluster, "together", 8, "root = this")
            .with("input.kafka.start_from_oldest", false);
        let spread = |from: u64| {
            (from..from + 80).map(|n| numbered(n).partition(i32::try_from(n % 8).expect("small")))
        };
        cluster.produce(&pipeline.input, spread(100));
        let mut running: Vec<Running> = (0..3).map(|_| pipeline.start()).collect();
        for one in &mut running {
            one.await_logged("partitions assigned", 1);
        }
        running[0].eventually("the beginnings are committed", || {
            let committed = cluster.committed(&pipeline.group, &pipeline.input);
            let all = committed.values().all(|&offset| offset == 10);
            all.then_some(()).ok_or(format!("{committed:?}"))
        });
        cluster.produce(&pipeline.input, spread(0));
        await_numbers(cluster, &pipeline, &mut running[0], &range(0, 80));
        for one in running {
            assert_eq!(one.terminate().0, Some(0));
        }
    }
}

#[test]
fn what_was_read_before_a_crash_and_not_delivered_is_read_again() {
    let cluster = Cluster::shared();
    let slow = newest(
        cluster,
        "crash",
        "import time\ntime.sleep(600)\nroot = this",
    )
    .with("guests.timeout", "11m");
    let mut running = slow.start_and_join();
    await_begun(cluster, &slow, &mut running, 2);
    cluster.produce(&slow.input, (0..3).map(numbered));
    std::thread::sleep(Duration::from_secs(1));
    running.kill();
    let quick = slow.clone().script("root = this");
    let mut running = quick.start_and_join();
    await_numbers(cluster, &quick, &mut running, &range(0, 3));
    assert_eq!(running.terminate().0, Some(0));
}

#[test]
fn the_next_start_begins_with_the_message_that_failed() {
    let cluster = Cluster::shared();
    let pipeline = newest(cluster, "fails", "root = this['x']").without_dead_letters();
    let mut running = pipeline.start_and_join();
    await_begun(cluster, &pipeline, &mut running, 2);
    let record = |n| numbered(n).partition(0);
    cluster.produce(&pipeline.input, (0..3).map(record));
    let (code, log) = running.wait();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("partition 0, offset 0"), "{log}");
    let (code, log) = pipeline.start().wait();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("partition 0, offset 0"), "{log}");
    let mended = pipeline.clone().script("root = this");
    let mut running = mended.start_and_join();
    await_numbers(cluster, &mended, &mut running, &range(0, 3));
    assert_eq!(running.terminate().0, Some(0));
}

#[test]
fn a_batch_that_waits_at_the_end_is_read_by_the_next_process() {
    let cluster = Cluster::shared();
    let pipeline = newest(cluster, "waits", "root = this");
    let patient = pipeline.clone().with(
        "input.kafka.batching",
        json!({ "count": 1024, "period": "5m" }),
    );
    let mut running = patient.start_and_join();
    await_begun(cluster, &pipeline, &mut running, 2);
    cluster.produce(&pipeline.input, (0..10).map(numbered));
    std::thread::sleep(Duration::from_secs(1));
    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");
    let mut running = pipeline.start_and_join();
    await_numbers(cluster, &pipeline, &mut running, &range(0, 10));
    assert_eq!(running.terminate().0, Some(0));
}

/// Brokers abort a transaction that takes too long: here that of the first messages.
#[test]
fn an_aborted_first_transaction_is_read_again() {
    let cluster = Cluster::shared();
    let pipeline = newest(cluster, "aborted", "root = this")
        .with("delivery", "exactly_once")
        .with("input.kafka.instance_id", "the-one")
        .with("input.kafka.commit_period", "5s")
        .with(
            "output.kafka.properties",
            json!({ "transaction.timeout.ms": 11000 }),
        )
        .with(
            "dead_letter.kafka.properties",
            json!({ "transaction.timeout.ms": 11000 }),
        );
    let mut running = pipeline.start_and_join();
    await_begun(cluster, &pipeline, &mut running, 2);
    cluster.produce(&pipeline.input, (0..100).map(numbered));
    running.eventually("a transaction is open", || {
        let written = cluster.count(&pipeline.output);
        (written > 0).then_some(()).ok_or_else(|| "none".into())
    });
    running.signal(Signal::STOP);
    std::thread::sleep(Duration::from_secs(23)); // the brokers check every 10 s
    running.signal(Signal::CONT);
    await_numbers(cluster, &pipeline, &mut running, &range(0, 100));
    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(came(cluster, &pipeline.output), range(0, 100), "{log}");
}

on_each_delivery!(the_lag_behind_transactions_is_zero);
/// Between the last message and the end there are markers of transactions. Checks that they are neither messages nor
/// lag.
fn the_lag_behind_transactions_is_zero(delivery: &str) {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "markers", 3, "root = this")
        .with("delivery", delivery)
        .with("input.kafka.instance_id", "the-one");
    let producer = cluster.transactional_producer("markers");
    for round in 0..4 {
        producer.begin_transaction().expect("begun");
        for n in 0..9 {
            let record = numbered(round * 10 + n).partition((n % 3) as i32);
            send(&producer, &pipeline.input, &record);
        }
        if round % 2 == 0 {
            producer.commit_transaction(PATIENCE).expect("committed");
        } else {
            producer.flush(PATIENCE).expect("written");
            producer.abort_transaction(PATIENCE).expect("aborted");
        }
    }
    let mut running = pipeline.start_and_join();
    pipeline.await_all_committed(cluster, &mut running);
    assert_eq!(came(cluster, &pipeline.output).len(), 18);
    assert_eq!(running.terminate().0, Some(0));
}

/// The record at the committed offset was deleted, and none follows. Checks that this is logged once, and that the new
/// position is committed.
#[test]
fn a_deleted_position_of_a_quiet_partition() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "quiet", 1, "root = this");
    cluster.produce(&pipeline.input, (0..100).map(numbered));
    let mut running = pipeline.start_and_join();
    pipeline.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(0));
    cluster.produce(&pipeline.input, (100..500).map(numbered));
    cluster.delete_before(&pipeline.input, 0, 500);
    for warnings in [1, 0] {
        let mut running = pipeline.start_and_join();
        pipeline.await_all_committed(cluster, &mut running);
        let (code, log) = running.terminate();
        assert_eq!(code, Some(0), "{log}");
        let told = logged(&log, "records were deleted before they were read");
        assert_eq!(told.len(), warnings, "{log}");
        for line in told {
            assert_eq!(
                (&line["committed"], &line["offset"]),
                (&json!(100), &json!(500))
            );
            assert_eq!(line["count"], 400);
        }
    }
}

/// Checks the same while it runs: retention overtakes a pipeline that stands still.
#[test]
fn records_deleted_while_it_runs() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "overtaken", 1, "root = this");
    cluster.produce(&pipeline.input, (0..100).map(numbered));
    let mut running = pipeline.start_and_join();
    pipeline.await_all_committed(cluster, &mut running);
    running.signal(Signal::STOP);
    cluster.produce(&pipeline.input, (100..500).map(numbered));
    cluster.delete_before(&pipeline.input, 0, 500);
    cluster.produce(&pipeline.input, (500..510).map(numbered));
    running.signal(Signal::CONT);
    pipeline.await_all_committed(cluster, &mut running);
    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");
    let came = came(cluster, &pipeline.output);
    assert_eq!(came[came.len() - 10..], range(500, 510), "{log}");
    // What was fetched before it stood still may have been processed.
    let lost = 510 - came.len() as u64;
    let told = logged(&log, "records were deleted before they were read");
    let counted: u64 = told.iter().filter_map(|line| line["count"].as_u64()).sum();
    assert_eq!(counted, lost, "{log}");
}

/// The group had offsets that Kafka has forgotten. Checks that the log says what is read again.
#[test]
fn without_offsets_it_says_how_much_it_reads() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "forgotten", 1, "root = this");
    cluster.produce(&pipeline.input, (0..100).map(numbered));
    let mut running = pipeline.start_and_join();
    pipeline.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(0));
    topics::forget_offsets(cluster, &pipeline.group);
    let mut running = pipeline.start_and_join();
    eventually("it says so", || {
        let lines = running.logged("the group has no offset for this partition");
        let line = lines.first().ok_or_else(|| running.log())?;
        assert_eq!(line["count"], 100);
        Ok(())
    });
    pipeline.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(0));
}

/// Checks that partitions and topics that are younger than the pipeline are read from their beginning.
#[test]
fn partitions_and_topics_that_appear_while_it_runs() {
    let cluster = Cluster::shared();
    let pipeline = newest(cluster, "appear", "root = this");
    let pattern = format!("^{}", pipeline.input);
    let pipeline = pipeline.with("input.kafka.topics", json!([pattern])).with(
        "input.kafka.properties",
        json!({ "topic.metadata.refresh.interval.ms": 1000 }),
    );
    cluster.produce(&pipeline.input, (900..910).map(numbered));
    let mut running = pipeline.start_and_join();
    await_begun(cluster, &pipeline, &mut running, 2);
    let second = format!("{}-second", pipeline.input);
    topics::create(cluster, &second, 1);
    cluster.produce(&second, (0..100).map(numbered));
    topics::grow(cluster, &pipeline.input, 3);
    let added = (100..150).map(|n| numbered(n).partition(2));
    cluster.produce(&pipeline.input, added);
    await_numbers(cluster, &pipeline, &mut running, &range(0, 150));
    assert_eq!(running.terminate().0, Some(0));
}

/// A topic is deleted and created again at once, with more records than had been read of the old one.
#[test]
fn a_topic_that_is_made_anew() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "anew", 1, "root = this");
    cluster.produce(&pipeline.input, (0..100).map(numbered));
    let mut running = pipeline.start_and_join();
    pipeline.await_all_committed(cluster, &mut running);
    topics::delete(cluster, &pipeline.input);
    topics::create(cluster, &pipeline.input, 1);
    cluster.produce(&pipeline.input, (100..300).map(numbered));
    running.eventually("all records of the new topic", || {
        let mut came = came(cluster, &pipeline.output);
        came.dedup();
        (came == range(0, 300))
            .then_some(())
            .ok_or(format!("{came:?}"))
    });
    pipeline.await_all_committed(cluster, &mut running);
    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");
}
