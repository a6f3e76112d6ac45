//! Tests of `nerodia test` where formats have schemas: a test's values have the types that they have in production.

use std::fs;
use std::path::Path;

use support::{Ran, nerodia, on_each_runtime, written};

const ORDER: &str = r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
    {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "data", "type": "bytes"},
    {"name": "note", "type": ["null", "string"], "default": null}]}"#;

const ID: &str = "00000000-0000-0000-0000-000000000005";

/// Input of a test in the form in which `nerodia try` shows it.
fn order() -> String {
    format!("{{ id: {ID}, at: 2026-01-02T03:04:05Z, day: 2026-01-02, total: '1.50', data: AP8= }}")
}

/// Config that reads Kafka in this format, with its script and its output.
fn config(format: &str, script: &str, output: &str) -> String {
    let script: String = script
        .lines()
        .map(|line| format!("          {line}\n"))
        .collect();
    format!(
        "schema_registry: {{ url: 'http://localhost:1' }}\n\
         input: {{ kafka: {{ addresses: [localhost], topics: [t], consumer_group: g, {format} }} }}\n\
         pipeline:\n  processors:\n    - python:\n        script: |\n{script}\
         output: {output}\n\
         dead_letter: {{ stdout: {{}} }}\n"
    )
}

const JSON: &str = "{ stdout: { format: { type: json, decimal: string, datetime: iso } } }";

fn test(folder: &Path, config: &str) -> Ran {
    let file = folder.join("a.yaml");
    fs::write(&file, config).expect("written");
    nerodia(["test"]).arg(file).run()
}

fn all_pass(folder: &Path, config: &str, count: usize) {
    let ran = test(folder, config);
    assert_eq!(ran.code, Some(0), "{}{}", ran.text(), ran.stderr);
    let last = format!("{count} passed, 0 failed");
    assert_eq!(ran.lines().last().copied(), Some(&*last), "{}", ran.text());
}

