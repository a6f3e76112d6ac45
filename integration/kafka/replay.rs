//! Tests of `nerodia replay`: dead letters through the corrected script.

use std::net::TcpListener;

use serde_json::json;
use support::{Cluster, Pipeline, Record, nerodia};

const BROKEN: &str = "root = {'n': this['n'], 'share': 1 / this['n']}";
const MENDED: &str = "root = {'n': this['n'], 'share': 1 / this['n'] if this['n'] != 30 else None}";

#[test]
fn what_failed_comes_through_the_mended_script_and_what_fails_again_goes_back() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "replay", 3, BROKEN);
    // 0 and 30 / 0 fail at first; then only 0.
    let numbers = [1, 0, 2, 30, 0, 4];
    let broken = pipeline.clone().script(
        "if this['n'] == 30: raise KeyError('thirty')\nroot = {'n': this['n'], 'share': 1 / this['n']}",
    );
    let records = numbers.iter().enumerate().map(|(index, n)| {
        Record::json(&json!({ "n": n }))
            .key(format!("key-{index}"))
            .header("trace", Some(format!("{index}").as_bytes()))
            .partition(0)
    });
    cluster.produce(&pipeline.input, records);
    let mut running = broken.start();
    broken.await_all_committed(cluster, &mut running);
    running.terminate();
    assert_eq!(cluster.count(&pipeline.output), 3);
    assert_eq!(cluster.count(pipeline.dead()), 3);

    // The pipeline may be running, and has the address of its web server.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let mended = pipeline.clone().script(MENDED);
    let mended = mended.with("http", json!({ "address": address }));
    let file = mended.file();
    let replay = |more: &[&str]| {
        let args = ["replay", "-c"].map(Into::into).into_iter();
        let args = args.chain([file.path().as_os_str().to_owned()]);
        nerodia(args.chain(more.iter().map(Into::into))).run()
    };

    // A dry run shows it, and changes nothing, however often it runs.
    for _ in 0..2 {
        let dry = replay(&["--dry-run"]);
        assert_eq!(dry.text(), "{\"n\":30,\"share\":null}\n", "{}", dry.stderr);
        assert_eq!(dry.code, Some(1), "{}", dry.stderr);
        assert!(
            dry.stderr
                .contains("3 dead letters read, 1 results would come out"),
            "{}",
            dry.stderr
        );
        assert_eq!(dry.dead_letters().len(), 2);
        assert_eq!(
            (
                cluster.count(&pipeline.output),
                cluster.count(pipeline.dead())
            ),
            (3, 3)
        );
    }

    let ran = replay(&["--from", pipeline.dead()]);
    assert_eq!(ran.code, Some(1), "two fail again: {}", ran.stderr);
    let results = cluster.read(&pipeline.output);
    let thirty: Vec<&Record> = results
        .iter()
        .filter(|record| record.value()["n"] == 30)
        .collect();
    let [thirty] = thirty[..] else {
        panic!("{results:?}");
    };
    // As if it had succeeded at first.
    assert_eq!(thirty.key.as_deref(), Some(&b"key-3"[..]));
    assert_eq!(thirty.headers, [("trace".to_owned(), Some(b"3".to_vec()))]);

    // What failed again was written back, and still says from where it first came.
    let letters = cluster.read(pipeline.dead());
    assert_eq!(letters.len(), 5);
    for (letter, offset) in letters[3..].iter().zip(["1", "4"]) {
        let header = |name: &str| letter.header_text(&format!("nerodia-error-{name}"));
        assert_eq!(header("attempts"), Some("2"));
        assert_eq!(header("topic"), Some(&*pipeline.input));
        assert_eq!(header("offset"), Some(offset));
        assert_eq!(header("type"), Some("ZeroDivisionError"));
        let names = letter
            .headers
            .iter()
            .filter(|(name, _)| name == "nerodia-error-attempts");
        assert_eq!(names.count(), 1);
    }

    // The next replay reads only what came since then.
    let again = replay(&[]);
    assert!(
        again.stderr.contains("2 dead letters read"),
        "{}",
        again.stderr
    );
    // With nothing left to read it ends as well.
    let fine = pipeline.clone().script("root = this");
    let file = fine.file();
    let last = |_: ()| {
        let args = [
            "replay".into(),
            "-c".into(),
            file.path().as_os_str().to_owned(),
        ];
        nerodia(args).run()
    };
    let ran = last(());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("2 dead letters read, 2 results came out"),
        "{}",
        ran.stderr
    );
    let ran = last(());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("0 dead letters read"), "{}", ran.stderr);
}

const ADDS_A_HEADER: &str = "\
meta['headers'] = {**meta['headers'], 'version': '2'}
root = {'at': [meta['topic'], meta['partition'], meta['offset']], 'headers': sorted(meta['headers'])}";

