//! Texts that are written down.

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
fn only_wanted_members_are_found_and_only_their_keys_must_differ() {
    let find = |json: &str, wanted: &[&str]| {
        let mut found = Vec::new();
        let is_wanted = |key: &[u8]| wanted.iter().any(|name| name.as_bytes() == key);
        let outcome = members(json.as_bytes(), is_wanted, &mut found);
        let value = |member: &Member| {
            json[member.value.start as usize..member.value.end as usize].to_owned()
        };
        outcome
            .ok()
            .map(|()| found.iter().map(value).collect::<Vec<_>>())
    };
    let json = r#"{"a":1,"x":[2],"b":"3","x":{},"c":4}"#;
    assert_eq!(
        find(json, &["b", "a", "d"]),
        Some(vec!["1".into(), "\"3\"".into()])
    );
    assert_eq!(find(json, &[]), Some(vec![]));
    assert_eq!(find(json, &["x"]), None);
    assert_eq!(
        find(r#"{"a":1,"x":01}"#, &["a"]),
        None,
        "what is skipped must be JSON too"
    );
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