on_each_runtime!(a_value_has_the_types_of_its_schema);
fn a_value_has_the_types_of_its_schema(runtime: &str) {
    let folder = written(&[("order.avsc", ORDER), ("id.avsc", r#""long""#)]);
    let script = "root = {k: [type(v).__name__, str(v)] for k, v in this.items()}\nroot['key'] = [type(meta['key']).__name__, meta['key']]";
    let text = config("format: avro, key_format: avro", script, JSON);
    let tests = format!(
        "tests:\n  - name: types\n    schema: order.avsc\n    key_schema: id.avsc\n    meta: {{ key: '7' }}\n    input: {}\n    \
         outputs:\n      - key: '7'\n        value:\n          id: [UUID, {ID}]\n          at: [datetime, '2026-01-02 03:04:05+00:00']\n          \
         day: [date, '2026-01-02']\n          total: [Decimal, '1.50']\n          data: [bytes, \"b'\\\\x00\\\\xff'\"]\n          \
         note: [NoneType, None]\n          key: [int, 7]\n",
        order()
    );
    let guests = format!("guests: {{ runtime: {runtime} }}\n");
    all_pass(folder.path(), &format!("{text}{guests}{tests}"), 1);
}

#[test]
fn without_a_schema_a_value_is_its_json() {
    let folder = written(&[]);
    let script = "root = [type(this['total']).__name__, meta['key']]";
    let text = config("format: avro, key_format: avro", script, "{ stdout: {} }");
    let tests = "tests:\n  - { name: json, input: { total: '1.50' }, meta: { key: '{\"a\": 1}' }, output: [str, { a: 1 }] }\n  \
                 - { name: text, text: '{\"total\": 1.5}', output: [float, null] }\n  \
                 - { name: no json, text: 'x', error: NotJson }\n  \
                 - { name: a header of its own, input: { total: 1 }, meta: { headers: { __value_schema_id: x } }, output: [int, null] }\n";
    all_pass(folder.path(), &format!("{text}{tests}"), 4);
}

#[test]
fn a_value_is_resolved_into_the_readers_schema() {
    let old = r#"{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "int"}]}"#;
    let new = r#"{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "double"},
        {"name": "note", "type": "string", "default": "none"}]}"#;
    let other =
        r#"{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}]}"#;
    let folder = written(&[("old.avsc", old), ("new.avsc", new), ("other.avsc", other)]);
    let reader = "format: { type: avro, schema_file: new.avsc }";
    let text = config(reader, "root = repr(this)", "{ stdout: { format: text } }");
    let tests = "tests:\n  \
        - { name: as it is read, input: { id: 1.5, note: x }, output: \"{'id': 1.5, 'note': 'x'}\" }\n  \
        - { name: as it was written, schema: old.avsc, input: { id: 7 }, output: \"{'id': 7.0, 'note': 'none'}\" }\n  \
        - { name: schemas that do not fit, schema: other.avsc, input: { id: x }, error: SchemaMismatch }\n";
    all_pass(folder.path(), &format!("{text}{tests}"), 3);
}

#[test]
fn protobuf_has_messages_and_fields_with_presence() {
    let shop = "syntax = \"proto3\"; package shop; import \"google/protobuf/timestamp.proto\";\n\
        message First {}\n\
        message Order { int64 id = 1; google.protobuf.Timestamp at = 2; bytes data = 3; optional string note = 4; double x = 5; }\n";
    let folder = written(&[("shop.proto", shop)]);
    let script = "root = repr(this)";
    let text = "{ stdout: { format: text } }";
    let tests = |more: &str| {
        format!(
            "tests:\n  - name: a message\n    input: {{ id: '12345678901234567890', data: AP8=, at: 2026-01-02T03:04:05Z, x: NaN }}\n    {more}\
             output: \"{{'id': 1234567890123456789, 'at': datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc), 'data': b'\\\\x00\\\\xff', 'x': nan}}\"\n"
        )
        .replace("12345678901234567890", "1234567890123456789")
    };
    let named = config("format: protobuf", script, text);
    let more = "schema: shop.proto\n    message: shop.Order\n    ";
    all_pass(folder.path(), &format!("{named}{}", tests(more)), 1);
    // The schema of all messages.
    let bare =
        "format: { type: protobuf, framing: none, schema_file: shop.proto, message: shop.Order }";
    let bare = config(bare, script, text);
    all_pass(folder.path(), &format!("{bare}{}", tests("")), 1);
}

#[test]
fn a_document_that_does_not_fit_its_json_schema_fails_as_in_production() {
    let person = r#"{"properties": {"age": {"type": "integer"}}}"#;
    let folder = written(&[("person.json", person)]);
    let format = "format: { type: json_schema, numbers: exact }";
    let text = config(
        format,
        "root = type(this['age']).__name__",
        "{ stdout: { format: text } }",
    );
    let tests = "tests:\n  \
        - { name: fits, schema: person.json, input: { age: 1.0 }, output: Decimal }\n  \
        - { name: does not, schema: person.json, input: { age: 1.5 }, error: SchemaMismatch }\n  \
        - { name: no schema, input: { age: 1.5 }, output: Decimal }\n";
    all_pass(folder.path(), &format!("{text}{tests}"), 3);
}

#[test]
fn a_result_is_written_with_the_schema_of_its_file() {
    let priced = r#"{"type": "record", "name": "Priced", "fields": [
        {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}}]}"#;
    let folder = written(&[("priced.avsc", priced)]);
    let script = "from decimal import Decimal\nmeta['schema'] = this.get('schema')\nroot = {'total': Decimal(this['total'])}";
    let output = |format: &str| {
        format!(
            "{{ kafka: {{ addresses: [localhost], topic: o, format: {{ type: avro, subjects_allowed: [other], {format} }} }} }}"
        )
    };
    let tests = "tests:\n  \
        - { name: fits, input: { total: '1.50' }, output: { total: '1.50' } }\n  \
        - { name: does not, input: { total: '1.555' }, error: 'SchemaMismatch: the result does not fit the schema: total: 1.555 does not fit' }\n  \
        - { name: of a subject that only the registry knows, input: { total: '1.555', schema: other }, output: { total: '1.555' } }\n  \
        - { name: of a subject that is not allowed, input: { total: '1', schema: another }, error: UnknownSchema }\n";
    let of_file = config("format: json", script, &output("schema_file: priced.avsc"));
    all_pass(folder.path(), &format!("{of_file}{tests}"), 4);
    // What only the registry has is not checked.
    let latest = config("format: json", script, &output("subject: s"));
    let tests =
        "tests:\n  - { name: any, input: { total: '1.555' }, output: { total: '1.555' } }\n";
    all_pass(folder.path(), &format!("{latest}{tests}"), 1);
}

