//! Tests of what is said about configs, and tests, that are Bento's.

use super::super::*;
use super::wrong::wrong;
use super::{SCRIPT, load};

/// Config that `bento create` has written, with defaults for everything.
const CREATED: &str = include_str!("created_by_bento.yaml");

/// Returns the messages and the help of each problem.
fn told(yaml: &str) -> Vec<String> {
    let source = Source::Inline {
        name: "t.yaml".into(),
        text: yaml.into(),
    };
    let (_, problems) = Config::examine(source, &[], &|_| None);
    let told = problems.iter().map(|one| {
        let help = one.help.as_deref().unwrap_or_default();
        format!("{:?}: {} | {help}", one.severity, one.message)
    });
    told.collect()
}

/// Checks that a problem has these parts.
#[track_caller]
fn tells(yaml: &str, parts: &[&str]) {
    let told = told(yaml);
    let has = |one: &String| parts.iter().all(|part| one.contains(part));
    assert!(told.iter().any(has), "{parts:?}\n{told:#?}");
}

#[track_caller]
fn is_silent(yaml: &str) {
    let told = told(&format!("{SCRIPT}dead_letter: {{ drop: }}\n{yaml}"));
    assert!(told.is_empty(), "{yaml}\n{told:#?}");
}

fn kafka(input: &str, output: &str) -> String {
    format!(
        "{SCRIPT}dead_letter: {{ drop: }}\ninput: {{ kafka: {{ addresses: [a], topics: [t], consumer_group: g, {input} }} }}\n\
         output: {{ kafka: {{ addresses: [a], topic: o, {output} }} }}\n"
    )
}

#[test]
fn defaults_of_bento_say_nothing() {
    let told = told(CREATED);
    let missing = [
        "`input.kafka` has no `addresses`",
        "`input.kafka` has no `topics`",
        "`input.kafka` has no `consumer_group`",
        "the script is empty",
        "`output.kafka` has no `addresses`",
        "`output.kafka` has no `topic`",
    ];
    let errors: Vec<_> = told.iter().filter(|one| one.starts_with("Error")).collect();
    assert_eq!(errors.len(), missing.len(), "{errors:#?}");
    for (told, missing) in errors.iter().zip(missing) {
        assert!(told.contains(missing), "{told}");
    }
    let filled = CREATED
        .replace("addresses: []", "addresses: [a]")
        .replace("topics: []", "topics: [t]")
        .replace("consumer_group: \"\"", "consumer_group: g")
        .replace("script: \"\"", "script: root = this")
        .replace("topic: \"\"", "topic: o");
    let source = Source::Inline {
        name: "t.yaml".into(),
        text: filled.clone(),
    };
    let printed = Config::print(source, &[], &|_| None).expect("it is complete");
    for yaml in [filled, printed] {
        says_only_that_it_stops(&yaml);
    }
}

#[track_caller]
fn says_only_that_it_stops(yaml: &str) {
    let loaded = load(yaml).unwrap_or_else(|problems| panic!("{problems}"));
    let warnings = loaded.warnings;
    let warnings: Vec<_> = warnings.iter().map(|one| &one.message).collect();
    assert_eq!(
        warnings,
        ["the pipeline stops at the first message that fails"]
    );
}

#[test]
fn defaults_of_other_inputs_say_nothing() {
    is_silent(
        "input: { file: { paths: [a], scanner: { lines: {} }, delete_on_finish: false, auto_replay_nacks: true } }",
    );
    is_silent("input: { stdin: { scanner: { lines: {} }, auto_replay_nacks: true } }");
    is_silent("input: { generate: { value: 1, auto_replay_nacks: true } }");
}

