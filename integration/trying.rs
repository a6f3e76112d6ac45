//! `nerodia try`: messages before and after, from a file, standard input and Kafka, without a trace.

mod broker;
mod pipeline;
mod support;

use std::fs;
use std::time::Duration;

use broker::{Cluster, Record};
use pipeline::Pipeline;
use rdkafka::producer::{DefaultProducerContext, Producer as _, ThreadedProducer};
use serde_json::{Value, json};
use support::{RUNTIMES, nerodia, written};

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

#[test]
fn before_and_after_for_people() {
    let folder = written(&[("a.yaml", CONFIG), ("samples.jsonl", LINES)]);
    for runtime in RUNTIMES {
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

#[test]
fn kafka_is_read_without_a_trace() {
    let cluster = Cluster::shared();
    let script = "meta['key'] = 'mine'\nroot = 1 / this['n']";
    let pipeline = Pipeline::new(cluster, "try", 3, script);
    let records = (0..30).map(|n| {
        Record::json(&json!({ "n": n }))
            .key(format!("key-{n}"))
            .header("trace", Some(b"abc"))
            .partition(n % 3)
    });
    cluster.produce(&pipeline.input, records);
    // A member that is there all the while, and has no need to notice.
    let mut running = pipeline.start_and_join();
    pipeline.await_all_committed(cluster, &mut running);
    let members = cluster.members(&pipeline.group);
    let before = (
        cluster.committed(&pipeline.group, &pipeline.input),
        cluster.ends(&pipeline.output),
        cluster.ends(pipeline.dead()),
    );

    let file = pipeline.file();
    let args = [
        "try".as_ref(),
        "--json".as_ref(),
        "-c".as_ref(),
        file.path().as_os_str(),
    ];
    let ran = nerodia(args)
        .arg("--from-kafka")
        .arg("--count")
        .arg("9")
        .run()
        .expect(0);
    let shown = objects(ran.text());
    let mut offsets: Vec<(i64, i64)> = shown
        .iter()
        .map(|one| {
            (
                one["partition"].as_i64().expect("a number"),
                one["offset"].as_i64().expect("a number"),
            )
        })
        .collect();
    offsets.sort_unstable();
    let last = (0..3).flat_map(|partition| (7..10).map(move |offset| (partition, offset)));
    assert_eq!(offsets, last.collect::<Vec<_>>(), "the last, evenly");
    let one = &shown[0];
    assert_eq!(one["topic"], *pipeline.input);
    assert!(
        one["input"]["key"]
            .as_str()
            .is_some_and(|key| key.starts_with("key-")),
        "{one}"
    );
    assert_eq!(one["outputs"][0]["key"], "mine");
    assert_eq!(one["outputs"][0]["headers"], json!([["trace", "abc"]]));

    // All of another topic, which has less than asked for.
    let ran = nerodia(args)
        .arg("--from-kafka")
        .arg(&pipeline.input)
        .arg("--count")
        .arg("100")
        .run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let shown = objects(ran.text());
    assert_eq!(shown.len(), 30);
    let failed: Vec<&Value> = shown
        .iter()
        .filter(|one| one["outcome"] == "failed")
        .collect();
    let [failed] = failed[..] else {
        panic!("{failed:?}")
    };
    assert_eq!(failed["error"]["type"], "ZeroDivisionError");
    assert_eq!(
        (&failed["partition"], &failed["offset"]),
        (&json!(0), &json!(0))
    );
    let empty = nerodia(args)
        .arg("--from-kafka")
        .arg(cluster.topic("try-empty", 2))
        .run()
        .expect(0);
    assert_eq!(empty.text(), "");

    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(
        cluster.members(&pipeline.group),
        members,
        "nobody came or went"
    );
    assert_eq!(
        running.logged("partitions assigned").len(),
        1,
        "{}",
        running.log()
    );
    let after = (
        cluster.committed(&pipeline.group, &pipeline.input),
        cluster.ends(&pipeline.output),
        cluster.ends(pipeline.dead()),
    );
    assert_eq!(after, before);
    let own = format!("{}-try", pipeline.group);
    assert_eq!(cluster.members(&own), Vec::<String>::new());
    assert!(
        cluster
            .committed(&own, &pipeline.input)
            .values()
            .all(|&offset| offset == 0)
    );
    running.terminate();

    let ran = nerodia(args)
        .arg("--from-kafka")
        .arg("no-such-topic")
        .arg("--connect-timeout")
        .arg("5s")
        .run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("the topic `no-such-topic` of `--from-kafka` does not exist"),
        "{}",
        ran.stderr
    );
}

/// Offsets only bound the number of messages: markers and aborted messages have some too.
#[test]
fn topics_that_were_written_with_transactions() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "try-transactions", 2, "root = this");
    let producer: ThreadedProducer<DefaultProducerContext> = cluster
        .client()
        .set("transactional.id", broker::unique("writer"))
        .create()
        .expect("a producer");
    let wait = Duration::from_secs(60);
    producer.init_transactions(wait).expect("transactions");
    for round in 0..24 {
        producer.begin_transaction().expect("begun");
        let record = Record::json(&json!(round)).partition(round % 2);
        broker::send(&producer, &pipeline.input, &record);
        producer.flush(wait).expect("written");
        // The last ones are aborted: at the end of the topic there is nothing to be seen.
        if round < 18 {
            producer.commit_transaction(wait).expect("committed");
        } else {
            producer.abort_transaction(wait).expect("rolled back");
        }
    }
    let file = pipeline.file();
    let sample = |count: &str| {
        let args = [
            "try".as_ref(),
            "--json".as_ref(),
            "-c".as_ref(),
            file.path().as_os_str(),
        ];
        let ran = nerodia(args)
            .arg("--from-kafka")
            .arg("--count")
            .arg(count)
            .set("logger.level=info")
            .run()
            .expect(0);
        assert!(!ran.stderr.contains("PartitionEOF"), "{}", ran.stderr);
        let shown = objects(ran.text());
        let mut payloads: Vec<i64> = shown
            .iter()
            .map(|one| one["input"]["payload"].as_str().expect("text"))
            .map(|payload| payload.parse().expect("a number"))
            .collect();
        payloads.sort_unstable();
        payloads
    };
    assert_eq!(sample("6"), (12..18).collect::<Vec<_>>(), "the last six");
    assert_eq!(sample("100"), (0..18).collect::<Vec<_>>(), "all there are");
}

/// A dict of headers keeps those of one name together; a list keeps its order.
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
