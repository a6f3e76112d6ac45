//! Decoder: from Avro's bytes straight to those that a guest loads.

use std::sync::Arc;

use super::cursor::Cursor;
use super::logical::{IntKind, LongKind};
use super::plan::{self, Builder, Node, NodeId, RecordPlan, Source};
use super::rare::rare_value;
use super::schema::AvroSchema;
use crate::format::MAX_DEPTH;
use crate::format::error::{DecodeError, Failure, Outcome};
use nerodia_codec::Encoder;

/// Decoder of values that one schema describes, into those of another if there is one.
#[derive(Debug)]
pub(crate) struct Decoder {
    nodes: Vec<Node>,
    /// Length of the schemas.
    schema_len: usize,
}

impl Decoder {
    /// Creates a decoder of what was written with `writer`. With a schema of the `reader`, the values become those of that
    /// schema.
    ///
    /// # Errors
    ///
    /// If no value can become one of the reader's schema: says which field or type is wrong. What is wrong in a branch of
    /// the writer's union is an error of the values of this branch alone.
    pub(crate) fn new(
        writer: Arc<AvroSchema>,
        reader: Option<Arc<AvroSchema>>,
    ) -> Result<Self, String> {
        let schema_len = writer.text_len + reader.as_ref().map_or(0, |reader| reader.text_len);
        let nodes = Builder::build(writer, reader)?;
        plan::check(&nodes).map_err(|error| error.to_string())?;
        Ok(Self { nodes, schema_len })
    }

    /// Writes the value that `datum` contains as one object.
    ///
    /// # Errors
    ///
    /// If the bytes are not exactly one value, Python cannot hold it, or it exceeds a bound (see [`avro`](super)). Then
    /// the caller takes the output back.
    pub(crate) fn decode(&self, datum: &[u8], encoder: &mut Encoder) -> Result<(), DecodeError> {
        self.whole(datum, encoder)
            .map_err(|error| DecodeError(error.to_string()))
    }

    fn whole(&self, datum: &[u8], encoder: &mut Encoder) -> Outcome {
        if i32::try_from(datum.len()).is_err() {
            return Err(Failure::new("a payload of 2 GiB or more"));
        }
        let mut cursor = Cursor::new(datum, encoder.len(), self.schema_len);
        self.value(0, &mut cursor, encoder, 0)?;
        match cursor.left() {
            0 => Ok(()),
            left => Err(Failure::new(format!(
                "{left} bytes are left over after the value"
            ))),
        }
    }

    /// Returns a node.
    #[inline]
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    fn value(
        &self,
        id: NodeId,
        cursor: &mut Cursor<'_>,
        out: &mut Encoder,
        depth: usize,
    ) -> Outcome {
        match self.node(id) {
            Node::Null => out.none(),
            Node::Boolean => out.bool(cursor.boolean()?),
            Node::Int(IntKind::Plain) | Node::Long(LongKind::Plain) => out.int(cursor.long()?),
            Node::LongToFloat => out.float(cursor.long()? as f64),
            Node::Float => out.float(f64::from(f32::from_le_bytes(cursor.array()?))),
            Node::Double => out.float(f64::from_le_bytes(cursor.array()?)),
            Node::Bytes => out.bytes(cursor.bytes()?),
            Node::String | Node::BytesToString => out.str(cursor.string()?),
            Node::StringToBytes => out.bytes(cursor.string()?.as_bytes()),
            Node::Fixed(size) => out.bytes(cursor.take(*size)?),
            Node::Union(branches) => {
                let branch = branches[cursor.index(branches.len())?];
                return self.value(branch, cursor, out, depth);
            }
            Node::Record(plan) if plan.in_order => return self.record(plan, cursor, out, depth),
            Node::Record(plan) => return self.reordered(plan, cursor, out, depth),
            Node::Array(items) => return self.array(*items, cursor, out, depth),
            Node::Map(values) => return self.map(*values, cursor, out, depth),
            rare => return rare_value(rare, cursor, out),
        }
        Ok(())
    }

