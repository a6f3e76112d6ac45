//! Reading: from the bytes of a record to what the guest gets.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use super::schema::{Coded, Found, Schema};
use super::schema_ref::{self, Named, Part, SchemaRef};
use super::{MAX_DEPTH, Refused};
use crate::registry::{Missing, SchemaKind};
use nerodia_codec::{Encoder, MAX_INT_DIGITS, NotJson, Payload, Reader, Scratch};

/// Formats of an input.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reads {
    /// Format of the payload.
    pub value: ReadFormat,
    /// Format of the key.
    pub key: ReadFormat,
    /// Whether numbers of JSON keep all their digits, as `Decimal`.
    pub exact: bool,
}

/// Format of a payload or of a key.
#[derive(Debug, Clone, Default)]
pub(crate) enum ReadFormat {
    /// JSON if it is JSON, else text if it is UTF-8, else bytes. A key is text or bytes.
    #[default]
    Auto,
    /// JSON and nothing else.
    Json,
    /// Text in UTF-8.
    Text,
    /// The bytes as they are.
    Bytes,
    /// What a schema describes.
    Schema(SchemaSource),
}

/// Schema of payloads or keys.
#[derive(Debug, Clone)]
pub(crate) enum SchemaSource {
    /// The one that each message names, which is of this language.
    Named(SchemaKind),
    /// The same for all messages.
    Fixed(Arc<Schema>),
    /// The one that comes with the message, in [`Part::given`]: for tests, whose messages name none.
    Given,
}

/// Schemas that the messages of a batch name, with what the registry answered.
pub(crate) type Resolved = Vec<(SchemaRef, Found)>;

impl ReadFormat {
    fn is_named(&self) -> bool {
        matches!(self, Self::Schema(SchemaSource::Named(_)))
    }
}

impl Reads {
    pub(super) fn are_typed(&self) -> bool {
        let schema = |format: &ReadFormat| matches!(format, ReadFormat::Schema(_));
        self.exact || schema(&self.value) || schema(&self.key)
    }

    /// Returns whether messages name schemas that must be known before they are read.
    pub(crate) fn name_schemas(&self) -> bool {
        self.value.is_named() || self.key.is_named()
    }

    /// Calls `found` with each schema that a message names.
    pub(crate) fn named_by(&self, bytes: &MessageBytes<'_>, mut found: impl FnMut(SchemaRef)) {
        let MessageBytes {
            payload,
            key,
            headers,
            ..
        } = *bytes;
        if self.value.is_named()
            && !bytes.tombstone
            && let Ok(named) = schema_ref::take(Part::Value, payload, headers)
        {
            found(named.schema);
        }
        if let Some(key) = key
            && self.key.is_named()
            && let Ok(named) = schema_ref::take(Part::Key, key, headers)
        {
            found(named.schema);
        }
    }

    pub(super) fn allow_parts(&self) -> bool {
        matches!(self.value, ReadFormat::Auto | ReadFormat::Json)
    }

    /// Returns whether a guest gets keys as they were read, and does not make text of them.
    pub(crate) fn keys_are_values(&self) -> bool {
        !matches!(self.key, ReadFormat::Auto)
    }

    /// Writes the value of a message; `None` for a tombstone, whatever the format. The nesting of a document has the limit
    /// of `encoder`.
    ///
    /// # Errors
    ///
    /// If the payload is not of this format, or exceeds a limit of documents.
    pub(crate) fn write_value(
        &self,
        encoder: &mut Encoder,
        message: &MessageBytes<'_>,
        schemas: &Resolved,
    ) -> Result<Payload, Refused> {
        let payload = message.payload;
        if message.tombstone {
            encoder.none();
            return Ok(Payload::Empty);
        }
        let sent = match &self.value {
            ReadFormat::Auto => encoder.payload(payload),
            ReadFormat::Json => json(encoder, payload)?,
            ReadFormat::Text => text(encoder, payload)?,
            ReadFormat::Bytes => {
                encoder.bytes(payload);
                Payload::Bytes
            }
            ReadFormat::Schema(source) => {
                let part = (Part::Value, payload);
                source.read(encoder, part, message.headers, schemas)?
            }
        };
        within_limits(sent)
    }

    /// Returns the value of a message as JSON for people, if it has a schema and can be read.
    pub(crate) fn show(&self, message: &MessageBytes<'_>, schemas: &Resolved) -> Option<String> {
        if !matches!(self.value, ReadFormat::Schema(_)) || message.tombstone {
            return None;
        }
        let mut encoder = Encoder::new(MAX_DEPTH);
        self.write_value(&mut encoder, message, schemas).ok()?;
        let mut scratch = Scratch::default();
        let mut reader = Reader::new(encoder.as_bytes(), &mut scratch, MAX_DEPTH);
        let value = reader.tree(usize::MAX).ok()?.ok()?;
        let mut json = Vec::new();
        value.show(&mut json);
        String::from_utf8(json).ok()
    }

