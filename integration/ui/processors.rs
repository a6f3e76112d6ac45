//! What `/stats` says of each processor: messages, failures, costs; and of failures, by type and place.

use serde_json::{Value, json};
use support::{nerodia, written};

use crate::web::parsed;

/// Runs a pipeline of these scripts on the numbers before `all`. Returns its stats when all messages are done, and its
/// metrics.
fn stats_of(scripts: &[&str], all: u64) -> (Value, String) {
    let mut config = String::from("input: { stdin: {} }\npipeline:\n  processors:\n");
    for script in scripts {
        config += "    - python:\n        script: |\n";
        for line in script.lines() {
            config += &format!("          {line}\n");
        }
    }
    let folder = written(&[("p.yaml", &config)]);
    let mut running = nerodia(["run", "p.yaml"])
        .dir(folder.path())
        .listening()
        .start();
    running.feed_lines(0..all);
    let stats = running.until("all is delivered", |running| {
        let stats = running.web().stats()?;
        (stats["messages"]["delivered"] == all).then_some(stats)
    });
    let metrics = running.web().get("/metrics").expect("it listens").1;
    (stats, metrics)
}

fn column(stats: &Value, name: &str) -> Vec<Value> {
    let processors = stats["processors"].as_array().expect("a list");
    processors.iter().map(|one| one[name].clone()).collect()
}

/// Returns the processor time in seconds of each processor.
fn spent(stats: &Value) -> Vec<f64> {
    let seconds = column(stats, "cpu_seconds");
    let seconds = seconds.iter().map(Value::as_f64);
    seconds.map(|one| one.expect("a number")).collect()
}

#[test]
fn messages_and_failures_of_each() {
    let scripts = [
        "root = this if this % 10 else None",
        // Enough work that a busy machine, which may stop the guest in any script, cannot make another one seem dearer.
        "if this % 100 == 1:\n  raise ValueError('one')\nwork = sum(range(20_000))\nroot = sum(range(this % 500))",
        "root = 1 / 0 if this == 3 else this",
    ];
    let (stats, metrics) = stats_of(&scripts, 10_000);
    assert_eq!(
        column(&stats, "name"),
        ["p.yaml:6", "p.yaml:9", "p.yaml:15"]
    );
    assert_eq!(column(&stats, "messages"), [10_000, 9000, 8900]);
    // 0 + 1 + 2 is 3: of the messages 3, 503, 1003, …
    assert_eq!(column(&stats, "failed"), [0, 100, 20]);
    let spent = spent(&stats);
    assert!(spent.iter().all(|seconds| *seconds > 0.0), "{spent:?}");
    assert!(
        spent[1] > spent[0] && spent[1] > spent[2],
        "the second does most of the work: {spent:?}"
    );
    let all = stats["guests"]["cpu_seconds"].as_f64().expect("a number");
    let sum: f64 = spent.iter().sum();
    assert!(sum <= all * 1.001, "{sum} of {all}");

    let mut groups: Vec<Value> = stats["failures"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            json!([
                one["type"],
                one["script"],
                one["processor"],
                one["count"],
                one["last"]["payload"],
                one["command"]
            ])
        })
        .collect();
    groups.sort_by_key(|group| group[3].as_u64());
    let expected = [
        json!([
            "ZeroDivisionError",
            "p.yaml:15",
            "p.yaml:15",
            20,
            null,
            null
        ]),
        json!(["ValueError", "p.yaml:10", "p.yaml:9", 100, null, null]),
    ];
    assert_eq!(
        groups, expected,
        "payloads are not shown, and so no command"
    );

    let samples = parsed(&metrics);
    let of = |name: &str| samples[&format!("nerodia_processor_{name}_total,processor=p.yaml:9")];
    assert_eq!((of("messages"), of("failed_messages")), (9000.0, 100.0));
    assert!(of("cpu_seconds") > 0.0);
}

/// What a script takes before its guest is ended belongs to that script, and so does the failure.
#[test]
fn a_script_that_does_not_end() {
    let scripts = [
        "root = this",
        "while this == 7: pass\nroot = this",
        "root = this",
    ];
    let (stats, _) = stats_of(&scripts, 30);
    assert_eq!(column(&stats, "failed"), [0, 1, 0]);
    let spent = spent(&stats);
    // Two deaths with this message alone, each after the limit of a second; a busy machine gives it less of that.
    assert!(
        spent[1] > 20.0 * (spent[0] + spent[2]),
        "the second has what it took: {spent:?}"
    );
    let failure = &stats["failures"][0];
    assert_eq!(
        (&failure["type"], &failure["processor"]),
        (&json!("Timeout"), &json!("p.yaml:9")),
        "{failure}"
    );
}

/// Messages that are emitted are run by the processors after it, as those in `root` are.
#[test]
fn messages_that_are_emitted() {
    let scripts = [
        "emit(this)\nemit(this)\nroot = this if this % 2 else None",
        "root = [this]",
        "root = len(this)",
    ];
    let (stats, _) = stats_of(&scripts, 1000);
    assert_eq!(column(&stats, "messages"), [1000, 2500, 2500]);
    assert_eq!(column(&stats, "failed"), [0, 0, 0]);
}

/// With one processor nothing is measured in the guest: all of its time is that of the processor.
#[test]
fn one_processor() {
    let (stats, _) = stats_of(&["root = this + 1"], 1000);
    assert_eq!(column(&stats, "messages"), [1000]);
    let of_guests = stats["guests"]["cpu_seconds"].as_f64().expect("a number");
    let of_it = stats["processors"][0]["cpu_seconds"]
        .as_f64()
        .expect("a number");
    // That of guests is counted in microseconds, for each run of a guest.
    assert!(
        (of_it - of_guests).abs() < 0.01 * of_guests + 0.001,
        "{of_it} of {of_guests}"
    );
}
