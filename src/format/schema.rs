//! Schemas, ready for reading and writing.

mod given;

use std::sync::Arc;

use super::Refused;
use super::avro::{AvroSchema, Decoder, Writer};
use super::json_schema::JsonSchema;
use super::protobuf::{MessageId, ProtobufSchema, put_indexes, take_indexes};
use super::read::json;
use crate::registry::{RawSchema, SchemaKind};
use nerodia_codec::{Encoder, JsonForm, Payload, Value};

/// Client of the registry that makes schemas ready.
pub(crate) type Registry = crate::registry::Registry<Schema>;

/// Schema that was found, or the reason why there is none.
pub(crate) type Found = crate::registry::Answer<Schema>;

/// Schema, ready for reading and writing.
#[derive(Debug)]
pub(crate) struct Schema {
    /// Number in the registry, if it has one.
    pub id: Option<u32>,
    /// Schema in its language, or the reason why it cannot be used.
    parsed: Result<Language, String>,
}

#[derive(Debug)]
enum Language {
    Avro(Box<Avro>),
    JsonSchema(Box<JsonSchema>),
    Protobuf(Box<Protobuf>),
    /// That of a schema which is not known, as in tests, which ask no registry: every value fits it, and is JSON.
    Unknown,
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
        Self {
            id: raw.id,
            parsed: Language::parse(raw.kind, &raw.text, &named, settings),
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
        let schema = Self {
            id: None,
            parsed: Ok(Language::parse(kind, text, &[], settings)?),
        };
        match &settings.message {
            Some(name) if !schema.has_message(name) => Err(format!("it has no message `{name}`")),
            _ => Ok(schema),
        }
    }

    /// Returns why the schema cannot be used, if it cannot.
    pub(crate) fn unusable(&self) -> Option<&str> {
        self.parsed.as_ref().err().map(String::as_str)
    }

    /// Returns the language of the schema; `None` if it cannot be used, or is not known.
    pub(crate) fn kind(&self) -> Option<SchemaKind> {
        match self.parsed.as_ref().ok()? {
            Language::Avro(_) => Some(SchemaKind::Avro),
            Language::JsonSchema(_) => Some(SchemaKind::JsonSchema),
            Language::Protobuf(_) => Some(SchemaKind::Protobuf),
            Language::Unknown => None,
        }
    }

    /// Returns the name of what is written: of Avro's record, of Protobuf's message, or the title of a JSON Schema.
    pub(crate) fn name(&self) -> Option<&str> {
        match self.parsed.as_ref().ok()? {
            Language::Avro(avro) => avro.schema.name(),
            Language::JsonSchema(schema) => schema.title(),
            Language::Protobuf(of) => Some(of.schema.name_of(of.written)),
            Language::Unknown => None,
        }
    }

    /// Returns whether the schema has a message of Protobuf with this name.
    pub(crate) fn has_message(&self, name: &str) -> bool {
        match &self.parsed {
            Ok(Language::Protobuf(of)) => of.schema.message_named(name).is_some(),
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
        let language = self.parsed.as_ref().map_err(|why| {
            let text = format!("its schema{} cannot be used: {why}", self.named());
            Refused::new("UnknownSchema", text)
        })?;
        match language {
            Language::Unknown => json(encoder, bytes),
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
        }
    }

    /// Appends the bytes of `value` to `out`; if it is `framed`, with the indexes of its message. `form` is that of values that
    /// JSON has no type for.
    ///
    /// # Errors
    ///
    /// If the schema has no form for the value; then the caller takes the output back.
    pub(super) fn write(
        &self,
        value: &Value<'_>,
        form: JsonForm,
        framed: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        let written = match &self.parsed {
            Ok(Language::Avro(avro)) => {
                avro.writer.write(value, out).map_err(|why| why.to_string())
            }
            Ok(Language::Protobuf(of)) => of.write(value, framed, out),
            Ok(Language::Unknown) => return Ok(()),
            Ok(Language::JsonSchema(schema)) => {
                let start = out.len();
                value
                    .write_json(out, form)
                    .map_err(|error| Refused::new("TypeError", error.message))?;
                schema.check(&out[start..])
            }
            Err(why) => Err(why.clone()),
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
    fn parse(
        text: &str,
        references: &[(&str, &str)],
        message: Option<&str>,
    ) -> Result<Self, String> {
        let schema = ProtobufSchema::parse(text, references)?;
        let named = message.and_then(|name| schema.message_named(name));
        let written = named
            .or_else(|| schema.message_at(&[0]))
            .ok_or("it has no message")?;
        let mut indexes = Vec::new();
        put_indexes(&schema.indexes_of(written), &mut indexes);
        Ok(Self {
            schema,
            written,
            indexes,
        })
    }

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
    /// Parses a schema. `references` are the names and texts of what it refers to.
    fn parse(
        kind: SchemaKind,
        text: &str,
        references: &[(&str, &str)],
        settings: &SchemaSettings,
    ) -> Result<Self, String> {
        Ok(match kind {
            SchemaKind::Avro => {
                let texts: Vec<&str> = references.iter().map(|(_, text)| *text).collect();
                let avro = Avro::parse(text, &texts, settings.reader.as_ref())?;
                Self::Avro(Box::new(avro))
            }
            SchemaKind::JsonSchema => {
                Self::JsonSchema(Box::new(JsonSchema::parse(text, references)?))
            }
            SchemaKind::Protobuf => {
                let message = settings.message.as_deref();
                Self::Protobuf(Box::new(Protobuf::parse(text, references, message)?))
            }
        })
    }
}

impl Avro {
    fn parse(
        text: &str,
        references: &[&str],
        reader: Option<&Arc<AvroSchema>>,
    ) -> Result<Self, String> {
        let schema = Arc::new(AvroSchema::parse(text, references)?);
        Ok(Self {
            payloads: Decoder::new(Arc::clone(&schema), reader.map(Arc::clone)),
            keys: Decoder::new(Arc::clone(&schema), None)?,
            writer: Writer::new(Arc::clone(&schema)),
            schema,
        })
    }
}
