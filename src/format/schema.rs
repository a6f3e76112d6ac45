//! Schemas, ready for reading and writing.

use std::sync::Arc;

use super::Refused;
use super::avro::{AvroSchema, Decoder, Writer};
use super::json_schema::JsonSchema;
use super::protobuf::{MessageId, ProtobufSchema, put_indexes, take_indexes};
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
    Protobuf(Box<Protobuf>),
    /// Malformed: the reason.
    Unusable(String),
}

/// Avro's schema with what reads and writes its values.
#[derive(Debug)]
struct Avro {
    schema: Arc<AvroSchema>,
    /// Reads payloads, in the reader's schema if there is one; the reason if the schemas do not fit each other.
    payloads: Result<Decoder, String>,
    /// Reads keys, which have no reader's schema.
    keys: Decoder,
    writer: Writer,
}

/// Protobuf's schema, with the message in which results are written.
#[derive(Debug)]
struct Protobuf {
    schema: ProtobufSchema,
    written: MessageId,
    /// Indexes of that message, as they stand before it.
    indexes: Vec<u8>,
}

/// Bytes that a schema describes, and what is around them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Coded<'b> {
    /// The value alone.
    Alone(&'b [u8]),
    /// In Protobuf, the indexes of the message and the value.
    Framed(&'b [u8]),
    /// What a header says of the message, and the value.
    Beside(&'b [u8], &'b [u8]),
}

impl<'b> Coded<'b> {
    fn value(self) -> &'b [u8] {
        match self {
            Self::Alone(value) | Self::Framed(value) | Self::Beside(_, value) => value,
        }
    }
}

/// What the config says of schemas.
#[derive(Debug, Clone, Default)]
pub(crate) struct SchemaSettings {
    /// Schema in which payloads of Avro are read.
    pub reader: Option<Arc<AvroSchema>>,
    /// Name of the message of Protobuf that is written, and that bare payloads are; without it, the first of the schema.
    pub message: Option<String>,
}

