//! Tests of outputs, dead letters and generated messages: the parts of a config other than the script.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use support::{Ran, eval, nerodia, on_each_runtime, pipeline, program, root};

const HALVES: &str = "
pipeline:
  processors:
    - python:
        script: |
          root = 12 / this
";

#[test]
fn dead_letters_go_where_the_config_says_in_their_places() {
    let ran = pipeline(&format!("{HALVES}\ndead_letter: {{ stdout: {{}} }}"))
        .stdin("1\n0\n3\n")
        .run()
        .expect(1);
    let lines: Vec<serde_json::Value> = ran
        .lines()
        .iter()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 3, "{}", ran.text());
    let letters: Vec<_> = lines.iter().filter(|line| line.is_object()).collect();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["error"]["type"], "ZeroDivisionError");
    assert_eq!(letters[0]["payload"], "0");
    assert!(lines.contains(&serde_json::json!(12.0)) && lines.contains(&serde_json::json!(4.0)));
    assert!(
        ran.dead_letters().is_empty(),
        "not on standard error as well"
    );
}

#[test]
fn failures_are_dropped_when_asked() {
    let ran = pipeline(&HALVES.replace("pipeline:", "pipeline:\n  on_error: drop"))
        .stdin("1\n0\n3\n")
        .run()
        .expect(0);
    assert_eq!(ran.lines(), ["12.0", "4.0"]);
    assert!(ran.dead_letters().is_empty());
    assert_eq!(ran.logged("pipeline ended")[0]["failed"], 1);
}

#[test]
fn the_drop_output_keeps_nothing() {
    let ran = pipeline(&format!("{HALVES}\noutput: {{ drop: {{}} }}"))
        .stdin("1\n2\n")
        .run()
        .expect(0);
    assert_eq!(ran.text(), "");
    assert_eq!(ran.logged("pipeline ended")[0]["records"], 2);
}

#[test]
fn generated_messages_keep_their_interval_and_count() {
    let config = "
input: { generate: { value: [1, 2], count: 7, interval: 100ms, batch_size: 3 } }
pipeline: { processors: [ { python: { script: 'root = [this, meta[\"offset\"]]' } } ] }
";
    let ran = pipeline(config).run().expect(0);
    let expected: Vec<String> = (0..7).map(|n| format!("[[1,2],{n}]")).collect();
    assert_eq!(ran.lines(), expected);
    // Three at once, three after an interval, the last one after another interval.
    assert!(ran.took >= Duration::from_millis(200), "{:?}", ran.took);
}

#[test]
fn a_huge_batch_size_takes_no_memory() {
    let config = "
input: { generate: { value: 1, count: 3000000, interval: 1h, batch_size: 100000000 } }
pipeline: { processors: [ { python: { script: 'root = None' } } ] }
";
    let ran = pipeline(config).run().expect(0);
    assert_eq!(ran.logged("pipeline ended")[0]["dropped"], 3_000_000);
    assert!(ran.peak_rss < 120 << 10, "{} KiB", ran.peak_rss);
}

on_each_runtime!(guests_are_replaced_after_so_many_messages_without_a_loss);
fn guests_are_replaced_after_so_many_messages_without_a_loss(runtime: &str) {
    let config = format!(
        "
pipeline: {{ threads: 2, processors: [ {{ python: {{ script: 'root = this' }} }} ] }}
guests: {{ runtime: {runtime}, recycle: {{ after_messages: 3000 }} }}
"
    );
    let input: String = (0..20_000).map(|n| format!("{n}\n")).collect();
    let ran = pipeline(&config).stdin(input.as_str()).run().expect(0);
    assert!(ran.text() == input, "once and in order");
    assert!(!ran.logged("recycling guest").is_empty());
    assert_eq!(ran.logged("pipeline ended")[0]["guest_deaths"], 0);
}

/// Checks that a limit below what an interpreter needs at its start does not cause endless replacements.
#[test]
fn a_guest_is_not_replaced_for_what_every_guest_has() {
    let config = "
pipeline: { processors: [ { python: { script: 'root = this' } } ] }
guests: { recycle: { memory: 1MiB } }
";
    let input: String = (0..20_000).map(|n| format!("{n}\n")).collect();
    let ran = pipeline(config).stdin(input.as_str()).run().expect(0);
    assert!(ran.text() == input);
    assert!(ran.logged("recycling guest").is_empty(), "{}", ran.stderr);
}

