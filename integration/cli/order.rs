//! Tests that every message comes once and in order, while guests are killed at random and their number changes.

use std::io::Write as _;
use std::thread;

use serde_json::Value;
use support::{RUNTIMES, nerodia, on_each_runtime};

on_each_runtime!(every_number_once_while_guests_are_killed_at_random);
/// Sends numbers through guests that the test hook kills at random moments.
fn every_number_once_while_guests_are_killed_at_random(runtime: &str) {
    // A start of the other runtime takes longer, so a lower rate is as hard for it.
    let (messages, kill_after) = if runtime == RUNTIMES[0] {
        (1_000_000, "20ms")
    } else {
        (200_000, "50ms")
    };
    let mut running = nerodia(["eval", "root = this"])
        .set("logger.level=info")
        .set(format!("guests.runtime={runtime}"))
        .set("guests.min=1")
        .set("pipeline.threads=8")
        // Eight guests that start at once on a busy machine may take long without an error.
        .set("guests.start_timeout=2m")
        .env("NERODIA_TEST_KILL_GUESTS_AFTER", kill_after)
        .start();
    let mut stdin = running.take_input();
    let writing = thread::spawn(move || {
        let mut block = Vec::new();
        for number in 0..messages {
            writeln!(block, "{number}").expect("memory takes it");
            if block.len() > 1 << 15 || number + 1 == messages {
                stdin.write_all(&block).expect("it reads to the end");
                block.clear();
            }
        }
    });
    let (code, results, log) = running.finish();
    writing.join().expect("writing");
    assert_eq!(code, Some(0), "{}", log.lines().last().unwrap_or_default());
    for (number, line) in results.iter().enumerate() {
        assert_eq!(*line, number.to_string(), "once and in order");
    }
    assert_eq!(results.len(), messages);
    let killed = log.matches("\"death\":\"Killed\"").count();
    let guests = |line: &str| serde_json::from_str::<Value>(line).ok()?["guests"].as_u64();
    let most = log.lines().filter_map(guests).max().unwrap_or(0);
    assert!(killed > 0, "no guest was killed");
    assert!(most > 1, "there was never more than one guest");
    println!("{messages} messages, {killed} guests killed, up to {most} at a time");
}
