//! Tests of the Avro codec: by hand, against `fastavro`, and with hostile bytes.

mod decode;
mod evolution;
mod fastavro;
mod hostile;
mod shown;
mod write;

use std::sync::Arc;

use super::{AvroSchema, DecodeError, Decoder, EncodeError, Writer};
use crate::format::MAX_DEPTH;
use crate::format::testing::with_tree;
use nerodia_codec::{Encoder, Value};

fn schema(text: &str) -> Arc<AvroSchema> {
    Arc::new(AvroSchema::parse(text, &[]).unwrap_or_else(|error| panic!("{text:.500}: {error}")))
}

/// Decodes a value, and returns the form that `Debug` gives to its tree.
fn read(writer: &str, reader: Option<&str>, datum: &[u8]) -> Result<String, String> {
    let decoder = Decoder::new(schema(writer), reader.map(schema))?;
    let mut encoder = Encoder::new(MAX_DEPTH);
    let decoded: Result<(), DecodeError> = decoder.decode(datum, &mut encoder);
    decoded.map_err(|error| error.to_string())?;
    Ok(with_tree(encoder.as_bytes(), |value| format!("{value:?}")))
}

/// Writes a value, and returns the bytes in hexadecimal.
fn write(writer: &str, value: &Value<'_>) -> Result<String, String> {
    let mut out = b"before".to_vec();
    let outcome: Result<(), EncodeError> = Writer::new(schema(writer)).write(value, &mut out);
    assert!(out.starts_with(b"before"));
    match outcome {
        Ok(()) => Ok(out[6..].iter().map(|byte| format!("{byte:02x}")).collect()),
        Err(error) => {
            assert_eq!(out, b"before");
            Err(error.to_string())
        }
    }
}
