//! Tests with objects written by hand: references, refusals, limits.

use super::super::{Kind, MAX_INT_DIGITS};
use super::OutputErrorKind::{OutputTooLarge, RecursionError, TypeError, ValueError};
use super::*;

#[test]
fn top_level_none_and_bytes_are_not_json() {
    assert_eq!(decode(b"N"), Ok((Top::None, String::new())));
    assert_eq!(decode(b"s\x02\0\0\0{]"), Ok((Top::Bytes, "{]".into())));
}

#[test]
fn refusals_use_pythons_words() {
    let not = |name: &str| format!("Object of type {name} is not JSON serializable");
    let key = |name: &str| format!("keys must be str, int, float, bool or None, not {name}");
    let range = |name: &str| format!("Out of range float values are not JSON compliant: {name}");
    for (frame, kind, message) in [
        (&b"<\0\0\0\0"[..], TypeError, not("set")),
        (b"\xbe\x01\0\0\0N", TypeError, not("frozenset")),
        (b"[\x01\0\0\0s\0\0\0\0", TypeError, not("bytes")),
        (b".", TypeError, not("ellipsis")),
        (b"S", TypeError, not("type")),
        (
            b"y\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            TypeError,
            not("complex"),
        ),
        (b":NNN", TypeError, not("slice")),
        (b"{)\0N0", TypeError, key("tuple")),
        (b"{s\0\0\0\0N0", TypeError, key("bytes")),
        (b"g\0\0\0\0\0\0\xf8\x7f", ValueError, range("nan")),
        (b"g\0\0\0\0\0\0\xf0\xff", ValueError, range("-inf")),
        (b"{g\0\0\0\0\0\0\xf0\x7fN0", ValueError, range("inf")),
        (
            b"\xdb\x01\0\0\0r\0\0\0\0",
            ValueError,
            "Circular reference detected".into(),
        ),
        (
            b"\xdb\x01\0\0\0\xfb\xda\x01ar\0\0\0\x000",
            ValueError,
            "Circular reference detected".into(),
        ),
    ] {
        assert_eq!(decode(frame), Err((kind, message)), "{frame:?}");
    }
}

#[test]
fn the_value_after_a_refused_one_is_read() {
    // ({a}, circle, a, circle, {a: 1}); the third to the fifth item refer into the refused ones.
    let mut scratch = Scratch::default();
    let mut out = Vec::new();
    let frame = b")\x05<\x01\0\0\0\xda\x01a\xdb\x01\0\0\0r\x01\0\0\0r\0\0\0\0r\x01\0\0\0{r\0\0\0\0\xe9\x01\0\0\x000";
    let mut reader = Reader::new(frame, &mut scratch, MAX_DEPTH);
    assert_eq!(reader.tuple(), Ok(5));
    let mut results = Vec::new();
    for _ in 0..5 {
        out.clear();
        let kind = reader
            .value(&mut out, 99)
            .unwrap()
            .map_err(|error| error.kind);
        results.push(kind.map(|_| String::from_utf8(out.clone()).unwrap()));
    }
    let expected = [
        Err(TypeError),
        Err(ValueError),
        Ok("\"a\"".into()),
        Err(ValueError),
        Ok("{\"a\":1}".into()),
    ];
    assert_eq!(results, expected);
    assert_eq!(reader.finish(), Ok(()));
}

#[test]
fn a_shared_tuple_is_a_value_wherever_it_is_but_is_read_itself_only_where_it_stands() {
    // [t, t, t] with t = ("ok", 7)
    let t = b"\xa9\x02\xda\x02ok\xe9\x07\0\0\0";
    let frame = [b"[\x03\0\0\0", &t[..], b"r\0\0\0\0r\0\0\0\0"].concat();
    let mut scratch = Scratch::default();
    let mut reader = Reader::new(&frame, &mut scratch, MAX_DEPTH);
    assert_eq!(reader.list(), Ok(3));
    assert_eq!(reader.tuple(), Ok(2));
    assert_eq!(reader.peek(), Ok(Kind::Str));
    assert_eq!(reader.opt_str().unwrap().as_deref(), Some("ok"));
    assert_eq!(reader.int(), Ok(7));
    let mut out = Vec::new();
    assert_eq!(reader.value(&mut out, 99), Ok(Ok(Top::Json)));
    assert_eq!(out, b"[\"ok\",7]");
    assert_eq!(reader.peek(), Ok(Kind::Tuple));
    assert!(reader.tuple().is_err());
}

