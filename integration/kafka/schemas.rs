//! Messages with schemas: what a registry that is real, slow, closed or wrong makes of them.

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Cluster, FakeRegistry, Pipeline, RealRegistry, Record, Signal};

mod outages;

/// Schema of `{"id": long, "name": string}`.
const NAMED: &str = r#"{"type": "record", "name": "Named", "fields": [
    {"name": "id", "type": "long"}, {"name": "name", "type": "string"}]}"#;

/// Appends a number as Avro writes it.
fn long(out: &mut Vec<u8>, value: i64) {
    let mut left = ((value << 1) ^ (value >> 63)) as u64;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

/// Returns a payload with the schema `schema` that has the fields of [`NAMED`].
fn named(schema: u32, id: i64, name: &str) -> Vec<u8> {
    let mut payload = vec![0];
    payload.extend_from_slice(&schema.to_be_bytes());
    long(&mut payload, id);
    long(&mut payload, name.len() as i64);
    payload.extend_from_slice(name.as_bytes());
    payload
}

/// Returns schema, id and name of such a payload.
fn read(payload: &[u8]) -> (u32, i64, String) {
    let (schema, mut rest) = payload[1..].split_first_chunk().expect("a schema");
    assert_eq!(payload[0], 0);
    let mut long = || {
        let (mut value, mut shift) = (0u64, 0);
        loop {
            let (&byte, after) = rest.split_first().expect("a number");
            rest = after;
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break (value >> 1) as i64 ^ -((value & 1) as i64);
            }
        }
    };
    let (id, length) = (long(), long());
    assert_eq!(rest.len() as i64, length);
    let name = String::from_utf8(rest.to_vec()).expect("UTF-8");
    (u32::from_be_bytes(*schema), id, name)
}

/// Returns a pipeline that reads and writes Avro with this registry.
fn avro(cluster: &Cluster, name: &str, partitions: i32, url: &str, script: &str) -> Pipeline {
    Pipeline::new(cluster, name, partitions, script)
        .with("schema_registry", json!({ "url": url }))
        .with("input.kafka.format", "avro")
}

/// Returns the type of failure of each dead letter, with its text.
fn failures(cluster: &Cluster, pipeline: &Pipeline) -> Vec<(String, String)> {
    let header = |record: &Record, name: &str| {
        let header = record.headers.iter().find(|(found, _)| found == name);
        let value = header.and_then(|(_, value)| value.clone());
        String::from_utf8(value.unwrap_or_default()).expect("UTF-8")
    };
    let dead = cluster.read(pipeline.dead());
    let dead = dead.iter().map(|record| {
        (
            header(record, "nerodia-error-type"),
            header(record, "nerodia-error-message"),
        )
    });
    dead.collect()
}

#[test]
fn avro_goes_in_and_out_with_a_real_registry() {
    let cluster = Cluster::shared();
    let registry = RealRegistry::start("kafka-tests");
    let script = "root = tombstone() if meta['tombstone'] else {'name': this['name'].upper(), 'id': -this['id']}";
    let pipeline =
        avro(cluster, "avro", 1, registry.url(), script).with("output.kafka.format", "avro");
    let other = r#"{"type": "record", "name": "Other", "fields": [{"name": "id", "type": "int"}]}"#;
    let id = registry.register(&format!("{}-value", pipeline.input), "AVRO", NAMED);
    let without_name = registry.register("other", "AVRO", other);
    let written = registry.register(&format!("{}-value", pipeline.output), "AVRO", NAMED);
    let records = [
        Record::bytes(named(id, 7, "a")).key("k"),
        Record::bytes(b"{\"id\": 1}".as_slice()),
        Record::bytes(named(id, 1 << 40, "\u{e9}")),
        Record {
            payload: None,
            ..Record::bytes("").key("gone")
        },
        Record::bytes(named(999_999, 1, "x")),
        Record::bytes(&named(id, 1, "cut")[..8]),
        Record::bytes([&[0][..], &without_name.to_be_bytes(), &[4]].concat()),
        Record::bytes(named(id, -1, "")),
    ];
    pipeline.run(cluster, records, 1);
    let out = cluster.read(&pipeline.output);
    let seen: Vec<_> = out
        .iter()
        .map(|record| record.payload.as_deref().map(read))
        .collect();
    let expected = [
        Some((written, -7, "A".to_owned())),
        Some((written, -(1 << 40), "\u{c9}".to_owned())),
        None,
        Some((written, 1, String::new())),
    ];
    assert_eq!(seen, expected);
    assert_eq!(out[0].key.as_deref(), Some(&b"k"[..]));
    let failures = failures(cluster, &pipeline);
    let kinds: Vec<&str> = failures.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["NotFramed", "UnknownSchema", "NotAvro", "KeyError"],
        "{failures:?}"
    );
}