    /// Writes the key of a message.
    ///
    /// # Errors
    ///
    /// As [`write_value`](Self::write_value).
    pub(crate) fn write_key(
        &self,
        encoder: &mut Encoder,
        message: &MessageBytes<'_>,
        schemas: &Resolved,
    ) -> Result<(), Refused> {
        let Some(key) = message.key else {
            encoder.none();
            return Ok(());
        };
        let of_key = |refused: Refused| Refused {
            text: format!("the key: {}", refused.text),
            ..refused
        };
        match &self.key {
            ReadFormat::Auto | ReadFormat::Bytes => encoder.bytes(key),
            ReadFormat::Text => text(encoder, key).map(drop).map_err(of_key)?,
            ReadFormat::Json => whole(json(encoder, key)).map_err(of_key)?,
            ReadFormat::Schema(source) => {
                let part = (Part::Key, key);
                let read = source.read(encoder, part, message.headers, schemas);
                whole(read).map_err(of_key)?;
            }
        }
        Ok(())
    }
}

impl SchemaSource {
    /// Writes the value in a part of a message.
    fn read(
        &self,
        encoder: &mut Encoder,
        (part, bytes): (Part, &[u8]),
        headers: &[(String, Option<Bytes>)],
        schemas: &Resolved,
    ) -> Result<Payload, Refused> {
        let (schema, coded) = match self {
            Self::Fixed(schema) => (Ok(schema), Coded::Alone(bytes)),
            Self::Given => (found(part.given(), schemas), Coded::Alone(bytes)),
            Self::Named(kind) => {
                let named = schema_ref::take(part, bytes, headers);
                let Named {
                    schema,
                    within,
                    value,
                } = named.map_err(|why| {
                    Refused::new("NotFramed", format!("it names no schema: {why}"))
                })?;
                let coded = match within {
                    Some(within) => Coded::Beside(within, value),
                    None => Coded::Framed(value),
                };
                let found = found(schema, schemas);
                if let Ok(schema) = found
                    && let Some(other) = schema.kind().filter(|other| other != kind)
                {
                    let text = format!("its schema is {other}, and the format is {kind}");
                    return Err(Refused::new("UnknownSchema", text));
                }
                (found, coded)
            }
        };
        let schema = schema.map_err(|missing| Refused::new("UnknownSchema", &*missing.text))?;
        let mark = encoder.mark();
        let read = schema.read(part == Part::Key, coded, encoder);
        if read.is_err() {
            encoder.take_back(mark);
        }
        read
    }
}

/// Returns the answer for a schema.
fn found(schema: SchemaRef, schemas: &Resolved) -> Result<&Arc<Schema>, &Missing> {
    let found = schemas.iter().find(|(known, _)| *known == schema);
    found.map_or(Err(&*UNASKED), |(_, found)| found.as_ref())
}

/// Answer for a schema that nobody asked for: an error of the engine, which fails the message.
static UNASKED: LazyLock<Missing> = LazyLock::new(|| Missing {
    text: "the registry was not asked for its schema".into(),
});

/// Bytes of a message from which its value and its key are read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MessageBytes<'m> {
    /// Payload.
    pub payload: &'m [u8],
    /// Whether there is no payload, not even an empty one.
    pub tombstone: bool,
    /// Key.
    pub key: Option<&'m [u8]>,
    /// Headers.
    pub headers: &'m [(String, Option<Bytes>)],
}

/// Writes a payload that must be JSON.
pub(super) fn json(encoder: &mut Encoder, payload: &[u8]) -> Result<Payload, Refused> {
    encoder
        .json(payload)
        .map_err(|error| Refused::new("NotJson", not_json(&error, payload)))
}

fn text(encoder: &mut Encoder, payload: &[u8]) -> Result<Payload, Refused> {
    match str::from_utf8(payload) {
        Ok(text) => {
            encoder.str(text);
            Ok(Payload::Text)
        }
        Err(error) => {
            let at = error.valid_up_to();
            let byte = payload.get(at).copied().unwrap_or_default();
            let text = format!("it is not text in UTF-8: byte 0x{byte:02x} at byte {at}");
            Err(Refused::new("NotText", text))
        }
    }
}

