//! Formats of a pipeline for tests, without a schema registry.

use std::collections::HashMap;
use std::sync::Arc;

use super::{json_form, key, of_file, read, write};
use crate::config::{Config, Format, Numbers, OutputFormat, SchemaFraming};
use crate::format::{
    Formats, ReadFormat, Reads, SchemaSource, SchemaWrites, Target, WriteFormat, Writes,
};

/// Returns the formats of `config` for tests: values that have a schema are given as JSON, and shown as JSON.
///
/// # Errors
/// If a schema in a file cannot be used.
pub(crate) fn offline(config: &Config) -> anyhow::Result<Formats> {
    let (input, input_key) = config.input.formats();
    let (output, output_key) = config.output.formats();
    let formats = Formats {
        reads: Reads {
            value: given(input.kind)?,
            key: given(input_key.kind)?,
            exact: input.numbers == Numbers::Exact,
        },
        writes: Writes {
            value: shown(&output)?,
            key: shown(&key(output_key))?,
        },
        registry: None,
    };
    Ok(formats.shown())
}

fn given(format: Format) -> anyhow::Result<ReadFormat> {
    match format.schema_kind() {
        Some(_) => Ok(ReadFormat::Json),
        None => read(format, |kind| Ok(SchemaSource::Named(kind))),
    }
}

fn shown(format: &OutputFormat) -> anyhow::Result<WriteFormat> {
    if format.framing == SchemaFraming::Registry && format.kind.schema_kind().is_some() {
        return Ok(WriteFormat::Shown(None));
    }
    write(format, |kind| {
        Ok(SchemaWrites {
            framed: false,
            form: json_form(format),
            own: Target::fixed(Arc::new(of_file(format, kind)?)),
            topics: HashMap::new(),
            subjects: HashMap::new(),
        })
    })
}
