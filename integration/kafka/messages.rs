//! What messages may be, and what scripts may make of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::bindings as native;
use rdkafka::producer::{DefaultProducerContext, Producer as _, ThreadedProducer};
use serde_json::{Value, json};
use support::{
    Cluster, PATIENCE, Pipeline, Record, errors, kafka_sh, logged, numbered, numbers, recently,
    root, send, unique,
};

/// Runs a pipeline over `records` to the end of its input.
fn run(pipeline: &Pipeline, records: impl IntoIterator<Item = Record>, code: i32) -> String {
    let cluster = Cluster::shared();
    cluster.produce(&pipeline.input, records);
    let mut running = pipeline.start();
    pipeline.await_all_committed(cluster, &mut running);
    let (ended, log) = running.terminate();
    assert_eq!(ended, Some(code), "{log}");
    log
}

fn range(from: u64, to: u64) -> Vec<u64> {
    (from..to).collect()
}

#[test]
fn tombstones_empty_payloads_and_drops() {
    let cluster = Cluster::shared();
    let script = "\
if this is None:
    root = {'key': meta['key'], 'offset': meta['offset'], 'topic': meta['topic'], 'headers': meta['headers']}
elif this.get('empty'):
    root = b''
else:
    root = None
";
    let pipeline = Pipeline::new(cluster, "tombstones", 1, script);
    let tombstone = Record {
        payload: None,
        ..numbered(0)
    };
    let records = [
        tombstone.clone().key("gone").header("h", Some(b"v")),
        Record::bytes("").key("empty"),
        Record::json(&json!({ "empty": true })).key("made empty"),
        Record::json(&json!({ "dropped": true })).key("dropped"),
        tombstone,
    ];
    run(&pipeline, records, 0);
    let results = cluster.read(&pipeline.output);
    assert_eq!(results.len(), 4);
    let topic = &pipeline.input;
    assert_eq!(
        results[0].value(),
        json!({ "key": "gone", "offset": 0, "topic": topic, "headers": { "h": "v" } })
    );
    assert_eq!(results[1].value()["key"], "empty");
    assert_eq!(
        results[2].payload.as_deref(),
        Some(&b""[..]),
        "empty, but there"
    );
    assert_eq!(results[3].value()["key"], Value::Null);
    assert_eq!(results[3].key, None);

    // A tombstone whose script fails is a tombstone among the dead letters too.
    let failing = Pipeline::new(cluster, "tombstone-fails", 1, "root = this['n']");
    let tombstone = Record {
        payload: None,
        ..numbered(0)
    };
    run(
        &failing,
        [tombstone.key("gone"), Record::bytes("").key("")],
        1,
    );
    let letters = cluster.read(failing.dead());
    assert_eq!(letters[0].payload, None);
    assert_eq!(letters[0].key.as_deref(), Some(&b"gone"[..]));
    assert_eq!(letters[1].payload.as_deref(), Some(&b""[..]));
    assert_eq!(
        letters[1].key.as_deref(),
        Some(&b""[..]),
        "empty, but there"
    );
}

/// Every compression in, and out: what lies in the output's log is what was asked for.
#[test]
fn compressions() {
    let cluster = Cluster::shared();
    let kinds = ["none", "gzip", "snappy", "lz4", "zstd"];
    let mut running = Vec::new();
    for (index, kind) in kinds.iter().enumerate() {
        let pipeline = Pipeline::new(cluster, kind, 1, "root = this")
            .with("output.kafka.compression", kinds[(index + 1) % kinds.len()])
            .with("pipeline.threads", 1);
        let record = |n| Record::json(&json!({ "n": n, "text": "x".repeat(500) }));
        cluster.produce_with(
            &pipeline.input,
            &[("compression.codec", kind), ("linger.ms", "50")],
            (0..500).map(record),
        );
        running.push((pipeline.start(), pipeline));
    }
    let mut files = Vec::new();
    for (mut running, pipeline) in running {
        pipeline.await_all_committed(cluster, &mut running);
        assert_eq!(running.terminate().0, Some(0));
        assert_eq!(numbers(&cluster.read(&pipeline.output)), range(0, 500));
        files.extend([pipeline.input, pipeline.output]);
    }
    if std::env::var_os("KAFKA_ADDRESSES").is_some() {
        return; // somebody else's broker: its files are not at hand
    }
    let data = cluster.folder(1).join("data");
    let paths: Vec<String> = files
        .iter()
        .map(|topic| format!("{}/{topic}-0/00000000000000000000.log", data.display()))
        .collect();
    let dump = kafka_sh(&[
        "tool",
        "DumpLogSegments",
        "--name",
        "tests",
        "--files",
        &paths.join(","),
    ]);
    let mut found: Vec<BTreeSet<&str>> = Vec::new();
    for line in dump.lines() {
        if line.starts_with("Dumping ") {
            found.push(BTreeSet::new());
        }
        let mut words = line
            .split_whitespace()
            .skip_while(|word| *word != "compresscodec:");
        if let (Some(_), Some(codec)) = (words.next(), words.next()) {
            found.last_mut().expect("a file").insert(codec);
        }
    }
    let expected =
        (0..kinds.len()).flat_map(|index| [kinds[index], kinds[(index + 1) % kinds.len()]]);
    let expected: Vec<BTreeSet<&str>> = expected.map(|kind| BTreeSet::from([kind])).collect();
    assert_eq!(found, expected, "{dump}");
}

