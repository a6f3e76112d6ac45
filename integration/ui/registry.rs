//! What people see of the schema registry on the page: nothing, its totals, or that messages wait for it.

use support::{FakeRegistry, nerodia, port, written};

use crate::web::look_at_page;

const SCHEMA: &str =
    r#"{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}"#;

const CONFIG: &str = "\
input: { stdin: { format: avro, scanner: { length_delimited: {} } } }
pipeline: { processors: [{ python: { script: 'root = this' } }] }
";

/// Returns a message of the stream, with the schema `schema`; the id is less than 64.
fn message(schema: u32, id: u8) -> Vec<u8> {
    let payload = [&[0][..], &schema.to_be_bytes(), &[id << 1]].concat();
    let length = u32::try_from(payload.len()).expect("a short message");
    [&length.to_be_bytes()[..], &payload].concat()
}

#[test]
fn the_page_shows_its_totals_and_that_messages_wait_for_it() {
    let registry = FakeRegistry::start();
    registry.put(1, "AVRO", SCHEMA);
    let port = port();
    let folder = written(&[("pipeline.yaml", CONFIG)]);
    let mut running = nerodia(["run", "-c", "pipeline.yaml"])
        .dir(folder.path())
        .set(format!("schema_registry.url={}", registry.url()))
        .set(format!("http.address=127.0.0.1:{port}"))
        .listens_at(port)
        .start();
    for id in 0..50 {
        running.feed(message(1, id));
    }
    running.await_results(50);
    running.await_ready();
    let Some(said) = look_at_page(port, "shots-registry") else {
        return;
    };
    assert!(said.contains("ok: the state is “ready”"), "{said}");
    let shown = "ok: schema registry: failures 0\n";
    assert!(said.contains(shown), "{said}");

    registry.away(true);
    running.feed(message(2, 50));
    let web = running.web();
    running.eventually("messages wait", || {
        let (_, reasons) = web.get("/ready")?;
        reasons.contains("schema_registry").then_some(())
    });
    let said = look_at_page(port, "shots-registry-away").expect("as before");
    assert!(said.contains("ok: the state is “not ready”"), "{said}");
    assert!(
        said.contains("unreachable") && said.contains(", messages wait for it\n"),
        "{said}"
    );
    registry.put(2, "AVRO", SCHEMA);
    registry.away(false);
    running.await_results(51);
    assert_eq!(running.finish().0, Some(0));
}
