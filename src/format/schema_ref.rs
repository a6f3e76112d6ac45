//! How messages name their schemas: Confluent's framing.
//!
//! The usual form is in the payload (or key) itself: a byte 0, the number of the schema in the registry (four bytes,
//! big-endian), then the value. The newer form leaves the payload alone: the header `__value_schema_id` or
//! `__key_schema_id` has a byte 1 and the schema's GUID (16 bytes), or a byte 0 and the number. A header counts first, as
//! in Confluent's clients.

use bytes::Bytes;

use crate::registry::Question;

/// Name of a schema in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SchemaRef {
    /// Number in the registry.
    Id(u32),
    /// Number that is the same in all registries.
    Guid([u8; 16]),
}

impl SchemaRef {
    /// Returns the question to the registry.
    pub(crate) fn question(self) -> Question {
        match self {
            Self::Id(id) => Question::Id(id),
            Self::Guid(guid) => Question::Guid(guid),
        }
    }
}

/// Part of a message that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Payload.
    Value,
    /// Key.
    Key,
}

impl Part {
    /// Returns the name of the header that may name the schema.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Value => "__value_schema_id",
            Self::Key => "__key_schema_id",
        }
    }

    /// Returns the name of the schema that comes with a message beside it.
    pub(crate) fn given(self) -> SchemaRef {
        match self {
            Self::Value => SchemaRef::Id(0),
            Self::Key => SchemaRef::Id(1),
        }
    }

    /// Returns the end of the subject that is named by the topic.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Key => "key",
        }
    }
}

/// What a part of a message says of its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named<'b> {
    /// The schema.
    pub schema: SchemaRef,
    /// What the header says after the schema: Protobuf's message indexes. `None` if the payload itself names the schema;
    /// then the value begins with the indexes.
    pub within: Option<&'b [u8]>,
    /// Bytes that the schema describes.
    pub value: &'b [u8],
}

/// Byte before a schema's number.
const MAGIC: u8 = 0;
/// Byte before a schema's GUID.
const MAGIC_GUID: u8 = 1;

/// Returns the schema that a part of a message names, and the bytes that the schema describes.
///
/// # Errors
///
/// Says what is wrong if no schema is named.
pub(crate) fn take<'b>(
    part: Part,
    bytes: &'b [u8],
    headers: &'b [(String, Option<Bytes>)],
) -> Result<Named<'b>, &'static str> {
    let named = headers.iter().rev().find(|(name, _)| name == part.header());
    if let Some((_, Some(header))) = named {
        if let Some((&MAGIC_GUID, guid)) = header.split_first()
            && let Some(guid) = guid.first_chunk()
        {
            return Ok(Named {
                schema: SchemaRef::Guid(*guid),
                within: Some(&header[1 + guid.len()..]),
                value: bytes,
            });
        }
        return match number(header) {
            Some((id, within)) => Ok(Named {
                schema: SchemaRef::Id(id),
                within: Some(within),
                value: bytes,
            }),
            None => Err("the header with its schema is neither a GUID nor a number"),
        };
    }
    match number(bytes) {
        Some((id, value)) => Ok(Named {
            schema: SchemaRef::Id(id),
            within: None,
            value,
        }),
        None if bytes.is_empty() => Err("it is empty"),
        None => Err("it does not begin with a byte 0 and the number of a schema"),
    }
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (&MAGIC, rest) = bytes.split_first()? else {
        return None;
    };
    let (id, rest) = rest.split_first_chunk()?;
    Some((u32::from_be_bytes(*id), rest))
}

/// Appends the head of a payload or a key that has the schema `id`.
pub(crate) fn put(id: u32, out: &mut Vec<u8>) {
    out.push(MAGIC);
    out.extend_from_slice(&id.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_named_before_the_payload_or_in_a_header() {
        let header = |value: &'static [u8]| -> &'static [(String, Option<Bytes>)] {
            let header = (
                "__value_schema_id".to_owned(),
                Some(Bytes::from_static(value)),
            );
            Vec::leak(vec![header])
        };
        let named = |schema, within, value| {
            Ok(Named {
                schema,
                within,
                value,
            })
        };
        let id = SchemaRef::Id;
        let take = |bytes, headers| super::take(Part::Value, bytes, headers);
        let rest: &[u8] = b"xy";
        assert_eq!(take(b"\0\0\0\x01\x02xy", &[]), named(id(258), None, rest));
        assert_eq!(take(b"\0\0\0\0\x01", &[]), named(id(1), None, b""));
        let guid = header(b"\x010123456789abcdef\x02");
        let whole: &[u8] = b"\0\0\0\0\x01x";
        let by_guid = SchemaRef::Guid(*b"0123456789abcdef");
        assert_eq!(take(whole, guid), named(by_guid, Some(b"\x02"), whole));
        assert_eq!(
            take(b"x", header(b"\0\0\0\0\x07")),
            named(id(7), Some(b""), b"x")
        );
        for wrong in [
            &b""[..],
            b"\0",
            b"\0\0\0\x01",
            b"\x01\0\0\0\x01x",
            b"{\"a\": 1}",
        ] {
            assert!(super::take(Part::Value, wrong, &[]).is_err(), "{wrong:?}");
        }
        assert!(take(whole, header(b"")).is_err());
        assert!(take(whole, header(b"\x01short")).is_err());
        let other = [("__key_schema_id".to_owned(), guid[0].1.clone())];
        assert_eq!(
            super::take(Part::Value, whole, &other),
            named(id(1), None, b"x")
        );
    }
}
