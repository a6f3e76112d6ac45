//! Tests of messages that crash, hang or raise: what becomes of them, of their neighbours, and of the position.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::json;
use support::{Cluster, Pipeline, Record, errors, logged, numbers, recently};

const PARTITIONS: i32 = 4;
const WAYS: [&str; 4] = ["raise", "exit", "hang", "sleep"];
const SCRIPT: &str = "\
import os, time
way = this.get('way')
if way == 'raise':
    raise ValueError(f'poison {this[\"n\"]} \u{e4}')
elif way == 'exit':
    os._exit(1)
elif way == 'hang':
    while True: pass
elif way == 'sleep':
    time.sleep(3600)
root = {'n': this['n']}
";

static START: LazyLock<i64> = LazyLock::new(recently);

/// Returns message `n`. One in `every` is poison, of each kind in turn.
fn message(n: u64, every: u64) -> Record {
    let record = match way(n, every) {
        // Not what `json.dumps` would write: the bytes must be those of the original.
        Some(way) => Record::bytes(format!(
            "{{ \"n\" : {n},\"way\":\"{way}\", \"\u{e4}\": 1.0e0 }}\n"
        )),
        None => Record::json(&json!({ "n": n })),
    };
    record
        .partition((n % PARTITIONS as u64) as i32)
        .key([b"key-\xff-", n.to_string().as_bytes()].concat())
        .timestamp(*START + (n % 50_000) as i64)
        .header("trace", Some(n.to_string().as_bytes()))
        .header("trace", Some(&[0xff, 0x00]))
        .header("none", None)
        // The message's own claim about an earlier error is not taken for the place from which it came.
        .header("nerodia-error-type", Some(b"Old"))
}

fn way(n: u64, every: u64) -> Option<&'static str> {
    (n % every == every / 2).then(|| WAYS[(n / every) as usize % WAYS.len()])
}

fn sorted(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    numbers
}

/// Checks "100 messages that crash, hang or raise, spread over 100,000: 100 dead letters, 99,900 results, offsets at
/// the end."
#[test]
fn a_hundred_of_a_hundred_thousand() {
    const ALL: u64 = 100_000;
    const EVERY: u64 = 1_000;
    let cluster = Cluster::shared();
    let pipeline =
        Pipeline::new(cluster, "poison", PARTITIONS, SCRIPT).with("guests.timeout", "300ms");
    cluster.produce(&pipeline.input, (0..ALL).map(|n| message(n, EVERY)));
    let mut running = pipeline.start();
    pipeline.await_all_committed(cluster, &mut running);
    let (code, log) = running.terminate();
    // The exit code says that some messages failed.
    assert_eq!(code, Some(1), "{log}");
    let ended = &logged(&log, "pipeline ended")[0];
    assert_eq!(
        (&ended["received"], &ended["records"], &ended["failed"]),
        (&json!(ALL), &json!(99_900), &json!(100)),
        "{ended}"
    );

    let results = sorted(numbers(&cluster.read(&pipeline.output)));
    let expected: Vec<u64> = (0..ALL).filter(|&n| way(n, EVERY).is_none()).collect();
    assert_eq!(results.len(), 99_900);
    assert_eq!(results, expected);

    let letters = cluster.read(pipeline.dead());
    assert_eq!(letters.len(), 100);
    let poison: BTreeSet<u64> = (0..ALL).filter(|&n| way(n, EVERY).is_some()).collect();
    assert_eq!(
        numbers(&letters).into_iter().collect::<BTreeSet<_>>(),
        poison
    );
    let mut scripts = BTreeSet::new();
    for letter in &letters {
        let n = numbers(std::slice::from_ref(letter))[0];
        let sent = message(n, EVERY);
        assert_eq!(letter.payload, sent.payload, "its own bytes");
        assert_eq!(letter.key, sent.key);
        assert_eq!(letter.timestamp, sent.timestamp);
        let (facts, original): (Vec<_>, Vec<_>) = letter
            .headers
            .iter()
            .cloned()
            .partition(|(name, _)| name.starts_with("nerodia-error-"));
        let own: Vec<_> = sent.headers[..3].to_vec();
        assert_eq!(original, own, "its own headers, in their order");
        let facts: BTreeMap<String, String> = facts
            .into_iter()
            .map(|(name, value)| {
                (
                    name["nerodia-error-".len()..].to_owned(),
                    String::from_utf8(value.expect("a value")).expect("UTF-8"),
                )
            })
            .collect();
        let way = way(n, EVERY).expect("it is poison");
        let (kind, text) = match way {
            "raise" => ("ValueError", format!("poison {n} \u{e4}")),
            "exit" => (
                "Exit",
                "the interpreter exited with a code other than 0".into(),
            ),
            _ => (
                "Timeout",
                "no result within 300ms (`guests.timeout`)".into(),
            ),
        };
        assert_eq!((facts["type"].as_str(), &facts["message"]), (kind, &text));
        assert_eq!(facts["topic"], pipeline.input);
        assert_eq!(facts["partition"], (n % PARTITIONS as u64).to_string());
        assert_eq!(facts["offset"], (n / PARTITIONS as u64).to_string());
        assert!(facts["attempts"].parse::<u32>().expect("a number") >= 1);
        // Of a death the first line of the script: which one ran is not known.
        assert!(facts["at"].contains(".yaml:"), "{}", facts["at"]);
        if way == "raise" {
            assert!(facts["traceback"].contains("ValueError"));
        } else {
            assert_eq!(facts["attempts"], "2", "once beside others, once alone");
        }
        scripts.insert(facts["script"].clone());
    }
    assert_eq!(scripts.len(), 1);
    assert!(scripts.iter().all(|hash| hash.len() == 16));
}

