//! Life and end of a pipeline: lines in, signals, closed pipes, slow readers.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use support::{
    RUNTIMES, Running, Signal, eval, eventually, nerodia, on_each_runtime, pipeline, program, root,
};

on_each_runtime!(every_kind_of_line);
fn every_kind_of_line(runtime: &str) {
    let input = b"one\r\ntwo\n\nthr\ree\n\xff\r\n\r\nlast without end".to_vec();
    let ran = eval(runtime, "root = [meta['offset'], repr(this)]")
        .stdin(input)
        .run()
        .expect(0);
    let expected = [
        r#"[0,"'one'"]"#,
        r#"[1,"'two'"]"#,
        r#"[2,"None"]"#,
        r#"[3,"'thr\\ree'"]"#,
        r#"[4,"b'\\xff'"]"#,
        r#"[5,"None"]"#,
        r#"[6,"'last without end'"]"#,
    ];
    assert_eq!(ran.lines(), expected);
}

#[test]
fn empty_lines_are_left_out_when_asked() {
    let ran = eval(RUNTIMES[0], "root = [meta['offset'], this]")
        .set("input.stdin.scanner.lines.omit_empty=true")
        .stdin("1\n\n\r\n2\n\n")
        .run()
        .expect(0);
    assert_eq!(ran.lines(), ["[0,1]", "[3,2]"]);
}

/// Test hook with which `scripts/bench.sh --scale` measures the engine without its guests.
#[test]
fn guests_that_echo_give_each_line_back() {
    let lines = "[1,  2]\nno json\n";
    let sum = || eval(RUNTIMES[0], "root = sum(this)").stdin(lines);
    let ran = sum().env("NERODIA_TEST_ECHO_GUESTS", "1").run().expect(0);
    assert_eq!(ran.text(), lines);
    let ran = sum().run().expect(1);
    assert_eq!(ran.lines(), ["3"], "without the hook the script runs");
}

on_each_runtime!(no_input_at_all);
fn no_input_at_all(runtime: &str) {
    let ran = eval(runtime, "root = this").run().expect(0);
    assert_eq!(ran.text(), "");
}

/// Bento's scanner stops for ever at 64 KiB.
#[test]
fn long_lines_and_one_too_long() {
    let line = |length: usize| format!("\"{}\"\n", "x".repeat(length - 2));
    let input = line(65_536) + &line(3_000_000) + &line(8 << 20) + &line((8 << 20) + 1) + "1\n";
    let ran = eval(
        RUNTIMES[0],
        "root = len(this) if type(this) is str else this",
    )
    .stdin(input)
    .run()
    .expect(1);
    let longest = ((8 << 20) - 2).to_string();
    assert_eq!(ran.lines(), ["65534", "2999998", longest.as_str(), "1"]);
    let letters = ran.dead_letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["error"]["type"], "LineTooLong");
    assert_eq!(letters[0]["offset"], 3);
}

on_each_runtime!(a_lone_line_is_answered_while_the_input_stays_open);
fn a_lone_line_is_answered_while_the_input_stays_open(runtime: &str) {
    let mut running = eval(runtime, "root = this + 1").start();
    for number in 0..20 {
        running.feed_lines([number]);
        let results = running.await_results(number + 1);
        assert_eq!(results[number..], [(number + 1).to_string()]);
    }
    assert_eq!(running.finish().0, Some(0));
}

/// Checks that everything that was read when the signal came is answered, in order and complete, and that the exit code
/// is 0.
#[test]
fn a_signal_ends_it_when_all_that_was_read_is_answered() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut running = eval(RUNTIMES[0], "root = this")
            .set("pipeline.threads=3")
            .start();
        let mut stdin = running.take_input();
        let writing = thread::spawn(move || {
            // Until the other end is closed.
            for number in 0u64.. {
                if writeln!(stdin, "{number}").is_err() {
                    break;
                }
            }
        });
        running.await_results(10_000);
        running.signal(signal);
        let (code, results, log) = running.finish();
        writing.join().expect("writing");
        for (number, line) in results.iter().enumerate() {
            assert_eq!(*line, number.to_string(), "in order, nothing left out");
        }
        assert_eq!(code, Some(0), "{log}");
        let summary = log.lines().last().unwrap_or_default();
        let summary: serde_json::Value = serde_json::from_str(summary).expect("JSON");
        assert_eq!(summary["received"], results.len(), "all was answered");
        assert_eq!(summary["failed"], 0);
    }
}

