//! Tests of the messages about wrong configs.

use super::super::*;
use super::{SCRIPT, load, load_with};

/// Returns the messages about a wrong config.
pub(super) fn wrong(yaml: &str) -> String {
    load(yaml).expect_err("it is wrong").to_string()
}

/// Returns the messages about several wrong configs, each with a script that is right.
pub(super) fn all_wrong(yamls: &[&str]) -> String {
    let scripted = |yaml: &&str| wrong(&format!("{SCRIPT}{yaml}"));
    let all: Vec<_> = yamls.iter().map(scripted).collect();
    all.join("\n\n")
}

#[test]
fn unknown_fields() {
    insta::assert_snapshot!(wrong(
        "piepline: {}\npipeline:\n  thread: 1\n  processors:\n    - python:\n        scirpt: root = 1\n        foo: 1\n\
         guests:\n  max: 4\n  recycle: { after: 3 }\nloggr: 1\noutput: { stdout: { codecs: lines } }\n"
    ));
}

/// Checks that one run reports what is wrong with the shape and with the meaning, and nothing twice.
#[test]
fn problems_of_every_kind_at_once() {
    insta::assert_snapshot!(wrong(
        "pipeline:\n  threads: four\n  processors:\n    - python: { scirpt: x }\n    - python: { file: nowhere.py }\n\
         \x20   - python: { script: x, imports: [a b] }\nguests: { min: 99, timeout: ${NOPE}s, memory: 0 }\nlogger: { level: 1 }\n\
         input: { nats: {} }\n"
    ));
}

/// Checks that what a pipeline writes to files cannot come in again, and that a label names one processor.
#[test]
fn feedback_loops_of_files() {
    insta::assert_snapshot!(all_wrong(&[
        "input: { file: { paths: [./a.log, b.log] } }\noutput: { file: { path: a.log } }\ndead_letter: { file: { path: ./b.log } }\n",
        "input: { file: { paths: [a.log] } }\noutput: { file: { path: a.log } }\n",
    ]));
    let load = |paths: &str| {
        let yaml = format!(
            "input: {{ file: {{ paths: [{paths}] }} }}\noutput: {{ file: {{ path: ./logs/out.log }} }}\n"
        );
        load(&format!("{SCRIPT}{yaml}"))
            .unwrap()
            .warnings
            .to_string()
    };
    let warned = load("'logs/*.log'");
    assert!(
        warned.contains("which `logs/*.log` matches: each result would come in again"),
        "{warned}"
    );
    assert_eq!(load("'logs/in-*.log'"), "");
    insta::assert_snapshot!(
        "labels_used_twice",
        wrong(
            "pipeline:\n  processors:\n    - label: a\n      python: { script: root = 1 }\n    - label: a\n      python: { script: root = 1 }\n"
        )
    );
}

/// Checks that Bento's texts with Bloblang are refused wherever they are, and what would change results.
#[test]
fn bloblang_in_any_field() {
    insta::assert_snapshot!(all_wrong(&[
        "output: { file: { path: './o-${! json(\"a\") }.jsonl' } }",
        "input: { generate: { value: '${! uuid_v4() }' } }\ndead_letter: { file: { path: '${! now() }' } }",
        "output: { kafka: { addresses: [a], topic: t, metadata: { exclude_prefixes: [secret_] } } }",
        "output: { kafka: { addresses: [a], topic: t, batching: { count: 5, processors: [ { archive: { format: json_array } } ] } } }",
    ]));
    let fine = "output: { kafka: { addresses: [a], topic: t, metadata: { exclude_prefixes: [] } } }\ntests:\n  - name: t\n    input: { text: '${! x }' }\n    output: { text: '\"${! x }\"' }\n";
    assert!(load(&format!("{SCRIPT}{fine}")).is_ok());
}

