//! Steps after a death, case by case; [`model`] tries them all together.

mod model;

use super::*;

fn work(count: usize) -> Work {
    Work::new(Batch::for_test(count), 3, Instant::now())
}

/// Case of the review: a good message and a poison message, whose thread is lost again and again.
#[actix::test]
async fn a_message_that_was_lost_in_company_is_not_convicted_for_it() {
    let panic = || Death::Panic("lost".into());
    let mut work = work(2);
    work.attempts = 1;
    work.solo_until = 2;
    let (next, others) = work.lost(panic(), true);
    let Next::Restart {
        work: Some(good),
        convicted: None,
    } = next
    else {
        panic!("{next:?}");
    };
    assert_eq!((good.turn(), good.len()), ((3, 0), 1));
    let turns: Vec<Turn> = others.iter().map(Work::turn).collect();
    assert_eq!(turns, [(3, 1)]);
    // A second death is not enough in a guest that has run other messages; it is enough alone, in a fresh guest.
    let poison = others.into_iter().next().unwrap();
    let (Next::Restart { work, convicted }, _) = poison.lost(panic(), false) else {
        panic!("it was lost");
    };
    assert_eq!(convicted, None);
    let (Next::Restart { work, convicted }, _) = work.unwrap().lost(panic(), true) else {
        panic!("it was lost");
    };
    assert!(work.is_none());
    let (index, failure) = convicted.unwrap();
    assert_eq!((index, failure.attempts), (1, 2));
}

/// Checks that a message needs two deaths of its own even if it was in a request that a poison message killed.
#[actix::test]
async fn a_death_in_company_is_evidence_against_nobody() {
    let died = |single| Stop::Died {
        death: Death::Exit(1),
        suspects: if single { 1 } else { 5 },
        single,
        fresh: true,
        script: None,
    };
    let mut left = work(5);
    for stop in [died(false), died(false), died(true)] {
        let Next::Restart { work, convicted } = left.after(0, &stop) else {
            panic!("it died");
        };
        assert_eq!(convicted, None);
        left = work.unwrap();
        assert_eq!(left.solo_until, 5);
    }
    let Next::Restart { convicted, .. } = left.after(0, &died(true)) else {
        panic!("it died");
    };
    assert_eq!(convicted.map(|(index, _)| index), Some(0));
}

#[actix::test]
async fn a_death_between_two_requests_is_nobodys() {
    let stop = Stop::Died {
        death: Death::Exit(0),
        suspects: 0,
        single: false,
        fresh: false,
        script: None,
    };
    let Next::Restart {
        work: Some(left),
        convicted: None,
    } = work(5).after(2, &stop)
    else {
        panic!("it died");
    };
    assert_eq!((left.attempts, left.solo_until), (0, 0));
    assert_eq!(left.turn(), (3, 2));
}

#[actix::test]
async fn shares_are_about_equal_and_whole() {
    let lengths = |shares| {
        work(10)
            .share(shares)
            .iter()
            .map(Work::len)
            .collect::<Vec<_>>()
    };
    assert_eq!(lengths(3), [4, 4, 2]);
    assert_eq!(lengths(1), [10]);
    assert_eq!(lengths(0), [10]);
    assert_eq!(lengths(99), [1; 10]);
}