/// Checks that a result has no header that describes a failure, and that the script runs as if the message had never
/// failed.
#[test]
fn a_replay_runs_the_message_that_was() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "was", 3, "raise ValueError('not yet')");
    // With a key, so that there is an order between the results: without one, each goes to any partition.
    let records = (0..3).map(|n| {
        Record::json(&json!({ "n": n }))
            .key("k")
            .header("trace", Some(b"abc"))
            .partition(2)
    });
    cluster.produce(&pipeline.input, records);
    let mut running = pipeline.start();
    pipeline.await_all_committed(cluster, &mut running);
    running.terminate();
    assert_eq!(cluster.count(pipeline.dead()), 3);

    let file = pipeline.file();
    let dry = nerodia([
        "replay".as_ref(),
        "--dry-run".as_ref(),
        "-c".as_ref(),
        file.path().as_os_str(),
    ])
    .run()
    .expect(1);
    let letters = dry.dead_letters();
    assert_eq!(letters.len(), 3, "{}", dry.stderr);
    for (offset, letter) in letters.iter().enumerate() {
        assert_eq!(
            (&letter["topic"], &letter["partition"], &letter["offset"]),
            (&json!(pipeline.input), &json!(2), &json!(offset)),
            "where it first came from"
        );
    }

    let mended = pipeline.clone().script(ADDS_A_HEADER);
    let file = mended.file();
    let shown = nerodia([
        "try".as_ref(),
        "--json".as_ref(),
        "-c".as_ref(),
        file.path().as_os_str(),
    ])
    .arg("--from-kafka")
    .arg(pipeline.dead())
    .run()
    .expect(0);
    let shown: Vec<serde_json::Value> = shown
        .lines()
        .iter()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(shown.len(), 3);
    assert_eq!(shown[0]["topic"], json!(pipeline.input));
    assert_eq!(shown[0]["input"]["headers"], json!([["trace", "abc"]]));

    nerodia(["replay".as_ref(), "-c".as_ref(), file.path().as_os_str()])
        .run()
        .expect(0);
    let results = cluster.read(&pipeline.output);
    assert_eq!(results.len(), 3);
    for (offset, result) in results.iter().enumerate() {
        assert_eq!(
            result.value(),
            json!({ "at": [pipeline.input, 2, offset], "headers": ["trace", "version"] })
        );
        let names: Vec<&str> = result
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["trace", "version"]);
    }

    let nowhere = nerodia(["replay".as_ref(), "-c".as_ref(), file.path().as_os_str()])
        .arg("--from")
        .arg("no-such-topic")
        .arg("--connect-timeout")
        .arg("5s")
        .run()
        .expect(1);
    assert!(
        nowhere
            .stderr
            .contains("the topic `no-such-topic` of `--from` does not exist"),
        "{}",
        nowhere.stderr
    );
}

/// Every client that may write to an input may write these headers. Checks that they have a meaning only in a replay.
#[test]
fn nobody_makes_the_engine_say_where_a_failure_was() {
    let cluster = Cluster::shared();
    let script = format!("if this['n'] == 0: raise ValueError('no')\n{ADDS_A_HEADER}");
    let pipeline = Pipeline::new(cluster, "forged", 1, &script);
    let records = (0..2).map(|n| {
        let record = Record::json(&json!({ "n": n })).partition(0);
        [
            ("topic", "elsewhere"),
            ("partition", "77"),
            ("offset", "88"),
            ("attempts", "99"),
        ]
        .into_iter()
        .fold(record, |record, (name, value)| {
            record.header(&format!("nerodia-error-{name}"), Some(value.as_bytes()))
        })
    });
    cluster.produce(&pipeline.input, records);
    let mut running = pipeline.start();
    pipeline.await_all_committed(cluster, &mut running);
    running.terminate();

    let letters = cluster.read(pipeline.dead());
    let header = |name: &str| letters[0].header_text(&format!("nerodia-error-{name}"));
    assert_eq!(letters.len(), 1);
    assert_eq!(
        [
            header("topic"),
            header("partition"),
            header("offset"),
            header("attempts")
        ],
        [Some(&*pipeline.input), Some("0"), Some("0"), Some("1")]
    );
    let [result] = &cluster.read(&pipeline.output)[..] else {
        panic!("one result");
    };
    // For the script they are ordinary headers, but its result does not have them.
    assert_eq!(result.value()["at"], json!([pipeline.input, 0, 1]));
    assert_eq!(result.value()["headers"].as_array().map(Vec::len), Some(5));
    assert_eq!(
        result.headers,
        [("version".to_owned(), Some(b"2".to_vec()))]
    );
}
