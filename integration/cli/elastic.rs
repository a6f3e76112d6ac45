//! Tests that the number of guests follows the load, and that the log gives the reasons.

use serde_json::Value;
use support::{Running, alone, nerodia, on_each_runtime};

/// Pipeline whose script takes some milliseconds, so that work waits.
struct Elastic {
    running: Running,
    /// Number of changes in the number of guests that were already examined.
    seen: usize,
    /// Next number to send.
    next: usize,
}

/// Change in the number of guests, from the log.
struct Scaling {
    up: bool,
    reason: String,
    guests: u64,
}

impl Elastic {
    fn start(runtime: &str, min: usize, max: usize) -> Self {
        let running = nerodia(["eval", "import time\ntime.sleep(0.004)\nroot = this"])
            .set("logger.level=info")
            .set(format!("guests.runtime={runtime}"))
            .set(format!("guests.min={min}"))
            .set(format!("pipeline.threads={max}"))
            .set("guests.idle_timeout=700ms")
            .start();
        Self {
            running,
            seen: 0,
            next: 0,
        }
    }

    /// Sends numbers and waits for all of them.
    fn burst(&mut self, count: usize) {
        let numbers = self.next..self.next + count;
        self.running.feed_lines(numbers.clone());
        let results = self.running.await_results(numbers.end);
        let expected: Vec<String> = numbers.clone().map(|n| n.to_string()).collect();
        assert_eq!(results[numbers.start..], expected);
        self.next = numbers.end;
    }

    /// Waits for the change after which there are `guests`. Returns the reasons and numbers of it and of the changes
    /// before.
    #[track_caller]
    fn until(&mut self, up: bool, guests: u64) -> Vec<(String, u64)> {
        let seen = self.seen;
        let mut scalings = Vec::new();
        let what = format!("{guests} guests");
        let last = self.running.until(&what, |running| {
            scalings = scalings_in(&running.log());
            let is_it = |change: &Scaling| change.up == up && change.guests == guests;
            scalings[seen..].iter().position(is_it)
        });
        let end = seen + last + 1;
        self.seen = end;
        let changes = scalings.drain(..end).skip(seen);
        changes
            .map(|change| (change.reason, change.guests))
            .collect()
    }

    fn end(self) {
        let (code, _, log) = self.running.finish();
        assert_eq!(code, Some(0), "{log}");
    }
}

fn scalings_in(log: &str) -> Vec<Scaling> {
    let scaling = |line: &str| {
        let event: Value = serde_json::from_str(line).ok()?;
        let up = match event["message"].as_str()? {
            "scaling up" => true,
            "scaling down" => false,
            _ => return None,
        };
        Some(Scaling {
            up,
            reason: event["reason"].as_str()?.to_owned(),
            guests: event["guests"].as_u64()?,
        })
    };
    log.lines().filter_map(scaling).collect()
}

#[track_caller]
fn assert_changes(changes: &[(String, u64)], expected: &[(&str, u64)]) {
    let changes: Vec<(&str, u64)> = changes
        .iter()
        .map(|(reason, guests)| (reason.as_str(), *guests))
        .collect();
    assert_eq!(changes, expected);
}

on_each_runtime!(from_min_to_max_and_back);
fn from_min_to_max_and_back(runtime: &str) {
    // Guests must start while the work lasts.
    let _alone = alone();
    let mut elastic = Elastic::start(runtime, 1, 3);
    elastic.burst(600);
    let up = elastic.until(true, 3);
    assert_changes(&up, &[("start", 1), ("work_waits", 2), ("work_waits", 3)]);
    let down = elastic.until(false, 1);
    assert_changes(&down, &[("idle", 2), ("idle", 1)]);
    // Again: what has shrunk grows.
    elastic.burst(600);
    elastic.until(true, 3);
    elastic.end();
}

on_each_runtime!(from_none_at_all_the_first_message_is_answered);
fn from_none_at_all_the_first_message_is_answered(runtime: &str) {
    let mut elastic = Elastic::start(runtime, 0, 2);
    // The first guest shows that the script can start, and is ended again.
    for reason in ["start", "first_work", "first_work"] {
        let up = elastic.until(true, 1);
        assert_changes(&up, &[(reason, 1)]);
        let down = elastic.until(false, 0);
        assert_changes(&down, &[("idle", 0)]);
        elastic.burst(1);
    }
    elastic.end();
}
