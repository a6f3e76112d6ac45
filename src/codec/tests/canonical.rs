//! Tests of canonical copies: by hand, against the way through marshal, and against CPython.

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
    let outcome = members(json, &mut found);
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
    (copied.is_some(), split.is_some())
}

#[test]
fn copies() {
    for (json, expected) in [
        ("null", "null"),
        (" \t\r\n true ", "true"),
        ("false", "false"),
        ("\"\"", "\"\""),
        ("[ ]", "[]"),
        ("{ }", "{}"),
        ("[ 1 , \"a\" ,{ } ]", "[1,\"a\",{}]"),
        ("{ \"a\" : 1 , \"b\" : [ 2 ] }", "{\"a\":1,\"b\":[2]}"),
        (
            "{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}",
            "{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}",
        ),
        // Integers.
        ("0", "0"),
        ("-0", "0"),
        ("[-0,-0]", "[0,0]"),
        ("-10", "-10"),
        ("12345678", "12345678"),
        (
            "123456789012345678901234567890",
            "123456789012345678901234567890",
        ),
        ("-9223372036854775808", "-9223372036854775808"),
        // Floats.
        ("0.0", "0.0"),
        ("-0.0", "-0.0"),
        ("0.00", "0.0"),
        ("-0.000000", "-0.0"),
        ("-0e5", "-0.0"),
        ("0E-0", "0.0"),
        ("1.0", "1.0"),
        ("1.50", "1.5"),
        ("10.0", "10.0"),
        ("10.00", "10.0"),
        ("0.001", "0.001"),
        ("0.0001", "0.0001"),
        ("0.00012345", "0.00012345"),
        ("0.00009", "9e-05"),
        ("0.00001", "1e-05"),
        ("-0.000010203", "-1.0203e-05"),
        ("10.00001", "10.00001"),
        ("10.0000", "10.0"),
        ("99999999999999.9", "99999999999999.9"),
        ("999999999999999.9", "999999999999999.9"),
        ("9999999999999999.0", "1e+16"),
        ("1234567890123456.0", "1234567890123456.0"),
        ("10000000000000000.0", "1e+16"),
        ("100000000000000000.5", "1e+17"),
        ("0.1000000000000000055", "0.1"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("1e5", "100000.0"),
        ("1E+2", "100.0"),
        ("1.5e3", "1500.0"),
        ("1e-400", "0.0"),
        ("-1e-400", "-0.0"),
        ("1e15", "1000000000000000.0"),
        ("1e16", "1e+16"),
        ("1e22", "1e+22"),
        ("1.5e300", "1.5e+300"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        // Strings.
        (r#""a\/b""#, "\"a/b\""),
        (r#""\/""#, "\"/\""),
        (r#""\"\\\n\r\t\b\f""#, r#""\"\\\n\r\t\b\f""#),
        (
            r#""\u0022\u005C\u000a\u000D\u0009\u0008\u000c""#,
            r#""\"\\\n\r\t\b\f""#,
        ),
        (r#""\u0000\u001F\u007f\u0020""#, "\"\\u0000\\u001f\x7f \""),
        (r#""\u00e9\u20AC\ud83D\uDE00\uffff""#, "\"é€😀\u{ffff}\""),
        ("\"é€😀\x7f\"", "\"é€😀\x7f\""),
        (r#""\\u00e9""#, r#""\\u00e9""#),
        (r#"{"\u0061":1,"b":2}"#, r#"{"a":1,"b":2}"#),
        (r#"{"a\/b" : 1,"a\\/b":2}"#, r#"{"a/b":1,"a\\/b":2}"#),
        (
            r#"{"\n":1,"n":2,"\\n":3,"\t" :4}"#,
            r#"{"\n":1,"n":2,"\\n":3,"\t":4}"#,
        ),
    ] {
        assert_eq!(copied(json).as_deref(), Some(expected), "{json}");
        assert_eq!(
            long_way(json.as_bytes()).as_deref(),
            Some(expected),
            "{json}"
        );
        let nested = format!(" [ 7,{json} , {{\"key\" : {json}\n}}]");
        let expected = format!("[7,{expected},{{\"key\":{expected}}}]");
        assert_eq!(copied(nested), Some(expected));
    }
}

#[test]
fn refusals() {
    for json in [
        &b""[..],
        b" ",
        b"\0",
        b"\xef\xbb\xbf1",
        b"\xc2\xa01",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"nul",
        b"nulll",
        b"True",
        b"fals",
        b"falsy",
        b"tru",
        b"1 2",
        b"1,",
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b"[1}",
        b"[",
        b"]",
        b"{",
        b"{\"a\"}",
        b"{\"a\":}",
        b"{\"a\":1,}",
        b"{\"a\":1]",
        b"{\"a\" 1}",
        b"{\"a\":1 \"b\":2}",
        b"{,}",
        b"{1:2}",
        b"{a:1}",
        b"{\"a\":1}}",
        b"[1]]",
        b"01",
        b"-",
        b"-01",
        b"00",
        b"+1",
        b"1.",
        b".5",
        b"-.5",
        b"1.e5",
        b"1e",
        b"1e+",
        b"1.5e-",
        b"01.5",
        b"00.5",
        b"0x1",
        b"1_000",
        b"1a",
        b"1.5.5",
        b"--1",
        b"1e400",
        b"-1e400",
        b"[1e309]",
        b"\"",
        b"\"abc",
        b"\"abc\\",
        b"\"abc\\\"",
        b"'a'",
        b"\"\n\"",
        b"\"\0\"",
        b"\"\x1f\"",
        b"\"0123456789abcdef\t\"",
        b"\"\\x\"",
        b"\"\\'\"",
        b"\"\\U0041\"",
        b"\"\\u\"",
        b"\"\\u004\"",
        b"\"\\u00g1\"",
        b"\"\\u+041\"",
        b"\"\\u 041\"",
        b"\"\\ud800\"",
        b"\"\\udc00\"",
        b"\"\\ud800x\"",
        b"\"\\ud800\\n\"",
        b"\"\\ud800\\u0041\"",
        b"\"\\ud800\\ud800\"",
        b"\"\\udc00\\ud800\"",
        b"\"\\ud800\\udc0\"",
        b"\"\xff\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xc3\"",
        b"\"\xc0\xaf\"",
        b"[\xc3\xa9]",
        b"/**/1",
        b"{\"a\":1,\"a\":2}",
        b"{\"a\":1,\"\\u0061\":2}",
        b"{\"\\u0061\":1,\"a\":2}",
        b"{\"\\n\":1,\"\\u000a\":2}",
        b"{\"/\":1,\"\\/\":2}",
        b"{\"x\":{\"a\":1,\"b\":{\"a\":1},\"a\":2}}",
        b"{\"a\":{\"b\":1},\"a\":2}",
        b"[{\"\":1,\"\" :2}]",
        b"{\"\xc3\xa9\":1,\"\\u00E9\":2}",
    ] {
        let text = String::from_utf8_lossy(json);
        assert_eq!(copied(json), None, "{text}");
        if !json.trim_ascii().is_empty() {
            assert_eq!(copied([b"[", json, b"]"].concat()), None, "{text}");
        }
        assert_eq!(copied([b"{\"k\":", json, b"}"].concat()), None, "{text}");
        check(json);
        check(&[b"{\"k\":", json, b"}"].concat());
    }
}

#[test]
fn objects_are_split_into_members() {
    for (json, expected) in [
        ("{}", Some(vec![])),
        (" { } \n", Some(vec![])),
        (r#"{"a":1}"#, Some(vec![("a", "1")])),
        (
            " { \"a\" : 1 ,\n\"\":\"x\\n\" , \"é\" : { \"b\" : [ ] } , \"c\":-0.50}\r\n",
            Some(vec![
                ("a", "1"),
                ("", "\"x\\n\""),
                ("é", "{ \"b\" : [ ] }"),
                ("c", "-0.50"),
            ]),
        ),
        // The members are not copied yet.
        (
            r#"{"a":1e400,"b":{"c":1,"c":2},"d":{"\n":0}}"#,
            Some(vec![
                ("a", "1e400"),
                ("b", r#"{"c":1,"c":2}"#),
                ("d", r#"{"\n":0}"#),
            ]),
        ),
        (r#"{"a\n":1}"#, None),
        (r#"{"\u0061":1}"#, None),
        (r#"{"a":1,"b":2,"a":3}"#, None),
        (r#"{"a":"\ud800"}"#, None),
        (r#"{"a":"\u12"}"#, None),
        (r#"{"a":01}"#, None),
        (r#"{"a":1,}"#, None),
        (r#"{"a":1}x"#, None),
        (r#"{"a":1}{}"#, None),
        (r#"{"a":1"#, None),
        (r#"{"a":1]"#, None),
        (r#"{"a":}"#, None),
        (r#"{"a"}"#, None),
        (r#"{"a" "b"}"#, None),
        (r"{1}", None),
        (r"{,}", None),
        ("[]", None),
        ("1", None),
        ("null", None),
        ("", None),
        ("\u{feff}{}", None),
    ] {
        assert_eq!(split(json), expected, "{json}");
        check(json.as_bytes());
    }
}

#[test]
fn ordinary_documents_are_never_unsure() {
    for json in ORDINARY {
        assert_eq!(copied(json), long_way(json.as_bytes()));
        let object = json.starts_with('{');
        assert_eq!(check(json.as_bytes()), (true, object), "{json}");
        // The canonical form stays as it is, and so does each value in it.
        let canonical = copied(json).unwrap();
        assert_eq!(copied(&canonical).as_ref(), Some(&canonical));
        if object {
            let values = split(&canonical).unwrap();
            let members: Vec<_> = values
                .into_iter()
                .map(|(key, value)| format!("\"{key}\":{}", copied(value).unwrap()))
                .collect();
            assert_eq!(format!("{{{}}}", members.join(",")), canonical);
        }
    }
}

#[test]
fn a_part_of_a_document_is_no_document() {
    for json in ORDINARY {
        for end in 0..json.trim_end().len() {
            assert_eq!(check(&json.as_bytes()[..end]), (false, false));
            let mut longer = json.as_bytes()[..end].to_vec();
            longer.extend_from_slice(json.as_bytes());
            check(&longer);
        }
    }
}

#[test]
fn every_byte_changed() {
    for json in ORDINARY {
        let mut bytes = json.as_bytes().to_vec();
        for at in 0..bytes.len() {
            for &noise in NOISE {
                bytes[at] = noise;
                check(&bytes);
            }
            bytes[at] = json.as_bytes()[at];
        }
    }
}

#[test]
fn every_escaped_unit() {
    for high in 0..=0xff_u32 {
        let mut json = String::from("[");
        for low in 0..=0xff {
            let unit = high << 8 | low;
            let surrogate = (0xd800..0xe000).contains(&unit);
            if surrogate {
                assert_eq!(copied(format!("\"a\\u{unit:04X}b\"")), None);
            } else {
                write!(json, "\"a\\u{unit:04x}\\u{unit:04X}\",").unwrap();
            }
        }
        json.push_str("0]");
        assert!(copied(&json).is_some());
        check(json.as_bytes());
    }
    for character in [
        '\u{10000}',
        '\u{103ff}',
        '\u{10400}',
        '\u{1f600}',
        '\u{10ffff}',
    ] {
        let [high, low] = [0, 1].map(|n| character.encode_utf16(&mut [0; 2])[n]);
        assert_eq!(
            copied(format!("\"\\u{high:04x}\\u{low:04X}\"")),
            Some(format!("\"{character}\""))
        );
    }
}

/// At every length and position, for the checks of several bytes at once.
#[test]
fn special_bytes_anywhere() {
    for len in 0..50 {
        for at in 0..=len {
            for (special, sound) in [
                ("\\n", true),
                ("\\/", true),
                ("\\u0041", true),
                ("é", true),
                ("\x7f", true),
                ("\n", false),
                ("\0", false),
                ("\x1f", false),
                ("\"", false),
                ("\\", false),
                ("\\u004", false),
            ] {
                // A backslash before the closing quote, or before an exclamation mark, makes no escape.
                let text = format!("\"{}{special}{}\"", "!".repeat(at), "!".repeat(len - at));
                for json in [
                    text.clone(),
                    format!("[{text},0]"),
                    format!("{{{text}:{text}}}"),
                ] {
                    assert_eq!(check(json.as_bytes()).0, sound, "{json}");
                }
            }
        }
    }
}

#[test]
fn levels_obeyed_and_violated() {
    let lists = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let objects = |depth: usize| "{\"a\":".repeat(depth - 1) + "{}" + &"}".repeat(depth - 1);
    for (depth, sound) in [
        (1, true),
        (64, true),
        (100, true),
        (101, false),
        (100_000, false),
    ] {
        assert_eq!(copied(lists(depth)).is_some(), sound, "{depth}");
        assert_eq!(copied(objects(depth)).is_some(), sound, "{depth}");
        assert_eq!(split(&objects(depth)).is_some(), sound, "{depth}");
        assert_eq!(
            split(&format!("{{\"a\":[],\"b\":{}}}", lists(depth))).is_some(),
            depth < 100
        );
    }
    let mixed = "[{\"a\":".repeat(50) + "0" + &"}]".repeat(50);
    assert_eq!(copied(&mixed).as_ref(), Some(&mixed));
    let wrong = "[{\"a\":".repeat(50) + "0" + &"]}".repeat(50);
    assert_eq!(copied(wrong), None);
}

#[test]
fn long_numbers() {
    for (digits, sound) in [
        (18, true),
        (19, true),
        (100, true),
        (4000, true),
        (4001, false),
        (20_000, false),
    ] {
        for number in ["9".repeat(digits), format!("-1{}", "0".repeat(digits - 1))] {
            let json = format!("{{\"a\":{number}}}");
            assert_eq!(check(json.as_bytes()), (sound, sound));
        }
    }
    for number in [
        format!("1{}.5e-20000", "0".repeat(20_000)),
        format!("0.{}1e20001", "0".repeat(20_000)),
        format!("0.{}", "3".repeat(20_000)),
    ] {
        assert_eq!(
            check(format!("{{\"a\":{number}}}").as_bytes()),
            (true, true)
        );
    }
}

#[test]
fn equal_keys_in_objects_of_any_size() {
    let object = |keys: &[String]| {
        let pairs: Vec<_> = keys
            .iter()
            .map(|key| format!("\"{key}\":[{{\"k0\":1,\"x\":2}}]"))
            .collect();
        format!("{{{}}}", pairs.join(","))
    };
    for count in [1, 2, 3, 5, 16, 63, 64, 65, 127, 128, 129, 130, 300, 3000] {
        let mut keys: Vec<_> = (0..count).map(|n| format!("k{n}")).collect();
        let json = object(&keys);
        assert_eq!(check(json.as_bytes()), (true, true), "{count}");
        for (first, second) in [
            (0, count - 1),
            (count / 2, count - 1),
            (0, 1),
            (count.max(2) - 2, count - 1),
        ] {
            if first >= second || second >= count {
                continue;
            }
            let kept = std::mem::replace(&mut keys[second], format!("k{first}"));
            let json = object(&keys);
            assert_eq!(
                check(json.as_bytes()),
                (false, false),
                "{count}: {first} and {second}"
            );
            // Inside another object, `members` does not care.
            let nested = format!("{{\"k0\":1,\"k1\":{json},\"k2\":3}}");
            assert_eq!((copied(&nested), split(&nested).is_some()), (None, true));
            keys[second] = kept;
            // Long keys that differ only in one byte.
            let long: Vec<_> = keys
                .iter()
                .map(|key| format!("{0}{key}{0}", "long ".repeat(8)))
                .collect();
            assert!(copied(object(&long)).is_some());
        }
    }
}

/// Keys of one pattern must not have equal hashes.
#[test]
fn keys_of_one_pattern() {
    let pattern = |key: &dyn Fn(usize) -> String| {
        let pairs: Vec<_> = (0..10_000).map(|n| format!("\"{}\":{n}", key(n))).collect();
        format!("{{{}}}", pairs.join(","))
    };
    for json in [
        pattern(&|n| n.to_string()),
        pattern(&|n| format!("field_{n:05}")),
        pattern(&|n| format!("{n:08}-{n:08}-{n:08}")),
        pattern(&|n| format!("{}/{}/{}", n % 22, n / 22 % 22, n / 484)),
        pattern(&|n| "x".repeat(n % 100) + &n.to_string()),
    ] {
        assert_eq!(copied(&json).as_ref(), Some(&json));
        assert!(split(&json).is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// The form of floats, above all where it changes.
    #[test]
    fn floats(number in prop_oneof![
        "-?(0|[1-9][0-9]{0,17})\\.0{0,6}[0-9]{1,17}0{0,2}",
        "-?(0|[1-9][0-9]{0,3})\\.[0-9]{1,4}",
        "-?(0|[1-9])(\\.[0-9]{1,17})?[eE][-+]?(0|[1-9]|[12][0-9]|30[0-9])",
        "-?[0-9]{13,17}\\.[0-9]{0,2}",
        any::<f64>().prop_map(|n| format!("{n:?}")),
        any::<f64>().prop_map(|n| format!("{:.15}", n % 1.0)),
        (any::<i64>(), 0..19_u32).prop_map(|(n, places)| {
            let unit = 10_i64.pow(places);
            format!("{}.{:0width$}", n / unit, (n % unit).unsigned_abs(), width = places as usize)
        }),
    ]) {
        let (copied, _) = check(number.as_bytes());
        let finite = number.parse().is_ok_and(f64::is_finite);
        prop_assert_eq!(copied, finite && long_way(number.as_bytes()).is_some());
    }

    /// Corner cases of the grammar.
    #[test]
    fn random_text(text in "[-+0-9.eE\\[\\],:{}\" \\\\/utrfalsn\\x00\\x1fdD8é]{0,30}") {
        check(text.as_bytes());
        check(format!("{{\"a\":{text}}}").as_bytes());
        check(format!("[\"{text}\"]").as_bytes());
    }

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        check(&bytes);
        check(&[b"{\"", &bytes[..], b"\":0}"].concat());
    }

    #[test]
    fn changed_documents(
        json in prop::sample::select(ORDINARY.to_vec()),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), prop_oneof![3 => prop::sample::select(NOISE.to_vec()), 1 => any::<u8>()], 0..3_u8),
            1..5,
        ),
    ) {
        let mut bytes = json.as_bytes().to_vec();
        for (at, byte, how) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        check(&bytes);
    }
}

#[test]
fn random_documents() {
    let mut runner = TestRunner::deterministic();
    let mut made = [0; 2];
    for _ in 0..5000 {
        let json = payload().new_tree(&mut runner).unwrap().current();
        let (copied, split) = check(&json);
        made[0] += u32::from(copied);
        made[1] += u32::from(split);
    }
    assert!(made.iter().all(|&count| count > 500), "{made:?}");
}

#[test]
fn copies_are_what_json_dumps_makes_of_json_loads() {
    let mut runner = TestRunner::deterministic();
    let mut peer = Peer::start(&["canonical"]);
    let mut made = [0; 2];
    let object =
        || document(false).prop_map(|json| format!("{{\"a\":{json}, \"b\" :{json}}}").into_bytes());
    for _ in 0..120 {
        let batch = prop::collection::vec(prop_oneof![2 => payload(), 1 => object()], 25)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        peer.write(batch.len().to_string().as_bytes());
        for json in &batch {
            peer.write(json);
            let copied = copied(json);
            made[0] += u32::from(copied.is_some());
            peer.write(if copied.is_some() { b"+" } else { b"-" });
            peer.write(copied.unwrap_or_default().as_bytes());
            let split = str::from_utf8(json).ok().and_then(split);
            made[1] += u32::from(split.is_some());
            peer.write(if split.is_some() { b"+" } else { b"-" });
            let pairs: Vec<_> = split
                .into_iter()
                .flatten()
                .map(|(key, value)| format!("\"{key}\":{value}"))
                .collect();
            peer.write(format!("{{{}}}", pairs.join(",")).as_bytes());
        }
        let wrong = peer.read();
        assert!(wrong.is_empty(), "{}", String::from_utf8_lossy(&wrong));
    }
    peer.write(b"");
    peer.end();
    assert!(made.iter().all(|&count| count > 500), "{made:?}");
}

/// Prints the speed of both functions. It means something in an optimised build:
/// `cargo test --release --lib canonical::speed -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn speed() {
    let fields: Vec<_> = (0..80)
        .map(|n| match n % 5 {
            0 => format!("\"store_count_{n}\":{}", n * 7919),
            1 => format!("\"session_label_{n}\":\"value {}\"", n * n),
            2 => format!("\"device_total_{n}\":{}.{}", n * 31, n % 9 + 1),
            3 => format!("\"created_at_{n}\":\"2026-01-{n:02}T12:30:00Z\""),
            _ => format!("\"active_{n}\":{}", n % 2 == 0),
        })
        .collect();
    let wide = format!("{{{}}}", fields.join(","));
    let spaced = format!("{{{}}}", fields.join(", ").replace("\":", "\": "));
    for (name, json) in [
        ("order", ORDINARY[0]),
        ("wide", &wide),
        ("wide with spaces", &spaced),
    ] {
        let (mut found, mut out) = (Vec::new(), Vec::new());
        let mut results = [Ok(()); 2];
        let rates = [0, 1].map(|which| {
            let best = (0..200)
                .map(|_| {
                    let begun = Instant::now();
                    for _ in 0..50 {
                        found.clear();
                        out.clear();
                        let json = black_box(json.as_bytes());
                        results[which] = if which == 0 {
                            members(json, &mut found)
                        } else {
                            copy(json, &mut out)
                        };
                        black_box((&found, &out));
                    }
                    begun.elapsed()
                })
                .min()
                .unwrap();
            (json.len() * 50) as f64 / best.as_secs_f64() / 1e6
        });
        assert_eq!(results, [Ok::<(), Unsure>(()); 2]);
        println!(
            "{name}, {} bytes: members {:.0} MB/s, copy {:.0} MB/s",
            json.len(),
            rates[0],
            rates[1]
        );
    }
}
