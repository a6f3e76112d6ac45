//! Schemas and messages of Protobuf: what is read can be written, and is read again as the same value.

use std::sync::OnceLock;

use super::parameter;
use crate::format::MAX_DEPTH;
use crate::format::protobuf::{
    DecodeError, EncodeError, Indexes, MessageId, ProtobufSchema, put_indexes, take_indexes,
};
use nerodia_codec::{Encoder, Reader, Scratch, Value};

/// Separates a schema from the message after it.
const SEPARATOR: u8 = 0x1e;

/// Schema with all that there is.
const PROTO3: &str = r#"
syntax = "proto3";
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum E { ZERO = 0; ONE = 1; MINUS = -1; }
message M {
  int32 a = 1; sint64 b = 2; fixed32 c = 3; double d = 4; float e = 5; bool f = 6; string g = 7; bytes h = 8; E i = 9;
  optional uint64 j = 10; repeated sint32 k = 11; repeated string l = 12; M m = 13; repeated M n = 14;
  map<string, M> o = 15; map<bool, E> p = 16; map<sfixed64, double> q = 17;
  oneof r { string s = 18; M t = 19; int64 u = 20; }
  google.protobuf.Any v = 21; google.protobuf.Duration w = 22; google.protobuf.FieldMask x = 23;
  google.protobuf.Struct y = 24; google.protobuf.Value z = 25; google.protobuf.ListValue aa = 26;
  google.protobuf.Timestamp ab = 27; google.protobuf.Int64Value ac = 28; google.protobuf.BytesValue ad = 29;
  google.protobuf.NullValue ae = 30; repeated float af = 31;
}
"#;

/// Schema with what only proto2 has.
const PROTO2: &str = r#"
syntax = "proto2";
enum C { ONE = 1; TWO = 2; }
message M {
  required int32 a = 1; optional C b = 2 [default = TWO]; repeated C c = 3; repeated C d = 4 [packed = true];
  optional group G = 5 { optional string s = 1; optional M m = 2; optional G g = 3; }
  repeated group H = 6 { repeated int32 i = 1; } map<int32, C> e = 7; oneof f { C k = 8; G l = 9; M n = 10; }
}
"#;

/// Message of Protobuf that others of this crate's packages may use: benchmarks.
#[derive(Debug)]
pub struct Protobuf {
    schema: ProtobufSchema,
    message: MessageId,
}

impl Protobuf {
    /// Compiles a schema, of which the message has this name.
    pub fn new(text: &str, name: &str) -> Self {
        let schema = ProtobufSchema::parse(text, &[]).expect("a schema");
        let message = schema.message_named(name).expect("a message");
        Self { schema, message }
    }

    /// Decodes a message.
    pub fn decode(&self, bytes: &[u8], encoder: &mut Encoder) {
        let decoded: Result<(), DecodeError> = self.schema.decode(self.message, bytes, encoder);
        decoded.expect("a message");
    }

    /// Writes a message.
    pub fn write(&self, value: &Value<'_>, out: &mut Vec<u8>) {
        let written: Result<(), EncodeError> = self.schema.write(self.message, value, out);
        written.expect("a value of the message");
    }
}

pub fn protobuf(mut data: &[u8]) {
    static FIXED: OnceLock<[Protobuf; 2]> = OnceLock::new();
    let fixed = FIXED.get_or_init(|| [Protobuf::new(PROTO3, "M"), Protobuf::new(PROTO2, "M")]);
    match parameter(&mut data) {
        0 => schema(data),
        1 => indexes(data),
        other => {
            let of = &fixed[other % 2];
            message(&of.schema, of.message, data);
        }
    }
}

/// Takes a schema and a message of each of its first types.
fn schema(data: &[u8]) {
    let mut parts = data.splitn(2, |&byte| byte == SEPARATOR);
    let Some(Ok(text)) = parts.next().map(str::from_utf8) else {
        return;
    };
    let bytes = parts.next().unwrap_or_default();
    match ProtobufSchema::parse(text, &[("a.proto", text), ("b.proto", PROTO3)]) {
        Ok(schema) => {
            for path in [&[0][..], &[1], &[0, 0]] {
                if let Some(id) = schema.message_at(path) {
                    assert_eq!(schema.indexes_of(id), path);
                    assert_eq!(schema.message_named(schema.name_of(id)), Some(id));
                    message(&schema, id, bytes);
                }
            }
        }
        Err(error) => assert!(!error.is_empty() && error.len() < 4000, "{error}"),
    }
}

fn indexes(data: &[u8]) {
    let Ok((indexes, rest)) = take_indexes(data) else {
        return;
    };
    let mut out = Vec::new();
    put_indexes(indexes.as_slice(), &mut out);
    out.extend_from_slice(rest);
    assert!(out.len() <= data.len());
    let again: (Indexes, &[u8]) = take_indexes(&out).expect("it was written");
    assert_eq!(again, (indexes, rest));
}

fn message(schema: &ProtobufSchema, id: MessageId, bytes: &[u8]) {
    let Some(frame) = decoded(schema, id, bytes) else {
        return;
    };
    with_tree(&frame, |value| {
        let mut out = b"before".to_vec();
        let written = schema.write(id, value, &mut out);
        written.unwrap_or_else(|error| panic!("{error}: {value:?}"));
        assert!(out.starts_with(b"before"));
        let Some(again) = decoded(schema, id, &out[6..]) else {
            panic!("what was written is not read: {value:?}");
        };
        with_tree(&again, |again| {
            // NaN is not equal to itself.
            assert_eq!(format!("{again:?}"), format!("{value:?}"));
            let mut once_more = Vec::new();
            let written = schema.write(id, again, &mut once_more);
            written.expect("it was written before");
            assert_eq!(once_more, &out[6..]);
        });
    });
}

fn decoded(schema: &ProtobufSchema, id: MessageId, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = Encoder::new(MAX_DEPTH);
    let mark = encoder.mark();
    if schema.decode(id, bytes, &mut encoder).is_err() {
        encoder.take_back(mark);
        assert!(encoder.is_empty());
        return None;
    }
    Some(encoder.as_bytes().to_vec())
}

fn with_tree(frame: &[u8], check: impl FnOnce(&Value<'_>)) {
    let mut scratch = Scratch::default();
    let mut reader = Reader::new(frame, &mut scratch, MAX_DEPTH);
    let tree = reader.tree(usize::MAX).expect("a sound frame");
    reader.finish().expect("one object");
    check(&tree.expect("values that Python has"));
}