#[test]
fn other_values_are_told_as_before() {
    for (yaml, message) in [
        ("http: { cors: { enabled: true } }", "`http` has no `cors`"),
        ("http: { cert_file: a.pem }", "`http` has no `cert_file`"),
        (
            "http: { basic_auth: { enabled: true } }",
            "`http` has no `basic_auth`",
        ),
        (
            "logger: { file: { path: a.log } }",
            "`logger` has no `file`",
        ),
        (
            "logger: { add_timestamp: true }",
            "`logger.add_timestamp` has no effect",
        ),
        ("metrics: { influxdb: {} }", "`metrics` has no effect"),
        ("tracer: { jaeger: {} }", "`tracer` has no effect"),
        ("shutdown_delay: 1s", "`shutdown_delay` has no effect"),
        (
            "cache_resources: [ { label: a } ]",
            "this engine has no resources",
        ),
        (
            "error_handling: { strategy: reject }",
            "no `error_handling`",
        ),
        ("nonsense: []", "unknown field `nonsense`"),
        (
            "input: { stdin: { auto_replay_nacks: false } }",
            "has no effect",
        ),
        (
            "input: { stdin: {}, processors: [ { log: {} } ] }",
            "takes no processors of its own",
        ),
    ] {
        tells(yaml, &[message]);
    }
    for (input, message) in [
        (
            "sasl: { oauth2: { enabled: true } }",
            "`sasl` has no `oauth2`",
        ),
        ("sasl: { aws: { region: eu } }", "`sasl` has no `aws`"),
        ("debug: true", "`kafka` has no `debug`"),
        ("batching: { jitter: 1 }", "unknown field `jitter`"),
        (
            "batching: { check: a }",
            "`input.kafka.batching.check` has no effect",
        ),
        ("regexp_topics: true", "begin a regular expression"),
        ("rack_id: a", "`input.kafka.rack_id` has no effect"),
        ("extract_tracing_map: root = this", "has no effect"),
    ] {
        tells(&kafka(input, ""), &[message]);
    }
}

#[test]
fn what_would_change_results_is_an_error() {
    let archive = "processors: [ { archive: { format: json_array } } ]";
    let batching = format!("batching: {{ {archive} }}");
    for (yaml, field) in [
        (kafka(&batching, ""), "input.kafka.batching.processors"),
        (kafka("", &batching), "output.kafka.batching.processors"),
        (
            kafka("", "metadata: { include_prefixes: [x] }"),
            "output.kafka.metadata.include_prefixes",
        ),
        (
            kafka("", "metadata: { include_patterns: ['^x'] }"),
            "output.kafka.metadata.include_patterns",
        ),
        (
            kafka("", "metadata: { exclude_prefixes: [x] }"),
            "output.kafka.metadata.exclude_prefixes",
        ),
    ] {
        tells(&yaml, &["Error", field, "would change the results"]);
    }
    for (input, output) in [
        (
            "batching: { processors: [] }",
            "batching: { processors: [] }",
        ),
        ("", "metadata: { include_prefixes: [] }"),
        ("", "static_headers: {}"),
        ("", "static_headers: { source: bento }"),
    ] {
        assert!(told(&kafka(input, output)).is_empty(), "{input} {output}");
    }
    // All headers leave here too.
    let all = told(&kafka("", "metadata: { include_patterns: ['.*'] }"));
    assert!(all.iter().all(|one| !one.starts_with("Error")), "{all:?}");
}

#[test]
fn a_file_is_not_replaced_by_each_message() {
    tells(
        &format!("{SCRIPT}output: {{ file: {{ path: a, codec: all-bytes }} }}"),
        &["Error", "each message would replace the file", "`append`"],
    );
    is_silent("output: { file: { path: a, codec: append } }");
    is_silent("output: { stdout: { codec: all-bytes } }");
}

