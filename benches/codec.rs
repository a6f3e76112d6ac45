//! Benchmark of the codec's two directions, on the two documents to which the design's figures refer. With the feature
//! `fuzzing`, which shows it the inside, also of an order in Avro.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nerodia_codec::{Encoder, Reader, Scratch};

const SMALL: &str = "[11, 6, 20, 5]";

/// Order of 485 bytes.
const ORDER: &str = concat!(
    r#"{"id":"ord-000183470","customer":{"id":48213,"name":"Zoë Müller","email":"zoe.mueller@example.com","vip":false},"#,
    r#""items":[{"sku":"KB-2201-DE","name":"Keyboard, mechanical","qty":1,"price":129.9},"#,
    r#"{"sku":"MS-0417","name":"Mouse","qty":2,"price":39.5},{"sku":"CB-USB-C-2M","name":"Cable USB-C 2 m","qty":3,"price":12.25}],"#,
    r#""currency":"EUR","shipping":{"method":"express","city":"Köln-Ehrenfeld","zip":"50667","country":"DE"},"#,
    r#""created":1767225600123,"note":null,"tags":["b2c","web","r1"]}"#,
);

/// Messages in a frame.
const BATCH: usize = 64;
const MAX_DEPTH: usize = 200;

fn benches(criterion: &mut Criterion) {
    assert_eq!(ORDER.len(), 485);
    for (name, document) in [("small", SMALL), ("order", ORDER)] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(BATCH as u64));
        let mut encoder = Encoder::new(MAX_DEPTH);
        let mut encode = || {
            encoder.clear();
            encoder.list(BATCH);
            for _ in 0..BATCH {
                encoder.payload(black_box(document.as_bytes()));
            }
            black_box(encoder.len());
        };
        encode();
        group.bench_function("encode", |bencher| bencher.iter(&mut encode));
        // A guest's answer is very similar: keys as references, strings unchanged.
        let frame = encoder.as_bytes().to_vec();
        let mut scratch = Scratch::default();
        let mut out = Vec::new();
        group.bench_function("decode", |bencher| {
            bencher.iter(|| {
                let mut reader = Reader::new(black_box(&frame), &mut scratch, MAX_DEPTH);
                for _ in 0..reader.list().expect("a list") {
                    out.clear();
                    let _ = black_box(reader.value(&mut out, 1 << 20).expect("sound frame"));
                }
                out.len()
            });
        });
        group.finish();
    }
    #[cfg(feature = "fuzzing")]
    avro(criterion);
}

#[cfg(feature = "fuzzing")]
fn avro(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("avro order");
    group.throughput(Throughput::Elements(BATCH as u64));
    let (mut decode, mut write) = nerodia::fuzzing::avro_order(BATCH);
    group.bench_function("decode", |bencher| bencher.iter(&mut decode));
    group.bench_function("write", |bencher| bencher.iter(&mut write));
    group.finish();
}

/// Order of 15 fields with a nested message and 5 lines, as Protobuf. The codec is no part of the public interface, so this
/// needs `--features fuzzing`.
#[cfg(feature = "fuzzing")]
fn protobuf(criterion: &mut Criterion) {
    const SCHEMA: &str = r#"
        syntax = "proto3";
        import "google/protobuf/timestamp.proto";
        enum Status { NEW = 0; PAID = 1; SHIPPED = 2; }
        message Customer { int64 id = 1; string name = 2; string email = 3; string city = 4; string phone = 5; bool vip = 6; }
        message Item { string sku = 1; string name = 2; double price = 3; int32 qty = 4; }
        message Order {
            int64 id = 1; Customer customer = 2; repeated Item items = 3; Status status = 4; string note = 5;
            string currency = 6; string channel = 7; google.protobuf.Timestamp created = 8; optional double discount = 9;
            bool express = 10; repeated string tags = 11; uint32 version = 12; string country = 13; float weight = 14;
            sint32 change = 15;
        }
    "#;
    const JSON: &str = r#"{"id": 183470, "customer": {"id": 48213, "name": "Zoë Müller", "email": "user48213@example.com",
        "city": "Zürich", "phone": "+41445550199", "vip": false}, "items": [
        {"sku": "SKU-02201", "name": "keyboard", "price": 129.9, "qty": 1},
        {"sku": "SKU-00417", "name": "mouse", "price": 39.5, "qty": 2},
        {"sku": "SKU-11021", "name": "cable", "price": 12.25, "qty": 3},
        {"sku": "SKU-90210", "name": "monitor", "price": 399.99, "qty": 1},
        {"sku": "SKU-31337", "name": "cable", "price": 7.95, "qty": 8}], "status": "PAID",
        "note": "please leave at the door", "currency": "EUR", "channel": "web", "created": "2026-11-29T05:13:21.123Z",
        "discount": 0.1, "express": true, "tags": ["b2c", "web", "r1"], "version": 3, "country": "CH", "weight": 12.7,
        "change": -5}"#;
    let order = nerodia::fuzzing::Protobuf::new(SCHEMA, "Order");
    let mut encoder = Encoder::new(MAX_DEPTH);
    encoder.json(JSON.as_bytes()).expect("JSON");
    let mut scratch = Scratch::default();
    let mut payload = Vec::new();
    let mut reader = Reader::new(encoder.as_bytes(), &mut scratch, MAX_DEPTH);
    let tree = reader.tree(1 << 20).expect("a sound frame");
    order.write(&tree.expect("a value"), &mut payload);

    let mut group = criterion.benchmark_group("protobuf");
    group.throughput(Throughput::Elements(BATCH as u64));
    let mut decode = || {
        encoder.clear();
        encoder.list(BATCH);
        for _ in 0..BATCH {
            order.decode(black_box(&payload), &mut encoder);
        }
        black_box(encoder.len());
    };
    decode();
    group.bench_function("decode", |bencher| bencher.iter(&mut decode));
    // What a guest gives back, with the tree that is made of it.
    let frame = encoder.as_bytes().to_vec();
    let mut out = Vec::new();
    for (name, is_written) in [("tree", false), ("tree and write", true)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut reader = Reader::new(black_box(&frame), &mut scratch, MAX_DEPTH);
                for _ in 0..reader.list().expect("a list") {
                    let tree = reader.tree(1 << 20).expect("a sound frame");
                    let tree = black_box(tree.expect("a value"));
                    if is_written {
                        out.clear();
                        order.write(&tree, &mut out);
                    }
                }
                out.len()
            });
        });
    }
    assert_eq!(out, payload);
    group.finish();
}

#[cfg(feature = "fuzzing")]
criterion_group!(codec, benches, protobuf);
#[cfg(not(feature = "fuzzing"))]
criterion_group!(codec, benches);
criterion_main!(codec);