/// Checks "Without `dead_letter`: ends with 1, names topic, partition and offset, and starts again at that very
/// message."
#[test]
fn without_dead_letter_it_ends_before_the_first() {
    const POISON: i64 = 1_500;
    let cluster = Cluster::shared();
    for way in ["raise", "exit", "sleep"] {
        let pipeline = Pipeline::new(cluster, &format!("stop-{way}"), 2, SCRIPT)
            .without_dead_letters()
            .with("guests.timeout", "300ms");
        // All messages of partition 1 are good; partition 0 has two bad ones in a row.
        let records = (0..6_000u64).map(|n| {
            let offset = (n / 2) as i64;
            let poison = n % 2 == 0 && (offset == POISON || offset == POISON + 1);
            let value = if poison {
                json!({ "n": n, "way": way })
            } else {
                json!({ "n": n })
            };
            Record::json(&value).partition((n % 2) as i32)
        });
        cluster.produce(&pipeline.input, records);
        for attempt in 0..3 {
            let (code, log) = pipeline.start().wait();
            assert_eq!(code, Some(1), "{log}");
            let said = errors(&log);
            assert_eq!(said.len(), 1, "one line: {said:?}");
            let place = format!("topic `{}`, partition 0, offset {POISON}", pipeline.input);
            assert!(said[0].starts_with("error: a message failed: "), "{said:?}");
            assert!(said[0].contains(&place), "{said:?}");
            let committed = cluster.committed(&pipeline.group, &pipeline.input);
            assert_eq!(committed[&0], POISON, "attempt {attempt}: {committed:?}");
            // What was delivered is committed, in the other partition too: no duplicates.
            let results = sorted(numbers(&cluster.read(&pipeline.output)));
            let count = committed.values().sum::<i64>() as u64;
            assert_eq!(results.len() as u64, count, "{committed:?}");
            let (even, odd): (Vec<u64>, Vec<u64>) = results.into_iter().partition(|n| n % 2 == 0);
            assert_eq!(even, (0..POISON as u64).map(|n| 2 * n).collect::<Vec<_>>());
            assert_eq!(
                odd,
                (0..committed[&1] as u64)
                    .map(|n| 2 * n + 1)
                    .collect::<Vec<_>>()
            );
        }
        // The script is corrected.
        let mended = pipeline.script("root = {'n': this['n']}");
        let mut running = mended.start();
        mended.await_all_committed(cluster, &mut running);
        assert_eq!(running.terminate().0, Some(0));
        assert_eq!(
            sorted(numbers(&cluster.read(&mended.output))),
            (0..6_000).collect::<Vec<_>>(),
            "each once, over five runs"
        );
    }
}

/// Checks "Killed (-9) between dead letter and commit: nothing lost."
#[test]
fn killed_between_dead_letter_and_commit() {
    const ALL: u64 = 4_000;
    const EVERY: u64 = 200;
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "killed", PARTITIONS, SCRIPT)
        .with("guests.timeout", "300ms")
        .with("input.kafka.group.session_timeout", "3s");
    cluster.produce(&pipeline.input, (0..ALL).map(|n| message(n, EVERY)));
    let without_commit = pipeline.clone().with("input.kafka.commit_period", "10m");
    for letters in [1, 12] {
        let mut running = without_commit.start();
        let before = cluster.count(pipeline.dead());
        running.eventually(&format!("{letters} dead letters more"), || {
            let now = cluster.count(pipeline.dead());
            (now >= before + letters)
                .then_some(())
                .ok_or(format!("{now}"))
        });
        running.kill();
        let committed = cluster.committed(&pipeline.group, &pipeline.input);
        assert_eq!(committed.values().sum::<i64>(), 0, "{committed:?}");
    }
    let mut running = pipeline.start();
    pipeline.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(1));
    let results: BTreeSet<u64> = numbers(&cluster.read(&pipeline.output))
        .into_iter()
        .collect();
    let letters = cluster.read(pipeline.dead());
    let dead: BTreeSet<u64> = numbers(&letters).into_iter().collect();
    assert_eq!(
        results,
        (0..ALL).filter(|&n| way(n, EVERY).is_none()).collect()
    );
    assert_eq!(
        dead,
        (0..ALL).filter(|&n| way(n, EVERY).is_some()).collect()
    );
    assert_eq!(results.intersection(&dead).count(), 0);
    // Dead letters that came before the end and again afterwards are the same, including their places.
    let mut places: BTreeMap<u64, BTreeSet<_>> = BTreeMap::new();
    for letter in &letters {
        let place = ["topic", "partition", "offset"].map(|name| {
            let name = format!("nerodia-error-{name}");
            letter.header_text(&name).expect("a place").to_owned()
        });
        let n = numbers(std::slice::from_ref(letter))[0];
        places.entry(n).or_default().insert(place);
    }
    assert!(places.values().all(|places| places.len() == 1));
    assert!(letters.len() > dead.len(), "they did come twice");
}

