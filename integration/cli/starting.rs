//! The web server while a pipeline starts: it answers before everything that the pipeline needs is there.

use support::{FakeRegistry, Web, nerodia, port, written};

const SCHEMA: &str =
    r#"{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}"#;

/// Returns the reason of `part` in the answer of `/ready`, if the pipeline is alive and not ready.
fn reason(web: Web, part: &str) -> Option<String> {
    assert_eq!(web.get("/ping")?, (200, "pong".into()));
    let (status, body) = web.get("/ready")?;
    let ready: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &ready["ready"]), (503, &false.into()), "{body}");
    Some(ready["reasons"][part].as_str()?.to_owned())
}

#[test]
fn it_is_alive_and_not_ready_while_the_schema_registry_is_away() {
    let registry = FakeRegistry::start();
    registry.put(1, "AVRO", SCHEMA);
    registry.away(true);
    let folder = written(&[(
        "pipeline.yaml",
        "input: { stdin: { format: avro, scanner: { length_delimited: {} } } }\n\
         pipeline: { processors: [{ python: { script: 'root = this' } }] }\n",
    )]);
    let mut running = nerodia(["run", "pipeline.yaml", "--connect-timeout=10min"])
        .dir(folder.path())
        .set(format!("schema_registry.url={}", registry.url()))
        .listening()
        .start();
    let web = running.web();
    let reason = running.eventually("it is not ready", || reason(web, "schema_registry"));
    assert!(reason.contains(registry.url()), "{reason}");
    registry.away(false);
    running.await_ready();
    running.feed([0, 0, 0, 6, 0, 0, 0, 0, 1, 42]);
    assert_eq!(running.await_results(1), [r#"{"id":21}"#]);
    assert_eq!(running.finish().0, Some(0));
}

#[test]
fn a_schema_that_is_not_registered_says_what_would_register_it() {
    let registry = FakeRegistry::start();
    let folder = written(&[("order.avsc", SCHEMA)]);
    let run = |format: &str| {
        let ran = nerodia(["eval", "root = this"])
            .dir(folder.path())
            .set(format!("schema_registry.url={}", registry.url()))
            .set(format!("output.stdout={{ codec: length_delimited, format: {{ type: avro, subject: orders, {format} }} }}"))
            .run()
            .expect(1);
        ran.stderr.lines().last().unwrap_or_default().to_owned()
    };
    let of_file = run("schema_file: order.avsc");
    let found = "error: subject `orders`: ";
    assert!(of_file.starts_with(found), "{of_file}");
    let help = "404: not found. With `register: true` beside `schema_file`, the engine adds the schema to the subject when \
                it starts";
    assert!(of_file.ends_with(help), "{of_file}");
    let latest = run("");
    let help = "404: not found. With `schema_file` and `register: true` in the output's format, the engine adds a schema \
                when it starts";
    assert!(latest.ends_with(help), "{latest}");
}

#[test]
fn it_is_alive_and_not_ready_while_kafka_is_away() {
    let folder = written(&[(
        "pipeline.yaml",
        "input: { kafka: { topics: [t], consumer_group: g } }\n\
         pipeline: { processors: [{ python: { script: 'root = this' } }] }\n\
         dead_letter: { drop: {} }\n",
    )]);
    let nobody = port();
    let mut running = nerodia(["run", "pipeline.yaml", "--connect-timeout=10min"])
        .dir(folder.path())
        .set(format!("input.kafka.addresses=[\"127.0.0.1:{nobody}\"]"))
        .listening()
        .start();
    let web = running.web();
    let reason = running.eventually("it is not ready", || reason(web, "input"));
    let expected = format!("cannot reach Kafka at 127.0.0.1:{nobody} yet: ");
    assert!(reason.starts_with(&expected), "{reason}");
    running.kill();
}
