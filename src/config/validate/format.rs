//! Checks of `format` and `key_format`.

use super::{Check, idle};
use crate::config::load::read_text;
use crate::config::model::{
    Config, Format, InputConfig, InputFormat, KeyFormat, Numbers, OutputConfig, OutputFormat,
    SchemaFraming, SubjectNameStrategy,
};
use crate::config::tree::FieldPath;
use crate::format::{Schema, SchemaSettings};

/// Checks the format of an input's payloads, which is at `at`.
pub(super) fn input(check: &mut Check<'_>, at: &FieldPath, format: &mut InputFormat) {
    let kind = format.kind;
    message(check, at, kind, format.message.is_some());
    if format.numbers == Numbers::Exact {
        json_alone(check, at, "numbers", kind);
    }
    if format.framing != SchemaFraming::Registry {
        schema_alone(check, at, "framing", kind);
    }
    if format.schema_file.is_some() {
        schema_alone(check, at, "schema_file", kind);
    }
    let file = format.schema_file.as_deref();
    format.schema_text = read(check, at, file, kind, format.message.as_ref());
    if matches!(kind, Format::JsonSchema | Format::Protobuf)
        && format.framing == SchemaFraming::Registry
        && format.schema_file.is_some()
    {
        check.error(
            &at.field("schema_file"),
            format!("`{at}.schema_file` has no effect: each message names its own schema"),
            "take it away; or write `framing: none` if no message names a schema",
        );
    }
    let needs_file = format.framing == SchemaFraming::None && kind.has_schema();
    if needs_file && format.schema_file.is_none() {
        let help = "with `framing: none` no message names its schema: write the file with it";
        check.missing(at, "schema_file", help);
    }
    idle::input(check, at, format);
}

/// Checks the format of an output's payloads, which is at `at`.
pub(super) fn output(check: &mut Check<'_>, at: &FieldPath, format: &mut OutputFormat) {
    let kind = format.kind;
    message(check, at, kind, format.message.is_some());
    let json = [
        ("decimal", format.decimal.is_some()),
        ("datetime", format.datetime.is_some()),
    ];
    let schema = [
        ("framing", format.framing != SchemaFraming::Registry),
        ("subject", format.subject.is_some()),
        (
            "subject_name_strategy",
            format.subject_name_strategy != SubjectNameStrategy::Topic,
        ),
        ("subjects_allowed", !format.subjects_allowed.is_empty()),
        ("schema_file", format.schema_file.is_some()),
        ("schema_id", format.schema_id.is_some()),
        ("register", format.register),
    ];
    for (field, _) in json.iter().filter(|(_, written)| *written) {
        json_alone(check, at, field, kind);
    }
    for (field, _) in schema.iter().filter(|(_, written)| *written) {
        schema_alone(check, at, field, kind);
    }
    let file = format.schema_file.as_deref();
    format.schema_text = read(check, at, file, kind, format.message.as_ref());
    if !kind.has_schema() {
        return;
    }
    if format.schema_file.is_some() && format.schema_id.is_some() {
        let message = format!("`{at}` has both `schema_file` and `schema_id`");
        let (file, id) = (at.field("schema_file"), at.field("schema_id"));
        check.either(message, &id, &file, "one of them");
    }
    if format.subject_name_strategy != SubjectNameStrategy::Topic && format.schema_file.is_none() {
        let help =
            "the name of the record is in the schema: write the file with it, or the `subject`";
        check.missing(at, "schema_file", help);
    }
    if format.register && format.schema_file.is_none() {
        let help = "write the file with the schema that is to be registered";
        check.missing(at, "schema_file", help);
    }
    if format.framing == SchemaFraming::None && format.schema_file.is_none() {
        let help = "with `framing: none` no registry is asked: write the file with the schema";
        check.missing(at, "schema_file", help);
    }
    idle::output(check, at, format);
}