#[test]
fn messages_of_8_mb() {
    const SIZE: usize = 8_000_000;
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(
        cluster,
        "large",
        1,
        "root = this[::-1] if isinstance(this, str) else this",
    )
    .with("output.kafka.max_message_bytes", "9MiB")
    .with("dead_letter.kafka.max_message_bytes", "9MiB")
    .with("guests.max_output", "9MiB")
    .with("guests.timeout", "30s");
    let large = |n: u8| {
        let mut bytes = vec![b'x'; SIZE];
        bytes[0] = b'0' + n;
        // No UTF-8 but in the odd ones: those reach the script as bytes, and leave as they are.
        if n.is_multiple_of(2) {
            bytes[SIZE - 1] = 0xff;
        }
        bytes
    };
    let records = (0..6).map(|n| Record::bytes(large(n)).key([n]));
    run(&pipeline, records, 0);
    let results = cluster.read(&pipeline.output);
    assert_eq!(results.len(), 6);
    for (n, result) in results.iter().enumerate() {
        let mut sent = large(n as u8);
        if n % 2 == 1 {
            sent.reverse();
            sent = [b"\"", &sent[..], b"\""].concat();
        }
        assert!(
            result.payload.as_deref() == Some(&sent[..]),
            "message {n} is another one"
        );
    }
}

/// A result that is too large is the message's failure; a dead letter that is too large is cut.
#[test]
fn too_large() {
    let cluster = Cluster::shared();
    let script = "root = {'n': this['n'], 'text': 'x' * this['size']}";
    let pipeline = Pipeline::new(cluster, "too-large", 1, script);
    let record = |n: u64, size: u64| Record::json(&json!({ "n": n, "size": size })).key("k");
    let sizes = [10, 2_000_000, 10, 999_900, 10];
    run(
        &pipeline,
        sizes.iter().zip(0..).map(|(&size, n)| record(n, size)),
        1,
    );
    assert_eq!(numbers(&cluster.read(&pipeline.output)), [0, 2, 3, 4]);
    let letters = cluster.read(pipeline.dead());
    assert_eq!(numbers(&letters), [1]);
    assert_eq!(
        letters[0].header_text("nerodia-error-type"),
        Some("TooLarge")
    );
    assert_eq!(letters[0].header_text("nerodia-error-offset"), Some("1"));
    let message = letters[0]
        .header_text("nerodia-error-message")
        .expect("a text");
    assert!(message.contains("max_message_bytes"), "{message}");

    // Of several results of a message, none leaves if one is too large.
    let script = "emit({'n': this['n']})\nemit('x' * this['size'])\nroot = {'n': this['n']}";
    let several = Pipeline::new(cluster, "several-large", 1, script);
    run(&several, [record(0, 2_000_000)], 1);
    assert_eq!(cluster.count(&several.output), 0);
    assert_eq!(cluster.count(several.dead()), 1);

    // Without dead letters: ends before it.
    let stop =
        Pipeline::new(cluster, "large-stop", 1, "root = 'x' * this['size']").without_dead_letters();
    cluster.produce(
        &stop.input,
        [record(0, 1), record(1, 2_000_000), record(2, 1)],
    );
    for _ in 0..2 {
        let (code, log) = stop.start().wait();
        let errors = errors(&log);
        assert_eq!((code, errors.len()), (Some(1), 1), "{log}");
        assert!(
            errors[0].contains("TooLarge") && errors[0].contains("offset 1"),
            "{errors:?}"
        );
        assert_eq!(cluster.committed(&stop.group, &stop.input)[&0], 1);
        assert_eq!(cluster.count(&stop.output), 1);
    }

    // Thrown away, if so asked.
    let drop = stop.clone().with("pipeline.on_error", "drop");
    let mut running = drop.start();
    drop.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(0));
    assert_eq!(cluster.count(&drop.output), 2);

    // A dead letter that is too large is cut.
    let letter = Pipeline::new(cluster, "letter-large", 1, "raise ValueError('no')");
    let large = Record::bytes(vec![b'x'; 2_000_000]);
    run(&letter, [record(0, 1), large, record(2, 1)], 1);
    let letters = cluster.read(letter.dead());
    let size = letters[1].header_text("nerodia-error-payload-size");
    assert_eq!((letters.len(), size), (3, Some("2000000")));
}

