//! Guests come with the load and go without it, and the log says why.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use support::{RUNTIMES, nerodia};

/// No event is waited for longer. It is no measure of speed: a hang is what it finds.
const HANG: Duration = Duration::from_secs(120);

/// A change in the number of guests, from the log.
#[derive(Debug, PartialEq)]
struct Scaling {
    up: bool,
    reason: String,
    guests: u64,
}

struct Running {
    child: std::process::Child,
    stdin: std::process::ChildStdin,
    results: Receiver<String>,
    scaling: Receiver<Scaling>,
}

impl Running {
    /// A pipeline whose script takes some milliseconds, so that work waits.
    fn start(runtime: &str, min: usize, max: usize) -> Self {
        let mut child = nerodia(["eval", "import time\ntime.sleep(0.004)\nroot = this"])
            .set("logger.level=info")
            .set(format!("guests.runtime={runtime}"))
            .set(format!("guests.min={min}"))
            .set(format!("pipeline.threads={max}"))
            .set("guests.idle_timeout=700ms")
            .spawn();
        let (sender, scaling) = channel();
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
                let up = match event["message"].as_str() {
                    Some("scaling up") => true,
                    Some("scaling down") => false,
                    _ => continue,
                };
                let reason = event["reason"].as_str().unwrap_or_default().to_owned();
                let guests = event["guests"].as_u64().unwrap_or(u64::MAX);
                let _ = sender.send(Scaling { up, reason, guests });
            }
        });
        let (sender, results) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self {
            stdin: child.stdin.take().expect("piped"),
            child,
            results,
            scaling,
        }
    }

    /// Sends numbers and waits for all of them.
    fn burst(&mut self, numbers: std::ops::Range<u32>) {
        let lines: String = numbers.clone().map(|n| format!("{n}\n")).collect();
        self.stdin.write_all(lines.as_bytes()).expect("it reads");
        for number in numbers {
            let result = self.results.recv_timeout(HANG).expect("a result");
            assert_eq!(result, number.to_string());
        }
    }

    /// Changes up to the one after which there are `guests`.
    fn until(&self, up: bool, guests: u64) -> Vec<Scaling> {
        let mut seen = Vec::new();
        let began = Instant::now();
        while began.elapsed() < HANG {
            match self.scaling.recv_timeout(HANG) {
                Ok(scaling) => seen.push(scaling),
                Err(_) => break,
            }
            if seen
                .last()
                .is_some_and(|last| last.up == up && last.guests == guests)
            {
                return seen;
            }
        }
        panic!("never {guests} guests: {seen:?}");
    }

    fn end(mut self) {
        drop(self.stdin);
        assert_eq!(self.child.wait().expect("it is our child").code(), Some(0));
    }
}

fn reasons(scaling: &[Scaling]) -> Vec<(&str, u64)> {
    let shown = |change: &Scaling| -> (&str, u64) {
        match change.reason.as_str() {
            "start" => ("start", change.guests),
            "first_work" => ("first_work", change.guests),
            "work_waits" => ("work_waits", change.guests),
            "idle" => ("idle", change.guests),
            other => panic!("unknown reason {other}"),
        }
    };
    scaling.iter().map(shown).collect()
}

#[test]
fn from_min_to_max_and_back() {
    for runtime in RUNTIMES {
        let mut running = Running::start(runtime, 1, 3);
        running.burst(0..600);
        let up = running.until(true, 3);
        assert_eq!(
            reasons(&up),
            [("start", 1), ("work_waits", 2), ("work_waits", 3)],
            "{runtime}"
        );
        let down = running.until(false, 1);
        assert_eq!(reasons(&down), [("idle", 2), ("idle", 1)], "{runtime}");
        // And again: what has shrunk grows.
        running.burst(0..600);
        running.until(true, 3);
        running.end();
    }
}

#[test]
fn from_none_at_all_the_first_message_is_answered() {
    for runtime in RUNTIMES {
        let mut running = Running::start(runtime, 0, 2);
        // The first one shows that the script can start, and goes again.
        for reason in ["start", "first_work", "first_work"] {
            let up = running.until(true, 1);
            assert_eq!(reasons(&up), [(reason, 1)], "{runtime}");
            let down = running.until(false, 0);
            assert_eq!(reasons(&down), [("idle", 0)], "{runtime}");
            running.burst(0..1);
        }
        running.end();
    }
}