#[test]
fn each_component_has_its_advice() {
    for (processor, help) in [
        ("mutation: root.a = 1", "begin with `root = {**this}`"),
        (
            "branch: { result_map: root.a = this }",
            "begin the script with `root = {**this}`",
        ),
        (
            "unarchive: { format: json_array }",
            "`for item in this: emit(item)`",
        ),
        (
            "unarchive: { format: lines }",
            "`for line in this.splitlines(): emit(",
        ),
        ("group_by: []", "knows of no batch"),
        ("metric: { type: counter }", "none: a script counts nothing"),
        ("sentry_capture: {}", "none: scripts have no network"),
        ("wasm: { module_path: a }", "none: scripts are Python"),
        ("sync_response: {}", "none: no input waits"),
        ("sleep: { duration: 1s }", "`guests.timeout` (1s)"),
        ("noop: {}", "delete the line"),
        ("compress: { algorithm: gzip }", "`gzip.compress(this)`"),
        ("jq: { query: .a }", r#"`this["a"]["b"]`"#),
        ("grok: {}", ".groupdict()`"),
        ("xml: {}", "`xml.etree.ElementTree.fromstring(this)`"),
        ("resource: x", "`processor_resources`"),
        ("file: { path: a }", "none: scripts see no files"),
        ("awk: {}", "docs/from-bento.md#bloblang-in-python"),
    ] {
        let help = help.trim_matches('`');
        tells(
            &format!("pipeline: {{ processors: [ {{ {processor} }} ] }}"),
            &[help],
        );
    }
    for (input, parts) in [
        (
            "file_tail: { path: a }",
            ["unknown input `file_tail`", "`follow: true`"],
        ),
        (
            "csv: { paths: [a] }",
            ["unknown input `csv`", "`format: text`"],
        ),
        (
            "batched: { child: { stdin: } }",
            ["this engine has one input", "`batching`"],
        ),
        (
            "resource: x",
            ["unknown input `resource`", "`input_resources`"],
        ),
    ] {
        tells(&format!("{SCRIPT}input: {{ {input} }}"), &parts);
    }
    tells(
        "pipeline: { processors: [] }",
        &["tombstone() if meta", "`format: bytes`"],
    );
    let file = wrong("pipeline:\n  processors:\n    - file: a.py\n");
    assert!(file.contains("indent it by two more"), "{file}");
}

#[test]
fn fields_of_other_clients_have_their_properties() {
    for (field, help) in [
        (
            "group_balancers: [range]",
            "partition.assignment.strategy: ",
        ),
        (
            "metadata_max_age: 1m",
            "topic.metadata.refresh.interval.ms: 300000",
        ),
        ("fetch_max_bytes: 1MiB", "fetch.max.bytes: 52428800"),
        (
            "fetch_max_partition_bytes: 2MiB",
            "max.partition.fetch.bytes: 1048576",
        ),
        ("fetch_max_wait: 1s", "fetch.wait.max.ms: 500"),
        (
            "auto_offset_reset: latest",
            "`start_from_oldest: true` for `earliest`",
        ),
    ] {
        tells(&kafka(field, ""), &["Error: `kafka` has no", help]);
    }
    let told_of = |level| told(&kafka(&format!("transaction_isolation_level: {level}"), ""));
    let warnings = told_of("read_uncommitted");
    assert!(
        warnings.len() == 1 && warnings[0].starts_with("Warning"),
        "{warnings:?}"
    );
    assert!(
        warnings[0].contains("isolation.level: read_uncommitted"),
        "{warnings:?}"
    );
    assert!(told_of("read_committed").is_empty());
    for property in [
        "isolation.level: read_uncommitted",
        "partition.assignment.strategy: roundrobin",
        "partition.assignment.strategy: range",
        "partition.assignment.strategy: cooperative-sticky",
        "topic.metadata.refresh.interval.ms: 300000",
        "fetch.max.bytes: 52428800",
        "max.partition.fetch.bytes: 1048576",
        "fetch.wait.max.ms: 500",
    ] {
        let told = told(&kafka(&format!("properties: {{ {property} }}"), ""));
        assert!(told.is_empty(), "{property}: {told:?}");
    }
    let parts = [
        "`partition` is one number for all messages",
        "docs/kafka.md#what-is-written",
    ];
    tells(&kafka("", "partition: '${! @kafka_partition }'"), &parts);
    tells(&kafka("", "partitioner: manual"), &parts);
    let fine = "partitioner: '', compression: '', sasl: [], metadata_max_age: 5m, max_buffered_records: 10000";
    assert!(told(&kafka("group_balancers: [cooperative_sticky]", fine)).is_empty());
}

#[test]
fn tests_of_bento_say_what_to_write() {
    let yaml = "\
tests:
  - name: of Bento
    target_processors: /pipeline/processors
    environment: { A: b }
    mocks: { x: root = this }
    input_batch:
      - json_content: { a: 1 }
        metadata: { kafka_key: k }
    output_batches:
      - - json_equals: { a: 2 }
          metadata_equals: { a: b }
  - name: half of it
    input: 1
    outputs:
      - json_equals: { a: 2 }
        metadata_equals: { a: b }
  - { name: the rest, content: x, metadata: {}, output: 1 }
";
    insta::assert_snapshot!(told(&format!("{SCRIPT}{yaml}")).join("\n"));
}

#[test]
fn a_processor_within_others_is_named_as_it_is_written() {
    let yaml = "\
input:
  stdin: {}
  processors:
    - try: [ { python: { scirpt: a } } ]
pipeline:
  processors:
    - branch:
        processors:
          - python: { script: root = this }
          - cache: { key: '${! json(\"id\") }' }
    - switch: [ { check: a, processors: [ { python: {} } ] } ]
    - python: {}
";
    let told = told(yaml).join("\n");
    for path in [
        "`input.processors[0].try[0].python`",
        "`pipeline.processors[1].switch[0].processors[0].python`",
        "`pipeline.processors[2].python`",
    ] {
        assert!(told.contains(path), "{path} in\n{told}");
    }
    let plain = "pipeline:\n  processors: [ { python: { script: root = 1 } }, { python: {} } ]\n";
    tells(plain, &["`pipeline.processors[1].python` has no script"]);
}
