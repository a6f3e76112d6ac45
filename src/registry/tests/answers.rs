//! Tests of what is asked and what the answers mean.

use super::*;

fn new_schema() -> Arc<NewSchema> {
    let reference = ReferenceTo {
        name: "part.proto".into(),
        subject: "part".into(),
        version: 3,
    };
    Arc::new(NewSchema {
        kind: SchemaKind::Protobuf,
        text: "import \"part.proto\";".into(),
        references: vec![reference],
    })
}

#[test]
fn each_question_has_its_request() {
    let server = Server::start(|request| match request.line.as_str() {
        "GET /schemas/ids/7" => avro("seven"),
        "GET /subjects/a%2Fb/versions/latest" => ok(
            r#"{"subject":"a/b","version":2,"id":8,"schemaType":"JSON","schema":"{}","references":null,"other":1}"#,
        ),
        "POST /subjects/s" => ok(r#"{"subject":"s","id":9,"version":1,"schema":"theirs"}"#),
        "POST /subjects/s/versions" => {
            ok(r#"{"id":10,"guid":"89791762-2336-4186-9674-299b90a802e2"}"#)
        }
        "GET /subjects/part/versions/3?deleted=true" => {
            ok(r#"{"id":1,"schemaType":"PROTOBUF","schema":"part"}"#)
        }
        _ => Reply::Answer(500, String::new()),
    });
    let registry = client_of(&server);
    let schema = answer(&registry, Question::Id(7)).unwrap();
    let expected = RawSchema {
        id: Some(7),
        guid: None,
        kind: SchemaKind::Avro,
        text: "seven".into(),
        references: Vec::new(),
    };
    assert_eq!(*schema, expected);
    let schema = answer(&registry, latest("a/b")).unwrap();
    assert_eq!((schema.id, schema.kind), (Some(8), SchemaKind::JsonSchema));
    let by_number = registry.cached(&Question::Id(8)).unwrap().unwrap();
    assert!(Arc::ptr_eq(&schema, &by_number), "one schema, one value");

    let (subject, schema) = ("s".to_owned(), new_schema());
    let lookup = Question::Lookup {
        subject: subject.clone(),
        schema: Arc::clone(&schema),
    };
    let found = answer(&registry, lookup).unwrap();
    assert_eq!(
        (found.id, found.text.as_str()),
        (Some(9), "import \"part.proto\";")
    );
    let expected = Reference {
        name: "part.proto".into(),
        subject: "part".into(),
        version: 3,
        text: "part".into(),
    };
    assert_eq!(found.references, [expected]);
    let registered = answer(&registry, Question::Register { subject, schema }).unwrap();
    assert_eq!(registered.id, Some(10));
    assert_eq!(registered.guid.unwrap()[..2], [0x89, 0x79]);

    let posted = server
        .requests()
        .into_iter()
        .find(|request| request.line == "POST /subjects/s");
    let posted = posted.unwrap();
    assert_eq!(
        posted.body,
        r#"{"schema":"import \"part.proto\";","schemaType":"PROTOBUF","references":[{"name":"part.proto","subject":"part","version":3}]}"#
    );
    assert_eq!(
        posted.header("content-type"),
        Some("application/vnd.schemaregistry.v1+json")
    );
    assert!(
        posted
            .header("accept")
            .unwrap()
            .starts_with("application/vnd.schemaregistry.v1+json")
    );
    assert_eq!(posted.header("authorization"), None);
    let counts = registry.counts();
    assert_eq!((counts.requests, counts.cached), (6, 1));
}

#[test]
fn missing_is_an_answer_that_is_remembered_for_a_while() {
    let server = Server::start(|_| not_found(40403));
    let registry = client_of(&server);
    let missing: Missing = answer(&registry, Question::Id(7)).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "schema 7: the registry answers 404: not found"
    );
    assert_eq!(answer(&registry, Question::Id(7)), Err(missing));
    assert_eq!(server.requests().len(), 1);
    assert_eq!(registry.counts().missing, 1);
    assert_eq!(registry.trouble(), None);

    let mut shorter = limits();
    shorter.cache.missing_for = Duration::ZERO;
    let registry = client(&config(&server.url()), shorter);
    for _ in 0..2 {
        assert!(answer(&registry, Question::Id(7)).is_err());
    }
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_missing_schema_that_is_forgotten_is_asked_for_again() {
    let server = Server::start(|request| match request.number {
        0 => not_found(40403),
        _ => avro("seven"),
    });
    let registry = client_of(&server);
    assert!(answer(&registry, Question::Id(7)).is_err());
    registry.forget_missing(&Question::Id(7));
    assert_eq!(answer(&registry, Question::Id(7)).unwrap().text, "seven");
    // An answer with a schema stays.
    registry.forget_missing(&Question::Id(7));
    assert!(registry.cached(&Question::Id(7)).is_some());
}

#[test]
fn numbers_that_no_registry_gives_are_not_asked() {
    let server = Server::start(|_| Reply::Silence);
    let registry = client_of(&server);
    assert!(answer(&registry, Question::Id(u32::MAX)).is_err());
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn what_cannot_be_used_is_missing() {
    let bodies = [
        r#"{"schema":"x","schemaType":"THRIFT"}"#,
        r#"{"schema":"x","references":[{"name":"a"}]}"#,
        r#"{"schema":"x","references":[{"name":"a","subject":"s","version":-1}]}"#,
        r#"{"schema":"x","references":"a"}"#,
        r#"{"schema":"x","references":[{"name":"a","subject":"none","version":1}]}"#,
        r#"{"schema":"x","references":[{"name":"a","subject":"circle","version":1}]}"#,
    ];
    let server = Server::start(move |request| {
        if request.line.contains("/subjects/none/") {
            return not_found(40401);
        }
        if request.line.contains("/subjects/circle/") {
            return ok(bodies[5]);
        }
        ok(bodies[id_of(request) as usize])
    });
    let registry = client_of(&server);
    let texts: Vec<_> = (0..bodies.len() as u32)
        .map(|id| answer(&registry, Question::Id(id)).unwrap_err().to_string())
        .collect();
    assert_eq!(texts[0], "schema 0 is of the unknown type THRIFT");
    assert!(
        texts[1..4]
            .iter()
            .all(|text| text.contains("malformed references")),
        "{texts:?}"
    );
    let gap =
        "schema 4: it refers to version 1 of subject 'none': the registry answers 404: not found";
    assert_eq!(texts[4], gap);
    assert_eq!(texts[5], "schema 5: its references form a circle");
    assert_eq!(registry.trouble(), None);
}

#[test]
fn a_refused_schema_is_missing() {
    let server = Server::start(|request| {
        let incompatible = r#"{"error_code":409,"message":"READER_FIELD_MISSING"}"#;
        match request.line.as_str() {
            "POST /subjects/s/versions" => Reply::Answer(409, incompatible.into()),
            _ => not_found(40403),
        }
    });
    let registry = client_of(&server);
    let (subject, schema) = ("s".to_owned(), new_schema());
    let lookup = Question::Lookup {
        subject: subject.clone(),
        schema: Arc::clone(&schema),
    };
    let text = answer(&registry, lookup).unwrap_err().to_string();
    assert_eq!(
        text,
        "this schema in subject 's': the registry answers 404: not found"
    );
    let register = Question::Register { subject, schema };
    let text = answer(&registry, register).unwrap_err().to_string();
    assert_eq!(
        text,
        "registration in subject 's': the registry answers 409: READER_FIELD_MISSING"
    );
}

#[test]
fn references_come_once_and_in_order() {
    let server = Server::start(|request| {
        let needs = |names: &[&str]| {
            let references: Vec<_> = names
                .iter()
                .map(|name| serde_json::json!({"name": name, "subject": name, "version": 1}))
                .collect();
            ok(serde_json::json!({"schema": request.line, "references": references}).to_string())
        };
        match request.line.as_str() {
            "GET /schemas/ids/1" => needs(&["a", "b"]),
            "GET /subjects/a/versions/1?deleted=true" => needs(&["c"]),
            "GET /subjects/b/versions/1?deleted=true" => needs(&["c"]),
            "GET /subjects/c/versions/1?deleted=true" => needs(&[]),
            line => panic!("{line}"),
        }
    });
    let schema = answer(&client_of(&server), Question::Id(1)).unwrap();
    let names: Vec<_> = schema
        .references
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["c", "a", "b"]);
    assert!(schema.references[1].text.contains("/subjects/a/"));
    assert_eq!(server.requests().len(), 4);
}

const GUID: [u8; 16] = [0x11; 16];

#[test]
fn a_guid_is_answered_by_registries_that_know_it() {
    let server = Server::start(|request| match request.line.as_str() {
        "GET /schemas/guids/11111111-1111-1111-1111-111111111111" => avro("text"),
        _ => not_found(40403),
    });
    let registry = client_of(&server);
    let schema = answer(&registry, Question::Guid(GUID)).unwrap();
    assert_eq!(
        (schema.id, schema.guid, schema.text.as_str()),
        (None, Some(GUID), "text")
    );
    assert!(answer(&registry, Question::Guid([0; 16])).is_err());
    // An older one does not know the path, but is a registry.
    let server = Server::start(|request| match request.line.as_str() {
        "GET /schemas/types" => ok(r#"["JSON","PROTOBUF","AVRO"]"#),
        _ => Reply::Answer(404, String::new()),
    });
    let text = answer(&client_of(&server), Question::Guid(GUID))
        .unwrap_err()
        .to_string();
    assert!(
        text.ends_with("the registry has none, or knows no GUIDs"),
        "{text}"
    );
}

#[test]
fn the_latest_is_fetched_again_behind_the_scenes() {
    let server = Server::start(|request| {
        // The first three requests find version 1, all later ones version 2.
        let version = if request.number < 3 { 1 } else { 2 };
        ok(format!(
            r#"{{"id":{version},"schema":"version {version}"}}"#
        ))
    });
    let always_old = limits().latest_for(Duration::ZERO);
    let registry = client(&config(&server.url()), always_old);
    assert!(registry.cached(&latest("s")).is_none());
    let first = answer(&registry, latest("s")).unwrap();
    assert_eq!(first.text, "version 1");
    let mut seen = Vec::new();
    eventually("the new version", || {
        let schema = registry.cached(&latest("s")).unwrap().unwrap();
        let is_new = schema.text == "version 2";
        seen.push(schema);
        is_new
    });
    let old = seen.iter().filter(|schema| schema.text == "version 1");
    assert!(
        old.into_iter().all(|schema| Arc::ptr_eq(schema, &first)),
        "parsed once"
    );
    assert_eq!(registry.trouble(), None);
}

#[test]
fn a_schema_that_is_not_old_is_not_fetched_again() {
    let server = Server::start(|_| ok(r#"{"id":1,"schema":"text"}"#));
    let registry = client_of(&server);
    for _ in 0..10 {
        answer(&registry, latest("s")).unwrap();
        answer(&registry, Question::Id(1)).unwrap();
    }
    assert_eq!(server.requests().len(), 1);
    assert_eq!(registry.counts().cached, 19);
}

#[test]
fn what_was_not_used_is_forgotten_and_asked_again() {
    let server = Server::start(|request| avro(&request.line));
    let mut two = limits();
    two.cache.schemas = 2;
    let registry = client(&config(&server.url()), two);
    for id in [1, 2, 1, 3, 1, 2] {
        answer(&registry, Question::Id(id)).unwrap();
    }
    let asked: Vec<_> = server.requests().iter().map(id_of).collect();
    assert_eq!(asked, [1, 2, 3, 2]);
}
