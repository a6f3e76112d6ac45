//! Writing, by hand.

use super::*;
use nerodia_codec::Typed;

fn lines(price: Value<'static>) -> Value<'static> {
    let line = Value::Dict(vec![
        ("sku".into(), Value::Str("a".into())),
        ("price".into(), price),
    ]);
    Value::Dict(vec![
        ("lines".into(), Value::List(vec![line])),
        ("id".into(), Value::Int(42)),
        ("more".into(), Value::None),
    ])
}

#[test]
fn an_error_names_its_place() {
    let order = r#"{"type": "record", "name": "Order", "fields": [
        {"name": "id", "type": "long"}, {"name": "note", "type": ["null", "string"]},
        {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
            {"name": "sku", "type": "string"}, {"name": "price", "type": "double"}]}}}]}"#;
    let good = write(order, &lines(Value::Float(1.5)));
    assert_eq!(good.as_deref(), Ok("5400020261000000000000f83f00"));
    let error = write(order, &lines(Value::Str("1.5".into()))).unwrap_err();
    assert_eq!(error, "lines[0].price: expected double, got str");
    let error = write(order, &Value::Dict(vec![])).unwrap_err();
    assert_eq!(error, "id: missing, and the schema has no default");
    let error = write(order, &Value::Int(1)).unwrap_err();
    assert_eq!(error, "expected record Order, got int 1");
}

fn number(text: &str) -> Value<'_> {
    Value::Typed(Typed::Number(text.into()))
}