/// Describes why a payload is no JSON.
fn not_json(error: &NotJson, payload: &[u8]) -> String {
    if payload.is_empty() {
        return "it is no JSON: it is empty".into();
    }
    format!("it is no JSON: {error}")
}

/// Refuses what is no whole value of its own: a guest would have to read it itself, or it was too large to be sent.
pub(super) fn whole(sent: Result<Payload, Refused>) -> Result<(), Refused> {
    match sent.and_then(within_limits)? {
        Payload::Deferred => {
            let text = "it has a lone surrogate, which is no character";
            Err(Refused::new("NotJson", text))
        }
        _ => Ok(()),
    }
}

/// Refuses what was too large to be sent.
fn within_limits(sent: Payload) -> Result<Payload, Refused> {
    match sent {
        Payload::TooDeep => {
            let text = format!("the document is nested deeper than {MAX_DEPTH} levels");
            Err(Refused::new("TooDeep", text))
        }
        Payload::TooBig => {
            let text = format!(
                "the document has a number of more than {MAX_INT_DIGITS} digits, or 2 GiB and more"
            );
            Err(Refused::new("TooBig", text))
        }
        sent => Ok(sent),
    }
}

/// Returns why `payload` is no JSON, if it begins like an object or a list of JSON.
pub(crate) fn begins_like_json(payload: &[u8]) -> Option<String> {
    let first = payload.trim_ascii_start().first()?;
    if !matches!(first, b'{' | b'[') {
        return None;
    }
    let error = Encoder::new(usize::MAX).json(payload).err()?;
    Some(not_json(&error, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(format: ReadFormat, payload: &[u8]) -> Result<(Payload, Vec<u8>), Refused> {
        let reads = Reads {
            value: format,
            ..Reads::default()
        };
        let mut encoder = Encoder::new(900);
        let message = MessageBytes {
            payload,
            ..MessageBytes::default()
        };
        let sent = reads.write_value(&mut encoder, &message, &Vec::new())?;
        Ok((sent, encoder.as_bytes().to_vec()))
    }

    fn refused(format: ReadFormat, payload: &[u8]) -> String {
        let Refused { kind, text } = value(format, payload).expect_err("it is not of the format");
        format!("{kind}: {text}")
    }

    #[test]
    fn each_format_reads_its_own_and_says_what_is_wrong_with_the_rest() {
        use ReadFormat::{Bytes, Json, Text};
        assert_eq!(value(Text, b"1e5").map(|(sent, _)| sent), Ok(Payload::Text));
        assert_eq!(value(Text, b""), Ok((Payload::Text, b"z\0".to_vec())));
        assert_eq!(
            value(Bytes, b"\xff"),
            Ok((Payload::Bytes, b"s\x01\0\0\0\xff".to_vec()))
        );
        assert_eq!(value(Json, b" null"), Ok((Payload::Json, b"N".to_vec())));
        assert_eq!(
            refused(Text, b"caf\xe9"),
            "NotText: it is not text in UTF-8: byte 0xe9 at byte 3"
        );
        assert_eq!(refused(Json, b""), "NotJson: it is no JSON: it is empty");
        for (payload, at) in [
            (&b"{\"a\": NaN}"[..], 6),
            (b"[1, 2", 5),
            (b"\xef\xbb\xbf[1,]", 6),
            (b"[123456789012345678901234567890, x]", 33),
            (b"{'a': 1}", 1),
            (b"[\"caf\xe9\"]", 5),
        ] {
            let said = refused(Json, payload);
            assert!(
                said.ends_with(&format!("at byte {at}")),
                "{payload:?}: {said}"
            );
        }
    }

    #[test]
    fn a_tombstone_is_none_in_every_format() {
        for format in [
            ReadFormat::Auto,
            ReadFormat::Json,
            ReadFormat::Text,
            ReadFormat::Bytes,
        ] {
            let reads = Reads {
                value: format,
                ..Reads::default()
            };
            let mut encoder = Encoder::new(900);
            let message = MessageBytes {
                tombstone: true,
                ..MessageBytes::default()
            };
            let written = reads.write_value(&mut encoder, &message, &Vec::new());
            assert_eq!(written, Ok(Payload::Empty));
            assert_eq!(encoder.as_bytes(), b"N");
        }
    }

    #[test]
    fn only_what_begins_like_json_is_explained() {
        assert!(begins_like_json(b" {\"a\": NaN}").is_some());
        assert_eq!(begins_like_json(b"[1]"), None);
        assert_eq!(begins_like_json(b"hello"), None);
        assert_eq!(begins_like_json(b""), None);
    }
}
