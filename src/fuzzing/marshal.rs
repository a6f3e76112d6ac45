//! Frame of a hostile guest: reading it in every possible way never panics, never produces more than it may, and
//! produces only JSON.

use super::parameter;
use super::tokens::{DEEPEST, depth, is_json, tokens};
use nerodia_codec::{Encoder, Payload, Reader, Scratch, Top, ValueError};

/// Deepest nesting that values may have here.
const MAX_DEPTH: usize = 50;

pub fn marshal(mut data: &[u8]) {
    let max_len = match parameter(&mut data) {
        few @ 0..128 => few,
        many => 1 << (many % 16),
    };
    read_all(data, max_len);
}

/// Reads all values, and returns the length of their output.
pub(super) fn read_all(frame: &[u8], max_len: usize) -> usize {
    let mut scratch = Scratch::default();
    let values = values(frame, &mut scratch, max_len);
    reach_everything(frame, &mut scratch, max_len);
    // An earlier read must not change the result of a later one.
    assert_eq!(values, self::values(frame, &mut scratch, max_len));
    let lengths = values.iter().flatten().map(|(_, out)| out.len());
    lengths.sum()
}

/// Items of a list, or the objects in the frame, up to the place where the frame is broken.
type Values = Vec<Result<(Top, Vec<u8>), ValueError>>;

fn values(frame: &[u8], scratch: &mut Scratch, max_len: usize) -> Values {
    let mut reader = Reader::new(frame, scratch, MAX_DEPTH);
    let _ = reader.list();
    let mut values = Vec::new();
    for _ in 0..20 {
        let mut out = b"before".to_vec();
        let Ok(value) = reader.value(&mut out, max_len) else {
            assert_eq!(out, b"before");
            break;
        };
        // A string of more than 255 bytes is examined before it is written. When escaped, a string has up to six times
        // its length, and the buffer grows by doubling.
        assert!(out.capacity() <= 4096 + 16 * max_len, "{}", out.capacity());
        let made = out.split_off(b"before".len());
        assert_eq!(out, b"before");
        assert!(made.len() <= max_len);
        match &value {
            Ok(Top::Json) => check(&made),
            Ok(Top::Bytes) => {}
            Ok(Top::None) | Err(_) => assert!(made.is_empty()),
        }
        values.push(value.map(|top| (top, made)));
    }
    // After an error a reader may be of no use, but it must be harmless.
    let mut out = Vec::new();
    for _ in 0..3 {
        let _ = reader.value(&mut out, max_len);
        let _ = reader.int();
    }
    values
}

/// Checks that the output is JSON, and is unchanged after encoding and decoding.
fn check(made: &[u8]) {
    let text = str::from_utf8(made).expect("JSON is UTF-8");
    assert!(depth(text) > DEEPEST || is_json(text), "{text:?}");
    let mut encoder = Encoder::new(MAX_DEPTH);
    match encoder.payload(made) {
        Payload::Json => {
            let mut scratch = Scratch::default();
            let mut reader = Reader::new(encoder.as_bytes(), &mut scratch, MAX_DEPTH);
            let mut out = Vec::new();
            let top = reader.value(&mut out, made.len()).expect("a sound frame");
            assert_eq!(top, Ok(Top::Json));
            // Not byte for byte: two single surrogates in Python are one character in JSON.
            let again = str::from_utf8(&out).expect("JSON is UTF-8");
            assert_eq!(tokens(again), tokens(text));
        }
        Payload::Deferred => {}
        other => panic!("{other:?}: {text:?}"),
    }
}

fn reach_everything(frame: &[u8], scratch: &mut Scratch, max_len: usize) {
    let mut out = Vec::new();
    let mut reader = Reader::new(frame, scratch, MAX_DEPTH);
    for step in 0..60 {
        let _ = reader.peek();
        let _ = match step % 10 {
            0 | 5 => reader.tuple().map(drop),
            1 => reader.list().map(drop),
            2 => reader.opt_str().map(drop),
            3 => reader.int().map(drop),
            4 => reader.opt_bytes_or_str().map(drop),
            6 => reader.none(),
            7 => reader.bool().map(drop),
            8 => reader.value(&mut out, max_len).map(drop),
            _ => reader.skip(),
        };
    }
    let _ = reader.finish();
}
