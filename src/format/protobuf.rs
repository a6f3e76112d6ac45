//! Protobuf's binary encoding: schemas of proto2 and proto3, decoding, writing, and Confluent's message indexes.
//!
//! ```text
//! .proto ─ reduce, parse, link ─▶ ProtobufSchema ─┬─ decode : message ─▶ marshal
//!                                                 └─ write  : Value ─▶ message
//! ```
//!
//! Values are those of Google's package for Python (7.36), in the mapping of JSON:
//! `MessageToDict(m, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)` and
//! `ParseDict(d, m)`. Keys are the names in the .proto file; both those and the names of JSON are taken. Fields without
//! presence always appear, so that `this["count"]` is never a `KeyError`; others appear if they are set. Python has types
//! that JSON lacks, hence these differences:
//!
//! * Integers of 64 bits are `int` and not text: Python's are exact. Texts are taken.
//! * `bytes` are `bytes` and not Base64. Base64 is taken, of either alphabet.
//! * NaN and the infinities are `float` and not text. Texts are taken.
//! * A `Timestamp` is a `datetime` in UTC. Its nanoseconds are cut to microseconds, as `Timestamp.ToDatetime()` does:
//!   programs in Go and Java write nanoseconds, so a text where they matter would be a text nearly always, and a script
//!   could not rely on either. Both a `datetime` and a text as in RFC 3339 (with nanoseconds) are taken.
//! * An `Any` is `{"@type": url, "value": bytes}`: the type is often one that the schema does not have.
//! * A dict has its fields in the order of their numbers, whether they are set or not.
//! * A number of a `Value` may be NaN, and `None` is taken for a `NullValue` in lists and maps, which Google's package
//!   gives but does not take.
//! * A field that is given with both of its names is refused; there, the last one counts. What Python's `int()` makes a
//!   number by chance is refused: a `bool` or 1.5 for an enum. `"1.0"` is an enum's number, as for an `int32`.
//! * Text of proto2 that is not UTF-8 is refused, as in proto3; there it is the `repr` of bytes.
//!
//! Extensions are unknown fields. **Unknown fields are dropped**, so a message that is read and written lacks them, as
//! with every program that takes the mapping of JSON: a dict has no place for them that a script would not see, copy by
//! accident, or lose by making a new dict.
//!
//! Decoding follows the wire format in all that may look strange: fields in any order; of several numbers the last one;
//! pieces of a message are merged, except in a oneof after another member; packed or not; another wire type makes an
//! unknown field, and so does a number that an enum of proto2 lacks. What is replaced by something later in the same
//! message is not looked into, so that it may be wrong; Google's parsers refuse it.
//!
//! # Why these crates
//!
//! Sources are parsed by `protox-parse`, the parser of `protox`, which compiles as protoc does, but not editions. Two parts
//! of that family are not used, and this module links descriptors itself:
//!
//! * `protox` and `prost-reflect` (0.16.5): a file with `import public` of itself is an endless recursion in
//!   `resolve_public_dependencies`, which overflows the stack and ends the process. For the same reason (a condition is
//!   the wrong way round) types behind two `import public` are not found. Options without their definitions are refused.
//! * `protox-parse` gets a [reduced](reduce) source only: it has statements whose cost is the square of their length.
//!
//! # Bounds
//!
//! Payloads and schemas come from strangers. A message may be nested 100 levels deep, counting groups and entries of maps,
//! as in Google's implementations. Each byte of it is looked at once, in groups once for each group around it. The output
//! may have 256 KiB, 512 bytes for each byte of the message and 8 for each byte of the schema, since a message of two bytes
//! has all its defaults. A schema may have 1 MiB with its references, and names of 512 bytes.

mod cursor;
mod decode;
mod emit;
mod fields;
mod files;
mod float;
mod indexes;
mod known;
mod known_files;
mod known_write;
mod link;
mod map;
mod members;
mod number;
mod plan;
mod reduce;
mod scalar;
mod scan;
mod schema;
mod time;
mod write;

#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use super::error::{DecodeError, EncodeError};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use indexes::Indexes;
pub(crate) use indexes::{put_indexes, take_indexes};
pub(crate) use plan::MessageId;
pub(crate) use schema::ProtobufSchema;
