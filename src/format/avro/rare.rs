//! Decoding of values that are seldom met.

use super::cursor::Cursor;
use super::decimal;
use super::logical::parse_uuid;
use super::plan::Node;
use crate::format::error::{Failure, Outcome, brief};
use nerodia_codec::{Encoder, Typed};

/// Decodes a value that contains no others and is seldom met. It is no part of `Decoder::value`, whose stack frame has
/// to be small.
#[inline(never)]
pub(super) fn rare_value(node: &Node, cursor: &mut Cursor<'_>, out: &mut Encoder) -> Outcome {
    match node {
        Node::Enum(symbols) => {
            // A symbol may be much longer than its index.
            cursor.step(out.len())?;
            match &symbols[cursor.index(symbols.len())?] {
                Ok(symbol) => out.str(symbol),
                Err(symbol) => return Err(unknown(symbol)),
            }
        }
        Node::Int(kind) => {
            let value = cursor.long()?;
            match kind.read(value)? {
                None => out.int(value),
                Some(typed) => out.typed(&typed),
            }
        }
        Node::Long(kind) => {
            let value = cursor.long()?;
            match kind.read(value)? {
                None => out.int(value),
                Some(typed) => out.typed(&typed),
            }
        }
        Node::Uuid => {
            let text = cursor.string()?;
            let Some(uuid) = parse_uuid(text) else {
                return Err(Failure::new("a text that is no UUID"));
            };
            out.typed(&Typed::Uuid(uuid));
        }
        Node::Decimal(scale) => {
            let text = decimal::text(cursor.bytes()?, *scale)?;
            out.typed(&Typed::Decimal(text.into()));
        }
        Node::FixedDecimal(size, scale) => {
            let text = decimal::text(cursor.take(*size)?, *scale)?;
            out.typed(&Typed::Decimal(text.into()));
        }
        Node::Refused(why) => return Err(Failure::new(why.as_str())),
        _ => return Err(Failure::new("a type that is read elsewhere")),
    }
    Ok(())
}

#[cold]
fn unknown(symbol: &str) -> Failure {
    let symbol = brief(symbol);
    Failure::new(format!(
        "the reader's enum has no symbol {symbol:?} and no default"
    ))
}