/// Returns what `command` says of a config with this input format and this test.
fn problem(folder: &Path, command: &str, format: &str, test: &str) -> String {
    let text = config(format, "root = this", "{ stdout: {} }");
    let file = folder.join("a.yaml");
    fs::write(
        &file,
        format!("{text}tests:\n  - {{ name: a, output: 1, {test} }}\n"),
    )
    .unwrap();
    let ran = nerodia([command]).arg(file).run();
    assert_eq!(ran.code, Some(2), "{}{}", ran.text(), ran.stderr);
    assert_eq!(ran.text(), "");
    ran.stderr
}

#[test]
fn what_is_wrong_with_a_schema_or_a_value_is_told_with_its_place() {
    let folder = written(&[
        ("order.avsc", ORDER),
        ("broken.avsc", "{"),
        ("m.proto", "message M {}"),
    ]);
    let bare = "format: { type: avro, framing: none, schema_file: order.avsc }";
    let total = order().replace("1.50", "1.555");
    let field = order().replace("total", "totl");
    for (format, test, problem_of, help) in [
        (
            "format: avro",
            "input: 1, schema: nowhere.avsc",
            "cannot read `nowhere.avsc`: there is no such file",
            "the folder of the file with the test",
        ),
        (
            "format: avro",
            "input: 1, schema: broken.avsc",
            "`broken.avsc` cannot be used as a schema of Avro: ",
            "mend the file",
        ),
        (
            "format: avro",
            "input: 1, schema: order.avsc, message: M",
            "`message` is for Protobuf alone, and the input is Avro",
            "take it away",
        ),
        (
            "format: avro",
            "input: 1, message: M",
            "`tests[0].message` is a message of a schema, and the test names none",
            "write the file",
        ),
        (
            "format: protobuf",
            "input: {}, schema: m.proto, message: N",
            "it has no message `N`",
            "mend the file",
        ),
        (
            "format: json",
            "input: 1, schema: order.avsc",
            "the format of the input has none",
            "`format: avro`",
        ),
        (
            "format: json",
            "input: 1, key_schema: order.avsc",
            "the format of the input has none",
            "`format: avro`",
        ),
        (
            bare,
            "input: 1, schema: order.avsc",
            "all messages have that in the input's `schema_file`",
            "take it away",
        ),
        (
            "format: avro",
            &format!("schema: order.avsc, input: {total}"),
            "`input` does not fit its schema: total: 1.555 does not fit decimal(9, 2)",
            "as `nerodia try` shows it",
        ),
        (
            bare,
            &format!("input: {field}"),
            "`input` does not fit its schema: record shop.Order has no field \"totl\"",
            "as `nerodia try` shows it",
        ),
        (
            "format: protobuf",
            "schema: m.proto, input: { x: 1 }",
            "`input` does not fit its schema: M has no field \"x\"",
            "as `nerodia try` shows it",
        ),
        (
            "format: json, key_format: avro",
            "input: 1, key_schema: order.avsc, meta: { key: A-1 }",
            "`meta.key` does not fit its schema: it is no JSON",
            "as `nerodia try` shows it",
        ),
    ] {
        for command in ["test", "lint"] {
            let said = problem(folder.path(), command, format, test);
            for part in [problem_of, help, "a.yaml:11:"] {
                assert!(said.contains(part), "{part:?} of {test} in:\n{said}");
            }
        }
    }
}

#[test]
fn a_test_that_fails_without_a_schema_says_that_it_has_none() {
    let folder = written(&[("order.avsc", ORDER)]);
    let text = config("format: avro", "root = str(this['total'] * 2)", JSON);
    let one = |schema: &str| {
        let test_ = format!(
            "{text}tests: [{{ name: a, {schema} input: {}, output: '3.00' }}]\n",
            order()
        );
        test(folder.path(), &test_)
    };
    let note =
        "note: the test names no schema, so the script got the `input` as the JSON that it is";
    let bare = one("").expect(1);
    assert!(bare.text().contains(note), "{}", bare.text());
    assert!(
        bare.text().contains("add `schema: FILE` to the test"),
        "{}",
        bare.text()
    );
    assert_eq!(one("schema: order.avsc,").code, Some(0));
}