/// Reports formats that need a schema registry, if there is none; and topics whose schema cannot be known.
pub(super) fn schemas(check: &mut Check<'_>, config: &Config) {
    let (input, input_key) = config.input.formats();
    let (output, output_key) = config.output.formats();
    let needs = [
        (
            "input.kafka.format",
            input.kind.asks_registry(input.framing),
        ),
        (
            "input.kafka.key_format",
            input_key.kind.asks_registry(SchemaFraming::Registry),
        ),
        (
            "output.kafka.format",
            output.kind.asks_registry(output.framing),
        ),
        (
            "output.kafka.key_format",
            output_key.kind.asks_registry(SchemaFraming::Registry),
        ),
    ];
    if config.schema_registry.is_none()
        && !check.is_written(&FieldPath::of("schema_registry"))
        && let Some((at, _)) = needs.iter().find(|(_, needs)| *needs)
    {
        let at = match (config.input.as_kafka(), &config.output) {
            (None, _) if at.starts_with("input") => FieldPath::of(match config.input {
                InputConfig::File(_) => "input.file.format",
                _ => "input.stdin.format",
            }),
            (_, output) if at.starts_with("output") => match stream_format(output) {
                Some(format) => FieldPath::of(format),
                None => FieldPath::of(at),
            },
            _ => FieldPath::of(at),
        };
        check.error(
            &at,
            format!("`{at}` needs a schema registry"),
            "write where it is, for example `schema_registry: { url: http://localhost:8081 }`",
        );
    }
    let by_topic = output.kind.asks_registry(output.framing)
        && output.subject.is_none()
        && output.schema_id.is_none()
        || output_key.kind.asks_registry(SchemaFraming::Registry);
    if let OutputConfig::Kafka(kafka) = &config.output
        && by_topic
        && let Some(place) = kafka
            .topics_allowed
            .iter()
            .position(|one| one.starts_with('^'))
    {
        check.error(
            &FieldPath::of("output.kafka.topics_allowed").item(place),
            "the schemas of topics must be known at the start, and a regular expression names no topic",
            "write the names of the topics; or a `subject` or a `schema_id`, which is then that of all topics",
        );
    }
    if let Some(format) = stream_format(&config.output)
        && by_topic
        && output.kind != Format::Auto
    {
        check.missing(
            &FieldPath::of(format),
            "subject",
            "this output has no topic, of which the subject could be: write the `subject`, or `schema_id`",
        );
    }
}

/// Returns the path of the format of an output that is a stream of bytes.
fn stream_format(output: &OutputConfig) -> Option<&'static str> {
    match output {
        OutputConfig::Stdout(_) => Some("output.stdout.format"),
        OutputConfig::File(_) => Some("output.file.format"),
        OutputConfig::Kafka(_) | OutputConfig::Drop => None,
    }
}

fn is_json(format: Format) -> bool {
    matches!(format, Format::Auto | Format::Json | Format::JsonSchema)
}

fn json_alone(check: &mut Check<'_>, at: &FieldPath, field: &str, kind: Format) {
    if !is_json(kind) {
        let at = at.field(field);
        let message = format!("`{at}` is for JSON alone");
        check.error(&at, message, "take it away, or write `type: json`");
    }
}

fn schema_alone(check: &mut Check<'_>, at: &FieldPath, field: &str, kind: Format) {
    if !kind.has_schema() {
        let at = at.field(field);
        let message = format!("`{at}` is for formats with a schema alone");
        check.error(&at, message, "take it away, or write `type: avro`");
    }
}

fn message(check: &mut Check<'_>, at: &FieldPath, kind: Format, is_written: bool) {
    if is_written && kind != Format::Protobuf {
        let at = at.field("message");
        let message = format!("`{at}` is for Protobuf alone");
        check.error(&at, message, "take it away, or write `type: protobuf`");
    }
}

/// Returns the text of the file that the field `schema_file` of the format at `at` names.
fn read(
    check: &mut Check<'_>,
    at: &FieldPath,
    file: Option<&str>,
    kind: Format,
    message: Option<&String>,
) -> Option<String> {
    let (file, at) = (file?, &at.field("schema_file"));
    let path = check.base.join(file);
    match read_text(&path) {
        Ok(text) => {
            let kind = kind.schema_kind()?;
            let settings = SchemaSettings {
                reader: None,
                message: message.cloned(),
            };
            if let Err(why) = Schema::of_file(kind, &text, &settings) {
                let problem = format!("`{file}` cannot be used as a schema of {kind}: {why}");
                check.error(at, problem, "mend the file, or name another one");
            }
            Some(text)
        }
        Err(why) => {
            let help = "the path is relative to the folder of the config file";
            check.error(at, format!("cannot read `{file}`: {why}"), help);
            None
        }
    }
}

/// Refuses formats of dead letters, which have the payload and the key of their message.
pub(super) fn dead_letter(
    check: &mut Check<'_>,
    at: &FieldPath,
    format: &OutputFormat,
    key_format: &KeyFormat,
) {
    let written = [
        ("format", *format != OutputFormat::default()),
        ("key_format", *key_format != KeyFormat::default()),
    ];
    for (name, _) in written.into_iter().filter(|(_, is_other)| *is_other) {
        let field = at.field(name);
        check.error(
            &field,
            format!("`{field}`: a dead letter has no format of its own"),
            "take it away: a dead letter has the payload and the key with which its message came",
        );
    }
}