impl Schema {
    /// Makes a schema of the registry ready.
    pub(crate) fn new(raw: &RawSchema, settings: &SchemaSettings) -> Self {
        let named: Vec<(&str, &str)> = raw
            .references
            .iter()
            .map(|one| (&*one.name, &*one.text))
            .collect();
        let texts: Vec<&str> = named.iter().map(|(_, text)| *text).collect();
        let language = match raw.kind {
            SchemaKind::Avro => Language::avro(&raw.text, &texts, settings.reader.as_ref()),
            SchemaKind::JsonSchema => Language::json_schema(&raw.text, &named),
            SchemaKind::Protobuf => Language::protobuf(&raw.text, &named, settings),
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
    pub(crate) fn of_file(
        kind: SchemaKind,
        text: &str,
        settings: &SchemaSettings,
    ) -> Result<Self, String> {
        let language = match kind {
            SchemaKind::Avro => Language::avro(text, &[], None),
            SchemaKind::JsonSchema => Language::json_schema(text, &[]),
            SchemaKind::Protobuf => Language::protobuf(text, &[], settings),
        };
        let schema = match language {
            Language::Unusable(why) => return Err(why),
            language => Self { id: None, language },
        };
        match &settings.message {
            Some(name) if !schema.has_message(name) => Err(format!("it has no message `{name}`")),
            _ => Ok(schema),
        }
    }

    /// Returns why the schema cannot be used, if it cannot.
    pub(crate) fn unusable(&self) -> Option<&str> {
        match &self.language {
            Language::Unusable(why) => Some(why),
            Language::Avro(_) | Language::JsonSchema(_) | Language::Protobuf(_) => None,
        }
    }

    /// Returns the language of the schema; `None` if it cannot be used.
    pub(crate) fn kind(&self) -> Option<SchemaKind> {
        match &self.language {
            Language::Avro(_) => Some(SchemaKind::Avro),
            Language::JsonSchema(_) => Some(SchemaKind::JsonSchema),
            Language::Protobuf(_) => Some(SchemaKind::Protobuf),
            Language::Unusable(_) => None,
        }
    }

    /// Returns the name of what is written: of Avro's record, of Protobuf's message, or the title of a JSON Schema.
    pub(crate) fn name(&self) -> Option<&str> {
        match &self.language {
            Language::Avro(avro) => avro.schema.name(),
            Language::JsonSchema(schema) => schema.title(),
            Language::Protobuf(of) => Some(of.schema.name_of(of.written)),
            Language::Unusable(_) => None,
        }
    }

    /// Returns whether the schema has a message of Protobuf with this name.
    pub(crate) fn has_message(&self, name: &str) -> bool {
        match &self.language {
            Language::Protobuf(of) => of.schema.message_named(name).is_some(),
            _ => false,
        }
    }

    /// Writes the value as one object, and returns its kind.
    ///
    /// # Errors
    ///
    /// If the bytes are no such value; then the caller takes the output back.
    pub(super) fn read(
        &self,
        is_key: bool,
        coded: Coded<'_>,
        encoder: &mut Encoder,
    ) -> Result<Payload, Refused> {
        let bytes = coded.value();
        match &self.language {
            Language::Protobuf(of) => of
                .read(coded, encoder)
                .map_err(|why| Refused::new("NotProtobuf", why)),
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

    /// Appends the bytes of `value` to `out`; if it is `framed`, with the indexes of its message. `form` is that of values that
    /// JSON has no type for.
    ///
    /// # Errors
    ///
    /// If the schema has no form for the value; `out` is then unchanged.
    pub(super) fn write(
        &self,
        value: &Value<'_>,
        form: JsonForm,
        framed: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        let written = match &self.language {
            Language::Avro(avro) => avro.writer.write(value, out).map_err(|why| why.to_string()),
            Language::Protobuf(of) => of.write(value, framed, out),
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

impl Protobuf {
    fn read(&self, coded: Coded<'_>, encoder: &mut Encoder) -> Result<Payload, String> {
        let (indexes, bytes) = match coded {
            Coded::Alone(bytes) => (None, bytes),
            Coded::Framed(bytes) => {
                let (indexes, bytes) = take_indexes(bytes).map_err(|why| why.to_string())?;
                (Some(indexes), bytes)
            }
            Coded::Beside(header, bytes) => {
                let (indexes, _) = take_indexes(header).map_err(|why| why.to_string())?;
                (Some(indexes), bytes)
            }
        };
        let message = match indexes {
            None => self.written,
            Some(indexes) => self
                .schema
                .message_at(indexes.as_slice())
                .ok_or_else(|| format!("the schema has no message {:?}", indexes.as_slice()))?,
        };
        self.schema
            .decode(message, bytes, encoder)
            .map(|()| Payload::Json)
            .map_err(|why| why.to_string())
    }

    fn write(&self, value: &Value<'_>, framed: bool, out: &mut Vec<u8>) -> Result<(), String> {
        if framed {
            out.extend_from_slice(&self.indexes);
        }
        self.schema
            .write(self.written, value, out)
            .map_err(|why| why.to_string())
    }
}

impl Language {
    fn protobuf(text: &str, references: &[(&str, &str)], settings: &SchemaSettings) -> Self {
        let made = ProtobufSchema::parse(text, references).and_then(|schema| {
            let named = settings.message.as_deref();
            let named = named.and_then(|name| schema.message_named(name));
            let first = || {
                schema
                    .message_at(&[0])
                    .ok_or("it has no message".to_owned())
            };
            let written = named.map_or_else(first, Ok)?;
            let mut indexes = Vec::new();
            put_indexes(&schema.indexes_of(written), &mut indexes);
            Ok(Protobuf {
                schema,
                written,
                indexes,
            })
        });
        match made {
            Ok(protobuf) => Self::Protobuf(Box::new(protobuf)),
            Err(why) => Self::Unusable(why),
        }
    }

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
                writer: Writer::new(Arc::clone(&schema)),
                schema,
            })
        });
        match made {
            Ok(avro) => Self::Avro(Box::new(avro)),
            Err(why) => Self::Unusable(why),
        }
    }
}