/// A result that the config lets through and the topic does not is the message's failure, too.
#[test]
fn larger_than_the_topic_takes() {
    let cluster = Cluster::shared();
    let small = cluster.topic_with("small", 1, &[("max.message.bytes", "10000")]);
    let pipeline = Pipeline::new(cluster, "refused", 1, "root = 'x' * 20000")
        .with("output.kafka.topic", small);
    run(&pipeline, [numbered(0)], 1);
    let letters = cluster.read(pipeline.dead());
    let types: Vec<_> = letters
        .iter()
        .map(|letter| letter.header_text("nerodia-error-type"))
        .collect();
    assert_eq!(types, [Some("TooLarge")]);
}

/// Writes a message whose header names are any bytes, which `rdkafka` itself cannot.
fn produce_raw(cluster: &Cluster, topic: &str, headers: &[(&[u8], Option<&[u8]>)]) {
    use rdkafka::bindings::rd_kafka_vtype_t::*;
    let producer: ThreadedProducer<DefaultProducerContext> =
        cluster.client().create().expect("a producer");
    let name = std::ffi::CString::new(topic).expect("a name");
    let payload = b"{\"n\": 1}";
    // SAFETY: all pointers live until the calls return; librdkafka copies the payload and takes the headers.
    let error = unsafe {
        let list = native::rd_kafka_headers_new(headers.len());
        for (name, value) in headers {
            let (value, size) =
                value.map_or((std::ptr::null(), 0), |value| (value.as_ptr(), value.len()));
            native::rd_kafka_header_add(
                list,
                name.as_ptr().cast(),
                name.len() as isize,
                value.cast(),
                size as isize,
            );
        }
        native::rd_kafka_producev(
            producer.client().native_ptr(),
            RD_KAFKA_VTYPE_TOPIC,
            name.as_ptr(),
            RD_KAFKA_VTYPE_MSGFLAGS,
            native::RD_KAFKA_MSG_F_COPY,
            RD_KAFKA_VTYPE_VALUE,
            payload.as_ptr(),
            payload.len(),
            RD_KAFKA_VTYPE_HEADERS,
            list,
            RD_KAFKA_VTYPE_END,
        )
    };
    assert_eq!(
        error,
        native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
    );
    producer.flush(PATIENCE).expect("written");
}

/// Repeated and binary headers, and names that are not UTF-8, empty or have a zero in them: none stops the pipeline.
#[test]
fn strange_headers() {
    let cluster = Cluster::shared();
    for script in [
        "root = this",
        "meta['key'] = str(meta['headers'])\nroot = this",
        "raise ValueError('no')",
    ] {
        let pipeline = Pipeline::new(cluster, "headers", 1, script);
        cluster.produce(&pipeline.input, [numbered(0)]);
        produce_raw(
            cluster,
            &pipeline.input,
            &[
                (b"twice", Some(b"1")),
                (b"bad-\xff\xfe", Some(b"\xff\x00")),
                (b"", Some(b"empty name")),
                (b"zero-\0-in", Some(b"z")),
                (b"twice", None),
                (b"large", Some(&[7; 50_000])),
            ],
        );
        cluster.produce(&pipeline.input, [numbered(2)]);
        let fails = script.starts_with("raise");
        run(&pipeline, [], i32::from(fails));
        let topic = if fails {
            pipeline.dead()
        } else {
            &pipeline.output
        };
        let results = cluster.read(topic);
        assert_eq!(numbers(&results), [0, 1, 2]);
        let mut headers = results[1].headers.clone();
        headers.retain(|(name, _)| !name.starts_with("nerodia-error-"));
        println!(
            "{:?}",
            headers.iter().map(|(name, _)| name).collect::<Vec<_>>()
        );
        assert_eq!(headers.len(), 6);
        assert_eq!(headers[0], ("twice".into(), Some(b"1".to_vec())));
        assert_eq!(
            headers[1],
            ("bad-\u{fffd}\u{fffd}".into(), Some(b"\xff\x00".to_vec()))
        );
        assert_eq!(headers[2], (String::new(), Some(b"empty name".to_vec())));
        assert_eq!(headers[4], ("twice".into(), None));
        assert_eq!(headers[5].1.as_ref().map(Vec::len), Some(50_000));
    }
}

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
    run(&pipeline, records, 1);

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
    // What a script fails at and what the output refuses come by two ways.
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

