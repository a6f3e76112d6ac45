//! Formats of a pipeline for tests, without a schema registry.

use std::collections::HashMap;
use std::sync::Arc;

use super::{json_form, key, of_file, read, write};
use crate::config::{Config, InputFormat, Numbers, OutputFormat};
use crate::engine::schema_registry;
use crate::format::{
    Formats, Reads, Schema, SchemaSettings, SchemaSource, SchemaWrites, Target, WriteFormat, Writes,
};
use crate::registry::SchemaKind;

/// Returns the formats of `config` for tests: a value that has a schema comes with it, and results are shown as JSON. Every
/// result fits a schema that only the registry has.
///
/// # Errors
/// If a schema in a file cannot be used.
pub(crate) fn offline(config: &Config) -> anyhow::Result<Formats> {
    let (input, input_key) = config.input.formats();
    let (output, output_key) = config.output.formats();
    let given = |format| read(format, |_| Ok(SchemaSource::Given));
    let formats = Formats {
        reads: Reads {
            value: given(input.kind)?,
            key: given(input_key.kind)?,
            exact: input.numbers == Numbers::Exact,
        },
        writes: Writes {
            value: written(&output)?,
            key: written(&key(output_key))?,
        },
        registry: None,
    };
    Ok(formats.shown())
}

/// Returns the schema with which a test's value is written, and read as in production. `given` are the text of the schema
/// that the test names, and its message of Protobuf.
///
/// # Errors
/// What is wrong with the schema.
pub(crate) fn schema_of_test(
    input: &InputFormat,
    kind: SchemaKind,
    given: Option<(&str, Option<&String>)>,
) -> Result<Schema, String> {
    match (given, &input.schema_text) {
        (Some((text, message)), _) => {
            let settings = SchemaSettings {
                reader: schema_registry::reader(input).map_err(|why| why.to_string())?,
                message: message.cloned(),
            };
            Schema::of_file(kind, text, &settings)
        }
        (None, Some(text)) => {
            let settings = SchemaSettings {
                reader: None,
                message: input.message.clone(),
            };
            Schema::of_file(kind, text, &settings)
        }
        (None, None) => Ok(Schema::unknown()),
    }
}

fn written(format: &OutputFormat) -> anyhow::Result<WriteFormat> {
    let unknown = || Target::fixed(Arc::new(Schema::unknown()));
    write(format, |kind| {
        Ok(SchemaWrites {
            framed: false,
            form: json_form(format),
            own: match &format.schema_text {
                Some(_) => Target::fixed(Arc::new(of_file(format, kind)?)),
                None => unknown(),
            },
            // With the schema of a file, that of all topics.
            topics: HashMap::new(),
            subjects: format
                .subjects_allowed
                .iter()
                .map(|subject| (subject.clone(), unknown()))
                .collect(),
        })
    })
}
