//! A third member joins: how long each partition stands still.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::producer::{DefaultProducerContext, Producer as _, ThreadedProducer};
use serde_json::json;
use support::{Cluster, PATIENCE, Record, Running, nerodia, send};

use super::stamped_pipeline;

const PARTITIONS: i32 = 12;
/// Messages per second of each partition.
const RATE: u64 = 50;
/// Duration of the slow message.
const SLOW: u64 = 10;

/// Writes to all partitions, steadily, until it is told to stop.
fn traffic(cluster: &Cluster, topic: &str, stop: &AtomicBool, sleep_at: &AtomicBool) {
    let producer: ThreadedProducer<DefaultProducerContext> = cluster
        .client()
        .set("linger.ms", "5")
        .create()
        .expect("a producer");
    let began = Instant::now();
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        let due = began.elapsed().as_millis() as u64 * RATE / 1000;
        for n in sent..due {
            for partition in 0..PARTITIONS {
                let mut order = json!({ "p": partition, "n": n });
                if partition == 0 && sleep_at.swap(false, Ordering::Relaxed) {
                    order["sleep"] = SLOW.into();
                }
                send(&producer, topic, &Record::json(&order).partition(partition));
            }
        }
        sent = due;
        thread::sleep(Duration::from_millis(5));
    }
    producer.flush(PATIENCE).expect("written");
}

/// Returns the longest time between two results of each input partition after `from`, in milliseconds.
fn stood_still(cluster: &Cluster, output: &str, from: i64) -> BTreeMap<i64, i64> {
    let mut times: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    cluster.for_each(output, |record| {
        let partition = record.value()["p"].as_i64().expect("a number");
        let at = record.timestamp.expect("the broker's time");
        times.entry(partition).or_default().push(at);
    });
    let longest = |mut times: Vec<i64>| {
        times.retain(|&at| at >= from);
        times.push(from); // the slow message may be the first
        times.sort_unstable();
        times
            .windows(2)
            .map(|two| two[1] - two[0])
            .max()
            .unwrap_or(i64::MAX)
    };
    times
        .into_iter()
        .map(|(partition, times)| (partition, longest(times)))
        .collect()
}

fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after 1970").as_millis() as i64
}

/// Lets a third member join a busy group of two while one message takes ten seconds. Returns how long each partition
/// stood still.
fn join(cluster: &Cluster, protocol: &str) -> BTreeMap<i64, i64> {
    let script = "if 'sleep' in this:\n    time.sleep(this['sleep'])\nroot = this";
    let pipeline = stamped_pipeline(cluster, "join", PARTITIONS, script)
        .with("pipeline.processors.0.python.imports", json!(["time"]))
        .with("pipeline.threads", 2)
        .with("guests", json!({ "timeout": "60s" }))
        .with("input.kafka.group", json!({ "protocol": protocol }));
    let (stop, sleep_at) = (AtomicBool::new(false), AtomicBool::new(false));
    let from = thread::scope(|scope| {
        let mut two: Vec<Running> = (0..2).map(|_| pipeline.start_and_join()).collect();
        scope.spawn(|| traffic(cluster, &pipeline.input, &stop, &sleep_at));
        // The rebalances between the first two members are over.
        thread::sleep(Duration::from_secs(10));
        let from = now();
        sleep_at.store(true, Ordering::Relaxed);
        thread::sleep(Duration::from_secs(1));
        let mut third = pipeline.start_and_join();
        thread::sleep(Duration::from_secs(3 * SLOW));
        stop.store(true, Ordering::Relaxed);
        pipeline.await_all_committed(cluster, &mut third);
        two.push(third);
        for one in two {
            let (code, log) = one.terminate();
            assert_eq!(code, Some(0), "{log}");
        }
        from
    });
    stood_still(cluster, &pipeline.output, from)
}

#[test]
#[ignore = "a measurement: scripts/bench-kafka.sh --join"]
fn a_third_member_joins() {
    nerodia(["runtime", "compile"]).run().expect(0);
    let cluster = Cluster::shared();
    let protocols = ["classic", "consumer"];
    let figures = protocols.map(|protocol| join(cluster, protocol));
    let mut table = format!(
        "A third member joins a group of two with {PARTITIONS} partitions while a message of partition 0 takes {SLOW} s: the \
         longest time in which a partition had no result, in seconds\n\n| partition | classic | consumer |\n| --------: | ------: | -------: |\n"
    );
    for partition in 0..i64::from(PARTITIONS) {
        let [classic, consumer] = figures
            .each_ref()
            .map(|one| one[&partition] as f64 / 1000.0);
        writeln!(
            table,
            "| {partition:>9} | {classic:>7.2} | {consumer:>8.2} |"
        )
        .expect("a string");
    }
    eprintln!("\n{table}");
}
