//! Tests of unusual messages: tombstones, large ones, compressed ones, with headers of any kind.

use std::collections::BTreeSet;

use rdkafka::bindings as native;
use rdkafka::producer::{DefaultProducerContext, Producer as _, ThreadedProducer};
use serde_json::{Value, json};
use support::{Cluster, PATIENCE, Pipeline, Record, errors, kafka_sh, numbered, numbers};

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
    pipeline.run(cluster, records, 0);
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

    // A tombstone whose script fails is also a tombstone among the dead letters.
    let failing = Pipeline::new(cluster, "tombstone-fails", 1, "root = this['n']");
    let tombstone = Record {
        payload: None,
        ..numbered(0)
    };
    failing.run(
        cluster,
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

/// Checks every compression, in and out: the output's log has the requested one.
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
        assert_eq!(
            numbers(&cluster.read(&pipeline.output)),
            (0..500).collect::<Vec<_>>()
        );
        files.extend([pipeline.input, pipeline.output]);
    }
    if std::env::var_os("KAFKA_ADDRESSES").is_some() {
        return; // a broker of another machine: its files cannot be read
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
        // Only the odd ones are not UTF-8: these reach the script as bytes, and leave unchanged.
        if n.is_multiple_of(2) {
            bytes[SIZE - 1] = 0xff;
        }
        bytes
    };
    let records = (0..6).map(|n| Record::bytes(large(n)).key([n]));
    pipeline.run(cluster, records, 0);
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

/// Checks that a result that is too large fails its message, and that a dead letter that is too large is cut.
#[test]
fn too_large() {
    let cluster = Cluster::shared();
    let script = "root = {'n': this['n'], 'text': 'x' * this['size']}";
    let pipeline = Pipeline::new(cluster, "too-large", 1, script);
    let record = |n: u64, size: u64| Record::json(&json!({ "n": n, "size": size })).key("k");
    let sizes = [10, 2_000_000, 10, 999_900, 10];
    pipeline.run(
        cluster,
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

    // If one of several results of a message is too large, none is written.
    let script = "emit({'n': this['n']})\nemit('x' * this['size'])\nroot = {'n': this['n']}";
    let several = Pipeline::new(cluster, "several-large", 1, script);
    several.run(cluster, [record(0, 2_000_000)], 1);
    assert_eq!(cluster.count(&several.output), 0);
    assert_eq!(cluster.count(several.dead()), 1);

    // Without dead letters the pipeline ends before it.
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

    // It is dropped, if the config says so.
    let drop = stop.clone().with("pipeline.on_error", "drop");
    let mut running = drop.start();
    drop.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(0));
    assert_eq!(cluster.count(&drop.output), 2);

    // A dead letter that is too large is cut.
    let letter = Pipeline::new(cluster, "letter-large", 1, "raise ValueError('no')");
    let large = Record::bytes(vec![b'x'; 2_000_000]);
    letter.run(cluster, [record(0, 1), large, record(2, 1)], 1);
    let letters = cluster.read(letter.dead());
    let size = letters[1].header_text("nerodia-error-payload-size");
    assert_eq!((letters.len(), size), (3, Some("2000000")));
}

/// Checks that a result that the config allows and the topic does not also fails its message.
#[test]
fn larger_than_the_topic_takes() {
    let cluster = Cluster::shared();
    let small = cluster.topic_with("small", 1, &[("max.message.bytes", "10000")]);
    let pipeline = Pipeline::new(cluster, "refused", 1, "root = 'x' * 20000")
        .with("output.kafka.topic", small);
    pipeline.run(cluster, [numbered(0)], 1);
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
    // SAFETY: all pointers live until the calls return; librdkafka copies the payload and takes ownership of the
    // headers.
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

/// Checks that repeated and binary headers, and names that are not UTF-8, empty or contain a zero, do not stop the
/// pipeline.
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
        pipeline.run(cluster, [], i32::from(fails));
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

/// Checks that `static_headers` are added as Bento adds them: behind the headers of the message, or of the script.
#[test]
fn static_headers_are_added() {
    let cluster = Cluster::shared();
    let script = "\
root = this
if this['set']:
    meta['headers'] = {'own': 'script'}
";
    let pipeline = Pipeline::new(cluster, "static", 1, script)
        .with("output.kafka.static_headers", json!({ "source": "bento" }));
    let record = |set: bool| Record::json(&json!({ "set": set })).header("source", Some(b"here"));
    pipeline.run(cluster, [record(false), record(true)], 0);
    let results = cluster.read(&pipeline.output);
    let header = |name: &str, value: &str| (name.to_owned(), Some(value.as_bytes().to_vec()));
    assert_eq!(
        results[0].headers,
        [header("source", "here"), header("source", "bento")]
    );
    assert_eq!(
        results[1].headers,
        [header("own", "script"), header("source", "bento")]
    );
}
