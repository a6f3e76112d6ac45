use super::*;
use nerodia_codec::Typed;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn values_are_written_in_the_order_of_the_numbers() {
    let of = proto3(
        "message N { int32 a = 1; }
         message M { string my_name = 2; int32 count = 1; N inner = 4; repeated int32 list = 5; map<string, N> map = 6;
         repeated string names = 7; repeated int32 loose = 8 [packed = false]; optional int32 zero = 9; double d = 10; }",
    );
    let json = r#"{"list": [1, 300], "inner": {}, "myName": "hi", "count": 5, "map": {"b": {"a": 1}, "a": {}},
        "names": ["", "x"], "loose": [1, 2], "zero": 0, "d": -0.0}"#;
    assert_eq!(
        hex(&write_json(&of, json).unwrap()),
        "08051202686922002a0301ac023207\
         0a01621202080132050a016112003a003a01784001400248005100000000000000\
         80"
        .replace(' ', "")
    );
    // Defaults and `None` are not written.
    let json = r#"{"list": [], "inner": null, "my_name": "", "count": 0, "map": {}, "zero": null, "d": 0}"#;
    assert_eq!(hex(&write_json(&of, json).unwrap()), "");
}

#[test]
fn what_is_written_is_read() {
    let of = proto3(
        "enum E { Z = 0; A = 1; N = -1; } message M { int32 i = 1; uint64 u = 2; sint32 s = 3; fixed64 f = 4; sfixed32 sf = 5;
         float fl = 6; bool b = 7; bytes raw = 8; E e = 9; M m = 10; repeated E es = 11; map<int64, string> map = 12;
         oneof o { string x = 13; M y = 14; } repeated M ms = 15; }",
    );
    let json = r#"{"i": -1, "u": 18446744073709551615, "s": -5, "f": "7", "sf": -2147483648, "fl": 0.1, "b": true,
        "raw": "aGk", "e": "N", "m": {"i": 3}, "es": ["A", 5, "-1"], "map": {"-1": "a"}, "y": {"x": "é"}, "ms": [{}, {"u": 1e3}]}"#;
    let bytes = write_json(&of, json).unwrap();
    let defaults = |of: &str| {
        let all = [
            "i: 0",
            "u: 0",
            "s: 0",
            "f: 0",
            "sf: 0",
            "fl: 0.0",
            "b: false",
            "raw: b\"\"",
            "e: \"Z\"",
            "es: []",
            "map: {}",
            "ms: []",
        ];
        let key = of.split(':').next().unwrap();
        all.map(|item| {
            if item.starts_with(&format!("{key}: ")) {
                of.to_owned()
            } else {
                item.to_owned()
            }
        })
        .join(", ")
    };
    let shown = read(&of, &bytes).unwrap();
    let expected = format!(
        "{{i: -1, u: 18446744073709551615, s: -5, f: 7, sf: -2147483648, fl: 0.1, b: true, raw: b\"hi\", e: \"N\", \
         m: {{{}}}, es: [\"A\", 5, \"N\"], map: {{-1: \"a\"}}, y: {{{}, x: \"é\", ms: []}}, ms: [{{{}}}, {{{}}}]}}",
        defaults("i: 3"),
        defaults("none").trim_end_matches(", ms: []"),
        defaults("none"),
        defaults("u: 1000"),
    );
    assert_eq!(shown, expected);
}

