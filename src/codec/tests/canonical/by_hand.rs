//! Texts that are written down, and every small change of ordinary documents.

use super::*;

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
