use super::*;

#[test]
fn fields_without_presence_always_appear() {
    let of = proto3(
        "enum E { ZERO = 0; ONE = 1; }
         message N { int32 a = 1; }
         message M { int32 count = 1; string my_name = 2; optional bool flag = 3; N inner = 4; repeated int32 list = 5;
         map<string, N> map = 6; oneof o { int32 x = 7; N y = 8; } E e = 9; bytes raw = 10; double d = 11; float f = 12;
         uint64 u = 13; sint64 s = 14; }",
    );
    assert_eq!(
        read(&of, b"").unwrap(),
        "{count: 0, my_name: \"\", list: [], map: {}, e: \"ZERO\", raw: b\"\", d: 0.0, f: 0.0, u: 0, s: 0}"
    );
    let bytes = b"\x08\x05\x12\x02hi\x18\x00\x22\x00\x2a\x02\x01\x02\x32\x07\x0a\x01k\x12\x02\x08\x07\x42\x02\x08\x01\x48\x02\
        \x52\x01\xff\x59\0\0\0\0\0\0\xf8\x3f\x65\xcd\xcc\xcc\x3d\x68\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x70\x01";
    assert_eq!(
        read(&of, bytes).unwrap(),
        "{count: 5, my_name: \"hi\", flag: false, inner: {a: 0}, list: [1, 2], map: {k: {a: 7}}, y: {a: 1}, e: 2, \
         raw: b\"\\xff\", d: 1.5, f: 0.1, u: 18446744073709551615, s: -1}"
    );
}

#[test]
fn order_and_repetition_do_not_matter() {
    let of = proto3(
        "message N { int32 a = 1; repeated int32 b = 2; N n = 3; }
         message M { N n = 1; repeated int32 l = 2; oneof o { N x = 3; int32 y = 4; } int32 z = 5; }",
    );
    // The pieces of a message are merged, lists are joined, and the last of several numbers counts.
    let bytes = b"\x28\x01\x10\x01\x0a\x04\x08\x01\x10\x01\x12\x02\x02\x03\x28\x02\x0a\x06\x10\x02\x1a\x02\x08\x09\x0a\x04\x1a\x02\x10\x08";
    assert_eq!(
        read(&of, bytes).unwrap(),
        "{n: {a: 1, b: [1, 2], n: {a: 9, b: [8]}}, l: [1, 2, 3], z: 2}"
    );
    // A member of a oneof replaces the others, and begins anew after them.
    let bytes = b"\x1a\x02\x10\x01\x20\x05\x1a\x02\x10\x02\x1a\x02\x08\x03";
    assert_eq!(
        read(&of, bytes).unwrap(),
        "{l: [], x: {a: 3, b: [2]}, z: 0}"
    );
    assert_eq!(
        read(&of, b"\x1a\x00\x20\x05").unwrap(),
        "{l: [], y: 5, z: 0}"
    );
}

#[test]
fn unknown_fields_are_passed_over() {
    let of = proto3("message M { int32 a = 1; string s = 2; repeated int32 r = 3; }");
    // Each wire type, a group with a group in it, and fields with another wire type.
    let bytes = b"\xa0\x06\x01\xa1\x06\0\0\0\0\0\0\0\0\xa2\x06\x01x\xa3\x06\x0b\x08\x01\x0c\xa4\x06\xa5\x06\0\0\0\0\x0a\x01x\x10\x01\x1d\0\0\0\0\x08\x07";
    assert_eq!(read(&of, bytes).unwrap(), "{a: 7, s: \"\", r: []}");
}

#[test]
fn well_known_types_have_values_of_their_own() {
    let of = proto3(
        "import \"google/protobuf/timestamp.proto\"; import \"google/protobuf/duration.proto\";
         import \"google/protobuf/struct.proto\"; import \"google/protobuf/wrappers.proto\";
         import \"google/protobuf/any.proto\"; import \"google/protobuf/field_mask.proto\";
         import \"google/protobuf/empty.proto\"; import \"google/type/money.proto\";
         message M { google.protobuf.Timestamp t = 1; google.protobuf.Duration d = 2; google.protobuf.Struct s = 3;
         google.protobuf.Value v = 4; google.protobuf.ListValue l = 5; google.protobuf.Int64Value i = 6;
         google.protobuf.BytesValue b = 7; google.protobuf.Any a = 8; google.protobuf.FieldMask m = 9;
         google.protobuf.Empty e = 10; google.protobuf.NullValue n = 11; google.type.Money money = 12; }",
    );
    let bytes = b"\x0a\x08\x08\x01\x10\xff\x93\xeb\xdc\x03\x12\x02\x08\x03\x1a\x0c\x0a\x0a\x0a\x01k\x12\x05\x1a\x03abc\x22\x00\x2a\x04\x0a\x02\x20\x01\
        \x32\x00\x3a\x03\x0a\x01\xff\x42\x00\x4a\x05\x0a\x03a_b\x52\x00\x62\x02\x10\x05";
    assert_eq!(
        read(&of, bytes).unwrap(),
        "{t: 1970-01-01T00:00:01.999999+00:00, d: \"3s\", s: {k: \"abc\"}, v: None, l: [true], i: 0, b: b\"\\xff\", \
         a: {@type: \"\", value: b\"\"}, m: \"aB\", e: {}, n: None, money: {currency_code: \"\", units: 5, nanos: 0}}"
    );
}

