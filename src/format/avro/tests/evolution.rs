//! Reading with another schema, and defaults, by hand.

use super::decode::ORDER;
use super::*;

#[test]
fn a_reader_has_its_own_fields_in_its_own_order() {
    let reader = r#"{"type": "record", "name": "Purchase", "aliases": ["Order"], "fields": [
        {"name": "paid", "type": "bytes", "default": "\u00ff"},
        {"name": "items", "aliases": ["lines"], "type": {"type": "array", "items":
            {"type": "record", "name": "Line", "fields": [{"name": "price", "type": "double"}]}}},
        {"name": "id", "type": ["null", "float"]}]}"#;
    let datum = b"\x54\x00\x02\x02a\0\0\0\0\0\0\xf8\x3f\x00";
    let expected = r#"Dict([("paid", Bytes([255])), ("items", List([Dict([("price", Float(1.5))])])), ("id", Float(42.0))])"#;
    assert_eq!(read(ORDER, Some(reader), datum).as_deref(), Ok(expected));
}

#[test]
fn schemas_that_do_not_match_are_refused_at_once() {
    let reader = ORDER.replace("double", "long");
    assert_eq!(
        read(ORDER, Some(&reader), b"").unwrap_err(),
        "lines[].price: double cannot be read as long"
    );
    let reader = ORDER.replace("price", "cost");
    assert_eq!(
        read(ORDER, Some(&reader), b"").unwrap_err(),
        r#"lines[]: field "cost" has no default, and the record was written without it"#
    );
}

fn record(fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#)
}

/// Reads a value of one type as another.
fn promoted(from: &str, to: &str, datum: &[u8]) -> Result<String, String> {
    read(from, Some(to), datum)
}

