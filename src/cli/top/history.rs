//! What is made of one answer after the other: rates, and how they were in the last minutes. Nothing here draws.

use std::collections::VecDeque;

use crate::telemetry::histogram::Distribution;
use crate::telemetry::stats::Stats;

/// The states of guests, as the engine calls them and in the order in which they are shown.
pub const STATES: [&str; 4] = ["busy", "idle", "starting", "retiring"];

/// Rates and quantiles are over so long, as on the web page: a second alone flickers, for results arrive in batches.
const WINDOW_SECONDS: f64 = 5.0;
/// So many points are kept: ten minutes, at one a second.
const POINTS: usize = 600;

/// All that is known of a pipeline.
#[derive(Debug, Default)]
pub struct History {
    /// The answers of the window, the newest last; all of one process.
    window: VecDeque<Stats>,
    /// One for each time it was asked, the newest last; `None` where nothing is known.
    points: VecDeque<Option<Point>>,
    /// How often it was asked.
    asked: u64,
    /// How often another process answered than before.
    restarts: u32,
}

/// What is drawn over time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Messages taken in, a second.
    pub received: f64,
    /// Results, a second.
    pub records: f64,
    /// From reading to delivery, in seconds; what 99 of 100 messages do not exceed, or 0 if there were none.
    pub p99: f64,
    /// Guests in each of [`STATES`].
    pub guests: [usize; STATES.len()],
}

/// How things change: from two answers of one process.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// Messages taken in, a second.
    pub received: f64,
    /// Bytes of theirs.
    pub received_bytes: f64,
    /// Results, a second.
    pub records: f64,
    /// Bytes given to outputs, dead letters included.
    pub bytes: f64,
    /// Messages that failed, a second.
    pub failed: f64,
    /// Waiting for a guest.
    pub queue: Distribution,
    /// In the guest.
    pub guest: Distribution,
    /// From when a message was read to when all was delivered.
    pub whole: Distribution,
    /// Processor seconds of the process, a second.
    pub cores: f64,
    /// Processor seconds of guests a message; `None` if none came through.
    pub guest_cpu: Option<f64>,
    /// The same for the whole process.
    pub all_cpu: Option<f64>,
}

impl Rates {
    /// From `before` to `now`; `None` if these are answers of two processes, or no time is between them.
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

/// Messages that failed, dropped or not.
pub fn failed(stats: &Stats) -> u64 {
    stats.messages.failed + stats.messages.failed_and_dropped
}

/// Whether `now` is another process than `before`: its totals begin again. So they do, for who compares, when its
/// clock was set back.
fn restarted(before: &Stats, now: &Stats) -> bool {
    now.started_at_ms != before.started_at_ms
        || now.uptime_seconds < before.uptime_seconds
        || now.messages.received < before.messages.received
}

impl History {
    /// An answer came.
    pub fn record(&mut self, now: Stats) {
        self.asked += 1;
        if let Some(before) = self.window.back() {
            if restarted(before, &now) {
                self.restarts += 1;
                self.window.clear();
            } else if now.uptime_seconds == before.uptime_seconds {
                // The same moment again tells nothing new.
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
        // One that is older than the window stays, to begin it.
        while self
            .window
            .get(1)
            .is_some_and(|second| end - second.uptime_seconds >= WINDOW_SECONDS)
        {
            self.window.pop_front();
        }
    }

    /// No answer came.
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

    /// How often it was asked, of what is kept.
    pub fn length(&self) -> usize {
        self.points.len()
    }

    /// The last answer.
    pub fn last(&self) -> Option<&Stats> {
        self.window.back()
    }

    /// How things change now; `None` until there are two answers of one process.
    pub fn rates(&self) -> Option<Rates> {
        Rates::between(self.window.front()?, self.window.back()?)
    }

    /// How often another process answered than before.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// `columns` values for the last `span` points, the newest at the end, each the mean of as many points as a
    /// column stands for; and that number.
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