    fn record(
        &self,
        plan: &RecordPlan,
        cursor: &mut Cursor<'_>,
        out: &mut Encoder,
        depth: usize,
    ) -> Outcome {
        let depth = deeper(depth)?;
        cursor.step(out.len())?;
        out.begin_dict();
        let mut next = 0;
        for member in &plan.members {
            out.key(&member.key);
            match &member.source {
                Source::Field(place) => {
                    if next < *place {
                        self.skip_all(&plan.written[next..*place], cursor, depth)?;
                    }
                    next = place + 1;
                    if let Err(error) = self.value(member.node, cursor, out, depth) {
                        return Err(error.in_field(&member.key));
                    }
                }
                Source::Default(default) => {
                    self.default(member.node, default, cursor, out, depth)?
                }
            }
        }
        if next < plan.written.len() {
            self.skip_all(&plan.written[next..], cursor, depth)?;
        }
        out.end_dict();
        Ok(())
    }

    /// Decodes a record whose fields were written in another order: finds where each of them begins, then reads them in
    /// the order of the reader.
    fn reordered(
        &self,
        plan: &RecordPlan,
        cursor: &mut Cursor<'_>,
        out: &mut Encoder,
        depth: usize,
    ) -> Outcome {
        let depth = deeper(depth)?;
        cursor.step(out.len())?;
        let mut begins = Vec::with_capacity(plan.written.len());
        for node in &plan.written {
            begins.push(cursor.pos());
            self.skip(*node, cursor, depth)?;
        }
        let end = cursor.pos();
        out.begin_dict();
        for member in &plan.members {
            out.key(&member.key);
            match &member.source {
                Source::Field(place) => {
                    cursor.seek(begins[*place]);
                    if let Err(error) = self.value(member.node, cursor, out, depth) {
                        return Err(error.in_field(&member.key));
                    }
                }
                Source::Default(default) => {
                    self.default(member.node, default, cursor, out, depth)?
                }
            }
        }
        cursor.seek(end);
        out.end_dict();
        Ok(())
    }

    fn default(
        &self,
        node: NodeId,
        default: &[u8],
        cursor: &mut Cursor<'_>,
        out: &mut Encoder,
        depth: usize,
    ) -> Outcome {
        cursor.step(out.len())?;
        let mut inner = cursor.default(default);
        let outcome = self.value(node, &mut inner, out, depth);
        cursor.end_default(&inner);
        outcome
    }

    fn array(
        &self,
        items: NodeId,
        cursor: &mut Cursor<'_>,
        out: &mut Encoder,
        depth: usize,
    ) -> Outcome {
        let depth = deeper(depth)?;
        let list = out.begin_list();
        let mut count = 0_u32;
        loop {
            let (block, _) = cursor.block()?;
            if block == 0 {
                break;
            }
            for _ in 0..block {
                cursor.step(out.len())?;
                if let Err(error) = self.value(items, cursor, out, depth) {
                    return Err(error.in_item(count as usize));
                }
                count = longer(count)?;
            }
        }
        out.end_list(list, count);
        Ok(())
    }

    fn map(
        &self,
        values: NodeId,
        cursor: &mut Cursor<'_>,
        out: &mut Encoder,
        depth: usize,
    ) -> Outcome {
        let depth = deeper(depth)?;
        out.begin_dict();
        loop {
            let (block, _) = cursor.block()?;
            if block == 0 {
                break;
            }
            for _ in 0..block {
                cursor.step(out.len())?;
                let key = cursor.string()?;
                out.key(key);
                if let Err(error) = self.value(values, cursor, out, depth) {
                    return Err(error.in_key(key));
                }
            }
        }
        out.end_dict();
        Ok(())
    }
}

/// Returns the depth within a container.
#[inline]
pub(super) fn deeper(depth: usize) -> Outcome<usize> {
    if depth >= MAX_DEPTH {
        return Err(Failure::new(format!(
            "nested deeper than {MAX_DEPTH} levels"
        )));
    }
    Ok(depth + 1)
}

fn longer(count: u32) -> Outcome<u32> {
    match count.checked_add(1) {
        Some(count) if i32::try_from(count).is_ok() => Ok(count),
        _ => Err(Failure::new("a list of more than 2^31 items")),
    }
}
