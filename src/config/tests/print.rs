//! Tests of configs that are printed as they take effect.

use super::super::*;

fn printed(yaml: &str, overrides: &[&str]) -> String {
    let overrides: Vec<_> = overrides.iter().map(|one| (*one).to_owned()).collect();
    let printed = Config::print(super::inline(yaml), &overrides, &super::env);
    printed.unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn what_takes_effect() {
    let yaml = r#"
pipeline:
  threads: ${THREADS}
  processors:
    - python:
        script: |
          # ${THREADS} is Python's
          root = this
    - python: { script: "root = '007'", imports: [math] }
input:
  kafka:
    addresses: [ "${HOST:localhost:9092}", &a "b:1" ]
    topics: [no, "007", '^a']
    consumer_group: "${REF}"
    sasl: { mechanism: PLAIN, user: u, password: "${KAFKA_PASSWORD}" }
    properties: { fetch.min.bytes: 0x10, check.crcs: True, client.rack: 007, ssl.keystore.password: hunter2 }
    batching: { processors: [] }
output:
  kafka: { addresses: [localhost], topic: o, max_msg_bytes: 1MB, static_headers: { b: "1", a: "${{X}}" } }
dead_letter:
  stdout:
tests:
  - name: one
    input: { a: [1.0, ~, 123456789012345678901, "2"] }
    output: ""
"#;
    let once = printed(yaml, &["guests.timeout=5s", "logger.level=WARN"]);
    assert!(!once.contains("hunter2"), "{once}");
    insta::assert_snapshot!(once);
    assert_eq!(printed(&once, &[]), once);
}

/// Checks that a printed config means the same: every field is accepted as it is printed.
#[test]
fn a_printed_config_is_the_same() {
    for yaml in [
        include_str!("../../../configs/kafka.yaml"),
        include_str!("../../../configs/hello.yaml"),
        "input: { generate: { value: { a: [1.50, ~, -0, 'x: y', '${{A}}', \"\\n\"] }, interval: '', count: 3 } }\n\
         pipeline: { processors: [ { python: { script: \"root = '''\\n  x\\n\\n'''\" } } ] }\n",
    ] {
        let shown = |yaml: &str| {
            let config = super::good(yaml);
            let stages = config.pipeline.stages.iter().map(|stage| &stage.script);
            let stages: Vec<_> = stages.cloned().collect();
            let Config {
                input,
                output,
                dead_letter,
                guests,
                http,
                ..
            } = config;
            format!("{stages:?}{input:#?}{output:#?}{dead_letter:#?}{guests:#?}{http:#?}")
        };
        let again = printed(yaml, &[]);
        assert_eq!(shown(&again), shown(yaml), "{again}");
    }
}

/// Checks that the YAML means the same to a reader that shares nothing with this crate's own.
#[test]
fn another_reader_finds_the_same_in_it() {
    for yaml in [
        include_str!("../../../configs/kafka.yaml"),
        include_str!("../../../configs/filter.yaml"),
        "input: { generate: { value: { a: [1.5, ~, -3, 'x: y', \"\\n\", 'no', '007', '- z', \"\\t#\", ''] }, count: 3 } }\n\
         pipeline: { processors: [ { python: { script: \"root = '''\\n  x\\n\\n'''\" } } ] }\n",
    ] {
        let printed = printed(yaml, &[]);
        let theirs: serde_json::Value = serde_yaml::from_str(&printed).expect(&printed);
        let source = source::SourceText::file("t.yaml", &printed);
        let tree = tree::parse(&source).unwrap().unwrap();
        let ours: serde_json::Value = serde_json::from_str(&tree.to_json_text().unwrap()).unwrap();
        assert_eq!(theirs, ours, "{printed}");
    }
}
