//! Avro's binary encoding of single values, without the header of a file: schemas, decoding with evolution, writing.
//!
//! ```text
//! schema ─ parse ─▶ AvroSchema ─┬─ Decoder (plan of writer and reader) : datum ─▶ marshal
//!                               └─ Writer : Value ─▶ datum
//! ```
//!
//! Values are those of `fastavro` 1.13 (`schemaless_reader`, `schemaless_writer`, default options), which Python
//! programs expect. It loses data in silence where a value does not suit its schema; here that is an error. The rule:
//! **a value is taken if what a reader gets back equals it in Python's sense** (`1 == True == 1.0 == Decimal(1)`).
//! So `None` is the only null, an `int` is not written outside of its 32 bits, 1.5 is no integer, only `bool`, 0 and 1
//! are booleans, and no text is a number. The other differences:
//!
//! * A record that is read with another schema has the reader's order of fields; `fastavro` gives the writer's.
//! * Defaults are values of their type (`bytes`, `date`, whole records); `fastavro` gives what the schema's JSON has.
//! * A logical type that only the reader's schema has applies, since it is mostly added to a field that always meant
//!   it. If the writer's schema has one, that rules, as in `fastavro`: it says what the number means.
//! * A `Decimal` beyond its precision is read with all its digits, and is not written. Zeros at its end are no digits.
//! * In a union, a list is an array if it can be; only then it is `(name, value)`. Of records, the one of the same full
//!   name is preferred to one of the same name in another namespace.
//! * If no branch of a union takes a value as `fastavro` demands, one that can hold it without a loss does: a number of
//!   a JSON document for a `double`, an `int` for a decimal.
//! * Bytes that no writer makes are refused: booleans other than 0 and 1, integers of more than 64 bits, indexes
//!   below 0, times beyond a day, bytes after the value.
//!
//! # Why the parser is our own
//!
//! The crate `apache-avro` (0.22) adds 14 crates, a second `num-bigint` among them, to give a tree of owned maps that we
//! would convert anyway. It refuses what `fastavro` takes: names with a hyphen, records of type `error`, unions of two
//! logical types of one type.
//!
//! # Bounds
//!
//! Payloads and schemas come from strangers. A [`Decoder`] refuses a payload that needs more than 1 Mi steps and 128 for
//! each byte (arrays of nulls have items of no bytes), or gives more output than 256 KiB, the length of the schemas and
//! 128 bytes for each byte, or is nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH). A schema of more than 1 MiB is refused.

mod cursor;
mod decimal;
mod decode;
mod defaults;
mod define;
mod fits;
mod json;
mod logical;
mod members;
mod names;
mod parse;
mod plan;
mod rare;
mod resolve;
mod scalar;
mod schema;
mod shown;
mod skip;
mod union;
mod write;

#[cfg(test)]
mod tests;

#[cfg(test)]
use super::error::{DecodeError, EncodeError};
pub(crate) use decode::Decoder;
pub(crate) use schema::AvroSchema;
pub(crate) use write::Writer;
