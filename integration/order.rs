//! Every message once and in order, while guests are killed at random and their number changes.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::thread;

use support::{RUNTIMES, nerodia};

/// Sends `0` to `messages - 1` through guests that the test hook kills about every `kill_after` each.
fn every_number_once(runtime: &str, messages: u64, kill_after: &str) {
    let mut child = nerodia(["eval", "root = this"])
        .set("logger.level=info")
        .set(format!("guests.runtime={runtime}"))
        .set("guests.min=1")
        .set("pipeline.threads=8")
        // Eight that start at once on a busy machine are no sign of anything.
        .set("guests.start_timeout=2m")
        .env("NERODIA_TEST_KILL_GUESTS_AFTER", kill_after)
        .spawn();
    let mut stdin = child.stdin.take().expect("piped");
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
    let stderr = BufReader::new(child.stderr.take().expect("piped"));
    let logging = thread::spawn(move || {
        let (mut killed, mut most, mut last) = (0, 0, String::new());
        for line in stderr.lines().map_while(Result::ok) {
            killed += u64::from(line.contains("\"death\":\"Killed\""));
            let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            most = event["guests"].as_u64().unwrap_or(0).max(most);
            last = line;
        }
        (killed, most, last)
    });
    let mut next = 0;
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let line = line.expect("a pipe can be read");
        assert_eq!(line, next.to_string(), "{runtime}: once and in order");
        next += 1;
    }
    writing.join().expect("writing");
    let (killed, most, last) = logging.join().expect("reading");
    let code = child.wait().expect("it is our child").code();
    assert_eq!((code, next), (Some(0), messages), "{runtime}: {last}");
    assert!(killed > 0, "{runtime}: no guest was killed");
    assert!(most > 1, "{runtime}: there was never more than one guest");
    println!("{runtime}: {messages} messages, {killed} guests killed, up to {most} at a time");
}

#[test]
fn a_million_numbers_while_guests_are_killed_at_random() {
    every_number_once(RUNTIMES[0], 1_000_000, "20ms");
}

/// A start of this runtime takes longer, so that fewer messages are as hard on it.
#[test]
fn the_other_runtime_too() {
    every_number_once(RUNTIMES[1], 200_000, "50ms");
}
