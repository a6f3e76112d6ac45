//! Tests of `nerodia top` in a real terminal (tmux), with a pipeline under load whose guests die.
//!
//! The contents of the terminal are stored in `target/top`.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use support::{Running, eventually, nerodia, port, program, written};

use crate::terminal::Terminal;

/// Script in which some messages fail, some hang, and the duration goes up and down.
const SCRIPT: &str = "\
import time

n = this['n']
if n % 400 == 7:
    raise ValueError(f'no price for order {n}')
if n % 3000 == 2999:
    time.sleep(9)
root = {'order': n, 'price': sum(range(n % 20000))}
";

const CONFIG: &str = "\
input:
  generate:
    script: 'root = {\"n\": meta[\"offset\"]}'
    count: 0
    interval: 1ms
pipeline:
  threads: 4
  processors:
    - python: { file: prices.py }
output: { drop: {} }
guests: { timeout: 300ms, idle_timeout: 1s }
http: { show_payloads: true }
";

/// Starts a pipeline that makes its own messages, and whose guests are sometimes killed.
fn pipeline(port: u16) -> Running {
    let folder = written(&[("pipeline.yaml", CONFIG), ("prices.py", SCRIPT)]);
    let mut running = nerodia(["run", "-c", "pipeline.yaml"])
        .dir(folder.path())
        .set(format!("http.address=127.0.0.1:{port}"))
        .listens_at(port)
        .env("NERODIA_TEST_KILL_GUESTS_AFTER", "1500ms")
        .start();
    running.await_ready();
    running
}

/// Returns the command `nerodia top` for that port; its exit code is printed after it.
fn top(port: u16) -> String {
    let program = program();
    let program = program.display();
    format!("{program} top --url http://127.0.0.1:{port} --interval 500ms; echo \"left with $?.\"")
}

/// Returns the number after `name` in the contents.
fn number(shown: &str, name: &str) -> Option<u64> {
    let rest = shown.split_once(name)?.1.trim_start();
    let digits = rest
        .chars()
        .take_while(|one| one.is_ascii_digit() || *one == ',');
    digits
        .filter(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .ok()
}

#[test]
fn live_through_a_restart_of_the_engine() {
    let port = port();
    let engine = pipeline(port);
    let terminal = Terminal::open("live", 80, 24);
    terminal.types(&top(port));
    let shown = terminal.await_shown("deaths and failures", |shown| {
        shown.contains("Killed")
            && shown.contains("no price for order")
            && shown.contains("● ready")
    });
    assert!(
        shown.contains("generate ─▶ prices.py ─▶ "),
        "the pipeline: {shown}"
    );
    assert!(shown.contains("─▶ drop"), "the pipeline: {shown}");
    // What it costs to generate a message is shown too.
    for line in ["\ngenerate ", "\nprices.py "] {
        assert!(shown.contains(line), "the processors: {shown}");
    }
    let before = number(&shown, "done").expect("a number");
    terminal.await_shown("more is done, and a rate", |shown| {
        number(shown, "done").is_some_and(|now| now > before + 100)
            && number(shown, "in ").is_some_and(|rate| rate > 0)
    });
    let shown = terminal.await_shown("deaths of two kinds, and scaling", |shown| {
        shown.contains("Timeout") && shown.contains("Killed") && !shown.contains("scalings  none")
    });
    assert!(number(&shown, "starts").is_some_and(|starts| starts > 1));
    // Long enough for the charts to have some contents: the stored contents are for people.
    thread::sleep(Duration::from_secs(8));
    terminal.keep("80x24");

    terminal.key("Down");
    terminal.key("Enter");
    terminal.await_shown("a failure in full", |shown| {
        shown.contains("Traceback") && shown.contains("payload") && shown.contains("Esc back")
    });
    terminal.keep("failure-80x24");
    terminal.key("Escape");
    terminal.key("?");
    terminal.await_shown("help", |shown| shown.contains("Ctrl-C"));
    terminal.keep("help-80x24");
    terminal.key("?");

    terminal.tmux(&["resize-window", "-x", "140", "-y", "45"]);
    terminal.await_shown("all of the larger window", |shown| {
        shown.lines().count() > 40 && shown.contains("whole way, p99")
    });
    thread::sleep(Duration::from_secs(2));
    terminal.keep("140x45");
    terminal.tmux(&["resize-window", "-x", "20", "-y", "5"]);
    terminal.await_shown("little", |shown| shown.starts_with("● ready"));
    terminal.tmux(&["resize-window", "-x", "80", "-y", "24"]);

    let totals = terminal.await_shown("all of it again", |shown| shown.contains("done"));
    let before = number(&totals, "done").expect("a number");
    drop(engine);
    terminal.await_shown("that nobody answers", |shown| {
        shown.contains("✖ no answer") && shown.contains("nothing listens there")
    });
    terminal.keep("no-answer-80x24");
    let _engine = pipeline(port);
    let shown = terminal.await_shown("that it is there again", |shown| {
        shown.contains("● ready") && shown.contains("the engine started again")
    });
    terminal.keep("again-80x24");
    assert!(
        number(&shown, "done").is_some_and(|now| now < before),
        "totals begin again: {shown}"
    );

    terminal.key("q");
    // Not the typed text, which is also visible.
    let shown = terminal.await_shown("the exit code", |shown| shown.contains("left with 0."));
    assert!(
        !shown.contains("Throughput"),
        "the screen is as it was: {shown}"
    );
    is_sane(&terminal);
}

/// Checks that typed text is visible, and that lines end as they should.
fn is_sane(terminal: &Terminal) {
    terminal.types("stty -a | grep -o '[-]*icanon\\|[-]*echo '; echo sane");
    let shown = terminal.await_shown("an answer of stty", |shown| shown.contains("\nsane"));
    assert!(
        shown.contains("\nicanon") && shown.contains("\necho"),
        "{shown}"
    );
}

#[test]
fn a_signal_restores_the_terminal() {
    let terminal = Terminal::open("signal", 80, 24);
    // Nothing listens there: the program reports that and waits.
    let port = port();
    terminal.types(&top(port));
    terminal.await_shown("what to do", |shown| {
        shown.contains("nothing listens there") && shown.contains("http.address")
    });
    terminal.keep("nobody-80x24");
    let pid = terminal.tmux(&["display-message", "-p", "#{pane_pid}"]);
    let killed = Command::new("pkill")
        .args(["-TERM", "-P", pid.trim(), "nerodia"])
        .status();
    assert!(killed.expect("pkill").success());
    terminal.await_shown("the exit code", |shown| shown.contains("left with 0."));
    is_sane(&terminal);
}

#[test]
fn a_terminal_that_goes_away_ends_it() {
    let terminal = Terminal::open("gone", 80, 24);
    terminal.types(&top(port()));
    terminal.await_shown("what to do", |shown| shown.contains("nothing listens"));
    let shell = terminal.tmux(&["display-message", "-p", "#{pane_pid}"]);
    let of_shell = Command::new("pgrep")
        .args(["-P", shell.trim(), "nerodia"])
        .output()
        .expect("pgrep is there");
    let pid = String::from_utf8(of_shell.stdout).expect("a number");
    let process = PathBuf::from(format!("/proc/{}", pid.trim()));
    assert!(process.exists(), "{pid}");
    drop(terminal);
    eventually("it ends without a terminal", || !process.exists());
}

#[test]
fn no_terminal_no_top() {
    let ran = nerodia(["top"]).run().expect(2);
    assert!(
        ran.stderr.contains("standard output is none"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.is_empty());
}