#[test]
fn wrong_types() {
    insta::assert_snapshot!(all_wrong(&[
        "guests: { min: one, timeout: 5, memory: -1, max_log: [1] }",
        "logger: warn",
        "logger: { level: true, format: jsno }",
        "http: { enabled: yes, address: 4195 }",
        "guests: { runtime: cpython-3.13, recycle: 3 }",
        "input: { generate: { value: 1, count: -1, batch_size: 0 } }",
        "input: { generate: { script: 1, imports: math } }",
        "guests: { min: 99999999999999999999 }",
        "input: stdin",
        "dead_letter: [stdout]",
    ]));
    insta::assert_snapshot!(
        "wrong_types_of_processors",
        [
            "pipeline: { processors: { python: { script: root = 1 } } }",
            "pipeline:\n  processors:\n    - python: |\n        root = 1\n",
            "pipeline: { processors: [ python ] }",
        ]
        .map(wrong)
        .join("\n\n")
    );
}

#[test]
fn not_a_config() {
    insta::assert_snapshot!(
        [
            "",
            "# nothing\n",
            "- a\n",
            "text",
            "a: b: c",
            "a: 1\n---\nb: 2\n",
            "\tx: 1"
        ]
        .map(wrong)
        .join("\n\n")
    );
}

#[test]
fn missing_variables() {
    insta::assert_snapshot!(all_wrong(&[
        "logger: { level: \"${NOPE}\" }\nguests: { min: ${A}${B}, runtime: '${NOPE:}' }",
    ]));
}

/// Checks that nothing is reported that only follows from a variable that is not set.
#[test]
fn a_missing_variable_is_one_problem_a_place() {
    let told = all_wrong(&[
        "input: { kafka: { addresses: [\"${NOPE}\"], topics: [a, \"${NOPE}\"], consumer_group: \"${NOPE}\" } }\n\
         output: { kafka: { addresses: [\"${NOPE}\"], topic: b } }\n",
    ]);
    assert_eq!(told.matches("error: ").count(), 4, "{told}");
    assert_eq!(told.matches("`NOPE` is not set").count(), 4, "{told}");
    // What is wrong besides is still reported.
    let told = all_wrong(&["input: { kafka: { addresses: [\"${NOPE}\", \"a:b\"] } }\n"]);
    assert!(told.contains("`input.kafka` has no `topics`"), "{told}");
}

#[test]
fn idioms_of_bento() {
    let kafka = "output:\n  kafka:\n    addresses: [a]\n    topic: t\n    key: ";
    let keys = [
        "${! meta(\"kafka_key\") }",
        "${!meta('kafka_key')}",
        "${! @kafka_key }",
        "${! json(\"id\") }",
    ]
    .map(|key| wrong(&format!("{SCRIPT}{kafka}{key}\n")));
    assert!(
        keys[..3]
            .iter()
            .all(|told| told.contains("delete the line")),
        "{keys:?}"
    );
    assert!(keys[3].contains("set `meta[\"key\"]`"), "{}", keys[3]);
    insta::assert_snapshot!(
        [
            "- mapping: root = this\n    - bloblang: root = this\n    - mutation: root.a = 1\n    - log: {}\n",
            "- python:\n        script: root = this\n      imports: [re]\n      setup: x = 1\n",
            "- python:\n      script: root = this\n",
        ]
        .map(|processors| wrong(&format!("pipeline:\n  processors:\n    {processors}")))
        .join("\n\n")
    );
}

#[test]
fn tests_of_scripts() {
    insta::assert_snapshot!(all_wrong(&[
        "tests:\n  - name: bare\n    input: 1\n    outputs:\n      - alert: 1\n        b: 2\n      - {c: [1]}\n      - 5\n\
         \x20     - [6]\n      - {value: 1, c: 2}\n      - {vlaue: 1}\n      - {key: a, alert: 1}\n",
        "tests:\n  - { name: null, input: null, output: null }\n  - { name: a, input: 1, output: ~ }\n",
        "tests:\n  - name: nothing\n    input:\n    output:\n",
    ]));
}