/// A timestamp that no broker takes (it allows an hour from now) fails its message alone. One from before 1970 is
/// written.
#[test]
fn timestamps_that_brokers_refuse() {
    let cluster = Cluster::shared();
    let script = "meta['timestamp'] = this['at']\nroot = {'n': this['n']}";
    let pipeline = Pipeline::new(cluster, "time", 1, script);
    let record = |n: u64, at: i64| Record::json(&json!({ "n": n, "at": at }));
    let (now, ahead) = (recently(), recently() + 1_000_000_000);
    let records = [record(0, -5), record(1, ahead), record(2, now)];
    run(&pipeline, records, 1);
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
    run(
        &pipeline,
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

/// Keys land where Java's own producer puts them.
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
    run(&pipeline, records, 0);
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

#[test]
fn topics_by_pattern() {
    let cluster = Cluster::shared();
    let stem = unique("orders");
    let mut topics: Vec<String> = (0..3)
        .map(|n| cluster.topic(&format!("{stem}-{n}"), 2))
        .collect();
    let other = cluster.topic(&format!("other-{stem}"), 1);
    let plain = cluster.topic("plain", 1);
    let pipeline = Pipeline::new(
        cluster,
        "pattern",
        1,
        "root = {'n': this['n'], 'from': meta['topic']}",
    )
    .with("input.kafka.topics", json!([format!("^{stem}-.*"), plain]))
    .with(
        "input.kafka.properties",
        json!({ "topic.metadata.refresh.interval.ms": 1000 }),
    );
    cluster.produce(&other, [numbered(0)]);
    let mut running = pipeline.start();
    running.await_logged("partitions assigned", 1);
    // One that is made later is found, and read from its beginning.
    topics.push(cluster.topic(&format!("{stem}-later"), 2));
    topics.push(plain);
    for topic in &topics {
        cluster.produce(topic, (0..100).map(numbered));
    }
    for topic in &topics {
        let ends = cluster.ends(topic);
        running.eventually(&format!("all of {topic}"), || {
            let committed = cluster.committed(&pipeline.group, topic);
            (committed == ends)
                .then_some(())
                .ok_or(format!("{committed:?}"))
        });
    }
    assert_eq!(running.terminate().0, Some(0));
    let mut from: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in cluster.read(&pipeline.output) {
        let value = record.value();
        let topic = value["from"].as_str().expect("a topic").to_owned();
        from.entry(topic)
            .or_default()
            .push(value["n"].as_u64().expect("a number"));
    }
    topics.sort();
    assert_eq!(from.keys().cloned().collect::<Vec<_>>(), topics);
    for (topic, mut numbers) in from {
        numbers.sort_unstable();
        assert_eq!(numbers, range(0, 100), "{topic}");
    }
}

#[test]
fn from_the_newest() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "newest", 1, "root = this")
        .with("input.kafka.start_from_oldest", false);
    cluster.produce(&pipeline.input, (0..100).map(numbered));
    let mut running = pipeline.start();
    running.await_logged("partitions assigned", 1);
    let mut n = 100;
    running.eventually("a new message", || {
        n += 1;
        cluster.produce(&pipeline.input, [numbered(n)]);
        (cluster.count(&pipeline.output) > 0)
            .then_some(())
            .ok_or("none".into())
    });
    pipeline.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(0));
    let first = numbers(&cluster.read(&pipeline.output))[0];
    assert!(first > 100, "{first} is an old one");
    // What comes while it does not run is not new any more, but comes after the position.
    cluster.produce(&pipeline.input, [numbered(n + 1)]);
    let mut running = pipeline.start();
    pipeline.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(0));
    assert_eq!(
        numbers(&cluster.read(&pipeline.output)),
        range(first, n + 2)
    );
}