/// Starts a pipeline whose only message is being run and takes longer than any wait.
fn asleep(shutdown_timeout: &str) -> Running {
    let mut running = eval(RUNTIMES[0], "import time\nprint('begun')\ntime.sleep(600)")
        .set("guests.timeout=10m")
        .set(format!("shutdown_timeout={shutdown_timeout}"))
        .start();
    running.feed("1\n");
    running.await_said("begun", 1);
    running
}

#[test]
fn the_shutdown_timeout_ends_what_does_not_end() {
    let (code, log) = asleep("200ms").terminate();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("shutdown_timeout passed"), "{log}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut running = asleep("10m");
    running.signal(Signal::INT);
    running.await_said("shutting down", 1);
    // Two signals in a moment are one request, as `timeout` makes them; a person is slower.
    thread::sleep(Duration::from_millis(300));
    running.signal(Signal::INT);
    let (code, log) = running.wait();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("SIGINT again"), "{log}");
}

#[test]
fn two_signals_at_once_are_one() {
    let mut running = eval(RUNTIMES[0], "import time; time.sleep(this); root = this")
        .set("guests.timeout=10s")
        .start();
    running.feed("0\n");
    running.await_results(1);
    running.feed("0.5\n");
    running.signal(Signal::INT);
    running.signal(Signal::INT);
    let (code, log) = running.wait();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(log.matches("shutting down").count(), 1, "{log}");
    assert!(!log.contains("again"), "{log}");
}

#[test]
fn a_signal_while_nothing_happens() {
    let mut running = eval(RUNTIMES[0], "root = this").start();
    // One write, so that the read that brings the line also brings the half line.
    running.feed("1\nhalf a line");
    running.await_results(1);
    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("in the middle of a message"), "{log}");
}

/// The case `| head -1`.
#[test]
fn a_closed_pipe_ends_it_quietly() {
    let (running, output) = pipeline(
        "
input: {generate: {value: 1, count: 0, interval: 0s}}
pipeline: {processors: [{python: {script: 'root = this'}}]}
",
    )
    .set("logger.level=warn")
    .start_unread();
    let mut output = BufReader::new(output);
    let mut line = String::new();
    output.read_line(&mut line).expect("it writes");
    assert_eq!(line, "1\n");
    drop(output);
    let (code, log) = running.wait();
    assert_eq!((code, log.as_str()), (Some(0), ""));
}

#[test]
fn a_closed_pipe_does_not_hide_what_failed_before() {
    let (mut running, output) = eval(RUNTIMES[0], "root = 1 / this")
        .set("logger.level=off")
        .start_unread();
    let mut stdin = running.take_input();
    let mut output = BufReader::new(output);
    stdin.write_all(b"0\n1\n").expect("it reads");
    let mut line = String::new();
    output.read_line(&mut line).expect("it writes");
    assert_eq!(line, "1.0\n");
    drop(output);
    // It may end before it has read these.
    eventually("it reads no more", || stdin.write_all(b"1\n").is_err());
    let (code, log) = running.wait();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("ZeroDivisionError"), "{log}");
}

