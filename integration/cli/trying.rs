//! Tests of `nerodia try` with messages from a file and standard input. For messages from Kafka, see `kafka/trying.rs`.

use std::fs;

use serde_json::{Value, json};
use support::{nerodia, on_each_runtime, written};

const CONFIG: &str = "\
pipeline:
  processors:
    - python:
        script: |
          if this == 'hang':
              while True: pass
          if this == 'bad':
              raise ValueError('no price')
          if this == 'many':
              emit(1, key='k', headers={'a': 'b'})
              emit(2)
          root = None if this == 'drop' else [this]
guests: { timeout: 300ms }
";

const LINES: &str =
    "\"one\"\n\"drop\"\n\"bad\"\n\"hang\"\n\"many\"\n123456789012345678901234567890\n";

fn objects(text: &str) -> Vec<Value> {
    let objects = text.lines().map(serde_json::from_str);
    objects.collect::<Result<_, _>>().expect("lines of JSON")
}

on_each_runtime!(before_and_after_for_people);
fn before_and_after_for_people(runtime: &str) {
    let folder = written(&[("a.yaml", CONFIG), ("samples.jsonl", LINES)]);
    let ran = nerodia(["try", "-c"])
        .arg(folder.path().join("a.yaml"))
        .arg("--from-file")
        .arg(folder.path().join("samples.jsonl"))
        .set(format!("guests.runtime={runtime}"))
        .run();
    assert_eq!(ran.code, Some(1), "{}{}", ran.text(), ran.stderr);
    let text = ran
        .text()
        .replace(&format!("{}/", folder.path().display()), "");
    let costs = &ran.stderr;
    // With the message that ended its guest: there is only one processor in which it can have been.
    assert!(
        costs.contains("6 in, 2 failed, ") && costs.contains(" of CPU a message"),
        "{costs}"
    );
    for shown in [
        "message 0\n  in  \"one\"\n  out [\"one\"]\n",
        "message 1\n  in  \"drop\"\n  dropped\n",
        "message 2\n  in  \"bad\"\n  failed ValueError: no price (at ",
        "Traceback (most recent call last):",
        "message 3\n  in  \"hang\"\n  failed Timeout: ",
        // In a fresh guest.
        "message 4\n  in  \"many\"\n  out 1  key k  header a=b\n  out 2\n",
        "  out [123456789012345678901234567890]\n",
        "\n6 messages: 3 came through, 1 dropped, 2 failed\n",
    ] {
        assert!(
            text.contains(shown),
            "{shown:?} in:\n{text}\n{}",
            ran.stderr
        );
    }
    assert!(!text.contains('\x1b'), "no colour where no terminal is");
}

#[test]
fn an_object_a_message_for_machines() {
    let folder = written(&[("a.yaml", CONFIG)]);
    let ran = nerodia(["try", "--json", "-c"])
        .arg(folder.path().join("a.yaml"))
        .stdin(LINES)
        .run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let shown = objects(ran.text());
    assert_eq!(shown.len(), 6);
    assert_eq!(
        shown[0],
        json!({ "place": "message 0", "partition": 0, "offset": 0, "input": { "payload": "\"one\"" },
                "outcome": "outputs", "outputs": [{ "payload": "[\"one\"]" }] })
    );
    assert_eq!(shown[1]["outcome"], "dropped");
    assert_eq!(shown[2]["outcome"], "failed");
    assert_eq!(shown[2]["error"]["type"], "ValueError");
    assert!(
        shown[2]["error"]["at"]
            .as_str()
            .is_some_and(|at| at.contains("a.yaml:8")),
        "{}",
        shown[2]
    );
    assert_eq!(shown[3]["error"]["type"], "Timeout");
    assert_eq!(
        shown[4]["outputs"],
        json!([{ "payload": "1", "key": "k", "headers": [["a", "b"]] }, { "payload": "2" }, { "payload": "[\"many\"]" }])
    );
}

#[test]
fn no_more_than_asked_for_and_bytes_of_any_kind() {
    let folder = written(&[("a.yaml", CONFIG)]);
    let mut lines = b"\xff\xfe\n".to_vec();
    // A file that is never read to its end.
    lines.extend("\"again\"\n".repeat(1_000_000).into_bytes());
    fs::write(folder.path().join("long"), lines).expect("written");
    let ran = nerodia(["try", "--json", "--count", "3", "-c"])
        .arg(folder.path().join("a.yaml"))
        .arg("--from-file")
        .arg(folder.path().join("long"))
        .set("pipeline.processors.0.python.script=root = this")
        .run()
        .expect(0);
    let shown = objects(ran.text());
    assert_eq!(shown.len(), 3);
    assert_eq!(shown[0]["input"], json!({ "payload_base64": "//4=" }));
    assert_eq!(shown[0]["outputs"], json!([{ "payload_base64": "//4=" }]));
}

