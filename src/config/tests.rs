//! Tests of whole configs and what they become. Tests of the messages about wrong ones are in `tests/wrong.rs`, those
//! of Kafka in `tests/kafka.rs` and `tests/wrong_kafka.rs`.

mod bento;
mod formats;
mod kafka;
mod print;
mod secrets;
mod wrong;
mod wrong_kafka;

use std::time::Duration;

use super::*;

fn load(yaml: &str) -> Result<Loaded, Diagnostics> {
    load_with(yaml, &[])
}

fn load_with(yaml: &str, overrides: &[&str]) -> Result<Loaded, Diagnostics> {
    let overrides: Vec<_> = overrides.iter().map(|one| (*one).to_owned()).collect();
    Config::load(inline(yaml), &overrides, &env)
}

fn inline(yaml: &str) -> Source {
    Source::Inline {
        name: "t.yaml".into(),
        text: yaml.into(),
    }
}

/// Environment of the configs in these tests.
fn env(name: &str) -> Option<String> {
    let value = match name {
        "THREADS" => "3",
        "LEVEL" => "debug",
        "KAFKA_PASSWORD" => "hunter2",
        "REF" => "${THREADS} ${",
        _ => return None,
    };
    Some(value.to_owned())
}

fn good(yaml: &str) -> Config {
    load(yaml)
        .unwrap_or_else(|problems| panic!("{problems}"))
        .config
}

const SCRIPT: &str = "pipeline: { processors: [ { python: { script: root = this } } ] }\n";

#[test]
fn the_seeds_config() {
    let config = good(
        "pipeline:\n  processors:\n    - python:\n        script: |\n          root = sum(this)\n",
    );
    let [stage] = config.pipeline.stages.as_slice() else {
        panic!("one stage")
    };
    assert_eq!(stage.script, "root = sum(this)\n");
    assert_eq!(stage.origin.position(1, 8).to_string(), "t.yaml:5:18");
    assert_eq!(stage.origin.display_name(), "t.yaml");
    insta::assert_debug_snapshot!(Config {
        // Without a fixed number here, it would be the cores of the machine that runs the test.
        pipeline: PipelineConfig {
            max_guests: 8,
            ..config.pipeline
        },
        ..config
    });
}

