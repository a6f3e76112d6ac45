//! History of a pipeline: rates computed from successive answers, and their course. This module draws nothing.

use std::collections::VecDeque;

use crate::telemetry::histogram::Distribution;
use crate::telemetry::stats::Stats;

/// States of guests, as the engine names them, in the order in which they are shown.
pub const STATES: [&str; 4] = ["busy", "idle", "starting", "retiring"];

/// Seconds over which rates and quantiles are taken, as on the web page. One second alone flickers, because results
/// arrive in batches.
const WINDOW_SECONDS: f64 = 5.0;
/// Limit on the points that are kept: ten minutes, at one point a second.
const POINTS: usize = 600;

/// History of a pipeline.
#[derive(Debug, Default)]
pub struct History {
    /// Answers in the window, the newest last; all from one process.
    window: VecDeque<Stats>,
    /// One point for each request, the newest last; `None` if nothing is known.
    points: VecDeque<Option<Point>>,
    /// Number of requests.
    asked: u64,
    /// Number of times that a new process answered.
    restarts: u32,
}

/// Values that are drawn over time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Messages read per second.
    pub received: f64,
    /// Results per second.
    pub records: f64,
    /// 99th percentile of the seconds from reading a message until it was finished; 0 if there were no messages.
    pub p99: f64,
    /// Number of guests in each of [`STATES`].
    pub guests: [usize; STATES.len()],
}

/// Rates of change between two answers of one process.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// Messages read per second.
    pub received: f64,
    /// Payload bytes read per second.
    pub received_bytes: f64,
    /// Results per second.
    pub records: f64,
    /// Bytes given to outputs per second, dead letters included.
    pub bytes: f64,
    /// Failed messages per second.
    pub failed: f64,
    /// Time that messages waited in the queue for a guest.
    pub queue: Distribution,
    /// Time that guests spent on requests.
    pub guest: Distribution,
    /// Time from reading a message until it was finished.
    pub whole: Distribution,
    /// Processor seconds of the process per second.
    pub cores: f64,
    /// Processor seconds of the guests for each message; `None` if no message was finished.
    pub guest_cpu: Option<f64>,
    /// Processor seconds of the process for each message; `None` if no message was finished.
    pub all_cpu: Option<f64>,
}

impl Rates {
    /// Computes the rates from `before` to `now`. Returns `None` if two processes gave these answers, or no time lies
    /// between them.
    pub fn between(before: &Stats, now: &Stats) -> Option<Self> {
        let time = now.uptime_seconds - before.uptime_seconds;
        if restarted(before, now) || time <= 0.0 {
            return None;
        }
        let gained =
            |get: fn(&Stats) -> u64| -> f64 { get(now).saturating_sub(get(before)) as f64 };
        let spent = |get: fn(&Stats) -> f64| -> f64 { (get(now) - get(before)).max(0.0) };
        let done = gained(|stats| stats.messages.delivered);
        let a_message = |seconds: f64| (done > 0.0).then(|| seconds / done);
        let process = spent(|stats| stats.process.cpu_seconds);
        let since = |get: fn(&Stats) -> &Distribution| get(now).since(get(before));
        Some(Self {
            received: gained(|stats| stats.messages.received) / time,
            received_bytes: gained(|stats| stats.messages.received_bytes) / time,
            records: gained(|stats| stats.output.records) / time,
            bytes: gained(|stats| stats.output.bytes) / time,
            failed: gained(failed) / time,
            queue: since(|stats| &stats.latency.queue),
            guest: since(|stats| &stats.latency.guest),
            whole: since(|stats| &stats.latency.whole),
            cores: process / time,
            guest_cpu: a_message(spent(|stats| stats.guests.cpu_seconds)),
            all_cpu: a_message(process),
        })
    }
}

/// Returns the number of failed messages, dropped or not.
pub fn failed(stats: &Stats) -> u64 {
    stats.messages.failed + stats.messages.failed_and_dropped
}

/// Whether a new process gave the answer `now`, so that its totals began again. A clock that was set back counts too,
/// since then nothing can be compared.
fn restarted(before: &Stats, now: &Stats) -> bool {
    now.started_at_ms != before.started_at_ms
        || now.uptime_seconds < before.uptime_seconds
        || now.messages.received < before.messages.received
}

impl History {
    /// Records an answer.
    pub fn record(&mut self, now: Stats) {
        self.asked += 1;
        if let Some(before) = self.window.back() {
            if restarted(before, &now) {
                self.restarts += 1;
                self.window.clear();
            } else if now.uptime_seconds == before.uptime_seconds {
                // The same moment again contains nothing new.
                self.asked -= 1;
                return;
            }
        }
        let rates = self
            .window
            .back()
            .and_then(|before| Rates::between(before, &now));
        self.push(rates.map(|rates| Point {
            received: rates.received,
            records: rates.records,
            p99: rates.whole.p99.unwrap_or_default(),
            guests: guests(&now),
        }));
        let end = now.uptime_seconds;
        self.window.push_back(now);
        // One answer older than the window stays as the beginning of the window.
        while self
            .window
            .get(1)
            .is_some_and(|second| end - second.uptime_seconds >= WINDOW_SECONDS)
        {
            self.window.pop_front();
        }
    }

    /// Records that no answer came.
    pub fn miss(&mut self) {
        self.asked += 1;
        self.push(None);
    }

    fn push(&mut self, point: Option<Point>) {
        if self.points.len() == POINTS {
            self.points.pop_front();
        }
        self.points.push_back(point);
    }

    /// Returns the number of points that are kept.
    pub fn length(&self) -> usize {
        self.points.len()
    }

    /// Returns the last answer.
    pub fn last(&self) -> Option<&Stats> {
        self.window.back()
    }

    /// Returns the current rates; `None` until there are two answers from one process.
    pub fn rates(&self) -> Option<Rates> {
        Rates::between(self.window.front()?, self.window.back()?)
    }

    /// Returns the number of times that a new process answered.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Returns `columns` values for the last `span` points, the newest at the end, and how many points a column stands
    /// for. Each value is the mean of its column's points.
    pub fn columns(
        &self,
        columns: usize,
        span: usize,
        value: impl Fn(&Point) -> f64,
    ) -> (Vec<Option<f64>>, usize) {
        let size = span.div_ceil(columns.max(1)).max(1);
        // Columns begin at multiples of their size. So a point stays in its column, and nothing flickers.
        let newest = self.asked.div_ceil(size as u64);
        let begin = self.asked - self.points.len() as u64;
        let mut values = vec![None; columns];
        for (back, value_of_column) in values.iter_mut().rev().enumerate() {
            let Some(column) = newest.checked_sub(back as u64 + 1) else {
                break;
            };
            let from = column * size as u64;
            let to = (from + size as u64).min(self.asked);
            if to <= begin {
                break;
            }
            let points = (from.max(begin)..to)
                .filter_map(|index| self.points.get((index - begin) as usize)?.as_ref());
            let (sum, count) = points.fold((0.0, 0), |(sum, count), point| {
                (sum + value(point), count + 1)
            });
            *value_of_column = (count > 0).then(|| sum / f64::from(count));
        }
        (values, size)
    }
}

fn guests(stats: &Stats) -> [usize; STATES.len()] {
    STATES.map(|state| stats.guests.states.get(state).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests;