#[test]
fn errors_name_the_place() {
    let of = proto3(
        "enum E { Z = 0; } message L { double price = 1; int32 n = 2; bool b = 3; bytes raw = 4; E e = 5; string s = 6; float f = 7; }
         message O { repeated L lines = 1; map<int32, L> by = 2; oneof o { int32 x = 3; int32 y_y = 4; } map<bool, int32> m = 5; }
         message M { O order = 1; }",
    );
    for (json, expected) in [
        (
            r#"{"order": {"lines": [{}, {}, {}, {"price": "x"}]}}"#,
            "order.lines[3].price: expected double, got str \"x\"",
        ),
        (
            r#"{"order": {"lines": [{"n": 2147483648}]}}"#,
            "order.lines[0].n: 2147483648 is out of the range of int32",
        ),
        (
            r#"{"order": {"lines": [{"n": 1.5}]}}"#,
            "order.lines[0].n: expected int32, got 1.5",
        ),
        (
            r#"{"order": {"lines": [{"n": true}]}}"#,
            "order.lines[0].n: expected int32, got bool",
        ),
        (
            r#"{"order": {"lines": [{"b": 1}]}}"#,
            "order.lines[0].b: expected bool, got int",
        ),
        (
            r#"{"order": {"lines": [{"raw": "é"}]}}"#,
            "order.lines[0].raw: expected bytes or Base64, got str \"é\"",
        ),
        (
            r#"{"order": {"lines": [{"e": "X"}]}}"#,
            "order.lines[0].e: E has no value \"X\"",
        ),
        (
            r#"{"order": {"lines": [{"s": 1}]}}"#,
            "order.lines[0].s: expected str, got int",
        ),
        (
            r#"{"order": {"lines": [{"f": 1e39}]}}"#,
            "order.lines[0].f: 1e39 is out of the range of float",
        ),
        (
            r#"{"order": {"lines": [null]}}"#,
            "order.lines[0]: expected dict, got NoneType",
        ),
        (
            r#"{"order": {"lines": {}}}"#,
            "order.lines: expected list, got dict",
        ),
        (
            r#"{"order": {"by": {"x": {}}}}"#,
            "order.by[\"x\"]: expected int32, got str \"x\"",
        ),
        (
            r#"{"order": {"by": {"1": {"z": 1}}}}"#,
            "order.by[\"1\"]: L has no field \"z\"",
        ),
        (
            r#"{"order": {"by": []}}"#,
            "order.by: expected dict, got list",
        ),
        (
            r#"{"order": {"x": 1, "y_y": 2}}"#,
            "order.y_y: another field of its oneof is set too",
        ),
        (
            r#"{"order": {"yY": 1, "y_y": 2}}"#,
            "order.y_y: given twice, with the name of JSON too",
        ),
        (
            r#"{"order": {"m": {"1": 1}}}"#,
            "order.m[\"1\"]: expected true or false as the key",
        ),
        (r#"{"orders": 1}"#, "M has no field \"orders\""),
        ("[]", "expected dict, got list"),
    ] {
        assert_eq!(write_json(&of, json).unwrap_err(), expected, "{json}");
    }
    assert_eq!(
        hex(&write_json(&of, r#"{"order": {"x": 1, "yY": null, "x": 2}}"#).unwrap()),
        "0a021802"
    );
}

#[test]
fn well_known_types_are_written() {
    let of = proto3(
        "import \"google/protobuf/timestamp.proto\"; import \"google/protobuf/duration.proto\";
         import \"google/protobuf/struct.proto\"; import \"google/protobuf/wrappers.proto\";
         import \"google/protobuf/any.proto\"; import \"google/protobuf/field_mask.proto\";
         message M { google.protobuf.Timestamp t = 1; google.protobuf.Duration d = 2; google.protobuf.Struct s = 3;
         google.protobuf.Value v = 4; google.protobuf.ListValue l = 5; google.protobuf.Int64Value i = 6;
         google.protobuf.BytesValue b = 7; google.protobuf.Any a = 8; google.protobuf.FieldMask m = 9;
         google.protobuf.NullValue n = 11; repeated google.protobuf.Value vs = 12; }",
    );
    for (json, expected) in [
        (
            r#"{"t": "1970-01-01T00:00:01.5Z"}"#,
            "{t: 1970-01-01T00:00:01.500000+00:00, ",
        ),
        (r#"{"d": "-1.5s"}"#, "{d: \"-1.500s\", "),
        (
            r#"{"s": {"a": [1, null, {"b": true}]}}"#,
            "{s: {a: [1.0, None, {b: true}]}, ",
        ),
        (r#"{"v": null}"#, "{v: None, "),
        (r#"{"v": "x"}"#, "{v: \"x\", "),
        (r#"{"l": []}"#, "{l: [], "),
        (r#"{"i": 0}"#, "{i: 0, "),
        (r#"{"i": null}"#, "{"),
        (r#"{"b": "AA=="}"#, "{b: b\"\\x00\", "),
        (
            r#"{"a": {"@type": "x/y", "value": "AA=="}}"#,
            "{a: {@type: \"x/y\", value: b\"\\x00\"}, ",
        ),
        (r#"{"m": "aB,c.dE"}"#, "{m: \"aB,c.dE\", "),
    ] {
        let shown = read(&of, &write_json(&of, json).unwrap()).unwrap();
        assert_eq!(shown, format!("{expected}n: None, vs: []}}"), "{json}");
    }
    let bytes = write_json(&of, r#"{"vs": [null, 1]}"#).unwrap();
    assert!(read(&of, &bytes).unwrap().ends_with("vs: [None, 1.0]}"));
    let write_typed =
        |typed: Typed<'_>| write(&of, &Value::Dict(vec![("t".into(), Value::Typed(typed))]));
    let zoned = Typed::DateTime {
        micros: -1,
        offset: 3600,
    };
    assert!(
        read(&of, &write_typed(zoned).unwrap())
            .unwrap()
            .contains("1969-12-31T23:59:59.999999+00:00")
    );
    assert_eq!(
        hex(&write_typed(Typed::LocalDateTime(1_000_000)).unwrap()),
        "0a020801"
    );
    assert_eq!(
        write_typed(Typed::Date(1)).unwrap_err(),
        "t: expected datetime, got date"
    );
    let decimal = Value::Dict(vec![(
        "v".into(),
        Value::Typed(Typed::Decimal("1.5".into())),
    )]);
    assert!(
        read(&of, &write(&of, &decimal).unwrap())
            .unwrap()
            .contains("v: 1.5")
    );
    for (json, expected) in [
        (r#"{"t": 1}"#, "t: expected datetime, got int"),
        (
            r#"{"t": "x"}"#,
            "t: expected a datetime, or a text like 2026-11-29T05:13:21Z, got str \"x\"",
        ),
        (r#"{"d": 1}"#, "d: expected a text like 1.5s, got int"),
        (
            r#"{"m": "a_b"}"#,
            "m: a path of a FieldMask in JSON has a _",
        ),
        (
            r#"{"a": {"@type": "x", "id": 1}}"#,
            "a: Any has \"@type\" and \"value\", the bytes of the message, but no \"id\"",
        ),
        (r#"{"s": 1}"#, "s: expected dict, got int"),
    ] {
        assert_eq!(write_json(&of, json).unwrap_err(), expected, "{json}");
    }
}

#[test]
fn required_fields_must_be_there() {
    let schema = schema(
        "syntax = \"proto2\"; message M { required int32 a = 1; required group G = 2 { optional int32 b = 1; } optional M m = 3; }",
    );
    let id = schema.message_named("M").unwrap();
    let of = (schema, id);
    assert_eq!(
        hex(&write_json(&of, r#"{"g": {"b": 1}, "a": 0}"#).unwrap()),
        "080013080114"
    );
    assert_eq!(
        write_json(&of, r#"{"g": {}, "a": 1, "m": {"a": 1}}"#).unwrap_err(),
        "m.g: missing, and it is required"
    );
    assert_eq!(
        write_json(&of, r#"{"g": {}, "a": null}"#).unwrap_err(),
        "a: missing, and it is required"
    );
}

#[test]
fn long_and_deep_values_have_their_lengths() {
    let of = proto3("message M { M m = 1; string s = 2; }");
    let nest = |levels: usize| {
        format!(
            "{}{}{}",
            "{\"m\":".repeat(levels),
            format_args!("{{\"s\": \"{}\"}}", "x".repeat(300)),
            "}".repeat(levels)
        )
    };
    let bytes = write_json(&of, &nest(100)).unwrap();
    let shown = read(&of, &bytes).unwrap();
    assert_eq!(shown.matches("m: {").count(), 100);
    assert!(
        write_json(&of, &nest(101))
            .unwrap_err()
            .ends_with("nested deeper than 100 levels")
    );
}
