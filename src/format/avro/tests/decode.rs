//! Decoding, by hand.

use super::*;

pub(super) const ORDER: &str = r#"{"type": "record", "name": "shop.Order", "fields": [
    {"name": "id", "type": "long"},
    {"name": "note", "type": ["null", "string"]},
    {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
        {"name": "sku", "type": "string"}, {"name": "price", "type": "double"}]}}}]}"#;

#[test]
fn a_record_is_a_dict() {
    let datum = b"\x54\x00\x02\x02a\0\0\0\0\0\0\xf8\x3f\x00";
    let expected = r#"Dict([("id", Int(42)), ("note", None), ("lines", List([Dict([("sku", Str("a")), ("price", Float(1.5))])]))])"#;
    assert_eq!(read(ORDER, None, datum).as_deref(), Ok(expected));
    // The same in a block with its length.
    let datum = b"\x54\x00\x01\x14\x02a\0\0\0\0\0\0\xf8\x3f\x00";
    assert_eq!(read(ORDER, None, datum).as_deref(), Ok(expected));
    for end in 0..datum.len() {
        let error = read(ORDER, None, &datum[..end]).unwrap_err();
        assert!(error.contains("the bytes end within the value"), "{error}");
    }
    let error = read(ORDER, None, b"\x54\x00\x00more").unwrap_err();
    assert_eq!(error, "4 bytes are left over after the value");
    let error = read(ORDER, None, b"\x54\x00\x02\x02\xff").unwrap_err();
    assert_eq!(error, "lines[0].sku: text that is not UTF-8");
}

#[test]
fn decimals_with_a_wrong_description_are_bytes() {
    for wrong in [
        "",
        r#", "precision": 0"#,
        r#", "precision": 2, "scale": 3"#,
        r#", "precision": 2, "scale": -1"#,
        r#", "precision": "4""#,
        r#", "precision": 5, "size": 2"#,
    ] {
        let bytes = format!(r#"{{"type": "bytes", "logicalType": "decimal"{wrong}}}"#);
        let fixed = format!(
            r#"{{"type": "fixed", "name": "F", "size": 2, "logicalType": "decimal"{wrong}}}"#
        );
        if !wrong.contains("size") {
            assert_eq!(
                read(&bytes, None, b"\x02\x05").as_deref(),
                Ok("Bytes([5])"),
                "{wrong}"
            );
        }
        assert_eq!(
            read(&fixed, None, b"\0\x05").as_deref(),
            Ok("Bytes([0, 5])"),
            "{wrong}"
        );
    }
    let text = r#"{"type": "string", "logicalType": "decimal", "precision": 4}"#;
    assert_eq!(read(text, None, b"\x02a").as_deref(), Ok(r#"Str("a")"#));
}

#[test]
fn times_that_python_lacks_are_refused() {
    let long = |logical: &str| format!(r#"{{"type": "long", "logicalType": "{logical}"}}"#);
    let put = |value| {
        let mut out = Vec::new();
        super::super::write::put_long(&mut out, value);
        out
    };
    for (ty, factor) in [
        ("timestamp-millis", 1_000),
        ("local-timestamp-micros", 1_000_000),
    ] {
        for (seconds, good) in [
            (-62_135_596_800, true),
            (253_402_300_799, true),
            (-62_135_596_801, false),
            (253_402_300_800, false),
        ] {
            let outcome = read(&long(ty), None, &put(seconds * factor));
            assert_eq!(outcome.is_ok(), good, "{outcome:?}");
        }
    }
    let error = read(&long("timestamp-millis"), None, &put(i64::MAX)).unwrap_err();
    assert_eq!(
        error,
        "the timestamp 9223372036854775807 is outside of the years 1 to 9999"
    );
    let error = read(
        r#"{"type": "int", "logicalType": "date"}"#,
        None,
        &put(2_932_897),
    )
    .unwrap_err();
    assert_eq!(
        error,
        "the date 2932897 days from 1970-01-01 is outside of the years 1 to 9999"
    );
    let error = read(
        r#"{"type": "int", "logicalType": "time-millis"}"#,
        None,
        &put(86_400_000),
    )
    .unwrap_err();
    assert_eq!(error, "the time 86400000 is not within a day");
}

#[test]
fn references_define_what_a_schema_uses() {
    let line = r#"{"type": "record", "name": "Line", "namespace": "shop", "fields": [{"name": "sku", "type": "string"}]}"#;
    let lines = r#"{"type": "record", "name": "shop.Lines", "fields": [{"name": "all", "type": {"type": "array", "items": "Line"}}]}"#;
    let parsed =
        AvroSchema::parse(r#"{"type": "map", "values": "shop.Lines"}"#, &[line, lines]).unwrap();
    let decoder = Decoder::new(Arc::new(parsed), None).unwrap();
    let mut encoder = Encoder::new(MAX_DEPTH);
    decoder
        .decode(b"\x02\x02a\x02\x02x\x00\x00", &mut encoder)
        .unwrap();
    let value = with_tree(encoder.as_bytes(), |value| format!("{value:?}"));
    assert_eq!(
        value,
        r#"Dict([("a", Dict([("all", List([Dict([("sku", Str("x"))])]))]))])"#
    );
    let error = AvroSchema::parse("shop.Lines", &[lines, line]).unwrap_err();
    assert_eq!(
        error,
        "reference 1: all[]: there is no type \"Line\" (a type must be defined before it is used)"
    );
    // Two references may both contain a third.
    assert!(AvroSchema::parse("shop.Line", &[line, line]).is_ok());
    let wrong = [
        (
            r#"{"type": "record", "fields": []}"#,
            "a record, enum or fixed without a name",
        ),
        (
            r#"{"type": "record", "name": "R"}"#,
            "record R has no list of fields",
        ),
        (
            r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]}"#,
            "a: record R has this field twice",
        ),
        (
            r#"[{"type": "fixed", "name": "F", "size": 1}, {"type": "fixed", "name": "F", "size": 1}]"#,
            "the type F is defined twice",
        ),
        (
            r#"{"type": "enum", "name": "E", "symbols": ["a", "a"]}"#,
            "enum E has the symbol \"a\" twice",
        ),
        (
            r#"{"type": "fixed", "name": "F", "size": -1}"#,
            "fixed F has no size",
        ),
        (r#"["null", ["int"]]"#, "a union within a union"),
        (r#"{"name": "x"}"#, "a type without the attribute \"type\""),
        ("7", "7 is no type"),
    ];
    for (text, expected) in wrong {
        assert_eq!(AvroSchema::parse(text, &[]).unwrap_err(), expected);
    }
    let good = [
        "string",
        r#"{"type": {"type": "string", "avro.java.string": "String"}}"#,
        r#"{"type": "error", "name": "my-error", "fields": [], "doc": 7}"#,
        r#"["int", {"type": "int", "logicalType": "date"}]"#,
        r#"{"type": ["null", "int"]}"#,
        r#"{"type": "record", "name": "R", "namespace": "a", "fields": [{"name": "x", "type": ["null", {"type": "R"}], "default": 99999999999999999999}]}"#,
    ];
    for text in good {
        assert!(AvroSchema::parse(text, &[]).is_ok(), "{text}");
    }
}
