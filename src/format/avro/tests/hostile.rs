//! Schemas and payloads of strangers.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const LIST: &str =
    r#"{"type": "record", "name": "List", "fields": [{"name": "next", "type": ["null", "List"]}]}"#;

/// Returns the outcome of decoding and the length of the output. It must not take long, also without optimization.
fn attempt(writer: &str, reader: Option<&str>, datum: &[u8]) -> (Result<(), String>, usize) {
    let begin = Instant::now();
    let decoder = match Decoder::new(schema(writer), reader.map(schema)) {
        Ok(decoder) => decoder,
        Err(error) => return (Err(error), 0),
    };
    let mut encoder = Encoder::new(MAX_DEPTH);
    let outcome = decoder.decode(datum, &mut encoder);
    assert!(begin.elapsed() < Duration::from_secs(5));
    (outcome.map_err(|error| error.to_string()), encoder.len())
}

fn refused(writer: &str, datum: &[u8]) -> String {
    let (outcome, len) = attempt(writer, None, datum);
    assert!(len <= 128 * datum.len() + (1 << 20), "{len}");
    outcome.expect_err(writer)
}

/// Returns the encoding of an `int` or `long`.
fn long(value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    super::super::write::put_long(&mut out, value);
    out
}

#[test]
fn items_of_no_bytes_are_bounded() {
    let beyond = "the value is much larger than its bytes";
    for items in [
        r#""null""#,
        r#"{"type": "fixed", "name": "F", "size": 0}"#,
        r#"{"type": "record", "name": "R", "fields": []}"#,
        r#"{"type": "record", "name": "R", "fields": [{"name": "f", "type": "null"}]}"#,
    ] {
        let array = format!(r#"{{"type": "array", "items": {items}}}"#);
        let error = refused(&array, &long(1 << 62));
        assert!(error.ends_with(beyond), "{error}");
        assert!(refused(&array, &[long(i64::MIN), long(0)].concat()).ends_with(beyond));
        // The same where nobody reads it.
        let field = format!(
            r#"{{"type": "record", "name": "T", "fields": [{{"name": "a", "type": {array}}}]}}"#
        );
        let none = r#"{"type": "record", "name": "T", "fields": []}"#;
        let (outcome, _) = attempt(&field, Some(none), &long(1 << 62));
        assert!(outcome.unwrap_err().ends_with(beyond));
        // A thousand are no reason.
        let (outcome, _) = attempt(&array, None, &[long(1000), long(0)].concat());
        assert_eq!(outcome, Ok(()));
    }
}

#[test]
fn lengths_are_those_of_the_payload() {
    for ty in [
        r#""string""#,
        r#""bytes""#,
        r#"{"type": "map", "values": "int"}"#,
        r#"{"type": "array", "items": "int"}"#,
    ] {
        for length in [5, 1 << 31, i64::MAX, -1, i64::MIN] {
            refused(ty, &long(length));
            refused(ty, &[long(length), long(1)].concat());
            refused(ty, &[long(-1), long(length)].concat());
        }
    }
    refused(
        r#"{"type": "fixed", "name": "F", "size": 18446744073709551615}"#,
        b"abc",
    );
}

#[test]
fn recursion_is_bounded() {
    let deep = |levels| [vec![2; levels - 1], vec![0]].concat();
    assert_eq!(attempt(LIST, None, &deep(MAX_DEPTH)).0, Ok(()));
    let error = attempt(LIST, None, &deep(MAX_DEPTH + 1)).0.unwrap_err();
    assert!(error.ends_with("nested deeper than 900 levels"), "{error}");
    assert!(attempt(LIST, None, &[2; 1 << 16]).0.is_err());
    // What is passed over has the same bound.
    let outer = format!(
        r#"{{"type": "record", "name": "T", "fields": [{{"name": "a", "type": {LIST}}}]}}"#
    );
    let none = r#"{"type": "record", "name": "T", "fields": []}"#;
    assert_eq!(attempt(&outer, Some(none), &deep(MAX_DEPTH - 1)).0, Ok(()));
    assert!(attempt(&outer, Some(none), &deep(MAX_DEPTH + 1)).0.is_err());
    // A record that contains itself has no value.
    let endless = r#"{"type": "record", "name": "R", "fields": [{"name": "r", "type": "R"}]}"#;
    assert!(refused(endless, b"").ends_with("levels"));
    // One that contains itself twice, and one that doubles at each level.
    let twice = r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "R"}, {"name": "b", "type": "R"}]}"#;
    refused(twice, b"");
    let doubling = doubling(40, "", "");
    refused(&doubling, b"");
    let outer = format!(
        r#"{{"type": "record", "name": "T", "fields": [{{"name": "a", "type": {doubling}}}]}}"#
    );
    assert!(attempt(&outer, Some(none), b"").0.is_err());
}

