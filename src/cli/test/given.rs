//! Message of a test: what the test gives becomes the bytes from which a script gets the same value as in production.

use std::sync::Arc;

use bytes::Bytes;

use crate::config::{
    Config, Diagnostic, Diagnostics, Format, InputFormat, Location, SchemaFraming, TestCase,
    TestInput, TestSchema, read_text,
};
use crate::engine::formats;
use crate::format::{Part, Resolved, Schema};
use crate::message::{Attributes, Lane, LaneId, Message};
use crate::registry::SchemaKind;

/// Message of a test.
pub(super) struct Given {
    pub(super) lane: Lane,
    pub(super) message: Message,
    /// Schemas of its value and its key, if their formats have some.
    pub(super) schemas: Resolved,
    /// Whether the value is plain JSON although production has values with a schema, which the test does not name.
    pub(super) is_bare: bool,
    /// Index of the processor that runs alone.
    pub(super) processor: Option<usize>,
}

/// Returns the messages of tests of `config`.
///
/// # Errors
/// The problems of all tests: if a schema cannot be used, or what a test gives does not fit it.
pub(super) fn all(config: &Config, tests: &[TestCase]) -> Result<Vec<Given>, Diagnostics> {
    let mut problems = Diagnostics::default();
    let mut all = Vec::with_capacity(tests.len());
    for test in tests {
        match given(config, test) {
            Ok(given) => all.push(given),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(all)
    } else {
        Err(problems)
    }
}

/// Returns the index of the processor that a test names.
fn processor(config: &Config, name: &str, place: &Location) -> Result<usize, Diagnostic> {
    let stages = &config.pipeline.stages;
    let labelled = stages
        .iter()
        .position(|stage| stage.label.as_deref() == Some(name));
    let numbered = name.parse().ok().filter(|index| *index < stages.len());
    labelled.or(numbered).ok_or_else(|| {
        let labels = stages.iter().filter_map(|stage| stage.label.as_deref());
        let labels: String = labels.map(|label| format!(", `{label}`")).collect();
        Diagnostic::error(format!("there is no processor `{name}`"))
            .at(place.clone())
            .help(format!(
                "write its label, or its number: the first is 0, the last is {}{labels}",
                stages.len().saturating_sub(1)
            ))
    })
}

fn given(config: &Config, test: &TestCase) -> Result<Given, Diagnostic> {
    let processor = match &test.processor {
        Some((name, place)) => Some(processor(config, name, place)?),
        None => None,
    };
    let (format, key_format) = config.input.formats();
    let key_format = InputFormat {
        kind: key_format.kind,
        ..InputFormat::default()
    };
    let meta = &test.meta;
    let mut schemas = Resolved::new();
    let schema = schema(&format, test.schema.as_ref())?;
    let payload = match (&test.input, &schema) {
        (TestInput::Value(json, place), Some(schema)) if !meta.tombstone => {
            encoded(schema, json, "input", place)?
        }
        (TestInput::Value(json, _), _) => json.clone().into_bytes(),
        (TestInput::Payload(payload), _) => payload.clone(),
    };
    schemas.extend(schema.map(|schema| (Part::Value.given(), Ok(schema))));
    let schema = self::schema(&key_format, test.key_schema.as_ref())?;
    let key = match (&meta.key, &schema) {
        (Some(json), Some(schema)) => Some(encoded(schema, json, "meta.key", &test.key_place)?),
        (key, _) => key.clone().map(String::into_bytes),
    };
    schemas.extend(schema.map(|schema| (Part::Key.given(), Ok(schema))));
    let mut message = Message::new(payload.into(), meta.offset);
    message.attributes = Some(Box::new(Attributes {
        key: key.map(Bytes::from),
        headers: meta
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), Some(value.clone().into())))
            .collect(),
        timestamp: meta.timestamp,
        tombstone: meta.tombstone,
        earlier: None,
    }));
    let lane = match &meta.topic {
        Some(topic) => Lane::of_partition(LaneId(0), topic.as_str().into(), meta.partition),
        None => Lane::default(),
    };
    Ok(Given {
        lane,
        message,
        schemas,
        is_bare: matches!(format.kind, Format::Avro | Format::Protobuf)
            && format.schema_text.is_none()
            && test.schema.is_none(),
        processor,
    })
}

/// Returns the schema of a part of a message, if its format has schemas: the one that the test names, or else that of the
/// format.
fn schema(
    format: &InputFormat,
    named: Option<&TestSchema>,
) -> Result<Option<Arc<Schema>>, Diagnostic> {
    let of_test = match (format.kind.schema_kind(), named) {
        (None, None) => return Ok(None),
        (None, Some(named)) => {
            let problem = "the test names a schema, and the format of the input has none";
            let help = "take it away, or say what the input is, for example `format: avro`";
            return Err(Diagnostic::error(problem)
                .at(named.place.clone())
                .help(help));
        }
        (Some(_), Some(named)) if format.framing == SchemaFraming::None => {
            let problem =
                "the test names a schema, and all messages have that in the input's `schema_file`";
            let problem = Diagnostic::error(problem).at(named.place.clone());
            return Err(problem.help("take it away"));
        }
        (Some(kind), None) => formats::schema_of_test(format, kind, None)
            // The config was checked.
            .map_err(Diagnostic::error),
        (Some(kind), Some(named)) => of_file(format, kind, named),
    };
    of_test.map(|schema| Some(Arc::new(schema)))
}

fn of_file(
    format: &InputFormat,
    kind: SchemaKind,
    named: &TestSchema,
) -> Result<Schema, Diagnostic> {
    let TestSchema {
        file,
        path,
        place,
        message,
    } = named;
    if let Some((_, place)) = message
        && kind != SchemaKind::Protobuf
    {
        let problem = format!("`message` is for Protobuf alone, and the input is {kind}");
        return Err(Diagnostic::error(problem)
            .at(place.clone())
            .help("take it away"));
    }
    let text = read_text(path).map_err(|why| {
        Diagnostic::error(format!("cannot read `{file}`: {why}"))
            .at(place.clone())
            .help("the path is relative to the folder of the file with the test")
    })?;
    let message = message.as_ref().map(|(name, _)| name);
    formats::schema_of_test(format, kind, Some((&text, message))).map_err(|why| {
        Diagnostic::error(format!(
            "`{file}` cannot be used as a schema of {kind}: {why}"
        ))
        .at(place.clone())
        .help("mend the file, or name another one")
    })
}

/// Returns the bytes of a value that the `field` of a test gives.
fn encoded(
    schema: &Schema,
    json: &str,
    field: &str,
    place: &Location,
) -> Result<Vec<u8>, Diagnostic> {
    schema.payload_of(json).map_err(|why| {
        Diagnostic::error(format!("`{field}` does not fit its schema: {why}"))
            .at(place.clone())
            .help("write it as `nerodia try` shows it: decimals and times as text, bytes in Base64")
    })
}