#[test]
fn a_bento_config_runs_unchanged() {
    let yaml = r#"
http:
  enabled: false
  address: 0.0.0.0:4195
  root_path: /bento
  debug_endpoints: false
input:
  label: in
  stdin:
    scanner:
      lines:
        custom_delimiter: ""
        max_buffer_size: 65536
    auto_replay_nacks: true
buffer:
  none: {}
pipeline:
  threads: -1
  processors:
    - label: first
      python:
        imports: [math, json]
        script: root = this
    - python: { script: "root = [this]" }
output:
  label: ""
  stdout:
    codec: lines
logger:
  level: WARN
  format: logfmt
  add_timestamp: false
  static_fields:
    "@service": bento
metrics:
  prometheus: {}
tracer:
  none: {}
shutdown_delay: ""
shutdown_timeout: 20s
"#;
    let Loaded { config, warnings } = load(yaml).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(!config.http.enabled);
    assert_eq!(
        config.logger,
        LoggerConfig {
            level: LogLevel::Warn,
            format: LogFormat::Text
        }
    );
    assert_eq!(config.pipeline.stages.len(), 2);
    assert_eq!(config.pipeline.stages[0].label.as_deref(), Some("first"));
    assert_eq!(config.pipeline.stages[0].imports, ["math", "json"]);
    assert_eq!(
        config.pipeline.stages[0]
            .import_position("json")
            .to_string(),
        "t.yaml:22:25"
    );
    assert!(config.pipeline.max_guests >= 1);
    let InputConfig::Stdin(StreamInput {
        framing:
            Framing::Lines(LinesConfig {
                max_line,
                delimiter,
                omit_empty,
            }),
        ..
    }) = config.input
    else {
        panic!("stdin")
    };
    assert_eq!((max_line, delimiter, omit_empty), (65536, None, false));
    assert_eq!(config.shutdown_timeout, Duration::from_secs(20));
    let told: Vec<_> = warnings.iter().map(|one| one.message.as_str()).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn variables_anchors_and_overrides() {
    let yaml = r#"
pipeline:
  threads: ${THREADS}
  processors: &scripts
    - python: { script: "root = '${THREADS} ${UNSET}'" }
logger: { level: "${LEVEL:info}", format: ${FORMAT:json} }
guests: { min: ${MIN:2}, timeout: 5s }
"#;
    let overrides = [
        "guests.timeout=250ms",
        "guests.recycle.after_messages=1e6",
        "output.drop=",
    ];
    let config = load_with(yaml, &overrides).unwrap().config;
    assert_eq!((config.guests.min, config.pipeline.max_guests), (2, 3));
    assert_eq!(
        config.pipeline.stages[0].script,
        "root = '${THREADS} ${UNSET}'"
    );
    assert_eq!(
        config.logger,
        LoggerConfig {
            level: LogLevel::Debug,
            format: LogFormat::Json
        }
    );
    assert_eq!(config.guests.timeout, Duration::from_millis(250));
    assert_eq!(config.guests.recycle.after_messages, Some(1_000_000));
    assert!(matches!(config.output, OutputConfig::Drop));
}

#[test]
fn generate_takes_a_script_or_a_value() {
    let generate = |yaml: &str| match good(&format!("{SCRIPT}{yaml}")).input {
        InputConfig::Generate(generate) => generate,
        _ => panic!("generate"),
    };
    let one = generate(
        "input: { generate: { value: {a: [1.0, ~, 123456789012345678901]}, interval: '', count: 3, batch_size: 2 } }",
    );
    assert!(
        matches!(one.source, GenerateSource::Value(text) if text == r#"{"a":[1.0,null,123456789012345678901]}"#)
    );
    assert_eq!(
        (one.interval, one.count, one.batch_size),
        (Duration::ZERO, 3, 2)
    );
    let one = generate(
        "input: { generate: { script: 'root = uuid.uuid4().hex', imports: [uuid], interval: '@every 5s' } }",
    );
    assert!(matches!(one.source, GenerateSource::Script(stage) if stage.imports == ["uuid"]));
    assert_eq!(one.interval, Duration::from_secs(5));
}

#[test]
fn codecs() {
    let output = |yaml: &str| match good(&format!("{SCRIPT}output: {{ stdout: {yaml} }}")).output {
        OutputConfig::Stdout(StreamOutput { codec, .. }) => codec,
        _ => panic!("stdout"),
    };
    assert_eq!(output("").terminator(), b"\n");
    assert_eq!(output("{codec: all-bytes}").terminator(), b"");
    assert_eq!(output("{codec: 'delim:;'}"), StdoutCodec::Delim(";".into()));
    let config = good(&format!(
        "{SCRIPT}input: {{ stdin: {{ codec: 'delim:ab' }} }}\ndead_letter: {{ drop: }}"
    ));
    assert!(
        matches!(config.input.stream().map(|stream| &stream.framing), Some(Framing::Lines(lines)) if lines.delimiter.as_deref() == Some(b"ab"))
    );
    assert!(matches!(config.dead_letter, Some(OutputConfig::Drop)));
}

#[test]
fn a_line_fits_into_what_may_be_in_flight() {
    let config = good(&SCRIPT.replace("processors", "max_in_flight: 1MiB, processors"));
    assert!(
        matches!(config.input.stream().map(|stream| &stream.framing), Some(Framing::Lines(lines)) if lines.max_line == 1 << 20)
    );
}

#[test]
fn eval() {
    let imports = ["math".to_owned()];
    let overrides = ["guests.timeout=5s".to_owned()];
    let config = Config::for_script(
        &OneScript {
            imports: &imports,
            ..OneScript::text("root = (\n")
        },
        &overrides,
    )
    .unwrap()
    .config;
    let stage = &config.pipeline.stages[0];
    assert_eq!(
        (stage.script.as_str(), stage.imports.len()),
        ("root = (\n", 1)
    );
    assert_eq!(config.guests.timeout, Duration::from_secs(5));
    let syntax = Diagnostic::error("'(' was never closed").at(stage.origin.position(1, 8));
    let import = Diagnostic::error("there is no module `math`").at(stage.import_position("math"));
    let empty = Config::for_script(&OneScript::text(" "), &[]).unwrap_err();
    let config = Config::for_script(
        &OneScript {
            setup: Some("def f(:\n"),
            ..OneScript::text("root = f()")
        },
        &[],
    );
    let setup = config
        .unwrap()
        .config
        .pipeline
        .stages
        .remove(0)
        .setup
        .unwrap();
    let setup = Diagnostic::error("invalid syntax").at(setup.origin.position(1, 7));
    insta::assert_snapshot!(format!("{syntax}\n\n{import}\n\n{empty}\n\n{setup}"));
}

#[test]
fn script_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipeline.yaml");
    let config = |yaml: &str| {
        std::fs::write(&path, yaml).unwrap();
        Config::load(Source::File(path.clone()), &[], &|_| None)
    };
    let yaml = "pipeline:\n  processors:\n    - python: { file: t.py }\n";
    let place = folder.path().display().to_string();
    let missing = config(yaml).unwrap_err().to_string().replace(&place, "…");

    std::fs::write(folder.path().join("t.py"), "x = 1\nroot = x\n").unwrap();
    let stage = config(yaml).unwrap().config.pipeline.stages.remove(0);
    assert_eq!(stage.script, "x = 1\nroot = x\n");
    let at = stage.origin.position(2, 1).to_string();
    assert_eq!(at, format!("{place}/t.py:2:1"));

    std::fs::write(folder.path().join("t.py"), b"x = 1\n# caf\xe9\n").unwrap();
    let bytes = config(yaml).unwrap_err().to_string().replace(&place, "…");
    std::fs::write(folder.path().join("t.py"), "\n").unwrap();
    let empty = config(yaml).unwrap_err().to_string().replace(&place, "…");
    let nowhere = Config::load(Source::File("nowhere.yaml".into()), &[], &|_| None).unwrap_err();
    insta::assert_snapshot!(format!("{missing}\n\n{bytes}\n\n{empty}\n\n{nowhere}"));
}

#[test]
fn setups() {
    let setup = |config: Config| {
        let mut stages = config.pipeline.stages.into_iter();
        let stage = stages.next().expect("one stage");
        let at = stage.origin.position(1, 1).to_string();
        let setup = stage.setup.map(|setup| {
            let at = setup.origin.position(2, 1).to_string();
            (setup.script, at)
        });
        (stage.script, at, setup)
    };
    let python = |fields: &str| {
        good(&format!(
            "pipeline: {{ processors: [{{ python: {{ {fields} }} }}] }}"
        ))
    };
    let yaml = "pipeline:\n  processors:\n    - python:\n        setup: |\n          n = '${REF}'\n          x = 1\n        script: root = n\n";
    let (script, _, of_yaml) = setup(good(yaml));
    assert_eq!(script, "root = n");
    let expected = ("n = '${REF}'\nx = 1\n".to_owned(), "t.yaml:6:11".to_owned());
    assert_eq!(of_yaml, Some(expected));
    assert_eq!(setup(python("script: a, setup: ' '")).2, None);
    let stages = |fields| python(fields).pipeline.stages;
    assert_ne!(stages("script: a, setup: b"), stages("script: a, setup: c"));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipeline.yaml");
    std::fs::write(
        &path,
        "pipeline: { processors: [ python: { file: t.py } ] }",
    )
    .unwrap();
    let place = folder.path().display().to_string();
    for (text, script, line, of_file) in [
        (
            "x = 1\ny = 2\n# %% message\nroot = x\n",
            "root = x\n",
            4,
            Some("x = 1\ny = 2\n"),
        ),
        ("# %% message  \r\nroot = 1\r\n", "root = 1\r\n", 2, None),
        (
            "x = 1\r\n\r\n# %% message\r\nroot = x",
            "root = x",
            4,
            Some("x = 1\r\n\r\n"),
        ),
        (
            "x\n# %% message\na\n# %% message\n",
            "a\n# %% message\n",
            3,
            Some("x\n"),
        ),
        (
            " # %% message\nroot = 1",
            " # %% message\nroot = 1",
            1,
            None,
        ),
        (
            "# %% messages\nx = '# %% message'\n",
            "# %% messages\nx = '# %% message'\n",
            1,
            None,
        ),
    ] {
        std::fs::write(folder.path().join("t.py"), text).unwrap();
        let config = Config::load(Source::File(path.clone()), &[], &|_| None)
            .unwrap()
            .config;
        let (found, at, setup) = setup(config);
        assert_eq!(
            (&*found, at),
            (script, format!("{place}/t.py:{line}:1")),
            "{text:?}"
        );
        assert_eq!(
            setup.as_ref().map(|(setup, _)| &**setup),
            of_file,
            "{text:?}"
        );
    }
}

#[test]
fn standard_input_is_read_once() {
    let load = |yaml: &str| Config::load(Source::Stdin(format!("{SCRIPT}{yaml}")), &[], &|_| None);
    insta::assert_snapshot!(load("").unwrap_err());
    assert!(load("input: { generate: { value: 1 } }").is_ok());
}

#[test]
fn a_config_is_not_wrong_for_want_of_cores() {
    let Loaded { config, warnings } = load(&format!("{SCRIPT}guests: {{ min: 1000 }}")).unwrap();
    assert_eq!(
        (config.guests.min, config.pipeline.max_guests),
        (1000, 1000)
    );
    assert!(
        warnings
            .iter()
            .any(|one| one.message.contains("more than this machine has cores"))
    );
}

#[test]
fn the_reference_has_every_section() {
    let page = reference();
    for heading in [
        "## `input`\n",
        "### `input.generate`\n",
        "##### `input.stdin.scanner.lines`\n",
        "#### `pipeline.processors[].python`\n",
        "## `dead_letter`\n",
        "### `guests.recycle`\n",
    ] {
        assert!(page.contains(heading), "{heading}");
    }
    assert!(page.contains("| `timeout` | duration | `1s` | The time a script may take"));
    assert!(page.contains("| [`recycle`](#guestsrecycle) | mapping |"));
}
