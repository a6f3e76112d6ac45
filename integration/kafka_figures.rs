//! Figures of the Kafka path, printed and not judged by time: `scripts/bench-kafka.sh --join` and `--refusals`.
//!
//! What they count is asserted; how long something took on this machine at this hour is not.

mod broker;
mod pipeline;
mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use broker::{Cluster, Record, unique};
use pipeline::{Pipeline, Running};
use rdkafka::producer::{DefaultProducerContext, Producer as _, ThreadedProducer};
use serde_json::{Value, json};
use support::nerodia;

const PARTITIONS: i32 = 12;
/// Messages a second of each partition.
const RATE: u64 = 50;
/// How long the slow message takes.
const SLOW: u64 = 10;

fn pipeline(cluster: &Cluster, name: &str, partitions: i32, script: &str) -> Pipeline {
    let stamped = [("message.timestamp.type", "LogAppendTime")];
    let topics = [
        cluster.topic(&format!("{name}-in"), partitions),
        cluster.topic_with(&format!("{name}-out"), partitions, &stamped),
        cluster.topic(&format!("{name}-dead"), 1),
    ];
    Pipeline::with_topics(cluster, cluster, &unique(name), topics, script)
}

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
                broker::send(&producer, topic, &Record::json(&order).partition(partition));
            }
        }
        sent = due;
        thread::sleep(Duration::from_millis(5));
    }
    producer.flush(Duration::from_secs(60)).expect("written");
}

