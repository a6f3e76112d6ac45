//! Tests of the supervisor, the lives of guests and the resequencer, with fake guests that fail in every way.

mod fakes;
mod pipeline;

use std::sync::atomic::Ordering;
use std::time::Duration;

use self::fakes::{EXIT, Fakes, GOOD, HANG, LATE, MANY, NONE, PANIC, SHORT, SLOW, WHILE};
use self::pipeline::{Pipeline, Seen};
use crate::clock::Clock;
use crate::guest::error::{Death, ScriptProblem, StartError};

/// Fails unless each of these messages has one outcome: a result in its place, or a dead letter of this type.
#[track_caller]
fn assert_outcomes(seen: &Seen, lane: u64, payloads: &[&'static [u8]]) {
    let kind = |payload: &[u8]| match payload {
        EXIT => Some("Exit"),
        PANIC | HANG | LATE => Some("Panic"),
        NONE | MANY => Some("Protocol"),
        _ => None,
    };
    let all = || (0i64..).zip(payloads);
    let expected: Vec<i64> = all()
        .filter(|(_, payload)| kind(payload).is_none())
        .map(|(offset, _)| offset)
        .collect();
    let of_lane = seen.results.iter().filter(|(of, _)| *of == lane);
    let results: Vec<i64> = of_lane.map(|(_, offset)| *offset).collect();
    assert_eq!(results, expected, "lane {lane}: the innocent, in order");
    let expected: Vec<(i64, &str)> = all()
        .filter_map(|(offset, payload)| Some((offset, kind(payload)?)))
        .collect();
    let of_lane = seen.letters.iter().filter(|(of, ..)| *of == lane);
    let letters: Vec<(i64, &str)> = of_lane
        .map(|(_, offset, kind)| (*offset, kind.as_str()))
        .collect();
    assert_eq!(letters, expected, "lane {lane}: the guilty, in order");
    for position in 0..payloads.len() as u64 {
        assert_eq!(seen.acked.get(&(lane, position)), Some(&1), "{position}");
    }
}

/// Returns `count` good messages, with `others` at their places.
fn among(count: usize, others: &[(usize, &'static [u8])]) -> Vec<&'static [u8]> {
    let mut payloads = vec![GOOD; count];
    for &(at, payload) in others {
        payloads[at] = payload;
    }
    payloads
}

fn pipeline(guests: usize) -> Pipeline {
    Pipeline::new(Fakes::new(Ok(())), guests, Clock::of_process())
}

#[actix::test]
async fn whatever_a_guest_does_costs_one_message() {
    let mut pipeline = pipeline(3);
    let first = among(50, &[(0, EXIT), (7, PANIC), (8, PANIC), (49, EXIT)]);
    let second = among(50, &[(3, NONE), (20, MANY), (21, EXIT), (40, PANIC)]);
    pipeline.send(1, &first);
    pipeline.send(2, &second);
    pipeline.drained().await;
    let seen = pipeline.seen().await;
    assert_outcomes(&seen, 1, &first);
    assert_outcomes(&seen, 2, &second);
    assert_eq!((seen.ready, seen.fatal.len()), (1, 0), "{:?}", seen.fatal);
}

/// Case of the review: the first message of two is good, the other one's thread does not answer.
#[actix::test]
async fn a_message_beside_a_thread_that_is_lost_comes_through() {
    for guests in [1, 3] {
        let mut pipeline = pipeline(guests);
        let lanes: [&[_]; 3] = [&[GOOD, HANG, GOOD, GOOD], &[PANIC, GOOD], &[GOOD, PANIC]];
        for (lane, payloads) in lanes.iter().enumerate() {
            pipeline.send(lane as u64, payloads);
        }
        pipeline.drained().await;
        let seen = pipeline.seen().await;
        for (lane, payloads) in lanes.iter().enumerate() {
            assert_outcomes(&seen, lane as u64, payloads);
        }
        assert!(seen.fatal.is_empty(), "{:?}", seen.fatal);
    }
}

/// Checks that one message that hangs among a thousand costs a few threads, not one for each step of a bisection.
#[actix::test]
async fn one_that_hangs_among_many_does_not_end_the_engine() {
    let mut pipeline = pipeline(2);
    let payloads = among(1000, &[(777, HANG)]);
    pipeline.send(1, &payloads);
    pipeline.drained().await;
    let seen = pipeline.seen().await;
    assert_outcomes(&seen, 1, &payloads);
    assert!(seen.fatal.is_empty(), "{:?}", seen.fatal);
    let lost = pipeline.metrics.deaths.totals();
    assert!(lost["Panic"] <= 4, "{lost:?}");
}

/// Checks that a guest that finished with fewer messages than it was given gets the rest.
#[actix::test]
async fn too_few_outcomes_are_asked_for_again() {
    let mut pipeline = pipeline(1);
    // The guest stops before that message. The third time it is the first message, and nothing is answered at all.
    let payloads = among(9, &[(4, SHORT)]);
    pipeline.send(1, &payloads);
    pipeline.drained().await;
    let seen = pipeline.seen().await;
    let results: Vec<i64> = seen.results.iter().map(|(_, offset)| *offset).collect();
    assert_eq!(results, [0, 1, 2, 3, 5, 6, 7, 8]);
    assert_eq!(seen.letters, [(1, 4, "Protocol".to_owned())]);
}

#[actix::test]
async fn threads_that_are_stuck_for_good_end_the_engine() {
    let mut pipeline = pipeline(4);
    pipeline.send(1, &[HANG; 12]);
    pipeline.until(|seen| !seen.fatal.is_empty()).await;
    let seen = pipeline.seen().await;
    assert_eq!(seen.fatal[0], "ThreadsStuck(9)");
    assert!(seen.results.is_empty());
}

/// More late threads than may be stuck, but each of them ends.
#[actix::test]
async fn threads_that_are_late_do_not() {
    let mut pipeline = pipeline(3);
    let payloads = among(8, &[(0, LATE), (2, LATE), (4, LATE), (6, LATE)]);
    pipeline.send(1, &payloads);
    pipeline.drained().await;
    let seen = pipeline.seen().await;
    assert_outcomes(&seen, 1, &payloads);
    let lost = pipeline.metrics.deaths.totals();
    assert!(
        lost["Panic"] > 8,
        "more than may be stuck at a time: {lost:?}"
    );
    assert!(seen.fatal.is_empty(), "{:?}", seen.fatal);
}

/// Checks that nothing ends if the process is stopped for longer than it waits for any of twelve busy guests.
#[actix::test]
async fn a_pause_of_the_process_ends_nothing() {
    // No thread keeps this clock: by its time, the process stands still until the guests answer.
    let clock = Clock::unkept();
    let mut pipeline = Pipeline::new(Fakes::new(Ok(())), 12, clock);
    for lane in 0..12 {
        pipeline.send(lane, &[SLOW]);
    }
    pipeline.drained().await;
    let seen = pipeline.seen().await;
    for lane in 0..12 {
        assert_outcomes(&seen, lane, &[SLOW]);
    }
    assert_eq!(pipeline.metrics.deaths.total(), 0);
    assert!(seen.fatal.is_empty(), "{:?}", seen.fatal);
}

#[actix::test]
async fn guests_that_cannot_start_end_the_engine() {
    let script = ScriptProblem {
        stage: None,
        kind: "SyntaxError".into(),
        message: "no".into(),
        line: None,
        column: None,
        import: None,
        setup: false,
        module: None,
        missing: None,
        traceback: None,
        help: None,
    };
    for (error, tries) in [
        (StartError::Scripts(vec![script]), 1),
        (StartError::Timeout(Duration::from_secs(1)), 4),
        (StartError::Died(Death::Exit(1)), 4),
    ] {
        let fakes = Fakes::new(Err(error.clone()));
        let pipeline = Pipeline::new(fakes.clone(), 2, Clock::of_process());
        pipeline.until(|seen| !seen.fatal.is_empty()).await;
        let seen = pipeline.seen().await;
        assert!(
            seen.fatal[0].starts_with("CannotStart("),
            "{:?}",
            seen.fatal
        );
        assert_eq!(fakes.spawned.load(Ordering::Relaxed), tries, "{error}");
        assert_eq!(seen.ready, 0);
    }
}

/// Checks that scripts that cannot start change nothing, and that scripts that can start take over without loss or
/// disorder.
#[actix::test]
async fn new_scripts_take_over_between_two_batches() {
    let mut pipeline = pipeline(2);
    let mut all = Vec::new();
    for round in 0..6 {
        let payloads = among(20, &[(round, EXIT), (11, PANIC)]);
        pipeline.send(1, &payloads);
        all.extend(payloads);
        let start = if round % 2 == 0 {
            Ok(())
        } else {
            Err(StartError::Died(Death::Exit(1)))
        };
        let taken = pipeline.reload(Fakes::new(start.clone())).await;
        assert_eq!(taken.is_ok(), start.is_ok(), "{taken:?}");
    }
    pipeline.drained().await;
    let seen = pipeline.seen().await;
    assert_outcomes(&seen, 1, &all);
    assert!(seen.fatal.is_empty(), "{:?}", seen.fatal);
}

/// Checks that the fakes' times fit the supervisor's: a late answer comes after its wait has ended.
#[test]
fn late_is_later_than_anybody_waits() {
    let limits = crate::guest::MakeGuests::limits(&*Fakes::new(Ok(()))).clone();
    assert!(super::patience::for_work(&limits) < WHILE);
}
