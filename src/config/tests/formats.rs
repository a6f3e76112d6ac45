//! Tests of formats and of the schema registry.

use super::wrong::all_wrong;
use super::*;

const TOPICS: &str = "addresses: [k], topics: [t], consumer_group: g";
const REGISTRY: &str = "schema_registry: { url: 'http://r:1' }\n";

fn input(format: &str) -> String {
    format!(
        "{REGISTRY}input: {{ kafka: {{ {TOPICS}, {format} }} }}\n{}",
        LETTERS
    )
}

const LETTERS: &str = "dead_letter: { stdout: {} }\n";

fn output(format: &str) -> String {
    format!("{REGISTRY}output: {{ kafka: {{ addresses: [k], topic: o, {format} }} }}\n")
}

#[test]
fn a_format_may_be_written_in_short() {
    let config = good(&format!(
        "{SCRIPT}{}",
        input("format: avro, key_format: text")
    ));
    let (format, key) = config.input.formats();
    assert_eq!((format.kind, key.kind), (Format::Avro, Format::Text));
    let config = good(&format!(
        "{SCRIPT}input: {{ stdin: {{ format: {{ type: json, numbers: exact }} }} }}\n"
    ));
    let (format, _) = config.input.formats();
    assert_eq!(
        (format.kind, format.numbers),
        (Format::Json, Numbers::Exact)
    );
}

#[test]
fn fields_that_do_not_belong_to_a_format() {
    insta::assert_snapshot!(all_wrong(&[
        &input("format: xml"),
        &input("format: [json]"),
        &input("format: { kind: json }"),
        &input("format: { type: text, numbers: exact }"),
        &input("format: { type: json, schema_file: x.avsc }"),
        &input("format: { type: avro, framing: none }"),
        &input("format: { type: avro, message: a.B }"),
        &input("format: { type: avro, schema_file: nowhere.avsc }"),
        &output("format: { type: bytes, decimal: string, datetime: iso }"),
        &output("format: { type: json, register: true, subject: s }"),
        &output("format: { type: avro, register: true }"),
        &output("format: { type: avro, subject_name_strategy: record_name }"),
        &output("topics_allowed: ['^o-'], format: avro"),
        "output: { stdout: { format: avro } }\n",
        "input: { kafka: { addresses: [k], topics: [t], consumer_group: g, format: avro } }\ndead_letter: { stdout: {} }\n",
        "dead_letter: { stdout: { format: text } }\n",
    ]));
}

#[test]
fn registries_that_cannot_be_reached_like_that() {
    insta::assert_snapshot!(all_wrong(&[
        "schema_registry: {}\n",
        "schema_registry: { url: 'localhost:8081' }\n",
        "schema_registry: { url: 'http://r', basic: { username: u } }\n",
        "schema_registry: { url: 'http://r', basic: { password: geheim } }\n",
        "schema_registry: { url: 'http://r', basic: { username: u, password: geheim }, bearer_token: secret }\n",
        "schema_registry: { url: 'http://r', timeout: 0s }\n",
    ]));
}
