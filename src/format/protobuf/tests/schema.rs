use base64::Engine as _;

use super::*;

#[test]
fn messages_are_found_by_name_and_by_index() {
    let schema = ProtobufSchema::parse(
        "syntax = \"proto2\"; package a.b; import \"other.proto\";
         message First { map<string, Inner> m = 1; optional group G = 2 { } message Inner { message Deep {} } enum E { X = 1; }
         message Second {} optional c.Other o = 3; optional .c.Other.In i = 4; }
         message Last { message Inner {} optional First.Inner i = 1; optional b.First.E e = 2; }",
        &[("other.proto", "syntax = \"proto3\"; package c; message Other { message In {} message Only {} }")],
    );
    let schema = schema.unwrap();
    for (path, name) in [
        (&[0][..], "a.b.First"),
        (&[0, 0], "a.b.First.Inner"),
        (&[0, 0, 0], "a.b.First.Inner.Deep"),
        (&[0, 1], "a.b.First.Second"),
        (&[1], "a.b.Last"),
        (&[1, 0], "a.b.Last.Inner"),
    ] {
        let id = schema.message_at(path).unwrap();
        assert_eq!(schema.name_of(id), name);
        assert_eq!(schema.indexes_of(id), path);
        assert_eq!(schema.message_named(name), Some(id));
    }
    for path in [&[][..], &[2], &[0, 2], &[0, 0, 0, 0]] {
        assert_eq!(schema.message_at(path), None, "{path:?}");
    }
    let named = |name| schema.message_named(name).map(|id| schema.name_of(id));
    assert_eq!(named("Last"), Some("a.b.Last"));
    assert_eq!(named("First.Inner"), Some("a.b.First.Inner"));
    assert_eq!(named(".c.Other"), Some("c.Other"));
    assert_eq!(named("Only"), Some("c.Other.Only"));
    for name in ["Inner", "", "MEntry", "irst", "b", "E"] {
        assert_eq!(named(name), None, "{name}");
    }
    assert!(
        schema
            .indexes_of(schema.message_named("Only").unwrap())
            .is_empty()
    );
}

