//! Values in the form in which people see them: what is shown can be written again.

use super::*;
use crate::format::avro::schema::{Type, TypeId};
use crate::format::testing::with_shown;
use nerodia_codec::Typed;

/// Writes a document in the form in which people see its value, and returns the value that is read again, with its types.
fn again(schema_text: &str, json: &str) -> Result<String, String> {
    let mut encoder = Encoder::new(MAX_DEPTH).exact(true);
    encoder.payload(json.as_bytes());
    let mut out = Vec::new();
    let written = with_tree(encoder.as_bytes(), |value| {
        Writer::new(schema(schema_text)).write_shown(value, &mut out)
    });
    written.map_err(|why| why.to_string())?;
    read(schema_text, None, &out)
}

#[test]
fn each_type_is_what_its_text_says() {
    let logical = |ty: &str, name: &str| format!(r#"{{"type": "{ty}", "logicalType": "{name}"}}"#);
    let decimal = r#"{"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}"#;
    let fixed = r#"{"type": "fixed", "name": "F", "size": 3}"#;
    let fixed_decimal = r#"{"type": "fixed", "name": "D", "size": 4, "logicalType": "decimal", "precision": 6, "scale": 2}"#;
    let typed = |typed: Typed<'_>| format!("{:?}", Value::Typed(typed));
    let utc = |micros| typed(Typed::DateTime { micros, offset: 0 });
    let price = typed(Typed::Decimal("1.50".into()));
    let cases = [
        (decimal.to_owned(), r#""1.50""#, price.clone()),
        (decimal.to_owned(), "1.5", price.clone()),
        (decimal.to_owned(), r#""15E-1""#, price.clone()),
        (fixed_decimal.to_owned(), r#""1.50""#, price.clone()),
        (
            format!(r#"["null", {decimal}]"#),
            r#""1.50""#,
            price.clone(),
        ),
        (format!(r#"[{decimal}, "string"]"#), r#""1.50""#, price),
        (
            r#""bytes""#.to_owned(),
            r#""AP8=""#,
            format!("{:?}", Value::Bytes(b"\0\xff")),
        ),
        (
            fixed.to_owned(),
            r#""YWJj""#,
            format!("{:?}", Value::Bytes(b"abc")),
        ),
        (
            logical("long", "timestamp-millis"),
            r#""1970-01-01T00:00:01.500000+00:00""#,
            utc(1_500_000),
        ),
        (
            logical("long", "timestamp-micros"),
            r#""1970-01-01T02:00:00.000001+02:00""#,
            utc(1),
        ),
        (
            logical("long", "timestamp-micros"),
            r#""1970-01-01T00:00:00Z""#,
            utc(0),
        ),
        (logical("long", "timestamp-millis"), "7", utc(7000)),
        (
            logical("long", "local-timestamp-micros"),
            r#""1969-12-31T23:59:59.999999""#,
            typed(Typed::LocalDateTime(-1)),
        ),
        (
            logical("int", "date"),
            r#""1970-01-02""#,
            typed(Typed::Date(1)),
        ),
        (
            logical("int", "time-millis"),
            r#""00:00:01.500000""#,
            typed(Typed::Time(1_500_000)),
        ),
        (
            logical("long", "time-micros"),
            r#""23:59:59.000001""#,
            typed(Typed::Time(86_399_000_001)),
        ),
        (
            logical("string", "uuid"),
            r#""00000000-0000-0000-0000-000000000005""#,
            typed(Typed::Uuid(*b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05")),
        ),
        (
            r#""double""#.to_owned(),
            r#""-inf""#,
            "Float(-inf)".to_owned(),
        ),
        (r#""float""#.to_owned(), r#""NaN""#, "Float(NaN)".to_owned()),
        (
            r#""double""#.to_owned(),
            "12345678901234567890.5",
            "Float(1.2345678901234567e19)".to_owned(),
        ),
        // A union's first branch that takes it; the name of another one before it chooses that.
        (
            r#"["bytes", "string"]"#.to_owned(),
            r#""YWJj""#,
            format!("{:?}", Value::Bytes(b"abc")),
        ),
        (
            r#"["bytes", "string"]"#.to_owned(),
            r#"["string", "YWJj"]"#,
            r#"Str("YWJj")"#.to_owned(),
        ),
        (
            r#"["bytes", "string"]"#.to_owned(),
            r#""a b""#,
            r#"Str("a b")"#.to_owned(),
        ),
        (
            r#"["string", "bytes"]"#.to_owned(),
            r#""YWJj""#,
            r#"Str("YWJj")"#.to_owned(),
        ),
    ];
    for (schema, json, expected) in cases {
        assert_eq!(again(&schema, json), Ok(expected), "{schema} {json}");
    }
}

#[test]
fn what_does_not_fit_names_its_field() {
    let order = r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "lines", "default": [], "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
            {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}}]}}}]}"#;
    let wrong = |json: &str| again(order, json).expect_err(json);
    let at = r#""at": "2026-01-02T00:00:00Z""#;
    for (json, why) in [
        (
            "{}".to_owned(),
            "at: missing, and the schema has no default",
        ),
        // Of which time zone?
        (
            r#"{"at": "2026-01-02T00:00:00"}"#.to_owned(),
            "at: expected timestamp-millis, got str",
        ),
        (
            format!(r#"{{{at}, "lines": [{{"price": "1.555"}}]}}"#),
            "lines[0].price: 1.555 does not fit decimal(4, 2)",
        ),
        (
            format!(r#"{{{at}, "lines": [{{"price": "dear"}}]}}"#),
            "lines[0].price: dear does not fit decimal(4, 2)",
        ),
        (
            format!(r#"{{{at}, "line": []}}"#),
            "record shop.Order has no field \"line\"",
        ),
        (
            format!(r#"{{{at}, "lines": [{{"price": 1, "qty": 2}}]}}"#),
            "lines[0]: record shop.Line has no field \"qty\"",
        ),
        ("7".to_owned(), "expected record shop.Order, got int 7"),
    ] {
        assert_eq!(wrong(&json), why);
    }
    // A result is taken as ever: it may have more members, and its texts are texts.
    let result = Value::Dict(vec![
        ("at".into(), Value::Int(0)),
        ("other".into(), Value::Int(1)),
    ]);
    assert!(write(order, &result).is_ok());
    let text = Value::Dict(vec![(
        "at".into(),
        Value::Str("2026-01-02T00:00:00Z".into()),
    )]);
    assert!(write(order, &text).is_err());
}

/// Checks that a value which was read is read again from the form in which people see it. What a reader takes and a writer
/// does not is left out, and so are unions of several types, of which another may take the text.
pub(super) fn check_again(schema: &Arc<AvroSchema>, value: &Value<'_>) {
    let is_choice = |ty: &Type| match ty {
        Type::Union(branches) => {
            let is_null = |id: &TypeId| matches!(schema.at(*id), Type::Null);
            branches.len() > 2 || !branches.iter().any(is_null)
        }
        _ => false,
    };
    let writer = Writer::new(Arc::clone(schema));
    if schema.types.iter().any(is_choice) || writer.write(value, &mut Vec::new()).is_err() {
        return;
    }
    let mut out = Vec::new();
    with_shown(value, |shown| writer.write_shown(shown, &mut out))
        .unwrap_or_else(|why| panic!("{why} in {value:?}"));
    let mut encoder = Encoder::new(MAX_DEPTH);
    let decoder = Decoder::new(Arc::clone(schema), None).unwrap();
    decoder.decode(&out, &mut encoder).unwrap();
    with_tree(encoder.as_bytes(), |again| {
        assert_eq!(format!("{again:?}"), format!("{value:?}"));
    });
}