#[test]
fn too_little_memory() {
    insta::assert_snapshot!(all_wrong(&[
        "guests: { memory: 128 }",
        "guests: { memory: 31MiB }",
        "guests: { memory: 15MiB, runtime: cpython-3.12 }",
    ]));
    for sound in [
        "{ memory: 32MiB }",
        "{ memory: 16MiB, runtime: cpython-3.12 }",
    ] {
        load(&format!("{SCRIPT}guests: {sound}")).expect("it is enough");
    }
}

#[test]
fn foreign_components() {
    insta::assert_snapshot!(wrong(
        "input: { amqp_0_9: { urls: [a] } }\noutput: { stdin: }\ndead_letter: { kafkaa: {} }\npipeline:\n  processors:\n\
        \x20   - mapping: root = this\n    - log: { message: x }\n    - pyhton: { script: root = 1 }\n\
         cache_resources: [ { label: a } ]\n"
    ));
    insta::assert_snapshot!(
        "foreign_details",
        all_wrong(&[
            "input: { generate: { mapping: 'root = {}' } }",
            "input: { stdin: { scanner: { csv: {} } } }",
            "input: { stdin: {}, processors: [ { log: {} } ] }",
            "buffer: { memory: {} }",
            "input: { generate: { value: 1, interval: '0 * * * *' } }",
            "processors: []",
        ])
    );
}

#[test]
fn meanings() {
    insta::assert_snapshot!([
        "pipeline: { threads: 2, processors: [] }\nguests: { min: 3 }\n",
        "pipeline:\n  threads: 0\n  max_in_flight: 1MiB\n  processors:\n    - label: x\n    - python: {}\n    - python: { script: ' ' }\n\
         \x20   - python: { script: a, file: b }\n    - python: { script: a, imports: [math, 'a b', os.path, '', 1x] }\n\
         guests: { timeout: 0s, start_timeout: soon, idle_timeout: 5, memory: 8GiB, recycle: { memory: 9GiB } }\n\
         logger: { level: wran }\nhttp: { address: localhost }\ninput: { stdin: { max_line: 2MiB } }\noutput: { stdout: { codec: tar } }\n\
         dead_letter: {}\n",
    ].map(wrong).join("\n\n"));
    insta::assert_snapshot!(
        "clashes",
        all_wrong(&[
            "input: { stdin: {}, generate: { value: 1 } }",
            "output: { stdout: {}, drop: {} }",
            "input: { generate: {} }",
            "input: { generate: { value: 1, script: root = 1 } }",
            "input: { generate: { value: [.inf] } }",
            "input:\n  stdin:\n    max_line: 1\n    codec: lines\n    scanner:\n      lines: { max_buffer_size: 2 }\n",
            "input: { stdin: { codec: csv } }",
            "guests: { memory: lots, max_output: 0, max_log: 1 furlong }",
            "dead_letter: { stdout: {}, drop: {} }",
        ])
    );
}

#[test]
fn setups() {
    insta::assert_snapshot!(
        "setups",
        [
            "pipeline:\n  processors:\n    - python:\n        setup: x = 1\n        file: t.py\n    - python: { setup: x = 1 }\n\
             \x20   - python: { script: '', setup: x = 1 }\n    - python: { script: root = 1, setup: [x] }\n    - python: { script: x, set_up: x }\n",
            &format!("{SCRIPT}input: {{ generate: {{ value: 1, setup: x }} }}\n"),
        ]
        .map(wrong)
        .join("\n\n")
    );
}

#[test]
fn a_set_beside_another_output_says_how_to_replace_it() {
    let yaml = format!("{SCRIPT}output: {{ stdout: {{}} }}");
    for (set, help) in [
        ("output.drop={}", "--set 'output={ drop: {} }'"),
        ("output.file.path=x", "--set 'output={ file: { … } }'"),
    ] {
        let problems = load_with(&yaml, &[set])
            .expect_err("two outputs")
            .to_string();
        let expected = format!("help: `--set` adds to the config: replace `stdout` with `{help}`");
        assert!(problems.contains(&expected), "{problems}");
    }
    assert!(load_with(&yaml, &["output={ drop: {} }"]).is_ok());
}