#[test]
fn a_result_that_does_not_fit_is_a_dead_letter_that_names_the_field() {
    let cluster = Cluster::shared();
    let registry = FakeRegistry::start();
    registry.put(5, "AVRO", NAMED);
    registry.put(
        6,
        "JSON",
        r#"{"properties": {"id": {"type": "integer"}}, "required": ["id"]}"#,
    );
    for (name, format, id) in [("mismatch", "avro", 5), ("mismatch-json", "json_schema", 6)] {
        let script = "root = {'id': this['x'], 'name': 'n'}";
        let pipeline = Pipeline::new(cluster, name, 1, script)
            .with("schema_registry", json!({ "url": registry.url() }))
            .with(
                "output.kafka.format",
                json!({ "type": format, "schema_id": id }),
            );
        let records = ["1", "\"text\"", "2"].map(|x| Record::bytes(format!("{{\"x\": {x}}}")));
        pipeline.run(cluster, records, 1);
        let out = cluster.read(&pipeline.output);
        assert_eq!(out.len(), 2);
        for record in &out {
            let payload = record.payload.as_deref().expect("a payload");
            assert_eq!(payload[..5], [0, 0, 0, 0, id]);
        }
        let failures = failures(cluster, &pipeline);
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].0, "SchemaMismatch");
        assert!(failures[0].1.contains("id"), "{failures:?}");
    }
}

#[test]
fn a_topic_that_a_script_chooses_has_its_own_schema() {
    let cluster = Cluster::shared();
    let registry = FakeRegistry::start();
    registry.put(1, "AVRO", NAMED);
    registry.put(
        2,
        "AVRO",
        r#"{"type": "record", "name": "B", "fields": [{"name": "id", "type": "int"}]}"#,
    );
    let other = cluster.topic("other-schema", 1);
    let script = "
if this['id'] % 2: meta['topic'] = OTHER
emit({'id': this['id'] + 10}, topic=OTHER)
root = this
"
    .replace("OTHER", &format!("'{other}'"));
    let pipeline = Pipeline::new(cluster, "by-topic", 1, &script)
        .with("schema_registry", json!({ "url": registry.url() }))
        .with("output.kafka.format", "avro")
        .with("output.kafka.topics_allowed", json!([other]));
    registry.latest(&format!("{}-value", pipeline.output), 1);
    registry.latest(&format!("{other}-value"), 2);
    let records = (0..4).map(|id| Record::json(&json!({ "id": id, "name": "n" })));
    pipeline.run(cluster, records, 0);
    let out = cluster.read(&pipeline.output);
    let seen: Vec<_> = out
        .iter()
        .map(|record| read(record.payload.as_deref().expect("it")))
        .collect();
    assert_eq!(seen, [(1, 0, "n".to_owned()), (1, 2, "n".to_owned())]);
    let others: Vec<_> = cluster
        .read(&other)
        .iter()
        .map(|record| record.payload.clone().expect("it"))
        .collect();
    let small = |id: u8| vec![0, 0, 0, 0, 2, id << 1];
    assert_eq!(others, [10, 11, 1, 12, 13, 3].map(small));
}

#[test]
fn keys_have_schemas_too() {
    let cluster = Cluster::shared();
    let registry = FakeRegistry::start();
    registry.put(3, "AVRO", NAMED);
    let script = "
before = meta['key']
if this['change']: meta['key']['id'] += 1
root = before['name']
";
    let pipeline = Pipeline::new(cluster, "avro-keys", 1, script)
        .with("schema_registry", json!({ "url": registry.url() }))
        .with("input.kafka.key_format", "avro")
        .with("output.kafka.key_format", "avro");
    registry.put(4, "AVRO", NAMED);
    registry.latest(&format!("{}-key", pipeline.output), 4);
    let records = [true, false]
        .map(|change| Record::json(&json!({ "change": change })).key(named(3, 1, "k")));
    let more = [Record::json(&json!({ "change": false })).key("text")];
    pipeline.run(cluster, records.into_iter().chain(more), 1);
    let out = cluster.read(&pipeline.output);
    let keys: Vec<_> = out
        .iter()
        .map(|record| read(record.key.as_deref().expect("it")))
        .collect();
    // A key that the script leaves alone is the one that came.
    assert_eq!(keys, [(4, 2, "k".to_owned()), (3, 1, "k".to_owned())]);
    let failures = failures(cluster, &pipeline);
    assert_eq!(failures[0].0, "NotFramed");
    assert!(failures[0].1.starts_with("the key: "), "{failures:?}");
}

