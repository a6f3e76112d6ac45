//! History of the answers: rates, and their values in the last minutes. Nothing here draws.

use std::collections::{BTreeMap, VecDeque};

use crate::telemetry::histogram::Distribution;
use crate::telemetry::stats::Stats;

/// States of guests, as the engine calls them and in the order in which they are shown.
pub(super) const STATES: [&str; 4] = ["busy", "idle", "starting", "retiring"];

/// Period for rates and quantiles, as on the web page: a single second flickers, because results arrive in batches.
const WINDOW_SECONDS: f64 = 5.0;
/// Number of points that are kept: ten minutes, at one per second.
const POINTS: usize = 600;

/// Everything that is known about a pipeline.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Answers of the period, the newest last; all of one process.
    window: VecDeque<Stats>,
    /// Points, one for each request, the newest last; `None` where nothing is known.
    points: VecDeque<Option<Point>>,
    /// Number of requests.
    asked: u64,
    /// Number of times that another process answered than before.
    restarts: u32,
}

/// Values that are drawn over time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// Messages read per second.
    pub received: f64,
    /// Results per second.
    pub records: f64,
    /// Time from reading a message until it was finished, in seconds: the value that 99 of 100 messages do not exceed,
    /// or 0 if there were none.
    pub p99: f64,
    /// Number of guests in each of [`STATES`].
    pub guests: [usize; STATES.len()],
}

/// Rates, from two answers of one process.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rates {
    /// Messages read per second.
    pub received: f64,
    /// Bytes of the payloads of these messages per second.
    pub received_bytes: f64,
    /// Results per second.
    pub records: f64,
    /// Bytes given to outputs per second, including dead letters.
    pub bytes: f64,
    /// Messages that failed per second.
    pub failed: f64,
    /// Time in the queue for a guest.
    pub queue: Distribution,
    /// Time in the guest.
    pub guest: Distribution,
    /// Time from reading a message until it was finished.
    pub whole: Distribution,
    /// Processor seconds of the process per second.
    pub cores: f64,
    /// Processor seconds of guests per message; `None` if no message was finished.
    pub guest_cpu: Option<f64>,
    /// Processor seconds of the whole process per message; `None` if no message was finished.
    pub all_cpu: Option<f64>,
    /// Rates of each processor, by its name.
    pub processors: BTreeMap<String, ProcessorRates>,
}

/// Rates of one processor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ProcessorRates {
    /// Messages that reached it per second.
    pub messages: f64,
    /// Processor seconds of guests per message; `None` if no message reached it.
    pub cpu: Option<f64>,
}

impl Rates {
    /// Returns the rates from `before` to `now`; `None` if these are answers of two processes, or no time is between
    /// them.
    pub(super) fn between(before: &Stats, now: &Stats) -> Option<Self> {
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
            processors: processors(before, now, time),
        })
    }
}

fn processors(before: &Stats, now: &Stats, time: f64) -> BTreeMap<String, ProcessorRates> {
    let rates = now.processors.iter().map(|now| {
        let mut earlier = before.processors.iter();
        let before = earlier.find(|before| before.name == now.name);
        let (had, spent) = before.map_or((0, 0.0), |one| (one.messages, one.cpu_seconds));
        let messages = now.messages.saturating_sub(had) as f64;
        let cpu = (now.cpu_seconds - spent).max(0.0);
        let rates = ProcessorRates {
            messages: messages / time,
            cpu: (messages > 0.0 && cpu > 0.0).then(|| cpu / messages),
        };
        (now.name.clone(), rates)
    });
    rates.collect()
}

/// Returns the number of messages that failed, dropped or not.
pub(super) fn failed(stats: &Stats) -> u64 {
    stats.messages.failed + stats.messages.failed_and_dropped
}

/// Returns whether `now` comes from another process than `before`, whose totals begin again. A clock that was set back
/// looks the same.
fn restarted(before: &Stats, now: &Stats) -> bool {
    now.started_at_ms != before.started_at_ms
        || now.uptime_seconds < before.uptime_seconds
        || now.messages.received < before.messages.received
}

impl History {
    /// Adds an answer.
    pub(super) fn record(&mut self, now: Stats) {
        self.asked += 1;
        if let Some(before) = self.window.back() {
            if restarted(before, &now) {
                self.restarts += 1;
                self.window.clear();
            } else if now.uptime_seconds == before.uptime_seconds {
                // Another answer about the same moment contains nothing new.
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
        // One answer that is older than the period stays, as its beginning.
        while self
            .window
            .get(1)
            .is_some_and(|second| end - second.uptime_seconds >= WINDOW_SECONDS)
        {
            self.window.pop_front();
        }
    }

    /// Notes that no answer came.
    pub(super) fn miss(&mut self) {
        self.asked += 1;
        self.push(None);
    }

    fn push(&mut self, point: Option<Point>) {
        if self.points.len() == POINTS {
            self.points.pop_front();
        }
        self.points.push_back(point);
    }

    /// Returns the number of requests whose points are kept.
    pub(super) fn length(&self) -> usize {
        self.points.len()
    }

    /// Returns the last answer.
    pub(super) fn last(&self) -> Option<&Stats> {
        self.window.back()
    }

    /// Returns the current rates; `None` until there are two answers of one process.
    pub(super) fn rates(&self) -> Option<Rates> {
        Rates::between(self.window.front()?, self.window.back()?)
    }

    /// Returns the number of times that another process answered than before.
    pub(super) fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Returns `columns` values for the last `span` points, the newest at the end, and the number of points in a
    /// column. Each value is the mean of its points.
    pub(super) fn columns(
        &self,
        columns: usize,
        span: usize,
        value: impl Fn(&Point) -> f64,
    ) -> (Vec<Option<f64>>, usize) {
        let size = span.div_ceil(columns.max(1)).max(1);
        // Columns begin at multiples of their size, so a point stays in its column, and nothing flickers.
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
