//! Requests as streams: their bytes, and which documents are sent in part.

use std::sync::Arc;

use super::*;
use crate::guest::protocol::MAX_DEPTH;
use crate::message::ack::AckSink;
use crate::message::budget::MemoryBudget;
use crate::message::{Lane, LaneId};

fn batch(payloads: &[&[u8]]) -> Batch {
    let messages: Vec<_> = (7..)
        .zip(payloads)
        .map(|(offset, payload)| Message::new(Bytes::copy_from_slice(payload), offset))
        .collect();
    batch_of(messages)
}

fn batch_of(messages: Vec<Message>) -> Batch {
    let lane = Lane::of_partition(LaneId(0), "in".into(), 3);
    let permit = MemoryBudget::new(u64::MAX).acquire(1 << 20);
    Batch::new(Arc::new(lane), 0, messages, permit, AckSink::unheard())
}

fn stream() -> RequestForm {
    RequestForm {
        stream: true,
        ..RequestForm::default()
    }
}

fn projecting(keys: &[&str], refers: bool) -> RequestForm {
    let keys = keys.iter().map(|&key| key.to_owned()).collect();
    RequestForm {
        projection: Some(Projection { keys, refers }),
        ..stream()
    }
}

/// Returns the request's bytes, and what was encoded.
fn request(form: &RequestForm, batch: &Batch) -> (Vec<u8>, Encoded) {
    let mut encoder = Encoder::new(MAX_DEPTH);
    encoder.raw(b"of the request before");
    let encoded = encode_request(
        &mut encoder,
        5,
        batch,
        0..batch.messages.len(),
        form,
        &Reads::default(),
    );
    (encoder.as_bytes().to_vec(), encoded)
}

fn head(count: u32, metas: u8) -> Vec<u8> {
    [&5_u32.to_le_bytes()[..], &count.to_le_bytes(), &[metas]].concat()
}

fn all(count: usize) -> Encoded {
    Encoded {
        count,
        refused: None,
    }
}

#[test]
fn a_stream_has_a_head_and_then_one_value_after_the_other() {
    let batch = batch(&[
        b"5",
        b"",
        b"no JSON",
        b"\xff",
        b"{\"a\":true}",
        b"{\"a\":[]}",
    ]);
    let (seen, encoded) = request(&stream(), &batch);
    let expected = [
        &head(6, 0)[..],
        b"i\x05\0\0\0",
        b"N",
        b"z\x07no JSON",
        b"s\x01\0\0\0\xff",
        b"{\xfa\x01aT0",
        b"{r\0\0\0\0[\0\0\0\x000",
    ];
    assert_eq!(seen, expected.concat());
    assert_eq!(encoded, all(6));
}

#[test]
fn metas_come_before_their_values() {
    let form = RequestForm {
        with_metas: true,
        ..stream()
    };
    let (seen, _) = request(&form, &batch(&[b"T", b"true"]));
    let meta = |offset: u8| {
        let offset = [&b"i"[..], &[offset, 0, 0, 0]].concat();
        [&b")\x07Nz\x02ini\x03\0\0\0"[..], &offset, b"N[\0\0\0\0F"].concat()
    };
    let expected = [&head(2, 1)[..], &meta(7), b"z\x01T", &meta(8), b"T"];
    assert_eq!(seen, expected.concat());
}

#[test]
fn lone_surrogates_are_left_to_the_guest() {
    let deferred = br#"{"a":"\ud800"}"#;
    for form in [
        stream(),
        projecting(&["a"], true),
        projecting(&["b"], false),
    ] {
        let (seen, encoded) = request(&form, &batch(&[b"1", deferred, b"2"]));
        let expected = [
            &head(3, 0)[..],
            b"i\x01\0\0\0",
            b"Jz\x0e",
            deferred,
            b"i\x02\0\0\0",
        ];
        assert_eq!(seen, expected.concat());
        assert_eq!(encoded, all(3));
    }
}

/// Whether each value of a request is a part; every payload is an object.
fn parts(encoder: &mut Encoder, form: &RequestForm, payloads: &[&[u8]]) -> Vec<bool> {
    payloads
        .iter()
        .map(|payload| {
            let batch = batch(&[payload]);
            encode_request(encoder, 5, &batch, 0..1, form, &Reads::default());
            encoder.as_bytes()[9] == b'p'
        })
        .collect()
}

#[test]
fn a_part_has_the_members_that_were_asked_for() {
    let rest = format!("\"z\":\"{}\"", "x".repeat(100));
    let documents = [
        format!("{{\"a\":1,{rest},\"\u{e9}\":[2]}}"),
        format!("{{{rest}}}"),
        // The first: equal keys that the guest does not see. The second: those inside a member are left to the encoder.
        format!("{{{rest},\"y\":1,\"y\":2}}"),
        format!("{{ \"a\" : {{ \"k\" : 1, \"k\" : 2 }} , {rest} }}"),
    ];
    let payloads: Vec<_> = documents.iter().map(String::as_bytes).collect();
    for refers in [false, true] {
        let form = projecting(&["\u{e9}", "a", "absent"], refers);
        let (seen, encoded) = request(&form, &batch(&payloads));
        let expected = [
            &head(4, 0)[..],
            b"p{\xfa\x01ai\x01\0\0\0\xf5\x02\0\0\0\xc3\xa9[\x01\0\0\0i\x02\0\0\x000",
            b"p{0",
            b"p{0",
            b"p{r\0\0\0\0{\xfa\x01ki\x01\0\0\0r\x02\0\0\0i\x02\0\0\x0000",
        ];
        assert_eq!(seen, expected.concat());
        assert_eq!(encoded, all(4));
    }
}

