//! How a pipeline lives and ends: lines in, signals, closed pipes, slow readers.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Child;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use support::{RUNTIMES, eval, nerodia, resident};

/// Far beyond what any of this takes; only a hang is ever this late.
const HANG: Duration = Duration::from_secs(120);

fn send_signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id() as i32).expect("a process has a number");
    kill_process(pid, signal).expect("it is our child");
}

/// Waits for the end; gives the exit code and what is left on standard error.
fn end(mut child: Child) -> (Option<i32>, String) {
    let pid = child.id();
    let mut stderr = child.stderr.take().expect("piped");
    let reading = thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text);
        text
    });
    let (done, hangs) = std::sync::mpsc::channel::<()>();
    let watching = thread::spawn(move || {
        if hangs.recv_timeout(HANG) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let pid = Pid::from_raw(pid as i32).expect("a process has a number");
            let _ = kill_process(pid, Signal::KILL);
        }
    });
    let code = child.wait().expect("it is our child").code();
    drop(done);
    watching.join().expect("watching");
    (code, reading.join().expect("reading"))
}

#[test]
fn every_kind_of_line() {
    let input = b"one\r\ntwo\n\nthr\ree\n\xff\r\n\r\nlast without end".to_vec();
    for runtime in RUNTIMES {
        let ran = eval(runtime, "root = [meta['offset'], repr(this)]")
            .stdin(input.clone())
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
        assert_eq!(ran.lines(), expected, "{runtime}");
    }
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

#[test]
fn no_input_at_all() {
    for runtime in RUNTIMES {
        let ran = eval(runtime, "root = this").run().expect(0);
        assert_eq!(ran.text(), "");
    }
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

#[test]
fn a_lone_line_is_answered_while_the_input_stays_open() {
    for runtime in RUNTIMES {
        let mut child = eval(runtime, "root = this + 1").spawn();
        let mut stdin = child.stdin.take().expect("piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        for number in 0..20 {
            writeln!(stdin, "{number}").expect("it reads");
            let mut line = String::new();
            stdout.read_line(&mut line).expect("it answers");
            assert_eq!(line, format!("{}\n", number + 1), "{runtime}");
        }
        drop(stdin);
        assert_eq!(end(child).0, Some(0));
    }
}

/// What was read when the signal came is answered, in order and whole; then it ends well.
#[test]
fn a_signal_ends_it_when_all_that_was_read_is_answered() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut child = eval(RUNTIMES[0], "root = this")
            .set("pipeline.threads=3")
            .spawn();
        let mut stdin = child.stdin.take().expect("piped");
        let writing = thread::spawn(move || {
            // Until nobody reads any more.
            for number in 0u64.. {
                if writeln!(stdin, "{number}").is_err() {
                    break;
                }
            }
        });
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        let mut next = 0u64;
        while stdout.read_line(&mut line).expect("a pipe can be read") > 0 {
            assert_eq!(line, format!("{next}\n"), "in order, nothing left out");
            next += 1;
            if next == 10_000 {
                send_signal(&child, signal);
            }
            line.clear();
        }
        let (code, stderr) = end(child);
        writing.join().expect("writing");
        assert_eq!(code, Some(0), "{stderr}");
        let summary = stderr.lines().last().unwrap_or_default();
        let summary: serde_json::Value = serde_json::from_str(summary).expect("JSON");
        assert_eq!(summary["received"], next, "all that was read was answered");
        assert_eq!(summary["failed"], 0);
    }
}

/// A pipeline whose only message is being worked on and takes longer than any patience.
fn asleep(shutdown_timeout: &str) -> Child {
    let mut child = eval(RUNTIMES[0], "import time\nprint('begun')\ntime.sleep(600)")
        .set("guests.timeout=10m")
        .set(format!("shutdown_timeout={shutdown_timeout}"))
        .spawn();
    let stdin = child.stdin.as_mut().expect("piped");
    stdin.write_all(b"1\n").expect("it reads");
    wait_for(&mut child, "begun");
    child
}

/// Reads standard error up to a line with `text`.
fn wait_for(child: &mut Child, text: &str) {
    let stderr = child.stderr.as_mut().expect("piped");
    let mut seen = Vec::new();
    let mut byte = [0];
    while stderr.read(&mut byte).expect("a pipe can be read") == 1 {
        seen.push(byte[0]);
        if byte == *b"\n" && String::from_utf8_lossy(&seen).contains(text) {
            return;
        }
    }
    panic!("never said {text:?}: {}", String::from_utf8_lossy(&seen));
}

#[test]
fn the_shutdown_timeout_ends_what_does_not_end() {
    let child = asleep("200ms");
    send_signal(&child, Signal::TERM);
    let (code, stderr) = end(child);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("shutdown_timeout passed"), "{stderr}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut child = asleep("10m");
    send_signal(&child, Signal::INT);
    wait_for(&mut child, "shutting down");
    send_signal(&child, Signal::INT);
    let (code, stderr) = end(child);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("SIGINT again"), "{stderr}");
}

