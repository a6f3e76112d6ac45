//! Formats of a pipeline, from its config; with the schemas that must be there before the first message.

mod offline;
mod opening;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;

pub(crate) use self::offline::{offline, schema_of_test};
use self::opening::{Opening, Output};
use super::schema_registry;
use crate::config::{
    Config, DatetimeText, DecimalText, Format, InputFormat, KeyFormat, Numbers, OutputFormat,
    SchemaFraming,
};
use crate::format::{
    Formats, Part, ReadFormat, Reads, Schema, SchemaSettings, SchemaSource, SchemaWrites,
    WriteFormat, Writes,
};
use crate::registry::SchemaKind;
use crate::telemetry::health::Health;
use nerodia_codec::{DatetimeForm, DecimalForm, JsonForm};

/// Returns the formats of `config`. If there is a schema registry, asks it for what the output needs, for at most
/// `timeout`; what delays its answer is reported to `health`.
///
/// # Errors
/// If a schema cannot be used, or the registry does not answer.
pub(crate) fn open(config: &Config, timeout: Duration, health: &Health) -> anyhow::Result<Formats> {
    let (input, input_key) = config.input.formats();
    let (output, output_key) = config.output.formats();
    let registry = match &config.schema_registry {
        Some(of) => Some(schema_registry::connect(of, &input, &output)?),
        None => None,
    };
    let opening = Opening {
        config,
        registry: registry.as_ref(),
        health,
        deadline: Instant::now() + timeout,
    };
    let reads = Reads {
        value: read(input.kind, |kind| source(&input, kind))?,
        key: read(input_key.kind, |kind| Ok(SchemaSource::Named(kind)))?,
        exact: input.numbers == Numbers::Exact,
    };
    let asked = |format, part| {
        write(format, |kind| {
            opening.schemas(&Output { format, kind, part })
        })
    };
    let writes = Writes {
        value: asked(&output, Part::Value)?,
        key: asked(&key(output_key), Part::Key)?,
    };
    if reads.name_schemas() {
        opening.probe()?;
    }
    Ok(Formats {
        reads,
        writes,
        registry,
    })
}

/// Returns the format of an input. `schema` returns where its schemas come from, if it has some.
fn read(
    format: Format,
    schema: impl FnOnce(SchemaKind) -> anyhow::Result<SchemaSource>,
) -> anyhow::Result<ReadFormat> {
    let schema = |kind| schema(kind).map(ReadFormat::Schema);
    match format {
        Format::Auto => Ok(ReadFormat::Auto),
        Format::Json => Ok(ReadFormat::Json),
        Format::Text => Ok(ReadFormat::Text),
        Format::Bytes => Ok(ReadFormat::Bytes),
        Format::Avro => schema(SchemaKind::Avro),
        Format::Protobuf => schema(SchemaKind::Protobuf),
        Format::JsonSchema => schema(SchemaKind::JsonSchema),
    }
}

/// Returns the format of an output. `schemas` returns its schemas, if it has some.
fn write(
    format: &OutputFormat,
    schemas: impl FnOnce(SchemaKind) -> anyhow::Result<SchemaWrites>,
) -> anyhow::Result<WriteFormat> {
    let schemas = |kind| Ok(WriteFormat::Schema(Arc::new(schemas(kind)?)));
    match format.kind {
        Format::Auto => Ok(WriteFormat::Auto(json_form(format))),
        Format::Json => Ok(WriteFormat::Json(json_form(format))),
        Format::Text => Ok(WriteFormat::Text),
        Format::Bytes => Ok(WriteFormat::Bytes),
        Format::Avro => schemas(SchemaKind::Avro),
        Format::Protobuf => schemas(SchemaKind::Protobuf),
        Format::JsonSchema => schemas(SchemaKind::JsonSchema),
    }
}

/// Returns where the schemas of an input come from.
fn source(input: &InputFormat, kind: SchemaKind) -> anyhow::Result<SchemaSource> {
    let (Some(text), SchemaFraming::None) = (&input.schema_text, input.framing) else {
        return Ok(SchemaSource::Named(kind));
    };
    let schema = in_file(kind, text, input.schema_file.as_deref(), &input.message)?;
    Ok(SchemaSource::Fixed(Arc::new(schema)))
}

/// Returns the name of a schema's file, for messages.
pub(super) fn file(name: Option<&str>) -> &str {
    name.unwrap_or("schema_file")
}

/// Returns the format of an output's keys, which has no more settings.
fn key(format: KeyFormat) -> OutputFormat {
    OutputFormat {
        kind: format.kind,
        ..OutputFormat::default()
    }
}

/// Returns the schema in the file of an output, which is no registry's.
fn of_file(format: &OutputFormat, kind: SchemaKind) -> anyhow::Result<Schema> {
    let text = format.schema_text.as_deref().unwrap_or_default();
    in_file(kind, text, format.schema_file.as_deref(), &format.message)
}

/// Returns the schema that is the `text` of a `file`.
fn in_file(
    kind: SchemaKind,
    text: &str,
    file: Option<&str>,
    message: &Option<String>,
) -> anyhow::Result<Schema> {
    let settings = SchemaSettings {
        reader: None,
        message: message.clone(),
    };
    let schema = Schema::of_file(kind, text, &settings);
    schema.map_err(|why| anyhow!("{}: {why}", self::file(file)))
}

fn json_form(format: &OutputFormat) -> JsonForm {
    JsonForm {
        decimal: format.decimal.map(|decimal| match decimal {
            DecimalText::String => DecimalForm::String,
            DecimalText::Number => DecimalForm::Number,
        }),
        datetime: format.datetime.map(|datetime| match datetime {
            DatetimeText::Iso => DatetimeForm::Iso,
            DatetimeText::Millis => DatetimeForm::Millis,
        }),
        // A UUID has one form only, so it is enough that the config says what other types become.
        uuid: format.decimal.is_some() || format.datetime.is_some(),
    }
}
