//! Tests of canonical copies: by hand, against the way through marshal, and against CPython.

mod by_hand;
mod exhaustive;
mod random;

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::super::canonical::{Member, Unsure, copy, members};
use super::python::{Peer, document, payload};
use super::*;

/// Documents as they occur. None of them is ever unsure.
const ORDINARY: [&str; 10] = [
    r#"{"id":"ord-000183470","customer":{"id":48213,"name":"Zoë Müller","email":"zoe.mueller@example.com","vip":false},"items":[{"sku":"KB-2201-DE","name":"Keyboard, mechanical","qty":1,"price":129.9},{"sku":"MS-0417","name":"Mouse","qty":2,"price":39.5}],"currency":"EUR","created":1767225600123,"note":null,"tags":["b2c","web","r1"]}"#,
    r#"{"timestamp": "2026-01-01T12:30:00.123Z", "level": "ERROR", "logger": "app.db", "message": "cannot connect to \"db-1\":\n\ttimed out", "path": "C:\\data\\app", "thread": 140735, "elapsed": 0.000341}"#,
    "{\n  \"device\": \"sensor-17\",\n  \"readings\": [\n    21.5,\n    21.25,\n    -0.5,\n    0\n  ],\n  \"position\": {\n    \"lat\": 59.32932123456789,\n    \"lon\": 18.068580800000063\n  },\n  \"empty\": {},\n  \"none\": []\n}\n",
    r#"{"before":null,"after":{"id":1004,"first_name":"Anne","balance":"AZ==","ts":1.7672256E9},"source":{"version":"2.7","connector":"postgresql","lsn":33227720,"xmin":null},"op":"c","ts_ms":1767225600123,"transaction":null}"#,
    r#"{"specversion":"1.0","id":"A234-1234-1234","source":"https:\/\/example.com\/storage\/tenant","type":"com.example.object.new","datacontenttype":"application/json","data":{"v":[[1,2],[3,4],[]]}}"#,
    r#"{"created_at":"Thu Jan 01 12:00:00 +0000 2026","id":1944000000000000000,"id_str":"1944000000000000000","text":"Gr\u00fc\u00dfe \ud83d\ude00 https:\/\/t.co\/x","entities":{"urls":[{"url":"https:\/\/t.co\/x","indices":[8,23]}],"hashtags":[]},"lang":"de"}"#,
    r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[100.0,0.0],[101.0,0.0],[101.0,1.0],[100.0,0.0]]]},"properties":{"prop0":"value0","prop1":{"this":"that"}}}]}"#,
    r#"{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","duration_ns":184467440737095516150,"attributes":{"http.method":"GET","http.status_code":200,"http.url":"https://example.com/?q=a&b=c"},"ratio":1e-7,"sampled":true}"#,
    r#"{"user":"山田太郎","event":"購入","amount":12800,"price":0.1,"total":1280.00,"share":5e-05,"currency":"JPY","tags":["東京","割引"],"meta":{"a.b":1,"":2," ":3}}"#,
    r#"[{"k":1,"v":-0.0},{"k":2,"v":1e3},{"k":3,"v":1.50},"\u0000\u001F\u007f\b\f\/",true,false,null,[[[]]],{}]"#,
];

/// Bytes for changes.
const NOISE: &[u8] = b"{}[]\",:\\/uDd8e+-.0 9\n\0\x7f\xff\xc3\xa9";

fn copied(json: impl AsRef<[u8]>) -> Option<String> {
    let mut out = b"x".to_vec();
    let outcome = copy(json.as_ref(), &mut out);
    assert!(outcome.is_ok() || out == b"x");
    let text = String::from_utf8(out).expect("UTF-8");
    outcome.ok().map(|()| text[1..].to_owned())
}

/// Returns the members as text.
fn split(json: &str) -> Option<Vec<(&str, &str)>> {
    let mut found = split_bytes(json.as_bytes())?;
    let text = |range: std::ops::Range<u32>| &json[range.start as usize..range.end as usize];
    Some(
        found
            .drain(..)
            .map(|member| (text(member.key), text(member.value)))
            .collect(),
    )
}

fn split_bytes(json: &[u8]) -> Option<Vec<Member>> {
    let before = Member {
        key: 1..2,
        value: 3..4,
    };
    let mut found = vec![before.clone()];
    let outcome = members(json, |_| true, &mut found);
    assert_eq!(found[0], before);
    assert!(outcome.is_ok() || found.len() == 1);
    found.remove(0);
    outcome.ok().map(|()| found)
}

/// Returns what the way through marshal gives, without the guest.
fn long_way(json: &[u8]) -> Option<String> {
    let (kind, frame) = encode(json);
    if kind != Payload::Json {
        return None;
    }
    match decode(&frame).ok()? {
        (Top::None, _) => Some("null".into()),
        (_, text) => Some(text),
    }
}

/// Checks both functions against the way through marshal. Returns which of them gave a result.
fn check(json: &[u8]) -> (bool, bool) {
    let copied = copied(json);
    if copied.is_some() {
        assert_eq!(copied, long_way(json), "{}", String::from_utf8_lossy(json));
    }
    let split = split_bytes(json);
    if let Some(found) = &split {
        let text = str::from_utf8(json).unwrap();
        assert_eq!(encode(json).0, Payload::Json, "{text}");
        let mut end = 0;
        for Member { key, value } in found {
            assert!(end < key.start && key.end < value.start && value.start < value.end);
            assert_eq!(json[key.start as usize - 1], b'"');
            assert_eq!(json[key.end as usize], b'"');
            end = value.end;
            assert_eq!(
                text[value.start as usize..end as usize].trim(),
                &text[value.start as usize..end as usize]
            );
        }
        // Serde reads fewer numbers.
        if let Ok(serde_json::Value::Object(object)) = serde_json::from_str(text) {
            assert_eq!(object.len(), found.len(), "{text}");
            for ((key, value), member) in object.iter().zip(found) {
                let place = |range: &std::ops::Range<u32>| range.start as usize..range.end as usize;
                assert_eq!(key, &text[place(&member.key)]);
                assert_eq!(
                    value,
                    &serde_json::from_str::<serde_json::Value>(&text[place(&member.value)])
                        .unwrap()
                );
            }
        }
    }
    // With no member set, a patched copy is a copy, of those objects that are split.
    let mut patched = Vec::new();
    let patched = crate::write_patched(json, &[], &mut patched).then_some(patched);
    let expected = copied.clone().filter(|_| split.is_some());
    assert_eq!(patched, expected.map(String::into_bytes));
    (copied.is_some(), split.is_some())
}
