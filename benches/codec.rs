//! Benchmark of the codec's two directions, on the two documents to which the design's figures refer. With the feature
//! `fuzzing`, which shows it the inside, also of an order in Avro.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nerodia::codec::{Encoder, Reader, Scratch};

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

criterion_group!(codec, benches);
criterion_main!(codec);