/// Runs the program with its standard error closed: the log is lost, and nothing else may change.
fn without_stderr(arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let mut child = std::process::Command::new("bash")
        .args(["-c", "exec \"$0\" \"$@\" 2> >(exec 0<&-)"])
        .arg(program())
        .args(arguments)
        .env("NERODIA_RUNTIME_DIR", root().join("runtime"))
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("bash is a prerequisite");
    // The reader of its standard error is gone before it writes anything.
    std::thread::sleep(Duration::from_millis(200));
    let mut stdin = child.stdin.take().expect("piped");
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[test]
fn a_closed_standard_error_changes_nothing() {
    let script = "print('to nobody')\nroot = this";
    let seen = without_stderr(&["eval", script, "--set", "logger.level=debug"], "1\n2\n");
    assert_eq!(seen, (Some(0), "1\n2\n".to_owned()));
    let (code, _) = without_stderr(&["lint", "no-such-file.yaml"], "");
    assert_eq!(code, Some(2));
}

/// The case `nerodia … | head -1`, with a command that prints much.
#[test]
fn a_closed_standard_output_is_no_panic() {
    for arguments in [
        "schema",
        "schema --markdown",
        "completions bash",
        "runtime list",
    ] {
        let program = program();
        let program = program.display();
        let output = std::process::Command::new("bash")
            .args([
                "-c",
                &format!("{program} {arguments} | true; exit ${{PIPESTATUS[0]}}"),
            ])
            .env("NERODIA_RUNTIME_DIR", root().join("runtime"))
            .output()
            .expect("bash is a prerequisite");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!stderr.contains("panicked"), "{arguments}: {stderr}");
        assert_eq!(output.status.code(), Some(0), "{arguments}: {stderr}");
    }
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let ran: Ran = nerodia(["completions", shell]).run().expect(0);
        for command in ["run", "lint", "eval", "schema", "runtime"] {
            assert!(ran.text().contains(command), "{shell}");
        }
    }
}

#[test]
fn manual_pages_know_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    nerodia(["man"]).arg(folder.path()).run().expect(0);
    let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(page("nerodia.1").contains("nerodia\\-eval(1)"));
    assert!(page("nerodia-runtime-compile.1").contains("portable"));
    let beyond = folder.path().join("nerodia.1/pages");
    let refused = nerodia(["man"]).arg(&beyond).run().expect(1);
    assert!(refused.stderr.contains("cannot write to"));
}

on_each_runtime!(a_tombstone_leaves_without_a_payload_and_past_later_scripts);
fn a_tombstone_leaves_without_a_payload_and_past_later_scripts(runtime: &str) {
    let config = "pipeline: { processors: [\
         { python: { script: 'root = tombstone() if this == 1 else this' } }, \
         { python: { script: \"root = {'seen': this}\\nif this == 3: emit(tombstone(), key='k')\" } }] }";
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    std::fs::write(file.path(), config).unwrap();
    let ran = nerodia(["run", "-c"])
        .arg(file.path())
        .set(format!("guests.runtime={runtime}"))
        .stdin("1\n2\n3\n")
        .run();
    assert_eq!(
        ran.text(),
        "\n{\"seen\":2}\n\n{\"seen\":3}\n",
        "{}",
        ran.stderr
    );
    assert_eq!(ran.code, Some(0));
    // A tombstone is not a JSON value.
    let ran = eval(runtime, "root = [tombstone()]").stdin("1\n").run();
    assert!(
        ran.stderr.contains("Tombstone is not JSON serializable"),
        "{}",
        ran.stderr
    );
}

on_each_runtime!(too_many_failures_end_the_pipeline);
/// Nearly all messages fail: the pipeline ends before it has run all of them.
fn too_many_failures_end_the_pipeline(runtime: &str) {
    let config = "
pipeline:
  max_failures: { share: 0.5, of: 200 }
  max_in_flight: 64KiB
  processors:
    - python:
        script: |
          if this % 1000 == 7: raise KeyError('rare')
          root = this['a'] if this >= 1000 else this
dead_letter: { stdout: {} }
";
    let lines: String = (0..200_000).map(|n| format!("{n}\n")).collect();
    let ran = pipeline(config)
        .set(format!("guests.runtime={runtime}"))
        .stdin(lines)
        .run()
        .expect(1);
    let last = ran.stderr.lines().last().unwrap_or_default();
    assert!(
        last.starts_with(
            "error: too many messages fail: 101 of the last 200, more than the share of 0.5 that"
        ) && last.contains(" of them with TypeError (at ")
            && last.contains(".yaml:9)"),
        "{last}"
    );
    let ended = &ran.logged("pipeline ended")[0];
    assert!(ended["received"].as_u64() < Some(100_000), "{ended}");
    assert!(!ran.stderr.contains("lost inside"), "{}", ran.stderr);
}

#[test]
fn half_of_the_messages_may_fail_and_all_of_too_few() {
    for (share, of, count) in [(0.5, 200, 400), (0.1, 200, 199)] {
        let lines: String = (0..count).map(|n| format!("{}\n", n % 2)).collect();
        let ran = pipeline(HALVES)
            .set(format!(
                "pipeline.max_failures={{share: {share}, of: {of}}}"
            ))
            .stdin(lines)
            .run()
            .expect(1);
        assert_eq!(ran.dead_letters().len(), usize::div_ceil(count, 2));
        assert!(!ran.stderr.contains("too many"), "{}", ran.stderr);
    }
}