/// The longest time between two results of each input partition after `from`, in milliseconds.
fn stood_still(cluster: &Cluster, output: &str, from: i64) -> BTreeMap<i64, i64> {
    let mut times: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    cluster.for_each(output, |record| {
        let partition = record.value()["p"].as_i64().expect("a number");
        let at = record.timestamp.expect("the broker's time");
        times.entry(partition).or_default().push(at);
    });
    let longest = |mut times: Vec<i64>| {
        times.sort_unstable();
        times.retain(|&at| at >= from);
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

/// A third member joins a busy group of two while one message takes ten seconds: how long each partition stood still.
fn join(cluster: &Cluster, protocol: &str) -> BTreeMap<i64, i64> {
    let script = "if 'sleep' in this:\n    time.sleep(this['sleep'])\nroot = this";
    let pipeline = pipeline(cluster, "join", PARTITIONS, script)
        .with("pipeline.processors.0.python.imports", json!(["time"]))
        .with("pipeline.threads", 2)
        .with("guests", json!({ "timeout": "60s" }))
        .with("input.kafka.group", json!({ "protocol": protocol }));
    let (stop, sleep_at) = (AtomicBool::new(false), AtomicBool::new(false));
    let from = thread::scope(|scope| {
        let mut two: Vec<Running> = (0..2).map(|_| pipeline.start_and_join()).collect();
        scope.spawn(|| traffic(cluster, &pipeline.input, &stop, &sleep_at));
        // Whatever the two had to share out is over.
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

/// Records of the measurement, one in a hundred of which is refused by the script or by a broker.
const RECORDS: i64 = 100_000;
/// What there is to refuse, each as often as the others.
const SORTS: [&str; 10] = [
    "raise",
    "key error",
    "no number",
    "no JSON",
    "timestamp",
    "no key",
    "large for its topic",
    "large for the output",
    "unknown topic",
    "topic not allowed",
];

struct Refusing {
    compacted: String,
    small: String,
    strict: String,
    missing: String,
}

impl Refusing {
    fn new(cluster: &Cluster) -> Self {
        Self {
            compacted: cluster.topic_with(
                "refusals-compacted",
                3,
                &[("cleanup.policy", "compact")],
            ),
            small: cluster.topic_with("refusals-small", 3, &[("max.message.bytes", "2000")]),
            strict: cluster.topic_with(
                "refusals-strict",
                3,
                &[("message.timestamp.after.max.ms", "3600000")],
            ),
            missing: unique("refusals-missing"),
        }
    }

    fn script(&self) -> String {
        let Self {
            compacted,
            small,
            strict,
            missing,
        } = self;
        format!(
            r#"sort = this.get("sort")
root = {{"n": this["n"], "twice": 2 * this["n"]}}
if sort is None:
    pass
elif sort == "raise":
    raise ValueError("refused")
elif sort == "key error":
    root["all"] = [this[name] for name in ("n", "price")]
elif sort == "no number":
    root["nan"] = float("nan")
elif sort == "no JSON":
    root["set"] = {{1, 2}}
elif sort == "timestamp":
    meta["topic"] = "{strict}"
    meta["timestamp"] = 1790000000000000
elif sort == "no key":
    meta["topic"] = "{compacted}"
    meta["key"] = None
elif sort == "large for its topic":
    meta["topic"] = "{small}"
    root["pad"] = "x" * 5000
elif sort == "large for the output":
    root["pad"] = "x" * 1500000
elif sort == "unknown topic":
    meta["topic"] = "{missing}"
elif sort == "topic not allowed":
    meta["topic"] = "elsewhere"
"#
        )
    }

    fn allowed(&self) -> Value {
        json!([self.compacted, self.small, self.strict, self.missing])
    }
}

/// Runs a pipeline over all of its input and gives the processor time that it took, in seconds.
fn processed(cluster: &Cluster, pipeline: &Pipeline, records: impl Iterator<Item = Record>) -> f64 {
    let mut running = pipeline.start_and_join();
    let before = processor_time(&running);
    cluster.produce(&pipeline.input, records);
    pipeline.await_all_committed(cluster, &mut running);
    let took = processor_time(&running) - before;
    running.terminate();
    took
}

/// User and system time of a process, in seconds.
fn processor_time(running: &Running) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", running.child.id()));
    let stat = stat.expect("it runs");
    // Its name, which may have blanks, stands in brackets.
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks: f64 = [11, 12]
        .iter()
        .map(|&index| fields[index].parse::<f64>().expect("a number"))
        .sum();
    ticks / rustix::param::clock_ticks_per_second() as f64
}

fn order(n: i64, sort: Option<&str>) -> Record {
    let mut order =
        json!({ "n": n, "customer": format!("customer-{}", n % 977), "text": "x".repeat(200) });
    if let Some(sort) = sort {
        order["sort"] = sort.into();
    }
    Record::json(&order).key(format!("key-{}", n % 100))
}

fn refused_of_a_hundred(n: i64) -> Option<&'static str> {
    (n % 100 == 0).then(|| SORTS[(n / 100 % SORTS.len() as i64) as usize])
}

#[test]
#[ignore = "a measurement: scripts/bench-kafka.sh --refusals"]
fn one_in_a_hundred_is_refused() {
    nerodia(["runtime", "compile"]).run().expect(0);
    let cluster = Cluster::shared();
    let refusing = Refusing::new(cluster);
    let new = || {
        pipeline(cluster, "refusals", 3, &refusing.script())
            .with("output.kafka.topics_allowed", refusing.allowed())
    };
    let clean = new();
    let good = processed(cluster, &clean, (0..RECORDS).map(|n| order(n, None)));
    assert_eq!(cluster.count(&clean.output), RECORDS);

    let mixed = new();
    let records = (0..RECORDS).map(|n| order(n, refused_of_a_hundred(n)));
    let with_letters = processed(cluster, &mixed, records);
    let letters = cluster.read(mixed.dead());
    let results = cluster.count(&mixed.output);
    let mut sorts: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for letter in &letters {
        let sort = letter.value()["sort"].as_str().unwrap_or("none").to_owned();
        let kind = letter.header_text("nerodia-error-type").unwrap_or("none");
        sorts.entry(sort).or_insert((0, kind.to_owned())).0 += 1;
    }

    // Nothing but a dead letter each, so that what one costs is not lost in what the others cost.
    let failing = new();
    let of_one_kind = 20_000;
    let records = (0..of_one_kind).map(|n| order(n, Some(SORTS[n as usize % 4])));
    let only_letters = processed(cluster, &failing, records);
    assert_eq!(cluster.count(failing.dead()), of_one_kind);

    let mended = mixed
        .clone()
        .script("root = {'n': this['n'], 'mended': this['sort']}");
    let file = mended.file();
    let replay = nerodia(["replay", "-c"]).arg(file.path()).run();

    let mut table = String::new();
    for (sort, (count, kind)) in &sorts {
        writeln!(table, "| {sort:<20} | {count:>5} | {kind:<16} |").expect("a string");
    }
    let micros = |seconds: f64, count: i64| 1e6 * seconds / count as f64;
    eprintln!(
        "\n{RECORDS} records, one in a hundred refused: {results} results, {} dead letters; the replay ended with {:?} and made {} \
         results of them\n\n| refused              | count | type             |\n| -------------------- | ----: | ---------------- |\n{table}\n\
         processor time: {:.1} µs a good message; {:.0} µs more a dead letter among {RECORDS} of all sorts; {:.0} µs a dead letter of \
         {of_one_kind} that scripts fail\n",
        letters.len(),
        replay.code,
        cluster.count(&mixed.output) - results,
        micros(good, RECORDS),
        micros(with_letters - good, RECORDS / 100),
        micros(only_letters, of_one_kind),
    );
    let each = (RECORDS / 100) as usize / SORTS.len();
    assert_eq!(results, RECORDS - RECORDS / 100);
    assert_eq!(letters.len(), each * SORTS.len());
    assert!(sorts.len() == SORTS.len() && sorts.values().all(|&(count, _)| count == each));
    assert_eq!(replay.code, Some(0), "{}", replay.stderr);
    assert_eq!(cluster.count(&mixed.output) - results, RECORDS / 100);
}