#[test]
fn a_schema_that_does_not_fit_the_readers_fails_its_messages_alone() {
    let cluster = Cluster::shared();
    let registry = FakeRegistry::start();
    registry.put(1, "AVRO", NAMED);
    let text_id = NAMED.replace("\"long\"", "\"string\"");
    registry.put(2, "AVRO", &text_id);
    registry.put(3, "AVRO", "{\"type\": \"nonsense\"}");
    registry.put(4, "PROTOBUF", "syntax = \"proto3\"; message A {}");
    let folder = support::written(&[(
        "reader.avsc",
        r#"{"type": "record", "name": "Named", "fields": [
            {"name": "id", "type": "double"}, {"name": "since", "type": "int", "default": 7}]}"#,
    )]);
    let file = folder.path().join("reader.avsc");
    let pipeline = avro(cluster, "reader", 1, registry.url(), "root = this").with(
        "input.kafka.format",
        json!({ "type": "avro", "schema_file": file.to_str() }),
    );
    let records = [
        named(1, 5, "a"),
        [&[0, 0, 0, 0, 2][..], b"\x02x\x02y"].concat(),
        named(3, 1, "b"),
        named(4, 1, "c"),
        named(1, 6, "d"),
    ];
    pipeline.run(cluster, records.map(Record::bytes), 1);
    let out: Vec<_> = cluster
        .read(&pipeline.output)
        .iter()
        .map(Record::value)
        .collect();
    let expected = [5.0, 6.0].map(|id| json!({ "id": id, "since": 7 }));
    assert_eq!(out, expected);
    let kinds: Vec<_> = failures(cluster, &pipeline)
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(kinds, ["SchemaMismatch", "UnknownSchema", "UnknownSchema"]);
}

#[test]
fn a_header_that_names_the_inputs_schema_does_not_leave_with_another_payload() {
    let cluster = Cluster::shared();
    let registry = FakeRegistry::start();
    registry.put(7, "AVRO", NAMED);
    let pipeline = avro(cluster, "schema-header", 1, registry.url(), "root = this").with(
        "output.kafka.format",
        json!({ "type": "avro", "schema_id": 7 }),
    );
    let bare = named(7, 3, "h")[5..].to_vec();
    let record = Record::bytes(bare)
        .header("__value_schema_id", Some(&[0, 0, 0, 0, 7]))
        .header("other", Some(b"x"));
    pipeline.run(cluster, [record], 0);
    let out = cluster.read(&pipeline.output);
    assert_eq!(
        read(out[0].payload.as_deref().expect("it")),
        (7, 3, "h".to_owned())
    );
    assert_eq!(out[0].headers, [("other".to_owned(), Some(b"x".to_vec()))]);
}

#[test]
fn a_key_is_checked_although_no_script_looks_at_it() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "checked-keys", 1, "root = this")
        .with("input.kafka.key_format", "text");
    let records = [&b"good"[..], b"\xff", b""].map(|key| Record::bytes("1").key(key));
    pipeline.run(cluster, records, 1);
    assert_eq!(cluster.read(&pipeline.output).len(), 2);
    assert_eq!(failures(cluster, &pipeline)[0].0, "NotText");
}

#[test]
fn a_key_of_another_type_is_another_key() {
    let cluster = Cluster::shared();
    let script = "
key = meta['key']
if isinstance(key, list): key[0] = True
else: meta['key'] = True
root = this
";
    let pipeline = Pipeline::new(cluster, "typed-keys", 1, script)
        .with("input.kafka.key_format", "json")
        .with("output.kafka.key_format", "json");
    let records = ["1", "1.0", "[1]", "true", " true"].map(|key| Record::bytes("1").key(key));
    pipeline.run(cluster, records, 0);
    let keys: Vec<_> = cluster
        .read(&pipeline.output)
        .into_iter()
        .map(|record| String::from_utf8(record.key.expect("a key")).expect("UTF-8"))
        .collect();
    assert_eq!(keys, ["true", "true", "[true]", "true", " true"]);
}

#[test]
fn dead_letters_are_run_again_in_their_format() {
    let cluster = Cluster::shared();
    let registry = FakeRegistry::start();
    registry.put(8, "AVRO", NAMED);
    let pipeline = avro(
        cluster,
        "replayed",
        1,
        registry.url(),
        "root = this['nothing']",
    );
    let records = (0..3).map(|id| Record::bytes(named(8, id, "r")));
    pipeline.run(cluster, records, 1);
    assert_eq!(failures(cluster, &pipeline).len(), 3);
    let mended = pipeline.script("root = [this['id'], this['name']]");
    let config = mended.file();
    let ran = support::nerodia(["replay", "-c"]).arg(config.path()).run();
    let ran = ran.expect(0);
    let out: Vec<_> = cluster
        .read(&mended.output)
        .iter()
        .map(Record::value)
        .collect();
    let expected: Vec<_> = (0..3).map(|id| json!([id, "r"])).collect();
    assert_eq!(out, expected, "{}", ran.stderr);
}
