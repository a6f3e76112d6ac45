//! Tests that stop the process while its guests are busy, as `docker pause`, a frozen cgroup, or a machine that moves
//! does.

use std::thread;
use std::time::Duration;

use support::{Signal, alone, eval, on_each_runtime};

/// Longer than this test's pipeline waits for its guests.
const PAUSE: Duration = Duration::from_secs(10);

on_each_runtime!(a_pause_ends_nothing);
/// Checks "A pause of the process (12 guests busy) ends nothing": no message is convicted, no thread is given up.
fn a_pause_ends_nothing(runtime: &str) {
    // Twelve guests must start within a second.
    let alone = alone();
    let mut running = eval(runtime, "import time\ntime.sleep(0.3)\nroot = this")
        .set("pipeline.threads=12")
        .set("guests.min=12")
        .set("guests.timeout=5s")
        .set("guests.start_timeout=1s")
        .set("http.enabled=false")
        .start();
    running.feed_lines(0..200);
    running.end_input();
    // All guests are busy when the first result is there.
    running.await_results(1);
    drop(alone);
    for _ in 0..2 {
        running.signal(Signal::STOP);
        thread::sleep(PAUSE);
        let before = running.count();
        running.signal(Signal::CONT);
        running.await_results(before + 1);
    }
    let (code, results, log) = running.finish();
    assert_eq!(code, Some(0), "{log}");
    let expected: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    assert_eq!(results, expected);
    let lost = log
        .lines()
        .filter(|line| line.contains(r#""death":"Panic""#));
    assert_eq!(lost.count(), 0, "no thread was given up");
}