#[test]
fn a_signal_while_nothing_happens() {
    let mut child = eval(RUNTIMES[0], "root = this").spawn();
    let mut stdin = child.stdin.take().expect("piped");
    // One write, so that the read that brings the line brings the half as well.
    stdin.write_all(b"1\nhalf a line").expect("it reads");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("it answers");
    send_signal(&child, Signal::TERM);
    let (code, stderr) = end(child);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("in the middle of a line"), "{stderr}");
}

/// `| head -1`
#[test]
fn a_closed_pipe_ends_it_quietly() {
    let mut child = nerodia(["run", "-c", "-"]).set("logger.level=warn").spawn();
    let config = "
input: {generate: {value: 1, count: 0, interval: 0s}}
pipeline: {processors: [{python: {script: 'root = this'}}]}
";
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(config.as_bytes())
        .expect("it reads");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("it writes");
    assert_eq!(line, "1\n");
    drop(stdout);
    let (code, stderr) = end(child);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_closed_pipe_does_not_hide_what_failed_before() {
    let mut child = eval(RUNTIMES[0], "root = 1 / this")
        .set("logger.level=off")
        .spawn();
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    stdin.write_all(b"0\n1\n").expect("it reads");
    let mut line = String::new();
    stdout.read_line(&mut line).expect("it writes");
    assert_eq!(line, "1.0\n");
    drop(stdout);
    // It may end before it has read these.
    while stdin.write_all(b"1\n").is_ok() {
        thread::sleep(Duration::from_millis(1));
    }
    let (code, stderr) = end(child);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("ZeroDivisionError"), "{stderr}");
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nerodia"));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let output = command
        .args(["eval", "root = 1", "--set", "logger.level=warn"])
        .stdin(std::process::Stdio::piped())
        .stdout(full.expect("Linux has it"))
        .stderr(std::process::Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            child.stdin.take().expect("piped").write_all(b"1\n")?;
            child.wait_with_output()
        })
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("cannot write to the output: No space left"),
        "{stderr}"
    );
}

/// A reader that does not read stops the input, and the engine's memory does not grow.
#[test]
fn a_slow_reader_holds_the_input_back() {
    const LINES: usize = 100_000;
    let mut child = eval(RUNTIMES[0], "root = [this, this]").spawn();
    let pid = child.id();
    let mut stdin = child.stdin.take().expect("piped");
    let line = format!("\"{}\"\n", "x".repeat(1000));
    let writing = thread::spawn(move || {
        for _ in 0..LINES {
            stdin
                .write_all(line.as_bytes())
                .expect("it reads to the end");
        }
    });
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("it writes");
    thread::sleep(Duration::from_secs(2));
    assert!(!writing.is_finished(), "100 MB were read and not written");
    let rss = resident(pid, "VmRSS:").expect("Linux tells");
    assert!(rss < 120 << 10, "{rss} KiB resident");
    assert_eq!(1 + stdout.lines().map_while(Result::ok).count(), LINES);
    writing.join().expect("writing");
    assert_eq!(end(child).0, Some(0));
}

/// Results a thousand times as large as their messages, all of which fit the gate: the reader decides how many are made.
#[test]
fn a_slow_reader_holds_large_results_back() {
    const LINES: usize = 5_000;
    let mut child = eval(RUNTIMES[0], "root = 'x' * 100_000").spawn();
    let pid = child.id();
    let input: String = (0..LINES).map(|n| format!("{n}\n")).collect();
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("it writes");
    thread::sleep(Duration::from_secs(2));
    let rss = resident(pid, "VmRSS:").expect("Linux tells");
    assert!(rss < 130 << 10, "{rss} KiB resident of 500 MB of results");
    assert_eq!(1 + stdout.lines().map_while(Result::ok).count(), LINES);
    assert_eq!(end(child).0, Some(0));
}

/// Lines that trickle in while a slow script holds them up cost what they are, not a buffer each.
#[test]
fn many_small_reads_do_not_keep_a_buffer_each() {
    let mut child = eval(
        RUNTIMES[0],
        "import time\nif this == 0: time.sleep(3)\nroot = this",
    )
    .set("guests.timeout=60s")
    .set("pipeline.threads=1")
    .spawn();
    let pid = child.id();
    let mut stdin = child.stdin.take().expect("piped");
    for number in 0..5_000 {
        writeln!(stdin, "{number}").expect("it reads");
        thread::sleep(Duration::from_micros(200)); // each is a read of its own
    }
    let rss = resident(pid, "VmRSS:").expect("Linux tells");
    assert!(rss < 100 << 10, "{rss} KiB resident");
    drop(stdin);
    let stdout = BufReader::new(child.stdout.take().expect("piped"));
    let numbers: Vec<String> = stdout.lines().map_while(Result::ok).collect();
    assert!(
        numbers
            .iter()
            .map(String::as_str)
            .eq((0..5_000).map(|n| n.to_string()).collect::<Vec<_>>())
    );
    assert_eq!(end(child).0, Some(0));
}
