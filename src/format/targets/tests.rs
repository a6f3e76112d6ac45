//! Tests of which schemas an output takes.

use super::*;
use crate::format::schema::SchemaSettings;
use crate::registry::RawSchema;

const AVRO: &str = r#"{"type": "record", "name": "A", "fields": []}"#;
const PROTO: &str = r#"syntax = "proto3"; message First {} message Paid { int32 id = 1; }"#;
const LESS: &str = r#"syntax = "proto3"; message First {}"#;

fn schema(id: u32, kind: SchemaKind, text: &str) -> Arc<Schema> {
    let settings = SchemaSettings {
        reader: None,
        message: Some("Paid".to_owned()),
    };
    let raw = RawSchema {
        id: Some(id),
        guid: None,
        kind,
        text: text.to_owned(),
        references: Vec::new(),
    };
    Arc::new(Schema::new(&raw, &settings))
}

fn paid() -> Wanted {
    Wanted {
        kind: SchemaKind::Protobuf,
        message: Some("Paid".to_owned()),
    }
}

#[test]
fn schemas_of_another_language_or_without_the_message_are_refused() {
    let check = |kind, text| {
        paid()
            .check(&schema(1, kind, text))
            .map_err(|why| why.to_string())
    };
    assert_eq!(check(SchemaKind::Protobuf, PROTO), Ok(()));
    assert_eq!(
        check(SchemaKind::Avro, AVRO).unwrap_err(),
        "the schema of the output is Avro, and its format is Protobuf"
    );
    assert_eq!(
        check(SchemaKind::Protobuf, LESS).unwrap_err(),
        "the schema of the output has no message `Paid`"
    );
    let unusable = check(SchemaKind::Protobuf, "message").unwrap_err();
    assert!(
        unusable.starts_with("its schema cannot be used: "),
        "{unusable}"
    );
}

#[test]
fn a_newer_schema_replaces_the_one_in_use_only_if_results_can_be_written_with_it() {
    let question = Question::Latest {
        subject: "paid-value".to_owned(),
    };
    let mut current = Current {
        schema: schema(1, SchemaKind::Protobuf, PROTO),
        looked: Instant::now(),
        refused: None,
    };
    let steps = [
        (2, SchemaKind::Avro, AVRO, 1),
        (3, SchemaKind::Protobuf, LESS, 1),
        (4, SchemaKind::Protobuf, "message", 1),
        (5, SchemaKind::Protobuf, PROTO, 5),
        (6, SchemaKind::JsonSchema, "{}", 5),
    ];
    for (id, kind, text, used) in steps {
        current.renew(schema(id, kind, text), &paid(), &question);
        assert_eq!(current.schema.id, Some(used), "after the schema {id}");
    }
    assert_eq!(current.refused, Some(6));
}
