//! Avro of strangers: payloads, and schemas, of the writer and of the reader. Decoding never panics, and what it makes is
//! a value within the bounds. A value that was read can be written, and is then read again as the same.

use std::sync::Arc;

use super::parameter;
use crate::format::MAX_DEPTH;
use crate::format::avro::{AvroSchema, Decoder, Writer};
use nerodia_codec::{Encoder, Reader, Scratch};

/// Schemas for inputs that have none of their own.
const SCHEMAS: [&str; 6] = [
    r#"{"type": "record", "name": "List", "fields": [{"name": "next", "type": ["null", "List"]}, {"name": "n", "type": "int"}]}"#,
    r#"{"type": "array", "items": {"type": "map", "values": ["null", "string", "double", {"type": "int", "logicalType": "date"}]}}"#,
    r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "b", "type": {"type": "enum", "name": "E", "symbols": ["x", "y"], "default": "y"}}, {"name": "c", "type": {"type": "array", "items": "null"}},
        {"name": "d", "type": ["null", "R"]}, {"name": "e", "type": {"type": "fixed", "name": "F", "size": 3}}]}"#,
    r#"{"type": "map", "values": {"type": "long", "logicalType": "timestamp-millis"}}"#,
    r#"[{"type": "record", "name": "A", "fields": [{"name": "x", "type": "float"}, {"name": "y", "type": "boolean"}]},
        {"type": "record", "name": "B", "fields": [{"name": "x", "type": "bytes"}]}, "long", {"type": "string", "logicalType": "uuid"}]"#,
    r#"{"type": "record", "name": "R", "fields": [{"name": "c", "type": {"type": "array", "items": "null"}}, {"name": "b", "type":
        {"type": "enum", "name": "E", "symbols": ["y"], "default": "y"}}, {"name": "n", "type": "bytes", "default": "\u00ff"}, {"name": "a", "type": "string"}]}"#,
];

/// Most memory of a tree, about.
const TREE: usize = 4 << 20;

/// Checks one input: a parameter for each schema, the schemas that are not among [`SCHEMAS`], each up to a zero byte, and
/// the payload.
pub fn avro(mut data: &[u8]) {
    let (Some(writer), reader) = (schema(&mut data), schema(&mut data)) else {
        return;
    };
    check(&writer, None, data);
    if let Some(reader) = reader {
        check(&writer, Some(reader), data);
    }
}

fn schema(data: &mut &[u8]) -> Option<Arc<AvroSchema>> {
    if let Some(known) = SCHEMAS.get(parameter(data)) {
        return AvroSchema::parse(known, &[]).map(Arc::new).ok();
    }
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let text = str::from_utf8(parts.next()?);
    *data = parts.next().unwrap_or_default();
    AvroSchema::parse(text.ok()?, &[]).map(Arc::new).ok()
}

fn check(writer: &Arc<AvroSchema>, reader: Option<Arc<AvroSchema>>, datum: &[u8]) {
    let written = reader.clone().unwrap_or_else(|| writer.clone());
    let Ok(decoder) = Decoder::new(writer.clone(), reader) else {
        return;
    };
    let mut encoder = Encoder::new(MAX_DEPTH);
    encoder.tuple(1);
    let mark = encoder.mark();
    let decoded = decoder.decode(datum, &mut encoder);
    // 8192 is the longest input, and a schema may be longer than its value.
    assert!(encoder.len() <= (1 << 20) + 256 * datum.len());
    if decoded.is_err() {
        encoder.take_back(mark);
        assert_eq!(encoder.len(), 2);
        return;
    }
    let mut scratch = Scratch::default();
    let mut values = Reader::new(encoder.as_bytes(), &mut scratch, MAX_DEPTH);
    assert_eq!(values.tuple(), Ok(1));
    // A few bytes may be a list of many nulls, of which each takes 40 bytes in a tree.
    let tree = values.tree(TREE).expect("a sound frame");
    values.finish().expect("one value");
    let Ok(tree) = tree else {
        return;
    };
    // A union may have several branches of one kind, a decimal more digits than its schema allows.
    let mut out = b"before".to_vec();
    let outcome = Writer::new(written.clone()).write(&tree, &mut out);
    assert!(out.starts_with(b"before"));
    if outcome.is_err() {
        assert_eq!(out, b"before");
        return;
    }
    let decoder = Decoder::new(written, None).expect("a schema can read what it wrote");
    let mut again = Encoder::new(MAX_DEPTH);
    // Dates may be written as numbers that no date has.
    let _ = decoder.decode(&out["before".len()..], &mut again);
}
