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

/// Returns the warnings about configs with this Avro schema beside them.
fn warned(yamls: &[String]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.yaml");
    let schema = r#"{"type": "record", "name": "R", "fields": []}"#;
    std::fs::write(folder.path().join("r.avsc"), schema).unwrap();
    std::fs::write(folder.path().join("m.proto"), "message M {}").unwrap();
    let warnings = yamls.iter().map(|yaml| {
        std::fs::write(&file, format!("{SCRIPT}{yaml}")).unwrap();
        let loaded = Config::load(Source::File(file.clone()), &[], &env);
        let warnings = loaded
            .unwrap_or_else(|problems| panic!("{problems}"))
            .warnings;
        assert!(!warnings.is_empty(), "{yaml}");
        warnings.to_string()
    });
    let all: Vec<_> = warnings.collect();
    all.join("\n\n")
        .replace(&file.display().to_string(), "t.yaml")
}

#[test]
fn settings_without_effect() {
    let registry = |fields: &str| REGISTRY.replace("{ url", &format!("{{ {fields}, url"));
    let reading = |fields: &str| input("format: avro").replace(REGISTRY, &registry(fields));
    insta::assert_snapshot!(warned(&[
        input("format: { type: protobuf, message: shop.Order }"),
        output("format: { type: avro, schema_id: 7, subject: s }"),
        output(
            "format: { type: avro, schema_file: r.avsc, subject: s, subject_name_strategy: record_name }"
        ),
        format!(
            "{}{}",
            "output: { stdout: { codec: length_delimited, format: { type: avro, schema_file: r.avsc, framing: none, ",
            "subject: s, subject_name_strategy: topic_record_name, subjects_allowed: [x], register: true } } }\n",
        ),
        format!("{REGISTRY}input: {{ stdin: {{ format: json }} }}\n"),
        format!(
            "{REGISTRY}input: {{ stdin: {{ scanner: {{ length_delimited: {{}} }}, \
             format: {{ type: protobuf, framing: none, schema_file: m.proto, message: M }} }} }}\n"
        ),
        reading("tls: { enabled: true }"),
        reading("refresh: 5s"),
        output("format: { type: avro, schema_file: r.avsc }")
            .replace(REGISTRY, &registry("refresh: 5s")),
    ]));
}

#[test]
fn settings_with_an_effect() {
    let registry = |fields: &str| REGISTRY.replace("{ url", &format!("{{ {fields}, url"));
    let refreshed = |yaml: String| yaml.replace(REGISTRY, &registry("refresh: 5s"));
    for yaml in [
        input("format: avro"),
        input("key_format: avro"),
        output("format: { type: avro, schema_id: 7 }"),
        output("format: { type: avro, subject: s, subjects_allowed: [t] }"),
        refreshed(output("format: { type: avro, subject: s }")),
        refreshed(output(
            "format: { type: avro, schema_id: 7, subjects_allowed: [t] }",
        )),
        refreshed(output("key_format: avro")),
        input("format: avro").replace("http:", "https:"),
        input("format: avro")
            .replace(REGISTRY, &registry("tls: { enabled: true }"))
            .replace("http:", "https:"),
    ] {
        let loaded = load(&format!("{SCRIPT}{yaml}")).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(loaded.warnings.to_string(), "", "{yaml}");
        // With all defaults written.
        let printed = Config::print(inline(&format!("{SCRIPT}{yaml}")), &[], &env).unwrap();
        let loaded = load(&printed).unwrap_or_else(|why| panic!("{why}\n{printed}"));
        assert_eq!(loaded.warnings.to_string(), "", "{printed}");
    }
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