/// Markers of transactions are offsets without a message; what was rolled back is not seen.
#[test]
fn transactions_in_the_input() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(
        cluster,
        "gaps",
        2,
        "root = {'n': this['n'], 'offset': meta['offset']}",
    );
    let producer: ThreadedProducer<DefaultProducerContext> = cluster
        .client()
        .set("transactional.id", unique("writer"))
        .create()
        .expect("a producer");
    producer.init_transactions(PATIENCE).expect("transactions");
    let mut committed = 0;
    for round in 0..40u64 {
        producer.begin_transaction().expect("begun");
        for n in 0..25 {
            let record = numbered(round * 25 + n).partition((n % 2) as i32);
            send(&producer, &pipeline.input, &record);
        }
        producer.flush(PATIENCE).expect("written");
        if round % 4 == 3 {
            producer.abort_transaction(PATIENCE).expect("rolled back");
        } else {
            producer.commit_transaction(PATIENCE).expect("committed");
            committed += 25;
        }
    }
    let seen = cluster.read(&pipeline.input);
    assert_eq!(seen.len(), committed);
    let after = |partition: i32, records: &[Record]| {
        let own = records
            .iter()
            .filter(|record| record.partition == partition);
        own.map(|record| record.offset + 1).max().expect("some")
    };
    for round in 0..2 {
        let mut running = pipeline.start_and_join();
        running.eventually("the last message of each partition is committed", || {
            let committed = cluster.committed(&pipeline.group, &pipeline.input);
            let reached = (0..2).all(|partition| committed[&partition] >= after(partition, &seen));
            reached.then_some(()).ok_or(format!("{committed:?}"))
        });
        assert_eq!(running.terminate().0, Some(0));
        // Started again, there is nothing to read.
        assert_eq!(
            cluster.count(&pipeline.output) as usize,
            committed,
            "round {round}"
        );
        let ends = cluster.ends(&pipeline.input);
        let point = cluster.committed(&pipeline.group, &pipeline.input);
        println!("committed {point:?} of {ends:?}");
        assert!((0..2).all(|partition| point[&partition] <= ends[&partition]));
    }
    let mut results = numbers(&cluster.read(&pipeline.output));
    results.sort_unstable();
    let mut expected = numbers(&seen);
    expected.sort_unstable();
    assert_eq!(results, expected);

    // Killed and started again in the midst of gaps, with the positions that it committed.
    let more: Vec<u64> = (1_000..1_010).collect();
    producer.begin_transaction().expect("begun");
    for &n in &more {
        send(&producer, &pipeline.input, &numbered(n).partition(0));
    }
    producer.flush(PATIENCE).expect("written");
    producer.commit_transaction(PATIENCE).expect("committed");
    let mut running = pipeline.start();
    running.eventually("ten more", || {
        let count = cluster.count(&pipeline.output) as usize;
        (count == committed + 10)
            .then_some(())
            .ok_or(format!("{count}"))
    });
    assert_eq!(running.terminate().0, Some(0));
    let results = numbers(&cluster.read(&pipeline.output));
    assert_eq!(results[results.len() - 10..].len(), more.len());
    assert_eq!(cluster.count(&pipeline.output) as usize, committed + 10);
}

/// The position was deleted while nobody ran (retention): it begins at the oldest message and says so.
#[test]
fn positions_that_are_no_longer_there() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "deleted", 1, "root = this");
    run(&pipeline, (0..10).map(numbered), 0);
    cluster.produce(&pipeline.input, (10..40).map(numbered));
    cluster.delete_before(&pipeline.input, 0, 30);
    cluster.produce(&pipeline.input, [numbered(40)]);
    let log = run(&pipeline, [], 0);
    assert_eq!(
        numbers(&cluster.read(&pipeline.output)),
        [range(0, 10), range(30, 41)].concat()
    );
    let warned = logged(&log, "records were deleted before they were read");
    assert_eq!(warned.len(), 1, "{log}");
    assert_eq!(
        (&warned[0]["committed"], &warned[0]["offset"]),
        (&json!(10), &json!(30))
    );
    assert_eq!(warned[0]["count"], 20);
}

/// A batch that waits to be full keeps no more room than it needs: others of its kind wait beside it, not behind it.
#[test]
fn many_partitions_with_few_messages_wait_together() {
    const PARTITIONS: i32 = 40;
    const PERIOD: Duration = Duration::from_secs(15);
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "waiting", PARTITIONS, "root = this").with(
        "input.kafka.batching",
        json!({ "count": 100, "period": "15s" }),
    );
    let records = (0..PARTITIONS).map(|n| numbered(n as u64).partition(n));
    cluster.produce(&pipeline.input, records);
    let mut running = pipeline.start();
    let first = std::cell::Cell::new(None);
    running.eventually("all results are there", || {
        let count = cluster.count(&pipeline.output);
        if count > 0 && first.get().is_none() {
            first.set(Some(Instant::now()));
        }
        (count == i64::from(PARTITIONS))
            .then_some(())
            .ok_or(format!("{count}"))
    });
    // With room for sixteen at a time there were three rounds.
    let spread = first.get().expect("a first one").elapsed();
    assert!(spread < PERIOD, "{spread:?} from the first to the last");
    running.terminate();
}
