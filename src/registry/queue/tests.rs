//! Tests of the order of questions, the gate and the pauses.

use proptest::prelude::*;

use super::*;

const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(100),
    most: Duration::from_secs(10),
};

type Queue = super::Queue<u32>;

fn queue() -> Queue {
    Queue::new(BACKOFF, 100)
}

fn asked(next: Next) -> Attempt {
    match next {
        Next::Ask(attempt) => attempt,
        Next::Wait(until) => panic!("nothing to ask until {until:?}"),
    }
}

fn id(attempt: &Attempt) -> u32 {
    match *attempt.question {
        Question::Id(id) => id,
        _ => panic!("{attempt:?}"),
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn equal_questions_are_asked_once_and_in_turn() {
    let now = Instant::now();
    let mut queue = queue();
    for (question, waiter) in [(1, 10), (2, 20), (1, 11), (3, 30), (1, 12)] {
        queue.add(Question::Id(question), waiter).unwrap();
    }
    assert_eq!((queue.work(), queue.awaited()), (3, 3));
    let first = asked(queue.next(now));
    assert_eq!(id(&first), 1);
    queue.add(Question::Id(1), 13).unwrap();
    assert_eq!(id(&asked(queue.next(now))), 2);
    assert_eq!(queue.answered(&first), [10, 11, 12, 13]);
    assert_eq!(id(&asked(queue.next(now))), 3);
    assert_eq!(queue.next(now), Next::Wait(None));
    assert!(!queue.is_in_trouble());
}

#[test]
fn the_number_of_those_who_wait_is_bounded() {
    let mut queue = Queue::new(BACKOFF, 2);
    let ticket = queue.add(Question::Id(1), 10).unwrap();
    queue.add(Question::Id(1), 11).unwrap();
    assert_eq!(queue.add(Question::Id(2), 20), Err(20));
    assert_eq!(queue.forget(&Question::Id(1), ticket), Some(10));
    assert_eq!(queue.forget(&Question::Id(1), ticket), None);
    queue.add(Question::Id(2), 20).unwrap();
    let mut all = queue.clear();
    all.sort_unstable();
    assert_eq!(all, [11, 20]);
    assert_eq!(queue.next(Instant::now()), Next::Wait(None));
    queue.add(Question::Id(1), 1).unwrap();
    queue.add(Question::Id(1), 1).unwrap();
}

#[test]
fn what_nobody_waits_for_is_not_asked() {
    let now = Instant::now();
    let mut queue = queue();
    let ticket = queue.add(Question::Id(1), 10).unwrap();
    queue.forget(&Question::Id(1), ticket);
    assert_eq!(queue.next(now), Next::Wait(None));
    // Somebody may ask again before it is dropped.
    let ticket = queue.add(Question::Id(1), 10).unwrap();
    queue.forget(&Question::Id(1), ticket);
    queue.add(Question::Id(1), 11).unwrap();
    let attempt = asked(queue.next(now));
    assert_eq!(queue.next(now), Next::Wait(None));
    assert_eq!(queue.answered(&attempt), [11]);
    // A refresh is asked for itself.
    queue.refresh(&Question::Id(2));
    queue.refresh(&Question::Id(2));
    assert_eq!(queue.awaited(), 0);
    let attempt = asked(queue.next(now));
    assert_eq!(queue.next(now), Next::Wait(None));
    assert!(queue.answered(&attempt).is_empty());
    // One that fails with nobody waiting is not repeated.
    let ticket = queue.add(Question::Id(3), 30).unwrap();
    let attempt = asked(queue.next(now));
    queue.forget(&Question::Id(3), ticket);
    queue.failed(attempt, now, 0.0);
    assert_eq!(queue.next(now), Next::Wait(None));
    assert!(queue.pending.is_empty() && queue.ready.is_empty() && queue.later.is_empty());
}

#[test]
fn one_request_at_a_time_tries_whether_it_is_over() {
    let start = Instant::now();
    let mut queue = queue();
    for question in 1..=4 {
        queue.add(Question::Id(question), question).unwrap();
    }
    let (first, second) = (asked(queue.next(start)), asked(queue.next(start)));
    queue.failed(first, start, 0.0);
    queue.failed(second, start, 0.0);
    assert!(queue.is_in_trouble());
    // Both failed at once: that is one failure, with the shortest pause.
    assert_eq!(queue.next(start), Next::Wait(Some(start + millis(100))));
    let probe = asked(queue.next(start + millis(100)));
    assert_eq!(id(&probe), 3, "in turn");
    assert_eq!(queue.next(start + millis(100)), Next::Wait(None));
    queue.failed(probe, start + millis(100), 0.0);
    assert_eq!(
        queue.next(start + millis(100)),
        Next::Wait(Some(start + millis(300)))
    );
    let probe = asked(queue.next(start + millis(300)));
    assert_eq!(queue.answered(&probe), [4]);
    // All others at once.
    let now = start + millis(300);
    let others = [1, 2, 3].map(|_| id(&asked(queue.next(now))));
    assert_eq!(others, [1, 2, 3]);
}

#[test]
fn the_first_answer_after_an_outage_ends_all_pauses() {
    let mut now = Instant::now();
    let mut queue = queue();
    for question in [1, 2] {
        queue.add(Question::Id(question), question).unwrap();
    }
    let mut failures = 0;
    while failures < 10 {
        match queue.next(now) {
            Next::Ask(attempt) => {
                queue.failed(attempt, now, 0.0);
                failures += 1;
            }
            Next::Wait(until) => now = until.unwrap(),
        }
    }
    let Next::Wait(Some(until)) = queue.next(now) else {
        panic!("it waits");
    };
    let probe = asked(queue.next(until));
    queue.answered(&probe);
    asked(queue.next(until));
    assert!(queue.later.is_empty());
}

#[test]
fn one_that_fails_for_ever_does_not_hold_up_the_others() {
    let start = Instant::now();
    let mut queue = queue();
    queue.add(Question::Id(0), 0).unwrap();
    let (mut now, mut next, mut refused) = (start, 1, 0);
    while now < start + Duration::from_secs(60) {
        if queue.pending.len() == 1 {
            queue.add(Question::Id(next), next).unwrap();
            next += 1;
        }
        match queue.next(now) {
            Next::Ask(attempt) if id(&attempt) == 0 => {
                refused += 1;
                queue.failed(attempt, now, 0.0);
            }
            Next::Ask(attempt) => {
                queue.answered(&attempt);
                now += millis(10);
            }
            Next::Wait(until) => now = until.unwrap(),
        }
    }
    assert!((5..=15).contains(&refused), "{refused}");
    assert!(next > 5500, "{next} of 6000");
    assert!(queue.is_in_trouble(), "it is still not answered");
}

#[test]
fn an_answer_that_was_under_way_opens_the_gate() {
    let now = Instant::now();
    let mut queue = queue();
    for question in 1..=4 {
        queue.add(Question::Id(question), question).unwrap();
    }
    let attempts = [1, 2].map(|_| asked(queue.next(now)));
    let [slow, failing] = attempts;
    queue.failed(failing, now, 0.0);
    let probe = asked(queue.next(now + millis(100)));
    queue.answered(&slow);
    assert_eq!(id(&asked(queue.next(now + millis(100)))), 4);
    queue.failed(probe, now + millis(100), 0.0);
    assert!(matches!(queue.next(now + millis(100)), Next::Wait(Some(_))));
    asked(queue.next(now + millis(200)));
}

proptest! {
    #[test]
    fn pauses_grow_to_their_limit(failures in 1..u32::MAX, luck in 0.0..=1.0) {
        let pause = BACKOFF.pause(failures, luck);
        prop_assert!(pause >= BACKOFF.first && pause <= BACKOFF.most, "{pause:?}");
        prop_assert!(BACKOFF.pause(failures.saturating_add(1), luck) >= pause);
        if failures >= 8 {
            prop_assert!(pause >= BACKOFF.most / 2);
        }
    }

    /// Whatever happens, each caller is answered once the registry answers, and nothing is left behind.
    #[test]
    fn nobody_is_forgotten(steps in prop::collection::vec((0..6_u8, 0..5_u32), 0..80)) {
        let mut now = Instant::now();
        let mut queue = queue();
        let mut under_way = Vec::new();
        let mut expected = Vec::new();
        let mut answered = Vec::new();
        let mut tickets = Vec::new();
        for (place, (step, number)) in steps.into_iter().enumerate() {
            let waiter = place as u32;
            match step {
                0 | 1 => {
                    let question = Question::Id(number);
                    tickets.push((queue.add(question.clone(), waiter).unwrap(), question));
                    expected.push(waiter);
                }
                2 => if let Next::Ask(attempt) = queue.next(now) {
                    under_way.push(attempt);
                },
                3 => if let Some(attempt) = under_way.pop() {
                    queue.failed(attempt, now, 0.5);
                },
                4 => if let Some(attempt) = under_way.pop() {
                    answered.extend(queue.answered(&attempt));
                },
                _ => {
                    now += millis(u64::from(number) * 70);
                    if let Some((ticket, question)) = tickets.pop()
                        && let Some(waiter) = queue.forget(&question, ticket)
                    {
                        expected.retain(|other| *other != waiter);
                    }
                }
            }
            prop_assert_eq!(queue.waiting, queue.pending.values().map(|one| one.waiters.len()).sum::<usize>());
        }
        for attempt in under_way.drain(..) {
            answered.extend(queue.answered(&attempt));
        }
        loop {
            match queue.next(now) {
                Next::Ask(attempt) => answered.extend(queue.answered(&attempt)),
                Next::Wait(Some(until)) => now = until,
                Next::Wait(None) => break,
            }
        }
        answered.sort_unstable();
        prop_assert_eq!(answered, expected);
        prop_assert!(queue.pending.is_empty() && queue.ready.is_empty() && queue.later.is_empty());
        prop_assert_eq!(queue.waiting, 0);
        // The gate may still be closed, if all have given up: the next question tries.
        queue.add(Question::Id(0), 0).unwrap();
        let attempt = asked(queue.next(now + BACKOFF.most));
        prop_assert_eq!(queue.answered(&attempt), [0]);
        prop_assert!(!queue.is_in_trouble());
    }
}