#[test]
fn numbers_and_texts_are_promoted() {
    let good: [(&str, &str, &[u8], &str); 12] = [
        (r#""int""#, r#""long""#, b"\x03", "Int(-2)"),
        (r#""int""#, r#""float""#, b"\x03", "Float(-2.0)"),
        (r#""long""#, r#""double""#, b"\x03", "Float(-2.0)"),
        (r#""float""#, r#""double""#, b"\0\0\xc0\x3f", "Float(1.5)"),
        (r#""string""#, r#""bytes""#, b"\x02a", "Bytes([97])"),
        (r#""bytes""#, r#""string""#, b"\x02a", r#"Str("a")"#),
        (
            r#"["null", "int"]"#,
            r#""double""#,
            b"\x02\x03",
            "Float(-2.0)",
        ),
        (
            r#""int""#,
            r#"["null", "string", "long"]"#,
            b"\x03",
            "Int(-2)",
        ),
        (
            r#"["int", "string"]"#,
            r#"["string", "double"]"#,
            b"\x00\x03",
            "Float(-2.0)",
        ),
        (
            r#"{"type": "array", "items": "int"}"#,
            r#"["string", {"type": "array", "items": "float"}]"#,
            b"\x02\x03\x00",
            "List([Float(-2.0)])",
        ),
        (
            r#"{"type": "map", "values": "int"}"#,
            r#"{"type": "map", "values": "float"}"#,
            b"\x02\x02a\x03\x00",
            r#"Dict([("a", Float(-2.0))])"#,
        ),
        // Only the branch that is written has to suit.
        (r#"["null", "int"]"#, r#""int""#, b"\x02\x03", "Int(-2)"),
    ];
    for (from, to, datum, expected) in good {
        assert_eq!(
            promoted(from, to, datum).as_deref(),
            Ok(expected),
            "{from} as {to}"
        );
    }
    let error = promoted(r#"["null", "int"]"#, r#""int""#, b"\x00").unwrap_err();
    assert_eq!(error, "null cannot be read as int");
    for (from, to) in [
        ("long", "int"),
        ("double", "float"),
        ("int", "string"),
        ("null", "int"),
        ("boolean", "int"),
    ] {
        let error = promoted(
            &format!("{from:?}"),
            &format!("{to:?}"),
            b"\0\0\0\0\0\0\0\0",
        )
        .unwrap_err();
        assert_eq!(error, format!("{from} cannot be read as {to}"));
    }
    assert!(promoted(r#""bytes""#, r#""string""#, b"\x02\xff").is_err());
    let error = promoted(r#"["null", "boolean"]"#, r#""int""#, b"\x00").unwrap_err();
    assert_eq!(error, "null cannot be read as int");
}

#[test]
fn a_meaning_is_the_writers_or_else_the_readers() {
    let millis = r#"{"type": "long", "logicalType": "timestamp-millis"}"#;
    let micros = r#"{"type": "long", "logicalType": "timestamp-micros"}"#;
    let time = "Typed(DateTime { micros: 1000, offset: 0 })";
    assert_eq!(promoted(millis, micros, b"\x02").as_deref(), Ok(time));
    assert_eq!(promoted(millis, r#""long""#, b"\x02").as_deref(), Ok(time));
    assert_eq!(promoted(r#""long""#, millis, b"\x02").as_deref(), Ok(time));
    assert_eq!(promoted(r#""int""#, millis, b"\x02").as_deref(), Ok(time));
    let decimal = r#"{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 1}"#;
    let other = r#"{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}"#;
    assert_eq!(
        promoted(decimal, other, b"\x02\x05").as_deref(),
        Ok(r#"Typed(Decimal("0.5"))"#)
    );
    assert_eq!(
        promoted(r#""bytes""#, other, b"\x02\x05").as_deref(),
        Ok(r#"Typed(Decimal("0.05"))"#)
    );
}

#[test]
fn enums_and_fixed_are_of_one_name() {
    let kind = |name: &str, symbols: &str, more: &str| {
        format!(r#"{{"type": "enum", "name": "{name}", "symbols": [{symbols}]{more}}}"#)
    };
    let writer = kind("a.E", r#""x", "y""#, "");
    let fewer = kind("b.E", r#""y", "z""#, r#", "default": "z""#);
    assert_eq!(
        promoted(&writer, &fewer, b"\x00").as_deref(),
        Ok(r#"Str("z")"#)
    );
    assert_eq!(
        promoted(&writer, &fewer, b"\x02").as_deref(),
        Ok(r#"Str("y")"#)
    );
    let error = promoted(&writer, &kind("E", r#""y""#, ""), b"\x00").unwrap_err();
    assert_eq!(
        error,
        "the reader's enum has no symbol \"x\" and no default"
    );
    let error = promoted(&writer, &kind("Other", r#""x", "y""#, ""), b"\x00").unwrap_err();
    assert_eq!(error, "enum a.E cannot be read as enum Other");
    let renamed = kind("Other", r#""x", "y""#, r#", "aliases": ["a.E"]"#);
    assert_eq!(
        promoted(&writer, &renamed, b"\x00").as_deref(),
        Ok(r#"Str("x")"#)
    );
    for wrong in [&b"\x04"[..], b"\x01", b""] {
        assert!(read(&writer, None, wrong).is_err());
    }
    let fixed = |size| format!(r#"{{"type": "fixed", "name": "F", "size": {size}}}"#);
    assert_eq!(
        promoted(&fixed(1), &fixed(1), b"a").as_deref(),
        Ok("Bytes([97])")
    );
    let error = promoted(&fixed(1), &fixed(2), b"a").unwrap_err();
    assert_eq!(
        error,
        "fixed F of 1 bytes cannot be read as fixed F of 2 bytes"
    );
}

#[test]
fn defaults_are_of_every_type() {
    let cases = [
        (r#""null""#, "null", "None"),
        (r#""boolean""#, "true", "Bool(true)"),
        (r#""int""#, "-1", "Int(-1)"),
        (
            r#""long""#,
            "9223372036854775807",
            "Int(9223372036854775807)",
        ),
        (r#""float""#, "1", "Float(1.0)"),
        (
            r#""double""#,
            "1.0884562674149787e+307",
            "Float(1.0884562674149787e307)",
        ),
        (r#""double""#, "\"-Infinity\"", "Float(-inf)"),
        (r#""string""#, r#""é""#, r#"Str("é")"#),
        (r#""bytes""#, r#""\u00e9""#, "Bytes([233])"),
        (
            r#"{"type": "fixed", "name": "F", "size": 2}"#,
            r#""\u0000a""#,
            "Bytes([0, 97])",
        ),
        (
            r#"{"type": "enum", "name": "E", "symbols": ["x", "y"]}"#,
            r#""y""#,
            r#"Str("y")"#,
        ),
        (
            r#"{"type": "array", "items": "int"}"#,
            "[1, 2]",
            "List([Int(1), Int(2)])",
        ),
        (
            r#"{"type": "map", "values": "int"}"#,
            r#"{"a": 1}"#,
            r#"Dict([("a", Int(1))])"#,
        ),
        (r#"["null", "int"]"#, "null", "None"),
        (r#"["null", "int"]"#, "7", "Int(7)"),
        (
            r#"{"type": "int", "logicalType": "date"}"#,
            "5",
            "Typed(Date(5))",
        ),
        (
            r#"{"type": "record", "name": "Q", "fields": [{"name": "a", "type": "int", "default": 3}, {"name": "b", "type": "string"}]}"#,
            r#"{"b": "x"}"#,
            r#"Dict([("a", Int(3)), ("b", Str("x"))])"#,
        ),
    ];
    for (ty, default, expected) in cases {
        let reader = record(&format!(
            r#"{{"name": "f", "type": {ty}, "default": {default}}}"#
        ));
        let expected = format!(r#"Dict([("f", {expected})])"#);
        assert_eq!(
            read(&record(""), Some(&reader), b""),
            Ok(expected.clone()),
            "{ty}"
        );
        // A writer has the same default.
        let written = write(&reader, &Value::Dict(Vec::new())).unwrap();
        let bytes: Vec<_> = (0..written.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&written[at..at + 2], 16).unwrap())
            .collect();
        assert_eq!(read(&reader, None, &bytes), Ok(expected), "{ty}");
    }
    let wrong = [
        (r#""int""#, "2147483648"),
        (r#""int""#, "1.0"),
        (r#""int""#, "null"),
        (r#""string""#, "1"),
        (r#""double""#, r#""1.5""#),
        (r#""bytes""#, r#""\u0100""#),
        (r#"{"type": "fixed", "name": "F", "size": 2}"#, r#""a""#),
        (
            r#"{"type": "enum", "name": "E", "symbols": ["x", "y"]}"#,
            r#""z""#,
        ),
        (r#"["null", "int"]"#, r#""a""#),
        (r#"{"type": "array", "items": "int"}"#, r#"[1, "a"]"#),
        (
            r#"{"type": "record", "name": "Q", "fields": [{"name": "a", "type": "int"}]}"#,
            "{}",
        ),
    ];
    for (ty, default) in wrong {
        let reader = record(&format!(
            r#"{{"name": "f", "type": {ty}, "default": {default}}}"#
        ));
        // It does not matter to those who do not need it.
        assert!(AvroSchema::parse(&reader, &[]).is_ok());
        let error = read(&record(""), Some(&reader), b"").unwrap_err();
        assert!(error.contains("field \"f\": "), "{error}");
        assert!(
            write(&reader, &Value::Dict(Vec::new()))
                .unwrap_err()
                .starts_with("f: missing, and ")
        );
    }
}
