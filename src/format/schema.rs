//! Schemas, ready for reading and writing.

use std::sync::Arc;

use super::Refused;
use super::avro::{AvroSchema, Decoder, Writer};
use super::json_schema::JsonSchema;
use super::read::json;
use crate::codec::{Encoder, JsonForm, Payload, Value};
use crate::registry::{RawSchema, SchemaKind};

/// Client of the registry that makes schemas ready.
pub(crate) type Registry = crate::registry::Registry<Schema>;

/// Schema that was found, or the reason why there is none.
pub(crate) type Found = crate::registry::Answer<Schema>;

/// Schema, ready for reading and writing.
#[derive(Debug)]
pub(crate) struct Schema {
    /// Number in the registry, if it has one.
    pub id: Option<u32>,
    language: Language,
}

#[derive(Debug)]
enum Language {
    Avro(Box<Avro>),
    JsonSchema(Box<JsonSchema>),
    /// Of another language than those that can be read, or malformed: the reason.
    Unusable(String),
}

/// Avro's schema with what reads and writes its values.
#[derive(Debug)]
struct Avro {
    /// Reads payloads, in the reader's schema if there is one; the reason if the schemas do not fit each other.
    payloads: Result<Decoder, String>,
    /// Reads keys, which have no reader's schema.
    keys: Decoder,
    writer: Writer,
}

impl Schema {
    /// Makes a schema of the registry ready. Payloads are read in the schema `reader`, if there is one.
    pub(crate) fn new(raw: &RawSchema, reader: Option<&Arc<AvroSchema>>) -> Self {
        let references: Vec<&str> = raw.references.iter().map(|one| &*one.text).collect();
        let language = match raw.kind {
            SchemaKind::Avro => Language::avro(&raw.text, &references, reader),
            SchemaKind::JsonSchema => {
                let references: Vec<_> = raw
                    .references
                    .iter()
                    .map(|one| (&*one.name, &*one.text))
                    .collect();
                Language::json_schema(&raw.text, &references)
            }
            kind => Language::Unusable(format!("it is {kind}, which cannot be read yet")),
        };
        Self {
            id: raw.id,
            language,
        }
    }

    /// Makes a schema from a file ready, which is no registry's.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn of_file(kind: SchemaKind, text: &str) -> Result<Self, String> {
        let language = match kind {
            SchemaKind::Avro => Language::avro(text, &[], None),
            SchemaKind::JsonSchema => Language::json_schema(text, &[]),
            kind => Language::Unusable(format!("it is {kind}, which cannot be read yet")),
        };
        match language {
            Language::Unusable(why) => Err(why),
            language => Ok(Self { id: None, language }),
        }
    }

    /// Returns why the schema cannot be used, if it cannot.
    pub(crate) fn unusable(&self) -> Option<&str> {
        match &self.language {
            Language::Unusable(why) => Some(why),
            Language::Avro(_) | Language::JsonSchema(_) => None,
        }
    }

    /// Writes the value that `bytes` contains as one object, and returns its kind.
    ///
    /// # Errors
    ///
    /// If the bytes are no such value; then the caller takes the output back.
    pub(super) fn read(
        &self,
        is_key: bool,
        bytes: &[u8],
        encoder: &mut Encoder,
    ) -> Result<Payload, Refused> {
        match &self.language {
            Language::JsonSchema(schema) => {
                let sent = json(encoder, bytes)?;
                schema.check(bytes).map_err(|why| {
                    let text = format!("it does not fit its schema{}: {why}", self.named());
                    Refused::new("SchemaMismatch", text)
                })?;
                Ok(sent)
            }
            Language::Avro(avro) => {
                let decoder = if is_key {
                    Ok(&avro.keys)
                } else {
                    avro.payloads.as_ref()
                };
                let decoder = decoder.map_err(|why| {
                    let text = format!(
                        "its schema{} does not fit the one in `schema_file`: {why}",
                        self.named()
                    );
                    Refused::new("SchemaMismatch", text)
                })?;
                decoder
                    .decode(bytes, encoder)
                    .map(|()| Payload::Json)
                    .map_err(|error| Refused::new("NotAvro", error.to_string()))
            }
            Language::Unusable(why) => {
                let text = format!("its schema{} cannot be used: {why}", self.named());
                Err(Refused::new("UnknownSchema", text))
            }
        }
    }

    /// Appends the bytes of `value` to `out`. `form` is that of values that JSON has no type for.
    ///
    /// # Errors
    ///
    /// If the schema has no form for the value; `out` is then unchanged.
    pub(super) fn write(
        &self,
        value: &Value<'_>,
        form: JsonForm,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        let written = match &self.language {
            Language::Avro(avro) => avro.writer.write(value, out).map_err(|why| why.to_string()),
            Language::JsonSchema(schema) => {
                let start = out.len();
                value
                    .write_json(out, form)
                    .map_err(|error| Refused::new("TypeError", error.message))?;
                let checked = schema.check(&out[start..]);
                if checked.is_err() {
                    out.truncate(start);
                }
                checked
            }
            Language::Unusable(why) => Err(why.clone()),
        };
        written.map_err(|why| {
            let text = format!("the result does not fit the schema{}: {why}", self.named());
            Refused::new("SchemaMismatch", text)
        })
    }

    fn named(&self) -> String {
        self.id.map_or(String::new(), |id| format!(" (id {id})"))
    }
}

impl Language {
    fn json_schema(text: &str, references: &[(&str, &str)]) -> Self {
        match JsonSchema::parse(text, references) {
            Ok(schema) => Self::JsonSchema(Box::new(schema)),
            Err(why) => Self::Unusable(why),
        }
    }

    fn avro(text: &str, references: &[&str], reader: Option<&Arc<AvroSchema>>) -> Self {
        let made = AvroSchema::parse(text, references).and_then(|schema| {
            let schema = Arc::new(schema);
            let keys = Decoder::new(Arc::clone(&schema), None)?;
            let payloads = Decoder::new(Arc::clone(&schema), reader.map(Arc::clone));
            Ok(Avro {
                payloads,
                keys,
                writer: Writer::new(schema),
            })
        });
        match made {
            Ok(avro) => Self::Avro(Box::new(avro)),
            Err(why) => Self::Unusable(why),
        }
    }
}
