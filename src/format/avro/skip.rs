//! Passing over values that nobody reads.

use super::cursor::Cursor;
use super::decode::{Decoder, deeper};
use super::plan::{Node, NodeId};
use crate::format::error::{Failure, Outcome};

impl Decoder {
    /// Passes over values one after the other.
    pub(super) fn skip_all(
        &self,
        nodes: &[NodeId],
        cursor: &mut Cursor<'_>,
        depth: usize,
    ) -> Outcome {
        nodes
            .iter()
            .try_for_each(|node| self.skip(*node, cursor, depth))
    }

    /// Passes over a value. What it contains need not be valid, only its end must be found.
    pub(super) fn skip(&self, id: NodeId, cursor: &mut Cursor<'_>, depth: usize) -> Outcome {
        match self.node(id) {
            Node::Null => {}
            Node::Boolean => {
                cursor.take(1)?;
            }
            Node::Int(_) | Node::Long(_) | Node::LongToFloat | Node::Enum(_) => {
                cursor.long()?;
            }
            Node::Float => {
                cursor.take(4)?;
            }
            Node::Double => {
                cursor.take(8)?;
            }
            Node::Bytes
            | Node::BytesToString
            | Node::String
            | Node::StringToBytes
            | Node::Uuid
            | Node::Decimal(_) => {
                cursor.bytes()?;
            }
            Node::Fixed(size) | Node::FixedDecimal(size, _) => {
                cursor.take(*size)?;
            }
            Node::Array(inner) => return self.skip_blocks(*inner, false, cursor, depth),
            Node::Map(inner) => return self.skip_blocks(*inner, true, cursor, depth),
            Node::Union(branches) => {
                let branch = branches[cursor.index(branches.len())?];
                return self.skip(branch, cursor, depth);
            }
            Node::Record(plan) => {
                let depth = deeper(depth)?;
                cursor.step(0)?;
                return self.skip_all(&plan.written, cursor, depth);
            }
            Node::Refused(why) => return Err(Failure::new(why.as_str())),
        }
        Ok(())
    }

    fn skip_blocks(
        &self,
        inner: NodeId,
        keys: bool,
        cursor: &mut Cursor<'_>,
        depth: usize,
    ) -> Outcome {
        let depth = deeper(depth)?;
        loop {
            let (block, length) = cursor.block()?;
            match length {
                _ if block == 0 => return Ok(()),
                Some(length) => {
                    cursor.take(length)?;
                }
                None => {
                    for _ in 0..block {
                        cursor.step(0)?;
                        if keys {
                            cursor.bytes()?;
                        }
                        self.skip(inner, cursor, depth)?;
                    }
                }
            }
        }
    }
}
