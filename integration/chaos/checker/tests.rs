//! Tests of the checker: a problem that is never found may be one that is never looked for.

use serde_json::{Value, json};

use super::*;

const TOPIC: &str = "in";

fn id(n: i64) -> Id<'static> {
    Id {
        topic: TOPIC,
        partition: 0,
        n,
    }
}

fn order(n: i64, kind: Kind) -> Record {
    let value =
        json!({ "t": TOPIC, "p": 0, "n": n, "at": 1000 + n, "kind": kind.name(), "items": [] });
    Record::json(&value).partition(0)
}

fn result(n: i64) -> Record {
    let mut value = id(n).result(1000 + n);
    value["by"] = "process-1-1".into();
    value["ran"] = json!(2000 + n);
    record(n, &value)
}

fn record(n: i64, value: &Value) -> Record {
    Record {
        partition: 3,
        headers: id(n).headers(),
        timestamp: Some(5000 + n),
        ..Record::json(value).key(id(n).key())
    }
}

fn letter(n: i64) -> Record {
    let letter = Record {
        headers: id(n).headers(),
        timestamp: Some(5000),
        ..order(n, Kind::Poison).key(id(n).key())
    };
    letter.header("nerodia-error-message", Some(b"poison"))
}

fn check(kinds: &[Kind], gone: Option<(i64, i64)>, came: &[(Place, Record)], form: Form) -> String {
    let mut checker = Checker {
        gone: [gone, None],
        ..Checker::default()
    };
    for (n, &kind) in (0..).zip(kinds) {
        checker.order(TOPIC, &order(n, kind));
    }
    came.iter()
        .for_each(|(place, record)| checker.arrive(*place, record));
    checker.problems(form, &Excuses::default()).join("\n")
}

#[test]
fn the_checker_finds_each_kind_of_problem() {
    let all: Vec<Record> = (0..5).map(result).collect();
    let with = |change: &dyn Fn(&mut Vec<Record>)| {
        let mut records = all.clone();
        change(&mut records);
        let came: Vec<_> = records
            .into_iter()
            .map(|one| (Place::Output, one))
            .collect();
        [Form::AtLeastOnce, Form::ExactlyOnce]
            .map(|form| check(&[Kind::Plain; 5], None, &came, form))
    };

    assert_eq!(with(&|_| ()), ["", ""]);
    for found in with(&|all| drop(all.remove(2))) {
        assert!(found.starts_with("1 lost"), "{found}");
    }
    for found in with(&|all| all.swap(2, 3)) {
        assert!(found.starts_with("1 out of order"), "{found}");
    }
    // Read again from the third order on: no first arrival is out of order.
    let [at_least, exactly] =
        with(&|all| all.splice(4..4, all.clone()[2..4].to_vec()).for_each(drop));
    assert_eq!(at_least, "");
    assert!(exactly.starts_with("2 duplicates"), "{exactly}");
    // A wrong value, header or key, a result without a process, and one of an order that was never made.
    let wrong: [&dyn Fn(&mut Record); 5] = [
        &|one| one.payload = result(3).payload,
        &|one| drop(one.headers.pop()),
        &|one| one.key = None,
        &|one| *one = record(2, &id(2).result(1002)),
        &|one| *one = result(7),
    ];
    for change in wrong {
        for found in with(&|all| change(&mut all[2])) {
            assert!(found.contains("1 unprocessed"), "{found}");
        }
    }
    // A result of another process, whose script ran before that of the result before it.
    let late = |all: &mut Vec<Record>| {
        let mut value = result(4).value();
        (value["by"], value["ran"]) = ("process-2-1".into(), json!(1999));
        all[4] = record(4, &value);
    };
    for found in with(&late) {
        assert!(found.starts_with("1 results of a former owner"), "{found}");
    }
    // A result of an order from before the group.
    for found in with(&|all| all.push(record(-1, &id(-1).old()))) {
        assert!(found.starts_with("1 read although"), "{found}");
    }
}

#[test]
fn dead_letters_of_scripts_are_in_order_and_those_of_refusals_in_transactions() {
    let came: Vec<_> = [1, 0].map(|n| (Place::Dead, letter(n))).into();
    for (kind, at_least_once, exactly_once) in [
        (Kind::Poison, "1 out of order", "1 out of order"),
        (Kind::TooLarge, "", "1 refused and out of order"),
    ] {
        let found = |form| check(&[kind; 2], None, &came, form);
        assert!(found(Form::AtLeastOnce).starts_with(at_least_once));
        assert_eq!(
            found(Form::AtLeastOnce).is_empty(),
            at_least_once.is_empty()
        );
        assert!(found(Form::ExactlyOnce).starts_with(exactly_once));
    }
}

#[test]
fn each_order_has_its_place() {
    let check =
        |kind, gone, came: &[(Place, Record)]| check(&[kind], gone, came, Form::AtLeastOnce);
    let dead = || (Place::Dead, letter(0));
    for kind in [Kind::Poison, Kind::FarFuture, Kind::Keyless, Kind::TooLarge] {
        assert_eq!(check(kind, None, &[dead()]), "");
        assert!(check(kind, None, &[(Place::Output, result(0))]).contains("1 unprocessed"));
        assert!(check(kind, None, &[(Place::Nowhere, result(0))]).contains("1 unprocessed"));
        assert!(check(kind, None, &[]).starts_with("1 lost"));
    }
    for kind in [Kind::Plain, Kind::Chosen] {
        assert_eq!(check(kind, None, &[(kind.place(), result(0))]), "");
        assert!(check(kind, None, &[dead()]).contains("1 unprocessed"));
    }
    // The topic is deleted between 4000 and 4500: the result is in the topic, a dead letter, or deleted with the topic.
    let (kind, gone) = (Kind::Gone(0), Some((4000, 4500)));
    assert_eq!(check(kind, gone, &[(Place::Gone(0), result(0))]), "");
    assert_eq!(check(kind, gone, &[dead()]), "");
    assert_eq!(check(kind, gone, &[]), "");
    // The order was made after the topic was deleted, and failed while it still existed.
    assert!(check(kind, Some((400, 500)), &[]).starts_with("1 lost"));
    assert!(check(kind, Some((6000, 6500)), &[dead()]).contains("1 unprocessed"));
    assert!(check(kind, None, &[dead()]).contains("1 unprocessed"));
}

#[test]
fn what_was_written_twice_may_come_twice() {
    let check = |came: usize| {
        let mut checker = Checker::default();
        for n in [0, 1, 1, 2] {
            checker.order(TOPIC, &order(n, Kind::Plain));
        }
        for n in [0]
            .into_iter()
            .chain(std::iter::repeat_n(1, came))
            .chain([2])
        {
            checker.arrive(Place::Output, &result(n));
        }
        let problems = checker.problems(Form::ExactlyOnce, &Excuses::default());
        problems.join("\n")
    };
    assert_eq!(check(1), "");
    assert_eq!(check(2), "");
    assert!(check(3).starts_with("1 duplicates"));
}
