//! Tests of what scripts choose for a result: its key, headers, timestamp, topic, and the number of results.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::json;
use support::{Cluster, Pipeline, Record, numbers, recently, root, unique};

#[test]
fn scripts_choose_key_headers_timestamp_and_topic() {
    let cluster = Cluster::shared();
    let named = cluster.topic("named", 1);
    let pattern = unique("pattern");
    let by_pattern = cluster.topic(&format!("{pattern}-there"), 1);
    let not_allowed = cluster.topic("forbidden", 1);
    let script = "\
for name, value in this['set'].items():
    meta[name] = value.encode('latin-1') if name == 'key' and value else value
root = {'n': this['n']}
";
    let pipeline = Pipeline::new(cluster, "meta", 1, script).with(
        "output.kafka.topics_allowed",
        json!([named, format!("^{pattern}-")]),
    );
    let now = recently();
    let odd = "x".repeat(600);
    let sets = [
        json!({}),
        json!({ "key": "\u{ff}\u{0}binary" }),
        json!({ "key": null }),
        json!({ "headers": { "a": ["1", "2"], "b": null, "\u{e4}": "\u{e4}" } }),
        json!({ "headers": {} }),
        json!({ "timestamp": now - 5_000 }),
        json!({ "timestamp": null }),
        json!({ "topic": named }),
        json!({ "topic": by_pattern, "key": "there" }),
        json!({ "topic": not_allowed }),                          // 9
        json!({ "topic": format!("{pattern}-missing") }),         // 10
        json!({ "topic": "" }),                                   // 11
        json!({ "topic": format!("{pattern}-zero\u{0}") }),       // 12
        json!({ "topic": format!("{pattern}-{odd}") }),           // 13
        json!({ "topic": format!("{pattern}-in valid\u{e4}/") }), // 14
        json!({ "topic": format!("not-{pattern}-there") }),       // 15
        json!({ "key": 5 }),                                      // 16
        json!({ "headers": { "a\u{0}b": "zero" } }),              // 17
        json!({ "topic": null }),                                 // 18
    ];
    let records = sets.iter().enumerate().map(|(n, set)| {
        Record::json(&json!({ "n": n, "set": set }))
            .key("mine")
            .header("own", Some(b"1"))
            .timestamp(now)
    });
    pipeline.run(cluster, records, 1);

    let results: BTreeMap<u64, Record> = cluster
        .read(&pipeline.output)
        .into_iter()
        .map(|one| (numbers(std::slice::from_ref(&one))[0], one))
        .collect();
    let key = |n: u64| results[&n].key.as_deref();
    assert_eq!(
        results.keys().copied().collect::<Vec<_>>(),
        [0, 1, 2, 3, 4, 5, 6, 17, 18]
    );
    assert_eq!(
        (key(0), results[&0].timestamp),
        (Some(&b"mine"[..]), Some(now))
    );
    assert_eq!(
        results[&0].headers,
        [("own".to_owned(), Some(b"1".to_vec()))]
    );
    assert_eq!(key(1), Some(&b"\xff\x00binary"[..]));
    assert_eq!(key(2), None);
    let header = |name: &str, value: Option<&str>| {
        (
            name.to_owned(),
            value.map(|value| value.as_bytes().to_vec()),
        )
    };
    assert_eq!(
        results[&3].headers,
        [
            header("a", Some("1")),
            header("a", Some("2")),
            header("b", None),
            header("\u{e4}", Some("\u{e4}"))
        ]
    );
    assert_eq!(results[&4].headers, []);
    assert_eq!(results[&5].timestamp, Some(now - 5_000));
    assert!(
        results[&6].timestamp > Some(now + 50_000),
        "the time of writing"
    );
    assert_eq!(numbers(&cluster.read(&named)), [7]);
    let there = cluster.read(&by_pattern);
    assert_eq!(
        (numbers(&there), there[0].key.as_deref()),
        (vec![8], Some(&b"there"[..]))
    );
    assert_eq!(cluster.count(&not_allowed), 0);

    let letters = cluster.read(pipeline.dead());
    let mut kinds: Vec<(u64, &str)> = letters
        .iter()
        .map(|letter| {
            let kind = letter.header_text("nerodia-error-type").expect("a type");
            (numbers(std::slice::from_ref(letter))[0], kind)
        })
        .collect();
    // Failures of the script and refusals by the output come by different ways.
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        [
            (9, "TopicNotAllowed"),
            (10, "UnknownTopic"),
            (11, "TopicNotAllowed"),
            (12, "UnknownTopic"),
            (13, "UnknownTopic"),
            (14, "UnknownTopic"),
            (15, "TopicNotAllowed"),
            (16, "AttributeError"),
        ]
    );
    for letter in &letters {
        assert_eq!(letter.key.as_deref(), Some(&b"mine"[..]), "its own");
        assert_eq!(letter.timestamp, Some(now));
    }
}