#[test]
fn proto2_has_groups_required_fields_and_closed_enums() {
    let schema = schema(
        "syntax = \"proto2\"; enum E { A = 1; B = 2; }
         message M { required int32 id = 1; optional group Part = 2 { optional string s = 3; optional Part p = 4; }
         optional E e = 5 [default = B]; repeated E es = 6; map<int32, E> m = 7; extensions 100 to max; }
         extend M { optional int32 more = 100; }",
    );
    let id = schema.message_named("M").unwrap();
    let of = (schema, id);
    assert_eq!(
        read(&of, b"").unwrap_err(),
        "the required field id is missing"
    );
    assert_eq!(read(&of, b"\x08\x01").unwrap(), "{id: 1, es: [], m: {}}");
    assert_eq!(
        read(&of, b"\x08\x01\x13\x1a\x01x\x14\x13\x22\x03\x1a\x01y\x14").unwrap(),
        "{id: 1, part: {s: \"x\", p: {s: \"y\"}}, es: [], m: {}}"
    );
    // Numbers that the enum lacks are unknown fields, and so are extensions.
    let bytes = b"\x08\x01\x28\x02\x28\x03\x30\x01\x30\x07\x32\x02\x02\x09\x3a\x04\x08\x01\x10\x01\x3a\x04\x08\x02\x10\x05\xa0\x06\x01";
    assert_eq!(
        read(&of, bytes).unwrap(),
        "{id: 1, e: \"B\", es: [\"A\", \"B\"], m: {1: \"A\"}}"
    );
}

#[test]
fn keys_of_maps_are_text() {
    let of = proto3(
        "message M { map<bool, int32> b = 1; map<sint32, string> s = 2; map<fixed64, bytes> f = 3; }",
    );
    let bytes = b"\x0a\x04\x08\x01\x10\x02\x0a\x00\x12\x02\x08\x03\x1a\x09\x09\xff\xff\xff\xff\xff\xff\xff\xff";
    assert_eq!(
        read(&of, bytes).unwrap(),
        "{b: {true: 2, false: 0}, s: {-2: \"\"}, f: {18446744073709551615: b\"\"}}"
    );
}

#[test]
fn hostile_bytes_are_refused() {
    let of = proto3(
        "message M { int32 a = 1; string s = 2; M m = 3; repeated fixed32 f = 4; double d = 5; map<string, M> map = 6; }",
    );
    for (bytes, expected) in [
        (&b"\x08"[..], "the bytes end within a value"),
        (b"\x80", "the bytes end within a value"),
        (b"\x0d\0\0\0", "the bytes end within a value"),
        (b"\x12\x05hi", "the bytes end within a value"),
        (
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "the bytes end within a value",
        ),
        (
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "a varint is longer than 10 bytes",
        ),
        (b"\x00\x01", "a field has the number 0"),
        (b"\x0e", "there is no wire type 6"),
        (b"\x0c", "a group ends that did not begin"),
        (b"\x0b\x08\x01", "a group has no end"),
        (b"\x0b\x14", "a group ends that did not begin"),
        (
            b"\x88\x80\x80\x80\x80\x01\x00",
            "the tag of a field is too large",
        ),
        (b"\x12\x01\xff", "s: a string is not UTF-8"),
        (b"\x1a\x03\x12\x01\xff", "m.s: a string is not UTF-8"),
        (b"\x22\x03\0\0\0", "f[0]: the bytes end within a value"),
        (b"\x32\x03\x0a\x01\xff", "map: a key is not UTF-8"),
        (
            b"\x32\x08\x0a\x01k\x12\x03\x12\x01\xff",
            "map[\"k\"].s: a string is not UTF-8",
        ),
    ] {
        assert_eq!(read(&of, bytes).unwrap_err(), expected, "{bytes:?}");
    }
    let nested = |levels| {
        (0..levels).fold(Vec::new(), |inner, _| {
            let mut out = vec![0x1a];
            crate::format::protobuf::cursor::put_varint(&mut out, inner.len() as u64);
            [out, inner].concat()
        })
    };
    assert!(read(&of, &nested(100)).is_ok());
    let error = read(&of, &nested(101)).unwrap_err();
    assert!(error.ends_with("nested deeper than 100 levels"), "{error}");
    assert!(read(&of, &nested(5000)).is_err());
    let open = [0x0b; 5000];
    assert!(read(&of, &open).is_err());
}

#[test]
fn work_and_output_are_bounded() {
    let fields: String = (1..5000)
        .map(|n| format!("int32 field_{n} = {n};"))
        .collect();
    let of = proto3(&format!(
        "message N {{ {fields} }} message M {{ repeated N n = 1; N o = 2; }}"
    ));
    let many = [0x0a, 0].repeat(100_000);
    assert!(read(&of, &many).unwrap_err().contains("too many values"));
    // Merging is linear.
    let start = std::time::Instant::now();
    let many = [0x12, 2, 8, 1].repeat(500_000);
    assert!(read(&of, &many).is_ok());
    let optional = fields.replace("int32", "optional int32");
    let of = proto3(&format!(
        "message N {{ {optional} }} message M {{ repeated N n = 1; N o = 2; }}"
    ));
    let many = [0x0a, 0].repeat(1_000_000);
    assert!(read(&of, &many).is_ok());
    assert!(start.elapsed().as_secs() < 20);
}