#[test]
fn what_is_no_simple_object_is_sent_whole() {
    let rest = "x".repeat(200);
    let deep = format!("{{\"z\":{}{}}}", "[".repeat(101), "]".repeat(101));
    let long = format!("{{\"z\":{}}}", "7".repeat(4001));
    let documents = [
        format!("[\"{rest}\"]"),
        format!("\"{rest}\""),
        format!("\u{feff}{{\"z\":\"{rest}\"}}"),
        format!("{{\"z\":\"{rest}\"}} x"),
        format!("{{\"a\":\"{rest}\",\"a\":1}}"),
        format!("{{\"\\u007a\":\"{rest}\"}}"),
        format!("{{\"z\":\"{rest}\",\"y\":NaN}}"),
        format!("{{\"z\":\"{rest}\\ud800\"}}"),
        format!("{{\"z\":\"{rest}\"",),
        deep,
        long,
        String::new(),
    ];
    for document in &documents {
        let mut projected = Encoder::new(MAX_DEPTH);
        let batch = batch(&[document.as_bytes()]);
        let encoded = encode_request(
            &mut projected,
            5,
            &batch,
            0..1,
            &projecting(&["a"], true),
            &Reads::default(),
        );
        let (whole, expected) = request(&stream(), &batch);
        assert_eq!(projected.as_bytes(), whole, "{document}");
        assert_eq!(encoded, expected);
    }
}

#[test]
fn a_message_that_cannot_be_sent_ends_the_request_before_it() {
    let deep = format!("{}{}", "[".repeat(901), "]".repeat(901));
    let big = "7".repeat(10_001);
    let in_part = format!("{{\"z\":\"{}\",\"a\":{big}}}", "x".repeat(50_000));
    let rest = format!("{{\"a\":1,\"z\":\"{}\"}}", "x".repeat(100));
    for (payload, kind) in [(&deep, "TooDeep"), (&big, "TooBig"), (&in_part, "TooBig")] {
        for form in [
            stream(),
            projecting(&["a"], false),
            projecting(&["a"], true),
        ] {
            let payloads = [rest.as_bytes(), b"1", payload.as_bytes(), b"2"];
            let (seen, encoded) = request(&form, &batch(&payloads));
            assert_eq!(encoded.count, 2);
            assert_eq!(encoded.refused.unwrap().kind, kind);
            assert_eq!(seen, request(&form, &batch(&payloads[..2])).0);
            // As the first, it leaves no request.
            let (_, encoded) = request(&form, &batch(&payloads[2..]));
            assert_eq!(encoded.count, 0);
            assert_eq!(encoded.refused.unwrap().kind, kind);
        }
    }
}

#[test]
fn what_the_input_rejected_is_not_sent_in_part_either() {
    let payload = format!("{{\"a\":1,\"z\":\"{}\"}}", "x".repeat(100));
    let mut rejected = Message::new(Bytes::from(payload.clone()), 1);
    rejected.rejected = Some(Box::new(Failure::new("TooLong", "a long line")));
    let batch = batch_of(vec![Message::new(Bytes::from(payload), 0), rejected]);
    for form in [
        stream(),
        projecting(&["a"], false),
        projecting(&["a"], true),
    ] {
        let (_, encoded) = request(&form, &batch);
        assert_eq!(encoded.count, 1);
        assert_eq!(encoded.refused.unwrap().kind, "TooLong");
    }
}

#[test]
fn if_most_is_asked_for_parts_pause() {
    const PAUSE: usize = 64;
    let small = format!("{{\"a\":1,\"z\":\"{}\"}}", "x".repeat(100));
    let most = format!("{{\"a\":\"{}\",\"z\":1}}", "x".repeat(100));
    let (small, most) = (small.as_bytes(), most.as_bytes());
    let form = projecting(&["a"], false);
    let mut encoder = Encoder::new(MAX_DEPTH);
    assert_eq!(parts(&mut encoder, &form, &[small, most]), [true, false]);
    let after = parts(&mut encoder, &form, &[small; PAUSE + 2]);
    assert_eq!(after.iter().position(|&part| part), Some(PAUSE));
    assert!(after[PAUSE..].iter().all(|&part| part));
    // A script whose result may be the document gets a part, whatever its size: results become smaller.
    let refers = projecting(&["a"], true);
    let mut encoder = Encoder::new(MAX_DEPTH);
    assert_eq!(
        parts(&mut encoder, &refers, &[most, small, most]),
        [true; 3]
    );
}

#[test]
fn a_guest_may_ask_for_few_and_short_keys_only() {
    let sound = |count: usize, length: usize| {
        let keys = vec!["x".repeat(length); count];
        Projection { keys, refers: true }.is_sound()
    };
    assert!(sound(0, 0) && sound(64, 255));
    assert!(!sound(65, 1) && !sound(1, 256));
}