/// Returns a record that contains two records, which contain two each, and so on.
fn doubling(levels: usize, default: &str, last: &str) -> String {
    let mut inner = format!(r#"{{"type": "record", "name": "R0", "fields": [{last}]}}"#);
    for level in 1..levels {
        let before = level - 1;
        inner = format!(
            r#"{{"type": "record", "name": "R{level}", "fields": [{{"name": "a", "type": {inner}{default}}},
            {{"name": "b", "type": "R{before}"{default}}}]}}"#
        );
    }
    inner
}

#[test]
fn fields_in_another_order_cost_little() {
    let fields = |one: &str, other: &str| {
        format!(
            r#"{{"type": "record", "name": "L", "fields": [{{"name": "{one}", "type": ["null", "L"]}}, {{"name": "{other}", "type": ["null", "L"]}}]}}"#
        )
    };
    let (writer, reader) = (fields("a", "b"), fields("b", "a"));
    // Each level is passed over once more by all those around it.
    let datum = [vec![2; MAX_DEPTH - 1], vec![0; MAX_DEPTH + 1]].concat();
    assert_eq!(
        attempt(&writer, Some(&reader), &datum[..2 * MAX_DEPTH]).0,
        Ok(())
    );
}

#[test]
fn defaults_are_bounded() {
    // Defaults without an end are no error before they are needed.
    let endless = r#"{"type": "record", "name": "T", "fields": [{"name": "r", "default": {}, "type":
        {"type": "record", "name": "R", "fields": [{"name": "r", "type": "R", "default": {}}]}}]}"#;
    let writer = r#"{"type": "record", "name": "T", "fields": []}"#;
    let error = attempt(writer, Some(endless), b"").0.unwrap_err();
    assert!(error.contains("has no end"), "{error}");
    let error = write(endless, &Value::Dict(Vec::new())).unwrap_err();
    assert!(error.contains("has no end"), "{error}");
    for last in [
        "",
        r#"{"name": "s", "type": "string", "default": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#,
    ] {
        let doubling = doubling(30, r#", "default": {}"#, last);
        let reader = format!(
            r#"{{"type": "record", "name": "T", "fields": [{{"name": "r", "default": {{}}, "type": {doubling}}}]}}"#
        );
        assert!(attempt(writer, Some(&reader), b"").0.is_err());
    }
    // A default that is read often counts each time.
    let text = "x".repeat(10_000);
    let reader = format!(
        r#"{{"type": "array", "items": {{"type": "record", "name": "T", "fields": [{{"name": "s", "type": "string", "default": "{text}"}}]}}}}"#
    );
    let writer = format!(r#"{{"type": "array", "items": {writer}}}"#);
    let (outcome, len) = attempt(&writer, Some(&reader), &[long(100_000), long(0)].concat());
    assert!(outcome.unwrap_err().ends_with("much larger than its bytes"));
    assert!(len < 1 << 20);
    let dicts = Value::List(vec![Value::Dict(Vec::new()); 10_000]);
    let error = write(&reader, &dicts).unwrap_err();
    assert!(error.ends_with("the defaults are too long"), "{error}");
    // A long symbol, and many fields that have it.
    let enumeration = format!(r#"{{"type": "enum", "name": "E", "symbols": ["{text}"]}}"#);
    let field = |index| format!(r#", {{"name": "f{index}", "type": "E"}}"#);
    let fields: String = (0..1000).map(field).collect();
    let many = format!(
        r#"{{"type": "record", "name": "R", "fields": [{{"name": "f", "type": {enumeration}}}{fields}]}}"#
    );
    let (outcome, len) = attempt(&many, None, &[0; 1001]);
    assert!(outcome.unwrap_err().ends_with("much larger than its bytes"));
    assert!(len < 1 << 20);
}

#[test]
fn schemas_are_bounded() {
    let begin = Instant::now();
    let parse = |text: &str| AvroSchema::parse(text, &[]).map(drop);
    assert!(parse(&" ".repeat(16 << 20)).unwrap_err().contains("8 MiB"));
    assert!(parse(&" ".repeat(2 << 20)).unwrap_err().contains("1 MiB"));
    assert!(parse(&"[".repeat(1 << 20)).is_err());
    assert!(parse(&format!("[{}]", vec!["\"int\""; 100_000].join(","))).is_ok());
    let many = |kind: &str| {
        let branch =
            |index| format!(r#"{{"type": "record", "name": "{kind}{index}.R", "fields": []}}"#);
        format!(
            "[{}]",
            (0..15_000).map(branch).collect::<Vec<_>>().join(",")
        )
    };
    let (writer, reader) = (schema(&many("a")), schema(&many("b")));
    let _ = Decoder::new(writer, Some(reader));
    let fields = |count, kind: &str| {
        let field = |index| format!(r#"{{"name": "{kind}{index}", "type": "int", "default": 1}}"#);
        (0..count).map(field).collect::<Vec<_>>().join(",")
    };
    let wide = format!(
        r#"{{"type": "record", "name": "R", "fields": [{}]}}"#,
        fields(15_000, "f")
    );
    let error = Decoder::new(schema(&many("a")), Some(schema(&wide))).unwrap_err();
    assert_eq!(error, "the schemas are too large");
    assert!(Decoder::new(schema(&wide), Some(schema(&wide.replace("\"f1", "\"g1")))).is_ok());
    assert!(begin.elapsed() < Duration::from_secs(30));
}

#[test]
fn wide_values_are_no_longer_than_their_members() {
    let fields: Vec<_> = (0..5000)
        .map(|index| format!(r#"{{"name": "f{index}", "type": "int", "default": 1}}"#))
        .collect();
    let wide = format!(
        r#"{{"type": "record", "name": "R", "fields": [{}]}}"#,
        fields.join(",")
    );
    let members = (0..100_000).map(|index| (format!("f{index}").into(), Value::Int(2)));
    let begin = Instant::now();
    assert!(
        write(&wide, &Value::Dict(members.collect()))
            .unwrap()
            .starts_with("0404")
    );
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn unions_within_unions_are_bounded() {
    // Each of the two records may contain each of them.
    let both = r#"[{"type": "record", "name": "A", "fields": [{"name": "n", "type": ["null", "A",
        {"type": "record", "name": "B", "fields": [{"name": "n", "type": ["null", "A", "B"]}, {"name": "x", "type": "int"}]}]}]}, "B"]"#;
    let inner = Value::Dict(vec![("n".into(), Value::Str("no".into()))]);
    let wrap = |value, _| Value::Dict(vec![("n".into(), value), ("x".into(), Value::Int(1))]);
    let begin = Instant::now();
    let deep = (0..MAX_DEPTH / 2).fold(inner, wrap);
    let error = write(both, &deep).unwrap_err();
    assert!(error.contains("too many unions"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn decimals_are_bounded() {
    let decimal =
        r#"{"type": "bytes", "logicalType": "decimal", "precision": 100000000, "scale": 2}"#;
    let error = refused(decimal, &[long(1 << 20), vec![0x7f; 1 << 20]].concat());
    assert!(error.contains("10000 digits"), "{error}");
    for text in ["1E+1000000000", "1E+99999999", &"9".repeat(1 << 20)] {
        let value = Value::Typed(nerodia_codec::Typed::Decimal(text.into()));
        assert!(write(decimal, &value).unwrap_err().contains("does not fit"));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_value_or_an_error(datum in prop::collection::vec(any::<u8>(), 0..200), which in 0..4_usize) {
        let schemas = [
            LIST,
            r#"{"type": "array", "items": {"type": "map", "values": ["null", "string", "double", {"type": "int", "logicalType": "date"}]}}"#,
            r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9}},
                {"name": "b", "type": {"type": "enum", "name": "E", "symbols": ["x", "y"]}}, {"name": "c", "type": {"type": "array", "items": "null"}}]}"#,
            r#"{"type": "map", "values": {"type": "long", "logicalType": "timestamp-millis"}}"#,
        ];
        let decoder = Decoder::new(schema(schemas[which]), None).unwrap();
        let mut encoder = Encoder::new(MAX_DEPTH);
        if decoder.decode(&datum, &mut encoder).is_ok() {
            // What was read can be written, and then is the same.
            let writer = Writer::new(schema(schemas[which]));
            let mut out = Vec::new();
            with_tree(encoder.as_bytes(), |value| writer.write(value, &mut out)).unwrap();
            let mut again = Encoder::new(MAX_DEPTH);
            decoder.decode(&out, &mut again).unwrap();
            prop_assert_eq!(encoder.as_bytes(), again.as_bytes());
        }
    }
}