#[test]
fn scalars() {
    let frame = b")\x09NTl\x05\0\0\0\xff\x7f\xff\x7f\xff\x7f\xff\x7f\x07\0l\xfb\xff\xff\xff\0\0\0\0\0\0\0\0\x08\0u\x05\0\0\0\xed\xa0\x80xys\x01\0\0\0\xffz\x01aNz\0";
    let mut scratch = Scratch::default();
    let mut reader = Reader::new(frame, &mut scratch, MAX_DEPTH);
    assert_eq!(reader.tuple(), Ok(9));
    assert_eq!(reader.none(), Ok(()));
    assert_eq!(reader.bool(), Ok(true));
    assert_eq!(reader.int(), Ok(i64::MAX));
    assert_eq!(reader.int(), Ok(i64::MIN));
    assert_eq!(reader.str().unwrap(), "\u{fffd}xy");
    assert_eq!(reader.bytes(), Ok(&b"\xff"[..]));
    assert_eq!(
        reader.opt_bytes_or_str().unwrap().as_deref(),
        Some(&b"a"[..])
    );
    assert_eq!(reader.opt_bytes_or_str(), Ok(None));
    assert_eq!(reader.peek(), Ok(Kind::Str));
    assert!(reader.int().is_err());

    for frame in [
        &b"l\x05\0\0\0\0\0\0\0\0\0\0\0\x08\0"[..],
        b"l\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0",
    ] {
        assert!(Reader::new(frame, &mut scratch, MAX_DEPTH).int().is_err());
    }
}

#[test]
fn text_is_escaped_as_json_needs() {
    for (frame, expected) in [
        (
            &b"z\x0a\"\\/\n\r\t\x08\x0c\x1f\x7f"[..],
            "\"\\\"\\\\/\\n\\r\\t\\b\\f\\u001f\x7f\"",
        ),
        ("u\x04\0\0\0é\na".as_bytes(), "\"é\\na\""),
        (b"u\x03\0\0\0\xed\xb0\x80", "\"\\udc00\""),
        (
            b"u\x08\0\0\0\xc3\xa9\xed\xa0\xbd\xed\xb8\x80",
            "\"é\\ud83d\\ude00\"",
        ),
    ] {
        assert_eq!(json(frame), expected);
    }
    // At every length and position, for the checks that look at 16 and 8 bytes at once.
    for len in 0..70 {
        for at in 0..len {
            for special in [b'"', 0x1f, b'\\', 0] {
                let mut text = vec![b'!'; len];
                text[at] = special;
                let frame = [&[b'z', len as u8][..], &text].concat();
                assert_ne!(json(&frame).len(), len + 2);
                text[at] = 0x80;
                let frame = [&[b'z', len as u8][..], &text].concat();
                let mut scratch = Scratch::default();
                let mut reader = Reader::new(&frame, &mut scratch, 9);
                assert!(reader.value(&mut Vec::new(), 999).is_err());
            }
        }
    }
}

#[test]
fn limits_obeyed_and_violated() {
    let nested = |depth: usize| [b"[\x01\0\0\0".repeat(depth), b"N".to_vec()].concat();
    assert_eq!(json(&nested(MAX_DEPTH)).len(), MAX_DEPTH * 2 + 4);
    assert_eq!(
        decode(&nested(MAX_DEPTH + 1)).unwrap_err().0,
        RecursionError
    );
    let mut scratch = Scratch::default();
    // CPython writes nothing deeper than 2000: this is not a refused value but a broken frame.
    assert!(
        Reader::new(&nested(100_000), &mut scratch, 9)
            .value(&mut Vec::new(), 9)
            .is_err()
    );

    for (frame, len) in [
        (&b"z\x03abc"[..], 5),
        (b"s\x03\0\0\0abc", 3),
        (b"[\x01\0\0\0T", 6),
        (b"{z\x01aN0", 10),
    ] {
        let mut out = Vec::new();
        let mut value = |max_len| {
            Reader::new(frame, &mut scratch, 9)
                .value(&mut out, max_len)
                .unwrap()
        };
        assert_eq!(value(len - 1).unwrap_err().kind, OutputTooLarge);
        assert!(value(len).is_ok());
    }
}

#[test]
fn huge_integers_are_refused_before_they_are_converted() {
    let integer = |digits: u32| {
        let mut frame = b"l".to_vec();
        frame.extend_from_slice(&digits.to_le_bytes());
        frame.extend_from_slice(&b"\xff\x7f".repeat(digits as usize));
        frame
    };
    assert_eq!(decode(&integer(2000)).unwrap().1.len(), 9031);
    assert_eq!(decode(&integer(50_000_000)).unwrap_err().0, OutputTooLarge);
    let message =
        format!("Exceeds the limit ({MAX_INT_DIGITS} digits) for integer string conversion");
    assert_eq!(decode(&integer(20_000)), Err((ValueError, message)));
}