#[test]
fn numbers_of_documents_are_floats_and_decimals() {
    assert_eq!(
        write(r#""double""#, &number("1.5")).as_deref(),
        Ok("000000000000f83f")
    );
    assert_eq!(
        write(r#""float""#, &number("1.5")).as_deref(),
        Ok("0000c03f")
    );
    let decimal = r#"{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}"#;
    assert_eq!(write(decimal, &number("1.50")).as_deref(), Ok("040096"));
    assert_eq!(write(decimal, &number("1.500")).as_deref(), Ok("040096"));
    // The same field may be an integer in another document.
    assert_eq!(write(decimal, &Value::Int(1)).as_deref(), Ok("0264"));
    assert_eq!(
        write(decimal, &number("1.555")).unwrap_err(),
        "1.555 does not fit decimal(4, 2)"
    );
    let union = format!(r#"["null", "string", {decimal}]"#);
    assert_eq!(write(&union, &Value::Int(1)).as_deref(), Ok("040264"));
    assert_eq!(
        write(r#"["null", "string", "double"]"#, &number("1.5")).as_deref(),
        Ok("04000000000000f83f")
    );
    assert_eq!(
        write(r#"["long", "double"]"#, &number("1.0")).as_deref(),
        Ok("02000000000000f03f")
    );
    assert_eq!(write(r#""long""#, &number("2.0")).as_deref(), Ok("04"));
    assert_eq!(
        write(r#""long""#, &number("2.5")).unwrap_err(),
        "expected long, got Decimal 2.5"
    );
}

#[test]
fn nothing_is_written_that_is_not_equal() {
    let refused: [(&str, Value<'_>, &str); 14] = [
        (r#""null""#, Value::Int(1), "expected null, got int 1"),
        (
            r#""boolean""#,
            Value::Str("x".into()),
            "expected boolean, got str",
        ),
        (r#""boolean""#, Value::Int(2), "expected boolean, got int 2"),
        (
            r#""int""#,
            Value::Int(1 << 31),
            "expected int, got int 2147483648",
        ),
        (r#""int""#, Value::Float(1.5), "expected int, got float 1.5"),
        (
            r#""long""#,
            Value::Float(9_223_372_036_854_775_808.0),
            "expected long, got float 9.223372036854776e18",
        ),
        (
            r#""long""#,
            Value::Float(f64::NAN),
            "expected long, got float NaN",
        ),
        (
            r#""long""#,
            Value::Big("9223372036854775808".into()),
            "expected long, got int",
        ),
        (
            r#""bytes""#,
            Value::Str("a".into()),
            "expected bytes, got str",
        ),
        (
            r#""string""#,
            Value::Bytes(b"a"),
            "expected string, got bytes of length 1",
        ),
        (
            r#"{"type": "fixed", "name": "F", "size": 2}"#,
            Value::Bytes(b"a"),
            "expected fixed F of 2 bytes, got bytes of length 1",
        ),
        (
            r#"{"type": "enum", "name": "E", "symbols": ["x"]}"#,
            Value::Str("y".into()),
            r#"expected enum E, got "y""#,
        ),
        (
            r#"{"type": "string", "logicalType": "uuid"}"#,
            Value::Str("y".into()),
            r#"expected uuid, got "y""#,
        ),
        (
            r#"["null", "int", "string"]"#,
            Value::Bytes(b"a"),
            "expected null, int or string, got bytes of length 1",
        ),
    ];
    for (ty, value, expected) in refused {
        assert_eq!(write(ty, &value).unwrap_err(), expected);
    }
    let big = Value::Big("1".repeat(400));
    assert_eq!(
        write(r#""double""#, &big).unwrap_err(),
        "an int that is too large for a float"
    );
    for (ty, value, expected) in [
        (r#""boolean""#, Value::Int(1), "01"),
        (r#""int""#, Value::Bool(true), "02"),
        (
            r#""long""#,
            Value::Float(-9_223_372_036_854_775_808.0),
            "ffffffffffffffffff01",
        ),
        (
            r#""double""#,
            Value::Big("18446744073709551616".into()),
            "000000000000f043",
        ),
    ] {
        assert_eq!(write(ty, &value).as_deref(), Ok(expected));
    }
}

#[test]
fn of_two_equal_keys_the_last_counts() {
    let ty = r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": ["null", "int"]}]}"#;
    let member = |key: &'static str, value| (key.into(), Value::Int(value));
    for (members, expected) in [
        (vec![member("a", 1), member("b", 2)], "020204"),
        (vec![member("b", 2), member("a", 1)], "020204"),
        (vec![member("a", 1)], "0200"),
        (
            vec![member("a", 1), member("b", 2), member("a", 3)],
            "060204",
        ),
        (vec![member("a", 1), member("a", 3)], "0600"),
    ] {
        assert_eq!(write(ty, &Value::Dict(members)).as_deref(), Ok(expected));
    }
    let many: Vec<_> = (0..1000)
        .map(|index| (format!("k{index}").into(), Value::None))
        .collect();
    let many = [vec![member("a", 1)], many, vec![member("a", 3)]].concat();
    assert_eq!(write(ty, &Value::Dict(many)).as_deref(), Ok("0600"));
}

#[test]
fn a_pair_names_its_branch() {
    let pair = |name: &'static str, value| Value::List(vec![Value::Str(name.into()), value]);
    let numbers = r#"["null", "int", "long", {"type": "array", "items": "int"}]"#;
    assert_eq!(
        write(numbers, &pair("long", Value::Int(1))).as_deref(),
        Ok("0402")
    );
    assert_eq!(
        write(numbers, &pair("null", Value::None)).as_deref(),
        Ok("00")
    );
    let error = write(numbers, &pair("long", Value::Str("x".into()))).unwrap_err();
    assert_eq!(error, "expected long, got str");
    // A list that can be an array is one.
    let texts = r#"["null", "string", {"type": "array", "items": "string"}]"#;
    assert_eq!(
        write(texts, &pair("string", Value::Str("x".into()))).as_deref(),
        Ok("04040c737472696e67027800")
    );
    // An error within the only array that there is names its place.
    let error = write(
        r#"["null", {"type": "array", "items": "int"}]"#,
        &Value::List(vec![Value::None]),
    )
    .unwrap_err();
    assert_eq!(error, "[0]: expected int, got NoneType");
}

#[test]
fn times_are_written_as_python_counts() {
    let ty = |of: &str, logical: &str| format!(r#"{{"type": "{of}", "logicalType": "{logical}"}}"#);
    let at = |micros, offset| Value::Typed(Typed::DateTime { micros, offset });
    let local = |micros| Value::Typed(Typed::LocalDateTime(micros));
    let cases = [
        (ty("long", "timestamp-millis"), at(-1, 0), "01"),
        (ty("long", "timestamp-millis"), at(1999, 7200), "02"),
        (ty("long", "timestamp-millis"), local(2000), "04"),
        (ty("long", "timestamp-micros"), at(-1, 0), "01"),
        (ty("long", "local-timestamp-micros"), at(0, 1), "80897a"),
        (ty("int", "date"), at(0, -1), "01"),
        (ty("int", "date"), Value::Str("1970-01-03".into()), "04"),
        (ty("int", "date"), Value::Int(-1), "01"),
        (
            ty("int", "time-millis"),
            Value::Typed(Typed::Time(2999)),
            "04",
        ),
        (
            ty("long", "time-micros"),
            Value::Typed(Typed::Time(1)),
            "02",
        ),
    ];
    for (ty, value, expected) in cases {
        assert_eq!(
            write(&ty, &value).as_deref(),
            Ok(expected),
            "{ty} {value:?}"
        );
    }
    for (ty, value) in [
        (ty("int", "date"), Value::Typed(Typed::Time(1))),
        (ty("long", "timestamp-millis"), Value::Typed(Typed::Date(1))),
        (ty("long", "timestamp-nanos"), at(0, 0)),
        (r#""long""#.to_owned(), at(0, 0)),
    ] {
        assert!(write(&ty, &value).is_err(), "{ty} {value:?}");
    }
}
