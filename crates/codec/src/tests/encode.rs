//! Tests of the encoding of each kind of payload, byte by byte.

use super::super::MAX_INT_DIGITS;
use super::*;

#[test]
fn kinds_of_payload() {
    for (payload, kind) in [
        (&b"{\"a\":1}"[..], Payload::Json),
        (b" [1] \n", Payload::Json),
        (b"\xef\xbb\xbf1", Payload::Json),
        (b"1e400", Payload::Json),
        (b"", Payload::Empty),
        (b"  ", Payload::Text),
        (b"\xef\xbb\xbf", Payload::Text),
        (b"NaN", Payload::Text),
        (b"[Infinity]", Payload::Text),
        (b"-Infinity", Payload::Text),
        (b"[1,]", Payload::Text),
        (b"01", Payload::Text),
        (b"1 2", Payload::Text),
        (b"'a'", Payload::Text),
        (b"\"\x01\"", Payload::Text),
        (b"{\"a\":1,}", Payload::Text),
        (b"\"\xff\"", Payload::Bytes),
        (b"\"\xed\xa0\x80\"", Payload::Bytes),
        (br#""\ud800""#, Payload::Deferred),
        (
            br#"{"a":"\ud800\n","b":["\udc00\ud800"]}"#,
            Payload::Deferred,
        ),
        (br#"["\ud800", nope]"#, Payload::Text),
        (br#"["\ud800\x"]"#, Payload::Text),
        (br#"["\ud8zz"]"#, Payload::Text),
        (b"[\"\\ud800\", \"\xff\"]", Payload::Bytes),
        (br#""\ud83d\ude00""#, Payload::Json),
    ] {
        assert_eq!(
            encode(payload).0,
            kind,
            "{:?}",
            String::from_utf8_lossy(payload)
        );
    }
}

#[test]
fn objects_are_written_as_cpython_reads_them() {
    assert_eq!(encode("[11, 6]").1, b"[\x02\0\0\0i\x0b\0\0\0i\x06\0\0\0");
    assert_eq!(encode("-0").1, b"i\0\0\0\0");
    assert_eq!(encode("-0.0").1, b"g\0\0\0\0\0\0\0\x80");
    assert_eq!(encode("1e400").1, b"g\0\0\0\0\0\0\xf0\x7f");
    assert_eq!(encode("4294967296").1, b"l\x03\0\0\0\0\0\0\0\x04\0");
    assert_eq!(
        encode("-18446744073709551616").1,
        b"l\xfb\xff\xff\xff\0\0\0\0\0\0\0\0\x10\0"
    );
    assert_eq!(encode("\"é\"").1, b"u\x02\0\0\0\xc3\xa9");
    assert_eq!(
        encode("[{},[],null,true,false]").1,
        b"[\x05\0\0\0{0[\0\0\0\0NTF"
    );
}

#[test]
fn keys_are_shared_across_a_frame_and_only_there() {
    let mut encoder = Encoder::new(MAX_DEPTH);
    encoder.list(2);
    encoder.payload(br#"{"ab":1}"#);
    encoder.payload(br#"{"ab":{"cd":2}}"#);
    let first = b"{\xfa\x02abi\x01\0\0\x000";
    let second = b"{r\0\0\0\0{\xfa\x02cdi\x02\0\0\x0000";
    assert_eq!(
        encoder.as_bytes(),
        [b"[\x02\0\0\0", &first[..], second].concat()
    );
    encoder.clear();
    assert!(encoder.is_empty());
    encoder.payload(br#"{"ab":1}"#);
    assert_eq!(encoder.as_bytes(), first);
}

#[test]
fn a_failed_payload_leaves_no_key_behind() {
    let mut encoder = Encoder::new(2);
    encoder.payload(br#"{"kept":1}"#);
    for broken in [
        &br#"{"lost":1,"#[..],
        br#"{"lost":[[1]]}"#,
        br#"{"lost":"\ud800"}"#,
        b"{\"lost\":\"\xff\"}",
    ] {
        assert_ne!(encoder.payload(broken), Payload::Json);
    }
    let before = encoder.len();
    encoder.payload(br#"{"kept":1,"lost":1}"#);
    assert_eq!(
        &encoder.as_bytes()[before..],
        b"{r\0\0\0\0i\x01\0\0\0\xfa\x04losti\x01\0\0\x000"
    );
}

#[test]
fn many_keys_are_bounded_and_right() {
    let mut encoder = Encoder::new(MAX_DEPTH);
    let document = |from: usize| {
        let pairs: Vec<_> = (from..from + 6000)
            .map(|n| format!("\"key {n}\":{n}"))
            .collect();
        format!("{{{}}}", pairs.join(","))
    };
    encoder.list(3);
    for from in [0, 3000, 0] {
        encoder.payload(document(from).as_bytes());
    }
    let flagged = encoder
        .as_bytes()
        .windows(5)
        .filter(|bytes| bytes.starts_with(b"\xfa") && bytes.ends_with(b"key"))
        .count();
    assert!((1000..=2048).contains(&flagged), "{flagged}");
    let expected = format!("[{},{},{}]", document(0), document(3000), document(0));
    assert_eq!(json(encoder.as_bytes()), expected);
}

#[test]
fn depth_obeyed_and_violated() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(encode(nested(MAX_DEPTH)).0, Payload::Json);
    assert_eq!(
        encode(nested(MAX_DEPTH + 1)),
        (Payload::TooDeep, b"N".to_vec())
    );
    assert_eq!(
        encode(format!("{{\"a\":{}}}", nested(MAX_DEPTH))).0,
        Payload::TooDeep
    );
    assert_eq!(
        encode(format!("[\"\\ud800\",{}]", nested(MAX_DEPTH))).0,
        Payload::TooDeep
    );
    // Only JSON can be too deep.
    assert_eq!(encode("[".repeat(1_000_000)).0, Payload::Text);
    assert_eq!(encode(nested(1_000_000)).0, Payload::TooDeep);
}

#[test]
fn long_numbers() {
    for digits in [19, 20, 100, 4299, 4300, 4301, MAX_INT_DIGITS] {
        for number in ["9".repeat(digits), format!("-1{}", "0".repeat(digits - 1))] {
            let document = format!("[1,{number},{{\"a\":{number}}},\"x\"]");
            let (kind, frame) = encode(&document);
            assert_eq!(kind, Payload::Json);
            assert_eq!(json(&frame), document);
        }
    }
    let long = "9".repeat(MAX_INT_DIGITS + 1);
    assert_eq!(encode(&long), (Payload::TooBig, b"N".to_vec()));
    assert_eq!(encode(format!("[{long}] x")).0, Payload::Text);
    assert_eq!(encode(format!("0{long}")).0, Payload::Text);
    // A float has no such limit, whatever its form.
    assert_eq!(
        encode(format!("-1{}.5e-20000", "0".repeat(20_000))).1,
        encode("-1.0").1
    );
    assert_eq!(encode(format!("[{}.]", "1".repeat(5000))).0, Payload::Text);
}