/// A pipeline that reads dead letters as its input treats them as ordinary messages. Checks that their headers are
/// interpreted only in a replay.
#[test]
fn a_dead_letter_that_is_an_input_has_its_own_place() {
    let cluster = Cluster::shared();
    let first = Pipeline::new(cluster, "first", 1, SCRIPT);
    cluster.produce(&first.input, (0..10).map(|n| message(n, 4).partition(0)));
    // Kinds 0 (raise) at 2 and 1 (exit) at 6; the others have none.
    let mut running = first.start();
    first.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(1));
    let again = Pipeline::new(cluster, "again", 1, "raise KeyError('again')").reading(first.dead());
    let mut running = again.start();
    again.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(1));
    let letters = cluster.read(again.dead());
    assert_eq!(numbers(&letters), [2, 6]);
    for (letter, offset) in letters.iter().zip(["0", "1"]) {
        let header = |name: &str| letter.header_text(&format!("nerodia-error-{name}"));
        assert_eq!(header("type"), Some("KeyError"));
        assert_eq!(header("topic"), Some(first.dead()));
        assert_eq!(header("offset"), Some(offset));
        assert_eq!(header("attempts"), Some("1"));
        let types = letter.headers.iter();
        let types = types.filter(|(name, _)| name == "nerodia-error-type");
        assert_eq!(types.count(), 1, "{:?}", letter.headers);
    }
}

/// Only poison: more messages in a row than there are guests.
#[test]
fn nothing_but_poison() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(
        cluster,
        "flood",
        1,
        "import os\nif this['n'] % 2: os._exit(1)\nraise RuntimeError('x' * 100000)",
    );
    cluster.produce(
        &pipeline.input,
        (0..60).map(|n| Record::json(&json!({ "n": n }))),
    );
    let mut running = pipeline.start();
    pipeline.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(1));
    assert_eq!(cluster.count(&pipeline.output), 0);
    let letters = cluster.read(pipeline.dead());
    assert_eq!(
        numbers(&letters),
        (0..60).collect::<Vec<_>>(),
        "in their order"
    );
    let message = letters[0].header_text("nerodia-error-message");
    assert_eq!(
        message.map(str::len),
        Some(4096),
        "a long text is cut, or it would not fit"
    );
}

/// A script that fails for everything. Checks that most of the topic stays unread, and that a corrected script reads
/// it.
#[test]
fn too_many_failures_leave_the_rest_of_the_topic() {
    const ALL: u64 = 60_000;
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "typo", PARTITIONS, "root = thsi")
        .with("pipeline.max_failures", json!({ "share": 0.9, "of": 500 }))
        .with("pipeline.max_in_flight", "256KiB");
    let numbered =
        |n: u64| Record::json(&json!({ "n": n })).partition((n % PARTITIONS as u64) as i32);
    cluster.produce(&pipeline.input, (0..ALL).map(numbered));
    let (code, log) = pipeline.start().wait();
    assert_eq!(code, Some(1), "{log}");
    let last = log.lines().last().unwrap_or_default();
    assert!(
        last.contains("error: too many messages fail: 500 of the last 500")
            && last.contains("500 of them with NameError (at "),
        "{last}"
    );
    let letters = numbers(&cluster.read(pipeline.dead()));
    assert!(letters.len() < ALL as usize / 2, "{}", letters.len());
    // Everything that is committed has its dead letter; there may be more dead letters than that.
    let committed: i64 = cluster
        .committed(&pipeline.group, &pipeline.input)
        .values()
        .sum();
    assert!(committed as usize <= letters.len(), "{committed}");

    let mended = pipeline.clone().script("root = this");
    let mut running = mended.start();
    mended.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(0));
    let all: BTreeSet<u64> = letters
        .into_iter()
        .chain(numbers(&cluster.read(&pipeline.output)))
        .collect();
    assert_eq!(all, (0..ALL).collect(), "nothing is passed over");
}
