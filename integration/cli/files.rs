//! Files as inputs and outputs, and what `nerodia eval` reads from and writes to files.

use std::fs;

use support::{RUNTIMES, eval, nerodia, written};

/// Returns the lines of a file.
fn lines(path: &std::path::Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("it is there");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn results_and_dead_letters_go_to_their_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let (good, bad) = (
        folder.path().join("good.jsonl"),
        folder.path().join("bad.jsonl"),
    );
    fs::write(&good, "cut off by a crash").expect("it is written");
    let run = || {
        eval(RUNTIMES[0], "root = 6 / this")
            .set(format!("output.file.path={}", good.display()))
            .set("output.file.fsync=true")
            .set(format!("dead_letter.file.path={}", bad.display()))
            .stdin("1\n0\n2\n")
            .run()
            .expect(1)
    };
    let first = run();
    assert_eq!(first.text(), "");
    run();
    assert_eq!(
        lines(&good),
        ["cut off by a crash", "6.0", "3.0", "6.0", "3.0"]
    );
    let letters = lines(&bad);
    assert_eq!(letters.len(), 2);
    assert!(letters[0].contains("ZeroDivisionError"), "{letters:?}");
    // The log names what is in the file.
    assert_eq!(first.logged("message failed: division by zero").len(), 1);
}

#[test]
fn a_file_that_is_rotated_loses_no_result() {
    const LINES: usize = 3000;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    let mut running = eval(RUNTIMES[0], "root = this")
        .set(format!("output.file.path={}", path.display()))
        .start();
    for part in 0..3 {
        running.feed_lines(part * LINES..(part + 1) * LINES);
        running.eventually("all are written", || {
            let text = fs::read_to_string(&path).unwrap_or_default();
            if text.lines().count() >= LINES {
                Ok(())
            } else {
                Err(text.len().to_string())
            }
        });
        fs::rename(&path, folder.path().join(format!("out.{part}"))).expect("it moves");
    }
    running.end_input();
    assert_eq!(running.wait().0, Some(0));
    for part in 0..3 {
        let numbers = lines(&folder.path().join(format!("out.{part}")));
        let expected: Vec<String> = (part * LINES..(part + 1) * LINES)
            .map(|n| n.to_string())
            .collect();
        assert!(
            numbers == expected,
            "part {part} has {} lines",
            numbers.len()
        );
    }
}

#[test]
fn files_that_cannot_be_written_end_the_pipeline_with_the_reason() {
    let run = |path: &str| {
        eval(RUNTIMES[0], "root = this")
            .set(format!("output.file.path={path}"))
            .stdin("1\n")
            .run()
            .expect(1)
            .stderr
    };
    let full = run("/dev/full");
    assert!(
        full.contains("cannot write to the file /dev/full: No space left"),
        "{full}"
    );
    let missing = run("/nonexistent/out");
    assert!(
        missing.contains("error: cannot append to the file /nonexistent/out: check its folder and the permissions: No such file"),
        "{missing}"
    );
}

#[test]
fn eval_reads_a_script_from_a_file_and_appends_what_fails_to_another() {
    let files = written(&[("half.py", "import math\nroot = math.floor(6 / this)\n")]);
    let script = files.path().join("half.py");
    let bad = files.path().join("bad.jsonl");
    let ran = nerodia(["eval", "--stats", "--set", "pipeline.threads=1", "-f"])
        .arg(&script)
        .arg("--errors")
        .arg(&bad)
        .stdin("1\n0\n4\n")
        .run()
        .expect(1);
    assert_eq!(ran.lines(), ["6", "1"]);
    assert!(
        ran.stderr
            .ends_with("lines read: 3, results: 2, dropped: 0, failed: 1\n"),
        "{}",
        ran.stderr
    );
    let letters = lines(&bad);
    assert!(letters[0].contains("half.py:2"), "{letters:?}");
}

#[test]
fn eval_counts_what_failed_and_was_dropped() {
    let ran = nerodia(["eval", "--stats", "--set", "pipeline.on_error=drop"])
        .set("logger.level=error")
        .arg("root = 6 / this")
        .stdin("1\n0\n")
        .run()
        .expect(0);
    assert_eq!(
        ran.stderr,
        "lines read: 2, results: 1, dropped: 0, failed: 1\n"
    );
}

#[test]
fn eval_with_the_name_of_a_file_says_how_to_run_it() {
    let files = written(&[("acc.py", "root = this\n")]);
    let script = files.path().join("acc.py");
    let ran = nerodia(["eval"]).arg(&script).stdin("1\n").run().expect(2);
    let help = format!("help: nerodia eval -f {}", script.display());
    assert!(ran.stderr.contains(&help), "{}", ran.stderr);
}

#[test]
fn a_failure_is_told_once_on_standard_error() {
    // As users start it: `eval` of the tests logs at level info.
    let ran = nerodia(["eval", "root = 1 / this"])
        .stdin("0\n")
        .run()
        .expect(1);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert_eq!(ran.dead_letters().len(), 1);
}

