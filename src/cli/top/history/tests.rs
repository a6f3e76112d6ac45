//! Tests of rates and columns, especially where there is no data.

use super::*;
use crate::cli::top::sample;

/// Returns the stats `seconds` after the start, with `received` messages.
fn at(seconds: f64, received: u64) -> Stats {
    let mut stats = sample::stats();
    stats.uptime_seconds = seconds;
    stats.messages.received = received;
    stats.messages.delivered = received;
    stats
}

fn restarted_at(seconds: f64, received: u64) -> Stats {
    Stats {
        started_at_ms: 1,
        ..at(seconds, received)
    }
}

fn received(history: &History) -> Option<f64> {
    history.rates().map(|rates| rates.received)
}

#[test]
fn one_answer_has_no_rate() {
    let mut history = History::default();
    assert!(history.last().is_none() && received(&history).is_none());
    history.record(at(10.0, 100));
    assert_eq!(received(&history), None);
    history.record(at(12.0, 300));
    assert_eq!(received(&history), Some(100.0));
}

#[test]
fn no_time_between_has_no_rate() {
    let (one, other) = (at(10.0, 100), at(10.0, 200));
    assert_eq!(Rates::between(&one, &other), None);
    let mut history = History::default();
    history.record(one);
    history.record(other);
    assert_eq!((received(&history), history.restarts()), (None, 0));
}

#[test]
fn a_restart_begins_again() {
    let mut history = History::default();
    history.record(at(100.0, 1_000_000));
    history.record(at(101.0, 1_001_000));
    assert_eq!(received(&history), Some(1000.0));
    history.miss();
    history.record(restarted_at(0.5, 10));
    assert_eq!((received(&history), history.restarts()), (None, 1));
    history.record(restarted_at(1.5, 20));
    assert_eq!((received(&history), history.restarts()), (Some(10.0), 1));
    // This holds even if the new process has now run longer than the old one had.
    assert_eq!(
        Rates::between(&at(100.0, 1000), &restarted_at(200.0, 2000)),
        None
    );
    assert_eq!(
        Rates::between(&at(100.0, 1000), &at(99.0, 2000)),
        None,
        "set back"
    );
}

#[test]
fn rates_are_over_the_window() {
    let mut history = History::default();
    for second in 0..60u32 {
        let burst = if second == 57 { 700 } else { 0 };
        let before = history.last().map_or(0, |stats| stats.messages.received);
        history.record(at(f64::from(second), before + burst));
    }
    assert_eq!(received(&history), Some(140.0));
    assert_eq!(history.window.len(), 6);
}

#[test]
fn cpu_a_message_needs_messages() {
    let mut later = at(11.0, 100);
    later.process.cpu_seconds += 0.5;
    later.guests.cpu_seconds += 0.25;
    let idle = Rates::between(&at(10.0, 100), &later).unwrap();
    assert_eq!((idle.all_cpu, idle.cores), (None, 0.5));
    later.messages.delivered += 1000;
    let busy = Rates::between(&at(10.0, 100), &later).unwrap();
    assert_eq!(
        (busy.all_cpu, busy.guest_cpu),
        (Some(0.0005), Some(0.000_25))
    );
}

#[test]
fn columns_hold_still_and_have_gaps() {
    let mut history = History::default();
    assert_eq!(
        history.columns(3, 6, |point| point.received).0,
        [None, None, None]
    );
    for second in 0..8u32 {
        // Each point is as large as its number.
        let total = u64::from(second * (second + 1) / 2);
        history.record(at(f64::from(second), total));
    }
    // The first answer has no rate: the points are 1 to 7, and the last column is not full.
    let (columns, size) = history.columns(3, 9, |point| point.received);
    assert_eq!((columns, size), (vec![Some(1.5), Some(4.0), Some(6.5)], 3));
    history.miss();
    let (columns, _) = history.columns(3, 9, |point| point.received);
    assert_eq!(columns, [Some(1.5), Some(4.0), Some(6.5)]);
    history.miss();
    let (columns, _) = history.columns(3, 9, |point| point.received);
    assert_eq!(columns, [Some(4.0), Some(6.5), None]);
    assert_eq!(history.columns(0, 9, |point| point.received).0, []);
}

#[test]
fn old_points_go() {
    let mut history = History::default();
    for second in 0..2 * POINTS as u32 {
        history.record(at(f64::from(second), 0));
    }
    assert_eq!(history.points.len(), POINTS);
    let (columns, _) = history.columns(2 * POINTS, 2 * POINTS, |_| 1.0);
    assert_eq!(columns.iter().flatten().count(), POINTS);
}