#[test]
fn a_descriptor_in_base64_is_a_schema_too() {
    // What `protoc -o` makes of: syntax = "proto3"; package p; message M { repeated int32 a_b = 1 [packed = false]; N n = 2;
    // map<string, int32> m = 3; message N {} }
    use prost::Message as _;
    let text = "syntax = \"proto3\"; package p; message M { repeated int32 a_b = 1; N n = 2; map<string, int32> m = 3; message N {} }";
    let file = protox_parse::parse("x.proto", text).unwrap();
    let encoded = base64::engine::general_purpose::STANDARD.encode(file.encode_to_vec());
    let schema = ProtobufSchema::parse(&encoded, &[]).unwrap();
    let of = (schema, MessageId(0));
    assert_eq!(of.0.name_of(of.1), "p.M");
    let bytes = write_json(&of, r#"{"aB": [1], "m": {"x": 1}}"#).unwrap();
    assert_eq!(read(&of, &bytes).unwrap(), "{a_b: [1], m: {x: 1}}");
    assert_eq!(
        of.0.message_at(&[0, 0]).map(|id| of.0.name_of(id)),
        Some("p.M.N")
    );
    assert!(ProtobufSchema::parse("AAAA", &[]).is_err());
}

#[test]
fn imports_may_form_a_cycle_or_be_missing() {
    let references = [
        (
            "a.proto",
            "syntax = \"proto3\"; import public \"b.proto\"; import public \"a.proto\"; message A { B b = 1; }",
        ),
        (
            "b.proto",
            "syntax = \"proto3\"; import public \"a.proto\"; import \"gone.proto\"; message B { A a = 1; string s = 2 [(gone.x) = 1]; }",
        ),
    ];
    let text = "syntax = \"proto3\"; import \"a.proto\"; message M { B b = 1; }";
    let schema = ProtobufSchema::parse(text, &references).unwrap();
    let of = (schema, MessageId(0));
    assert_eq!(
        read(&of, b"\x0a\x04\x0a\x02\x0a\x00").unwrap(),
        "{b: {a: {b: {s: \"\"}}, s: \"\"}}"
    );
    let text = "syntax = \"proto3\"; import \"gone.proto\"; message M { gone.B b = 1; }";
    assert_eq!(
        ProtobufSchema::parse(text, &[]).unwrap_err(),
        "M: b: the type gone.B is not defined; the schema has no reference to gone.proto"
    );
}

#[test]
fn wrong_schemas_are_refused() {
    for (text, expected) in [
        (
            "edition = \"2023\"; message A {}",
            "schema: editions are not supported: the schema must be proto2 or proto3",
        ),
        (
            "syntax = \"proto3\"; message A { X x = 1; }",
            "A: x: the type X is not defined",
        ),
        (
            "syntax = \"proto3\"; message A { int32 a = 1; int32 b = 1; }",
            "A: b: the number 1 is used twice",
        ),
        (
            "syntax = \"proto3\"; message A { int32 a = 1; int32 a = 2; }",
            "A: a: the name is used twice",
        ),
        (
            "syntax = \"proto3\"; message A {} message A {}",
            "A is defined twice",
        ),
        (
            "syntax = \"proto3\"; enum A { B = 1; }",
            "the first value of the enum A is not 0",
        ),
        ("syntax = \"proto3\"; enum A {}", "the enum A has no values"),
        (
            "syntax = \"proto2\"; enum A { option allow_alias = true; X = 2; Y = 1; Y = 2; }",
            "the enum A has the value Y twice",
        ),
        (
            "syntax = \"proto3\";\nmessage A { int32 a = 0; }",
            "schema:2:23: message numbers must be between 1 and 536870911",
        ),
        (
            "{\"type\": \"record\"}",
            "schema:1:1: expected 'enum', 'extend', 'import', 'message', 'option', 'service', 'package' or ';', but found '{'",
        ),
    ] {
        assert_eq!(
            ProtobufSchema::parse(text, &[]).unwrap_err(),
            expected,
            "{text}"
        );
    }
}

/// Schemas that are made to be expensive. All of them together take a moment.
#[test]
fn hostile_schemas_are_cheap() {
    const LEN: usize = 1 << 20;
    let fill = |head: &str, part: &str, tail: &str| {
        let times = (LEN - head.len() - tail.len()) / part.len();
        format!("{head}{}{tail}", part.repeat(times))
    };
    let proto3 = "syntax = \"proto3\"; ";
    let deep = "message A{".repeat(31);
    let start = std::time::Instant::now();
    let mut texts = vec![
        "x".repeat(16 << 20),
        fill("", "message A{", ""),
        fill("", "{", ""),
        fill("", "}", ""),
        fill("", "[", ""),
        fill("message A{ a b=1", "[", ""),
        fill("option (a)=", "{a", ""),
        fill("message A{ optional A a = 1 [(a)=", "{a", "];}"),
        fill("message A{", "optional group A=1{", ""),
        fill("/*", "/*", ""),
        fill("", "//\n", ""),
        fill("", "/**/", ""),
        fill("\"", "\\", ""),
        fill("message A{ reserved ", "1,", "1; }"),
        fill(
            &format!("message A{{ extensions {} 1[", "1,".repeat(LEN / 4)),
            "a=1,",
            "a=1]; }",
        ),
        fill(&deep, "a a=1;", ""),
        fill(&format!("{deep} reserved "), "1,", ""),
        fill("package a", ".a", "; message A {}"),
        fill(proto3, "import 'a';", ""),
        fill("", "syntax='a'", ""),
        fill(
            &format!("{proto3} enum A {{ option allow_alias = true; "),
            "A=0;",
            "}",
        ),
        fill("import '", "a", "';"),
    ];
    let many = |part: &dyn Fn(usize) -> String, len: usize| (0..len).map(part).collect::<String>();
    texts.push(format!(
        "{proto3}{}",
        many(&|n| format!("message A{n}{{}}"), 50_000)
    ));
    texts.push(format!(
        "{proto3}message T{{ {} }}",
        many(&|n| format!("T t{n}={};", n + 1), 60_000)
    ));
    texts.push(format!(
        "{proto3}{}",
        many(&|n| format!("import '{n}';"), 60_000)
    ));
    texts.push(format!(
        "{proto3}enum A{{ {} }}",
        many(&|n| format!("A{n}={};", 70_000 - n), 60_000)
    ));
    texts.push(format!(
        "{proto3}package {};message T{{ {} }}",
        "a.".repeat(200) + "a",
        many(&|n| format!("X t{n}={};", n + 1), 60_000)
    ));
    for text in &texts {
        let outcome = ProtobufSchema::parse(text, &[("x", "message X{}")]);
        let shown: String = text.chars().take(40).collect();
        if let Err(error) = outcome {
            assert!(error.len() < 1000, "{shown}: {} bytes", error.len());
        }
    }
    let references: Vec<_> = (0..20_000)
        .map(|n| (format!("{n}"), format!("import public '{}';", n + 1)))
        .collect();
    let references: Vec<_> = references
        .iter()
        .map(|(path, text)| (&**path, &**text))
        .collect();
    assert!(ProtobufSchema::parse("import '0'; message A {}", &references).is_ok());
    // In a debug build; it takes a second in another.
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}