/// Checks that dead letters which wait for a slow reader are written although standard output was closed meanwhile.
#[test]
fn a_closed_pipe_waits_for_the_dead_letters_before_it() {
    const LETTERS: usize = 2000;
    let mut child = Command::new(program())
        .args(["eval", "--set", "logger.level=off", "root = 1 / this"])
        .env("NERODIA_RUNTIME_DIR", root().join("runtime"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut stderr = child.stderr.take().expect("a pipe");
    // Far more letters than fit into the pipe, which nobody reads yet.
    stdin.write_all(&b"0\n".repeat(LETTERS)).expect("it reads");
    stdin.write_all(b"1\n").expect("it reads");
    let mut line = String::new();
    stdout.read_line(&mut line).expect("it writes");
    assert_eq!(line, "1.0\n");
    drop(stdout);
    stdin.write_all(b"1\n").expect("it reads");
    // Long enough that an engine which does not wait has ended.
    thread::sleep(Duration::from_millis(500));
    let mut letters = String::new();
    stderr.read_to_string(&mut letters).expect("UTF-8");
    assert_eq!(letters.lines().count(), LETTERS);
    assert_eq!(child.wait().expect("a child").code(), Some(1));
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let ran = nerodia(["eval", "root = 1"])
        .set("logger.level=warn")
        .stdin("1\n")
        .run_writing_to(full.expect("Linux has it"))
        .expect(1);
    assert!(
        ran.stderr
            .contains("cannot write to standard output: No space left"),
        "{}",
        ran.stderr
    );
}

/// Checks that a reader that does not read stops the input, and that the engine's memory does not grow.
#[test]
fn a_slow_reader_holds_the_input_back() {
    const LINES: usize = 100_000;
    let (mut running, output) = eval(RUNTIMES[0], "root = [this, this]").start_unread();
    let mut stdin = running.take_input();
    let line = format!("\"{}\"\n", "x".repeat(1000));
    let writing = thread::spawn(move || {
        for _ in 0..LINES {
            stdin
                .write_all(line.as_bytes())
                .expect("it reads to the end");
        }
    });
    let mut output = BufReader::new(output);
    let mut line = String::new();
    output.read_line(&mut line).expect("it writes");
    thread::sleep(Duration::from_secs(2));
    assert!(!writing.is_finished(), "100 MB were read and not written");
    let rss = running.resident();
    assert!(rss < 120 << 10, "{rss} KiB resident");
    assert_eq!(1 + output.lines().map_while(Result::ok).count(), LINES);
    writing.join().expect("writing");
    assert_eq!(running.wait().0, Some(0));
}

/// Results that are a thousand times as large as their messages, all of which fit the memory budget: the reader's speed
/// decides how many are made.
#[test]
fn a_slow_reader_holds_large_results_back() {
    const LINES: usize = 5_000;
    let (mut running, output) = eval(RUNTIMES[0], "root = 'x' * 100_000").start_unread();
    running.feed_lines(0..LINES);
    running.end_input();
    let mut output = BufReader::new(output);
    let mut line = String::new();
    output.read_line(&mut line).expect("it writes");
    thread::sleep(Duration::from_secs(2));
    let rss = running.resident();
    assert!(rss < 130 << 10, "{rss} KiB resident of 500 MB of results");
    assert_eq!(1 + output.lines().map_while(Result::ok).count(), LINES);
    assert_eq!(running.wait().0, Some(0));
}

/// Checks that single lines that a slow script delays take only their own memory, not a buffer each.
#[test]
fn many_small_reads_do_not_keep_a_buffer_each() {
    let mut running = eval(
        RUNTIMES[0],
        "import time\nif this == 0: time.sleep(3)\nroot = this",
    )
    .set("guests.timeout=60s")
    .set("pipeline.threads=1")
    .start();
    for number in 0..5_000 {
        running.feed_lines([number]);
        thread::sleep(Duration::from_micros(200)); // each line is a read of its own
    }
    let rss = running.resident();
    assert!(rss < 100 << 10, "{rss} KiB resident");
    let (code, results, _) = running.finish();
    let expected: Vec<String> = (0..5_000).map(|n| n.to_string()).collect();
    assert_eq!(results, expected);
    assert_eq!(code, Some(0));
}
