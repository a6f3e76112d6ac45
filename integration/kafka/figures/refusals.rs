//! One record in a hundred is refused: what becomes of each, and the cost of a dead letter.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use support::{Cluster, Pipeline, Record, Running, nerodia, processor_time, unique};

use super::stamped_pipeline;

/// Records of the measurement, one in a hundred of which is refused by the script or by a broker.
const RECORDS: i64 = 100_000;
/// Kinds of refusals, each equally frequent.
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

/// Runs a pipeline over all of its input. Returns the processor time in seconds.
fn processed(cluster: &Cluster, pipeline: &Pipeline, records: impl Iterator<Item = Record>) -> f64 {
    let mut running = pipeline.start_and_join();
    let before = processor_seconds(&running);
    cluster.produce(&pipeline.input, records);
    pipeline.await_all_committed(cluster, &mut running);
    let took = processor_seconds(&running) - before;
    running.terminate();
    took
}

/// Returns the processor time of the process, in seconds.
fn processor_seconds(running: &Running) -> f64 {
    let time = processor_time(running.pid()).expect("it runs");
    time.as_secs_f64()
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
        stamped_pipeline(cluster, "refusals", 3, &refusing.script())
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

    // Only dead letters, so that the cost of one is not hidden by that of the other records.
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
