//! Payloads to marshal and back: JSON comes back as the same JSON, everything else as the same text or bytes.

use super::parameter;
use super::tokens::{DEEPEST, Token, depth, is_json, tokens};
use nerodia_codec::{Encoder, MAX_INT_DIGITS, OutputErrorKind, Payload, Reader, Scratch, Top};

/// Separates the payloads of one frame, which share their keys. The byte occurs in no JSON text.
const SEPARATOR: u8 = 0x1e;

pub fn json(mut data: &[u8]) {
    let max_depth = match parameter(&mut data) {
        few @ 0..4 => few,
        _ => crate::guest::protocol::MAX_DEPTH,
    };
    let payloads: Vec<&[u8]> = data.split(|&byte| byte == SEPARATOR).collect();
    let mut encoder = Encoder::new(max_depth);
    encoder.list(payloads.len());
    let kinds: Vec<Payload> = payloads
        .iter()
        .map(|payload| encoder.payload(payload))
        .collect();

    let mut scratch = Scratch::default();
    let mut reader = Reader::new(encoder.as_bytes(), &mut scratch, usize::MAX);
    assert_eq!(reader.list(), Ok(payloads.len()));
    let mut out = b"before".to_vec();
    for (payload, kind) in payloads.iter().zip(kinds) {
        if let Some(expected) = expected(payload, max_depth) {
            assert_eq!(kind, expected, "{:?}", String::from_utf8_lossy(payload));
        }
        let start = out.len();
        let longest = 64 + 32 * payload.len();
        let value = reader.value(&mut out, longest).expect("a sound frame");
        assert!(out.starts_with(b"before"));
        compare(
            payload,
            kind,
            value.map_err(|error| error.kind),
            &out[start..],
        );
    }
    reader.finish().expect("nothing but the payloads");
}

/// Determines the kind of a payload by other means than the encoder's; `None` if they are not able to.
fn expected(payload: &[u8], max_depth: usize) -> Option<Payload> {
    if payload.is_empty() {
        return Some(Payload::Empty);
    }
    let Ok(whole) = str::from_utf8(payload) else {
        return Some(Payload::Bytes);
    };
    let text = without_mark(whole);
    let depth = depth(text);
    if depth > DEEPEST {
        return None;
    }
    if !is_json(text) {
        return Some(Payload::Text);
    }
    let tokens = tokens(text);
    let is_big = |token: &Token<'_>| match token {
        Token::Int(digits) => digits.trim_start_matches('-').len() > MAX_INT_DIGITS,
        _ => false,
    };
    Some(if depth > max_depth {
        Payload::TooDeep
    } else if tokens.iter().any(is_big) {
        Payload::TooBig
    } else if tokens.contains(&Token::Text(None)) {
        Payload::Deferred
    } else {
        Payload::Json
    })
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Compares what was read back with what was written.
fn compare(payload: &[u8], kind: Payload, read: Result<Top, OutputErrorKind>, raw: &[u8]) {
    let out = || str::from_utf8(raw).expect("JSON is UTF-8");
    let text = || str::from_utf8(payload).expect("else it is bytes");
    match kind {
        Payload::Json => {
            let sent = tokens(without_mark(text()));
            let infinite = |token: &Token<'_>| matches!(token, Token::Float(bits) if f64::from_bits(*bits).is_infinite());
            match read {
                Ok(Top::None) => assert_eq!(sent, [Token::Word("null")]),
                Ok(Top::Json) => assert_eq!(tokens(out()), sent),
                Err(OutputErrorKind::ValueError) => assert!(sent.iter().any(infinite), "{sent:?}"),
                other => panic!("{other:?} of {:?}", text()),
            }
        }
        Payload::Text | Payload::Deferred => {
            let sent = match kind {
                Payload::Text => text(),
                _ => without_mark(text()),
            };
            assert_eq!(read, Ok(Top::Json));
            assert_eq!(tokens(out()), [Token::Text(Some(sent.to_owned()))]);
        }
        Payload::Bytes => {
            assert_eq!(read, Ok(Top::Bytes));
            assert_eq!(raw, payload);
        }
        Payload::Empty | Payload::TooDeep | Payload::TooBig => assert_eq!(read, Ok(Top::None)),
    }
}