/// Checks that a timestamp that brokers refuse (they allow an hour from now) fails only its own message. One from
/// before 1970 is written.
#[test]
fn timestamps_that_brokers_refuse() {
    let cluster = Cluster::shared();
    let script = "meta['timestamp'] = this['at']\nroot = {'n': this['n']}";
    let pipeline = Pipeline::new(cluster, "time", 1, script);
    let record = |n: u64, at: i64| Record::json(&json!({ "n": n, "at": at }));
    let (now, ahead) = (recently(), recently() + 1_000_000_000);
    let records = [record(0, -5), record(1, ahead), record(2, now)];
    pipeline.run(cluster, records, 1);
    let results = cluster.read(&pipeline.output);
    assert_eq!(numbers(&results), [0, 2]);
    let timestamps: Vec<_> = results.iter().map(|result| result.timestamp).collect();
    assert_eq!(timestamps, [Some(-5), Some(now)]);
    let letters = cluster.read(pipeline.dead());
    assert_eq!(numbers(&letters), [1]);
    assert_eq!(
        letters[0].header_text("nerodia-error-type"),
        Some("InvalidTimestamp")
    );
    let said = letters[0].header_text("nerodia-error-message");
    assert!(
        said.is_some_and(|said| said.contains(&pipeline.output)
            && said.contains(&format!("the timestamp {ahead}"))),
        "{said:?}"
    );
}

#[test]
fn several_results_of_a_message() {
    let cluster = Cluster::shared();
    let script = "\
for i in range(this['count']):
    emit({'n': i}, key=f'{meta[\"key\"]}-{i}', headers={'i': str(i)}, timestamp=meta['timestamp'] - i)
emit(None)
root = {'n': 99} if this['last'] else None
";
    let pipeline = Pipeline::new(cluster, "several", 1, script);
    let now = recently();
    let record = |count: u64, last: bool| {
        Record::json(&json!({ "count": count, "last": last }))
            .key("k")
            .timestamp(now)
    };
    pipeline.run(
        cluster,
        [
            record(3, true),
            record(0, false),
            record(2, false),
            record(0, true),
        ],
        0,
    );
    let results = cluster.read(&pipeline.output);
    assert_eq!(numbers(&results), [0, 1, 2, 99, 0, 1, 99]);
    assert_eq!(results[1].key.as_deref(), Some(&b"k-1"[..]));
    assert_eq!(results[1].headers, [("i".to_owned(), Some(b"1".to_vec()))]);
    assert_eq!(results[1].timestamp, Some(now - 1));
    assert_eq!(
        (results[3].key.as_deref(), results[3].timestamp),
        (Some(&b"k"[..]), Some(now))
    );
}

/// Checks that keys go to the partitions that Java's own producer chooses.
#[test]
fn java_partitioner() {
    const PARTITIONS: i32 = 12;
    let cluster = Cluster::shared();
    let java = cluster.topic("java", PARTITIONS);
    let keys: Vec<String> = (0..300)
        .map(|n| match n % 4 {
            0 => format!("order-{n}"),
            1 => format!("{n}"),
            2 => "\u{e4}\u{20ac}".repeat(n % 7 + 1) + &n.to_string(),
            _ => "k".repeat(n / 4 + 1),
        })
        .collect();
    let mut lines = String::new();
    for key in &keys {
        lines += &format!("{key}|{{\"n\": 1}}\n");
    }
    let mut tool = Command::new("bash")
        .arg(root().join("scripts/kafka.sh"))
        .args(["tool", "ConsoleProducer"])
        .args([
            "--name",
            "tests",
            "--bootstrap-server",
            cluster.addresses(),
            "--topic",
            &java,
        ])
        .args([
            "--reader-property",
            "parse.key=true",
            "--reader-property",
            "key.separator=|",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("bash is there");
    tool.stdin
        .take()
        .expect("piped")
        .write_all(lines.as_bytes())
        .expect("it reads");
    assert!(tool.wait().expect("it ends").success());

    let pipeline = Pipeline::new(cluster, "murmur", PARTITIONS, "root = this");
    // Spread without regard to their keys.
    let records = keys.iter().enumerate().map(|(n, key)| {
        Record::json(&json!({ "n": 1 }))
            .key(key.as_str())
            .partition((n % 12) as i32)
    });
    pipeline.run(cluster, records, 0);
    let places = |topic: &str| -> BTreeMap<Vec<u8>, i32> {
        let records = cluster.read(topic).into_iter();
        records
            .map(|one| (one.key.expect("a key"), one.partition))
            .collect()
    };
    let javas = places(&java);
    assert_eq!(javas.len(), 300);
    assert_eq!(places(&pipeline.output), javas);
    let used: BTreeSet<i32> = javas.values().copied().collect();
    assert_eq!(used.len(), 12);
}
