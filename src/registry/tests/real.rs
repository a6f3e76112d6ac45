//! Test with a real registry: `NERODIA_TEST_REGISTRY=URL`, where `scripts/registry.sh start` prints the URL.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use super::*;

/// Apicurio does not take a document for JSON Schema without it, whatever type the request names.
const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

fn schema(kind: SchemaKind, text: &str, references: &[(&str, &str)]) -> Arc<NewSchema> {
    let references = references.iter().map(|(name, subject)| ReferenceTo {
        name: (*name).to_owned(),
        subject: (*subject).to_owned(),
        version: 1,
    });
    Arc::new(NewSchema {
        kind,
        text: text.to_owned(),
        references: references.collect(),
    })
}

#[test]
fn schemas_of_all_kinds_are_read_back() {
    let Ok(url) = env::var("NERODIA_TEST_REGISTRY") else {
        eprintln!(
            "skipped: NERODIA_TEST_REGISTRY is not set; scripts/registry.sh start prints the URL"
        );
        return;
    };
    let registry = client(&config(&url), limits());
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    // A name of its own for each run, with what must be encoded.
    let subject = |name: &str| format!("{name}/ä ?{now}");
    let namespace = format!("n{now}");

    let avro_part = format!(
        r#"{{"type":"record","name":"Part","namespace":"{namespace}","fields":[{{"name":"x","type":"int"}}]}}"#
    );
    let avro_middle = format!(
        r#"{{"type":"record","name":"Middle","namespace":"{namespace}","fields":[{{"name":"part","type":"{namespace}.Part"}}]}}"#
    );
    let avro_whole = format!(
        r#"{{"type":"record","name":"Whole","namespace":"{namespace}","fields":[{{"name":"a","type":"{namespace}.Middle"}},{{"name":"b","type":"{namespace}.Part"}}]}}"#
    );
    let proto_part = format!(
        "syntax = \"proto3\";\npackage {namespace};\nmessage Part {{\n  int32 x = 1;\n}}\n"
    );
    let proto_whole = format!(
        "syntax = \"proto3\";\npackage {namespace};\nimport \"part.proto\";\nmessage Whole {{\n  Part part = 1;\n}}\n"
    );
    let json_part =
        format!(r#"{{"$schema":"{DRAFT}","$id":"http://{namespace}/part.json","type":"integer"}}"#);
    let json_whole = format!(
        r#"{{"$schema":"{DRAFT}","$id":"http://{namespace}/whole.json","type":"object","properties":{{"x":{{"$ref":"http://{namespace}/part.json"}}}}}}"#
    );
    let (part, middle) = (format!("{namespace}.Part"), format!("{namespace}.Middle"));
    let json_part_name = format!("http://{namespace}/part.json");
    let (avro_1, avro_2) = (subject("avro part"), subject("avro middle"));
    let (proto_1, json_1) = (subject("proto part"), subject("json part"));
    use SchemaKind::{Avro, JsonSchema, Protobuf};
    let all = [
        (avro_1.clone(), schema(Avro, &avro_part, &[])),
        (
            avro_2.clone(),
            schema(Avro, &avro_middle, &[(&part, &avro_1)]),
        ),
        (
            subject("avro"),
            schema(Avro, &avro_whole, &[(&middle, &avro_2), (&part, &avro_1)]),
        ),
        (proto_1.clone(), schema(Protobuf, &proto_part, &[])),
        (
            subject("proto"),
            schema(Protobuf, &proto_whole, &[("part.proto", &proto_1)]),
        ),
        (json_1.clone(), schema(JsonSchema, &json_part, &[])),
        (
            subject("json"),
            schema(JsonSchema, &json_whole, &[(&json_part_name, &json_1)]),
        ),
    ];
    for (subject, schema) in all {
        let lookup = Question::Lookup {
            subject: subject.clone(),
            schema: Arc::clone(&schema),
        };
        // Another client, which does not remember that it is missing.
        let missing = answer(&client(&config(&url), limits()), lookup.clone()).unwrap_err();
        eprintln!("before: {missing}");
        let register = Question::Register {
            subject: subject.clone(),
            schema: Arc::clone(&schema),
        };
        let registered = answer(&registry, register).unwrap();
        let id = registered.id.unwrap();
        let names: Vec<_> = registered
            .references
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        eprintln!("registered: {subject}: {id}, with {names:?}");
        let looked_up = answer(&registry, lookup).unwrap();
        assert_eq!(looked_up, registered);
        let by_id = answer(&registry, Question::Id(id)).unwrap();
        let latest = answer(&registry, latest(&subject)).unwrap();
        for other in [by_id, latest] {
            assert_eq!((other.id, other.kind), (Some(id), schema.kind));
            assert_eq!(other.references, registered.references);
            let is_equal = other.text == schema.text;
            eprintln!(
                "read back: {}",
                if is_equal { "equal" } else { &other.text }
            );
        }
    }
    let broken = schema(Avro, r#"{"type":"record"}"#, &[]);
    let register = Question::Register {
        subject: subject("broken"),
        schema: broken,
    };
    let cases = [
        Question::Id(2_000_000_000),
        Question::Guid([7; 16]),
        latest(&subject("none")),
        register,
    ];
    for question in cases {
        let missing = answer(&registry, question).unwrap_err();
        eprintln!("missing: {missing}");
    }
    assert_eq!(registry.trouble(), None);
    eprintln!("{:?}", registry.counts());
}