#[test]
fn samples_take_the_place_of_a_generator() {
    let ran = nerodia(["try", "-c", "configs/generate.yaml"])
        .stdin("{\"celsius\": 100}\n")
        .run()
        .expect(0);
    assert!(
        ran.text().contains("\"fahrenheit\":212.0}"),
        "{}",
        ran.text()
    );
}

#[test]
fn what_is_wrong_is_usage_or_config() {
    let folder = written(&[
        ("a.yaml", CONFIG),
        (
            "ssl.yaml",
            "pipeline: { processors: [{ python: { script: 'import ssl' } }] }",
        ),
    ]);
    let config = folder.path().join("a.yaml");
    let ran = |more: &[&str]| {
        nerodia(
            ["try".into(), "-c".into(), config.clone().into_os_string()]
                .into_iter()
                .chain(more.iter().map(Into::into)),
        )
        .run()
    };
    let missing = ran(&["--from-file", "no/such/file"]).expect(2);
    assert!(
        missing.stderr.contains("cannot read no/such/file"),
        "{}",
        missing.stderr
    );
    let folder_itself = ran(&["--from-file", "/"]).expect(1);
    assert!(
        folder_itself.stderr.contains("cannot read /"),
        "{}",
        folder_itself.stderr
    );
    let no_kafka = ran(&["--from-kafka"]).expect(2);
    assert!(
        no_kafka.stderr.contains("no `input.kafka`"),
        "{}",
        no_kafka.stderr
    );
    ran(&["--from-kafka", "a", "--from-file", "b"]).expect(2);
    let script = nerodia(["try", "-c"])
        .arg(folder.path().join("ssl.yaml"))
        .run()
        .expect(2);
    assert!(script.stderr.contains("ssl"), "{}", script.stderr);
    assert!(script.stdout.is_empty());
}

/// A dict of headers keeps headers with the same name together; a list keeps its order.
#[test]
fn headers_of_a_list_keep_their_order() {
    let folder = written(&[("a.yaml", CONFIG)]);
    let pairs = "[('a', '1'), ('b', '2'), ('a', '3')]";
    for script in [
        format!("meta['headers'] = {pairs}\nroot = this"),
        format!("emit(this, headers={pairs})"),
    ] {
        let ran = nerodia(["try", "--json", "-c"])
            .arg(folder.path().join("a.yaml"))
            .set(format!(
                "pipeline.processors=[{{python: {{script: {script:?}}}}}, {{python: {{script: 'root = this'}}}}]"
            ))
            .stdin("1\n")
            .run()
            .expect(0);
        assert_eq!(
            objects(ran.text())[0]["outputs"][0]["headers"],
            json!([["a", "1"], ["b", "2"], ["a", "3"]])
        );
    }
}

#[test]
fn a_name_of_a_header_is_text() {
    let folder = written(&[("a.yaml", CONFIG)]);
    for (name, told) in [
        ("1", "int"),
        ("b'a'", "bytes"),
        ("('a',)", "tuple"),
        ("None", "NoneType"),
    ] {
        let ran = nerodia(["try", "--json", "-c"])
            .arg(folder.path().join("a.yaml"))
            .set(format!(
                "pipeline.processors.0.python.script=meta['headers'] = {{{name}: 'x'}}; root = this"
            ))
            .stdin("1\n")
            .run()
            .expect(1);
        assert_eq!(
            objects(ran.text())[0]["error"]["message"],
            format!("the name of a header must be str, not {told}")
        );
    }
}

/// Checks that a topic which a run would refuse is refused here too, without a Kafka.
#[test]
fn a_topic_that_is_not_allowed_fails_the_message() {
    let files = written(&[
        (
            "p.yaml",
            "pipeline:\n  processors:\n    - python: { script: 'meta[\"topic\"] = this; root = 1' }\noutput:\n  kafka: { addresses: [localhost:1], topic: own, topics_allowed: [small, ^big-] }\n",
        ),
        ("samples.jsonl", "small\nown\nbig-1\nsmal\n"),
    ]);
    let ran = nerodia(["try", "p.yaml", "--from-file", "samples.jsonl"])
        .dir(files.path())
        .run()
        .expect(1);
    let said = ran.text();
    assert!(
        said.contains("TopicNotAllowed: the script chose the topic \"smal\""),
        "{said}"
    );
    assert!(
        said.contains("4 messages: 3 came through, 0 dropped, 1 failed"),
        "{said}"
    );
}