#[test]
fn overrides_are_told_by_their_argument() {
    let problems = load_with(
        "guests: { min: 1 }",
        &[
            "pipeline.processors.0.python.script=",
            "pipeline.processors.1.python.script=root = {\"a\": 1}\nx",
            "pipeline.processors.1.python.file=x.py",
            "pipeline.threads=2",
            "guests.min=3",
            "guests.timeout=1 fortnight",
            "nope.nope=1",
        ],
    );
    let shape = problems.unwrap_err();
    let problems = load_with(
        SCRIPT,
        &[
            "pipeline.threads=2",
            "guests.min=3",
            "guests.timeout=1 fortnight",
        ],
    );
    let meaning = problems.unwrap_err();
    let stage = load_with(
        "",
        &["pipeline.processors.0.python.script=root = {\"a\": (}"],
    )
    .unwrap()
    .config
    .pipeline
    .stages
    .remove(0);
    let syntax = Diagnostic::error("unmatched").at(stage.origin.position(1, 15));
    insta::assert_snapshot!(format!("{shape}\n\n{meaning}\n\n{syntax}"));
}

/// Checks that any text gets an answer, and that the answer can be shown.
#[test]
fn nothing_panics() {
    use proptest::prelude::*;
    let fragment = prop_oneof![
        prop::sample::select(vec![
            "input",
            "pipeline",
            "processors",
            "python",
            "script",
            "file",
            "imports",
            "generate",
            "value",
            "stdin",
            "guests",
            "min",
            "timeout",
            "memory",
            "${A}",
            "${A:b}",
            "<<",
            "&a ",
            "*a",
            "!!int ",
            "!x ",
            "é",
            "\t",
            "\r\n",
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec![
            ": ",
            "\n",
            "\n  ",
            "\n    ",
            "- ",
            "|\n",
            ">-\n",
            "\"",
            "'",
            "{",
            "}",
            "[",
            "]",
            ",",
            "#",
            "?",
            "1",
            "1s",
            "~",
            ".inf",
            "---\n",
            "\u{feff}",
            "\u{10ff7b}",
            "\\",
            "\u{2028}",
            " ",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    let text = prop::collection::vec(fragment, 0..30).prop_map(|all| all.concat());
    proptest!(|(yaml in text, argument in "[a-z.0-2]{0,6}=?.{0,6}")| {
        for text in [yaml.clone(), format!("{SCRIPT}{yaml}"), format!("pipeline:\n processors:\n - python:\n    script: {yaml}")] {
            match load_with(&text, &[]) {
                Ok(loaded) => for stage in loaded.config.pipeline.stages {
                    for line in 0..4 {
                        for column in 0..6 {
                            Diagnostic::error("x").at(stage.origin.position(line, column)).render(true);
                        }
                    }
                },
                Err(problems) => prop_assert!(problems.has_errors() && !problems.render(true).is_empty()),
            }
        }
        if let Err(problems) = load_with(SCRIPT, &[&argument]) {
            prop_assert!(!problems.to_string().is_empty());
        }
    });
}

#[test]
fn how_many_messages_may_fail() {
    let config =
        |fields: &str| SCRIPT.replace("processors", &format!("max_failures: {fields}, processors"));
    let all = [
        "{ share: 1 }",
        "{ share: -0.1, of: 0 }",
        "{ share: 90%, off: 1 }",
        "0.9",
    ];
    insta::assert_snapshot!(all.map(|fields| wrong(&config(fields))).join("\n\n"));
    let good = super::good(&config("{ share: 0 }")).pipeline.max_failures;
    assert_eq!(
        good,
        Some(MaxFailures {
            share: 0.0,
            of: 1000
        })
    );
    assert_eq!(super::good(SCRIPT).pipeline.max_failures, None);
}
