//! Failures in the log: limited for each type, and what was left out is told.

use std::collections::BTreeMap;

use serde_json::Value;
use support::{nerodia, written};

/// Sum of the failures of each type that the log tells.
fn told(logged: &[Value], left_out: &[Value]) -> BTreeMap<String, u64> {
    let mut told = BTreeMap::new();
    for line in logged.iter().chain(left_out) {
        let kind = line["error"].as_str().expect("a type").to_owned();
        *told.entry(kind).or_default() += line["failures_left_out"].as_u64().unwrap_or(1);
    }
    told
}

#[test]
fn a_frequent_failure_hides_no_other_type_and_all_are_counted() {
    let mut lines = "\"x\"\n".repeat(3000);
    lines.push_str("0\n");
    lines.push_str(&"\"x\"\n".repeat(3000));
    let ran = nerodia(["eval", "--set", "pipeline.on_error=drop"])
        .arg("root = 1 / this")
        .stdin(lines)
        .run()
        .expect(0);
    let (logged, left_out) = (
        ran.logged("message failed"),
        ran.logged("more messages failed"),
    );
    let zero = logged
        .iter()
        .filter(|line| line["error"] == "ZeroDivisionError");
    assert_eq!(zero.count(), 1, "{}", ran.stderr);
    assert!(
        left_out.iter().all(|line| line["error"] == "TypeError"
            && line["at"]
                .as_str()
                .is_some_and(|at| at.contains("<eval>:1"))),
        "{left_out:?}"
    );
    let expected = [("TypeError", 6000), ("ZeroDivisionError", 1)];
    let expected = expected.map(|(kind, count)| (kind.to_owned(), count));
    assert_eq!(told(&logged, &left_out), expected.into());
}

#[test]
fn what_was_left_out_is_told_while_the_pipeline_runs() {
    let mut running = nerodia(["eval", "--set", "pipeline.on_error=drop"])
        .arg("root = 1 / this")
        .start();
    running.feed("0\n".repeat(100));
    running.await_logged("more messages failed", 1);
    running.until("all are told", |running| {
        let (logged, left_out) = (
            running.logged("message failed"),
            running.logged("more messages failed"),
        );
        (told(&logged, &left_out).get("ZeroDivisionError") == Some(&100)).then_some(())
    });
}

#[test]
fn what_goes_to_the_file_of_errors_is_not_logged() {
    let files = written(&[]);
    let bad = files.path().join("bad.jsonl");
    let ran = nerodia(["eval", "--errors"])
        .arg(&bad)
        .arg("root = 1 / this")
        .stdin("0\n".repeat(100))
        .run()
        .expect(1);
    assert_eq!(ran.stderr, "");
    let letters = std::fs::read_to_string(&bad).expect("a file");
    assert_eq!(letters.lines().count(), 100);
}

#[test]
fn failures_that_are_dropped_are_logged_although_there_is_a_file_of_errors() {
    let files = written(&[]);
    let ran = nerodia(["eval", "--set", "pipeline.on_error=drop", "--errors"])
        .arg(files.path().join("bad.jsonl"))
        .arg("root = 1 / this")
        .stdin("0\n")
        .run()
        .expect(0);
    assert_eq!(ran.logged("message failed").len(), 1, "{}", ran.stderr);
}
