//! Tests of the Protobuf codec: by hand, with hostile bytes and schemas, and against Google's package for Python.

mod decode;
mod google;
mod schema;
mod write;

use super::{DecodeError, EncodeError, MessageId, ProtobufSchema};
use crate::format::MAX_DEPTH;
use crate::format::testing::with_tree;
use nerodia_codec::{Encoder, Value};

fn schema(text: &str) -> ProtobufSchema {
    ProtobufSchema::parse(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Returns a schema of proto3 with these declarations, and its message `M`.
fn proto3(declarations: &str) -> (ProtobufSchema, MessageId) {
    let schema = schema(&format!("syntax = \"proto3\"; {declarations}"));
    let id = schema.message_named("M").expect("a message M");
    (schema, id)
}

/// Decodes a message, and returns the form that `Debug` gives to its tree.
fn read((schema, id): &(ProtobufSchema, MessageId), bytes: &[u8]) -> Result<String, String> {
    let mut encoder = Encoder::new(MAX_DEPTH);
    let mark = encoder.mark();
    let decoded: Result<(), DecodeError> = schema.decode(*id, bytes, &mut encoder);
    decoded.map_err(|error| {
        encoder.take_back(mark);
        error.to_string()
    })?;
    Ok(with_tree(encoder.as_bytes(), show))
}

/// Returns a value as Python would write it, more or less.
fn show(value: &Value<'_>) -> String {
    match value {
        Value::None => "None".to_owned(),
        Value::Bool(value) => format!("{value}"),
        Value::Int(value) => value.to_string(),
        Value::Big(text) => text.clone(),
        Value::Float(value) => format!("{value:?}"),
        Value::Str(text) => format!("{text:?}"),
        Value::Bytes(bytes) => format!("b\"{}\"", bytes.escape_ascii()),
        Value::List(list) => {
            let items: Vec<_> = list.iter().map(show).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Dict(dict) => {
            let items = dict
                .iter()
                .map(|(key, value)| format!("{key}: {}", show(value)));
            format!("{{{}}}", items.collect::<Vec<_>>().join(", "))
        }
        Value::Typed(typed) => typed.text().unwrap_or_else(|| format!("{typed:?}")),
    }
}

/// Writes a value, and returns the bytes.
fn write((schema, id): &(ProtobufSchema, MessageId), value: &Value<'_>) -> Result<Vec<u8>, String> {
    let mut out = b"before".to_vec();
    let outcome: Result<(), EncodeError> = schema.write(*id, value, &mut out);
    assert!(out.starts_with(b"before"));
    match outcome {
        Ok(()) => Ok(out[6..].to_vec()),
        Err(error) => {
            assert_eq!(out, b"before");
            Err(error.to_string())
        }
    }
}

/// Writes what a JSON text stands for.
fn write_json(of: &(ProtobufSchema, MessageId), json: &str) -> Result<Vec<u8>, String> {
    let mut encoder = Encoder::new(MAX_DEPTH);
    encoder.json(json.as_bytes()).expect("JSON");
    with_tree(encoder.as_bytes(), |value| write(of, value))
}