#[test]
fn a_failure_names_the_file_and_the_line() {
    let files = written(&[("a.jsonl", "1\n2\n"), ("b.jsonl", "3\n\n0\n")]);
    let run = || {
        nerodia(["run", "-c", "/dev/stdin"])
            .stdin("input: { file: { paths: ['*.jsonl'] } }\npipeline: { processors: [{ python: { script: 'root = 1 / this' } }] }\n")
            .dir(files.path())
    };
    let ran = run()
        .set("input.file.scanner={ lines: { omit_empty: true } }")
        .run()
        .expect(1);
    let letters = ran.dead_letters();
    assert_eq!(letters.len(), 1, "{}", ran.stderr);
    assert_eq!(
        (&letters[0]["file"], &letters[0]["line"]),
        (&"b.jsonl".into(), &3.into())
    );
    let ran = run()
        .set("input.file.scanner={ json_documents: {} }")
        .set("pipeline.on_error=drop")
        .run()
        .expect(0);
    let logged = ran.logged("message failed");
    assert_eq!(logged[0]["from"], "file `b.jsonl`, record 2", "{logged:?}");
}

#[test]
fn files_are_read_in_the_order_of_their_names_and_paths() {
    let files = written(&[
        ("b-2.jsonl", "3\n"),
        ("b-1.jsonl", "1\n2"),
        ("a.jsonl", "4\n"),
    ]);
    let ran = eval(RUNTIMES[0], "root = [meta['offset'], this]")
        .set("input.file.paths=[\"b-*.jsonl\", \"a.jsonl\"]")
        .dir(files.path())
        .run()
        .expect(0);
    assert_eq!(ran.lines(), ["[0,1]", "[1,2]", "[2,3]", "[3,4]"]);
    let ran = eval(RUNTIMES[0], "root = this")
        .set("input.file.paths=[\"c-*\"]")
        .dir(files.path())
        .run()
        .expect(1);
    assert!(
        ran.stderr
            .contains("error: `input.file.paths`: there is no file c-*"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_file_that_is_followed_may_grow_be_cut_and_be_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let mut running = eval(RUNTIMES[0], "root = this")
        .set(format!("input.file.paths=[\"{}\"]", path.display()))
        .set("input.file.follow=true")
        .start();
    running.await_said("guest ready", 1);
    fs::write(&path, "1\n2\n").expect("it is written");
    running.await_results(2);
    let append = |text: &str| {
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .expect("it is there");
        std::io::Write::write_all(&mut file, text.as_bytes()).expect("it is written");
    };
    append("3");
    append("3\n");
    running.await_results(3);
    fs::write(&path, "4\n").expect("it is cut");
    running.await_results(4);
    fs::rename(&path, folder.path().join("log.1")).expect("it moves");
    fs::write(folder.path().join("log.1"), "4\n5\n").expect("it is written");
    fs::write(&path, "6\n").expect("it is written");
    assert_eq!(running.await_results(6), ["1", "2", "33", "4", "5", "6"]);
    assert_eq!(running.terminate().0, Some(0));
}

#[test]
fn what_a_script_prints_is_shown_as_it_is() {
    let printed = |set: &[&str]| {
        let mut run = nerodia(["eval", "print('saw', this); root = this"]);
        for one in set {
            run = run.set(one);
        }
        run.stdin("1\n2\n").run().expect(0).stderr
    };
    assert_eq!(printed(&[]), "saw 1\nsaw 2\n");
    assert_eq!(printed(&["logger.level=off"]), "");
    let logged = printed(&["logger.level=info"]);
    assert!(logged.contains("\"message\":\"saw 1\""), "{logged}");
    assert!(!logged.contains("\nsaw 2"), "{logged}");
}

#[test]
fn dead_letters_in_a_file_can_be_run_again_as_replay_says() {
    let config = "input: { stdin: {} }\npipeline: { processors: [{ python: { script: root = 6 / this } }] }\n\
                  dead_letter: { file: { path: dead.jsonl } }\n";
    let files = written(&[("a.yaml", config)]);
    let run = |args: &[&str]| nerodia(args).dir(files.path());
    run(&["run", "a.yaml"]).stdin("1\n0\n").run().expect(1);
    let refused = run(&["replay", "a.yaml"]).run().expect(2);
    let told = |start: &str| {
        let lines = refused.stderr.lines().map(str::trim);
        let mut found = lines.filter(|line| line.starts_with(start));
        found.next().map(str::to_owned)
    };
    let told = |start: &str| told(start).unwrap_or_else(|| panic!("{}", refused.stderr));
    let command = told("nerodia eval");
    assert!(
        command.ends_with(" < dead.jsonl > again.jsonl"),
        "{command}"
    );
    let script = command.split('\'').nth(1).expect("a script");
    let letters = std::fs::read(files.path().join("dead.jsonl")).expect("a file");
    let payloads = run(&["eval", script]).stdin(letters).run().expect(0);
    std::fs::write(files.path().join("again.jsonl"), payloads.stdout).expect("written");
    let command = told("nerodia run");
    let set = command.split_once("--set '").expect("a set").1;
    let again = run(&["run", "a.yaml", "--set", set.trim_end_matches('\'')])
        .set("pipeline.processors.0.python.script=root = this")
        .run()
        .expect(0);
    assert_eq!(again.lines(), ["0"]);
}
