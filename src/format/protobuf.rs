//! Protobuf: schemas, decoding and writing.

mod cursor;
mod decode;
mod emit;
mod error;
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

pub(crate) use indexes::{put_indexes, take_indexes};
pub(crate) use plan::MessageId;
pub(crate) use schema::ProtobufSchema;
