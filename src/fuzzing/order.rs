//! An order in Avro, for the benchmark of the codec, which sees nothing of the inside but this.

use std::hint::black_box;
use std::sync::Arc;

use crate::format::MAX_DEPTH;
use crate::format::avro::{AvroSchema, Decoder, Writer};
use nerodia_codec::{Encoder, Reader};

/// Function that repeats something.
type Repeated = Box<dyn FnMut()>;

/// Returns what a benchmark repeats: decoding an order, and writing it.
///
/// # Panics
///
/// If the order is none of its schema.
#[must_use]
pub fn avro_order(orders: usize) -> (Repeated, Repeated) {
    let schema = AvroSchema::parse(ORDER, &[]).expect("it is a schema");
    let schema = Arc::new(schema);
    let decoder = Decoder::new(schema.clone(), None).expect("it is one schema");
    let writer = Writer::new(schema);
    let mut encoder = Encoder::new(MAX_DEPTH);
    let datum = order();
    decoder
        .decode(&datum, &mut encoder)
        .expect("it is an order");
    let frame: &'static [u8] = encoder.as_bytes().to_vec().leak();
    let scratch = Box::leak(Box::default());
    let mut reader = Reader::new(frame, scratch, MAX_DEPTH);
    let tree = reader.tree(usize::MAX).expect("a sound frame");
    let tree = tree.expect("an order");
    let mut out = Vec::new();
    let decode = move || {
        encoder.clear();
        encoder.list(orders);
        for _ in 0..orders {
            let decoded = decoder.decode(black_box(&datum), &mut encoder);
            decoded.expect("it is an order");
        }
    };
    let write = move || {
        for _ in 0..orders {
            out.clear();
            let written = writer.write(black_box(&tree), &mut out);
            written.expect("it is an order");
        }
    };
    (Box::new(decode), Box::new(write))
}

/// Schema of an order: 15 fields, of which one is a record and one a list of records.
const ORDER: &str = r#"{"type": "record", "name": "Order", "fields": [
    {"name": "id", "type": "long"}, {"name": "number", "type": "string"}, {"name": "status", "type":
        {"type": "enum", "name": "Status", "symbols": ["new", "paid", "shipped"]}},
    {"name": "created", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "customer", "type": {"type": "record", "name": "Customer", "fields": [{"name": "name", "type": "string"},
        {"name": "email", "type": "string"}, {"name": "city", "type": ["null", "string"]}, {"name": "phone", "type": "string"},
        {"name": "vip", "type": "boolean"}]}},
    {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [{"name": "sku", "type": "string"},
        {"name": "name", "type": "string"}, {"name": "price", "type": "double"}, {"name": "qty", "type": "int"}]}}},
    {"name": "currency", "type": "string"}, {"name": "channel", "type": "string"}, {"name": "note", "type": ["null", "string"]},
    {"name": "total", "type": "double"}, {"name": "weight", "type": ["null", "float"]}, {"name": "gift", "type": "boolean"},
    {"name": "warehouse", "type": "int"}, {"name": "coupon", "type": ["null", "string"]}, {"name": "version", "type": "int"}]}"#;

/// Returns an order in Avro's encoding.
fn order() -> Vec<u8> {
    let mut out = vec![0xca, 0xcd, 0x0b];
    let text = |out: &mut Vec<u8>, text: &str| {
        out.push(text.len() as u8 * 2);
        out.extend_from_slice(text.as_bytes());
    };
    text(&mut out, "ord-000183470");
    out.extend_from_slice(b"\x02\xb6\xb6\xd4\x92\xe5\x66");
    text(&mut out, "Ada Lovelace");
    text(&mut out, "user183470@example.com");
    out.push(2);
    text(&mut out, "Santiago de Cali");
    text(&mut out, "+41446681800");
    out.push(1);
    out.push(10);
    for line in ["keyboard", "mouse", "monitor", "cable", "headset"] {
        text(&mut out, "SKU-04711");
        text(&mut out, line);
        out.extend_from_slice(&129.9_f64.to_le_bytes());
        out.push(6);
    }
    out.push(0);
    text(&mut out, "EUR");
    text(&mut out, "web");
    out.push(0);
    out.extend_from_slice(&649.5_f64.to_le_bytes());
    out.extend_from_slice(b"\x02\0\0\xc0\x3f\x00\x0e\x00\x04");
    out
}
