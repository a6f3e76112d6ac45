//! Tests that a dead letter can always be written: what its topic does not accept is cut or replaced, and `nerodia
//! replay` runs the original message.

use serde_json::json;
use support::{Cluster, Pipeline, Record, nerodia, on_each_delivery, recently};

const WEEK: i64 = 7 * 86_400_000;

on_each_delivery!(a_strict_topic_gets_what_it_takes);
/// The topic refuses records without a key, with old or future timestamps, and large ones.
fn a_strict_topic_gets_what_it_takes(delivery: &str) {
    let cluster = Cluster::shared();
    let mut pipeline = Pipeline::new(cluster, "letters", 1, "raise ValueError('no')")
        .with("delivery", delivery)
        .with("input.kafka.instance_id", "one");
    let config = [
        ("cleanup.policy", "compact"),
        ("max.message.bytes", "20000"),
        ("message.timestamp.before.max.ms", "86400000"),
    ];
    let dead = cluster.topic_with("strict-dead", 1, &config);
    pipeline = pipeline.with("dead_letter.kafka.topic", dead.clone());
    let any_time = [("message.timestamp.after.max.ms", "9223372036854775807")];
    let input = cluster.topic_with("letters", 1, &any_time);
    pipeline = pipeline.reading(&input);
    let (now, old, ahead) = (recently(), recently() - WEEK, recently() + WEEK);
    let large = json!({ "n": 2, "pad": "x".repeat(50_000) });
    let records = [
        Record::json(&json!({ "n": 0 })).key("k").timestamp(now),
        Record::json(&json!({ "n": 1 })).timestamp(old),
        Record::json(&large).timestamp(now),
        Record::json(&json!({ "n": 3 })).key("k").timestamp(old),
        Record::json(&json!({ "n": 4 })).timestamp(now),
        Record::json(&json!({ "n": 5 })).timestamp(ahead),
        Record::json(&json!({ "n": 6 })).timestamp(ahead - 1),
        Record::json(&json!({ "n": 7 })).key("k").timestamp(now),
    ];
    let log = pipeline.run(cluster, records.clone(), 1);

    let letters = cluster.read(&dead);
    let offsets: Vec<_> = letters
        .iter()
        .map(|letter| letter.header_text("nerodia-error-offset"))
        .collect();
    assert_eq!(
        offsets,
        ["0", "1", "2", "3", "4", "5", "6", "7"].map(Some),
        "each once and in order\n{log}"
    );
    for (letter, sent) in letters.iter().zip(&records) {
        assert_eq!(letter.header_text("nerodia-error-type"), Some("ValueError"));
        let offset = letter
            .header_text("nerodia-error-offset")
            .expect("an offset");
        let made = format!("{}-0-{offset}", pipeline.input).into_bytes();
        assert_eq!(letter.key, Some(sent.key.clone().unwrap_or(made)));
        let moved = sent.timestamp.filter(|&timestamp| timestamp != now);
        assert_eq!(
            letter.header_text("nerodia-error-timestamp"),
            moved.map(|timestamp| timestamp.to_string()).as_deref()
        );
        if moved.is_some() {
            let written = letter.timestamp.expect("a timestamp");
            assert!((now..ahead - 1).contains(&written), "{letter:?}");
        } else {
            assert_eq!(letter.timestamp, sent.timestamp);
        }
    }
    let whole = serde_json::to_string(&large).expect("JSON").len();
    assert_eq!(
        letters[2].header_text("nerodia-error-payload-size"),
        Some(&*whole.to_string())
    );
    let kept = letters[2].payload.as_deref().expect("a payload");
    assert!(kept.len() > 5_000 && whole > kept.len(), "{}", kept.len());

    // Letters that were cut are not run; the others are the original messages.
    let script = "root = [this['n'], meta['key'], meta['timestamp']]";
    let file = pipeline.script(script).file();
    let args = ["replay", "--dry-run", "-c"].map(Into::into).into_iter();
    let replayed = nerodia(args.chain([file.path().as_os_str().to_owned()])).run();
    let expected = format!(
        "[0,\"k\",{now}]\n[1,null,{old}]\n[3,\"k\",{old}]\n[4,null,{now}]\n[5,null,{ahead}]\n[6,null,{}]\n[7,\"k\",{now}]\n",
        ahead - 1
    );
    assert_eq!(replayed.text(), expected, "{}", replayed.stderr);
    let said = format!("only the first {} of {whole} bytes", kept.len());
    assert!(
        replayed.stderr.contains("Truncated") && replayed.stderr.contains(&said),
        "{}",
        replayed.stderr
    );
}

/// Checks that every message that a topic accepts by default fits a dead letter in such a topic, with the added
/// headers; larger ones are cut.
#[test]
fn by_default_the_largest_message_of_a_topic_becomes_a_dead_letter() {
    let cluster = Cluster::shared();
    let mut pipeline = Pipeline::new(cluster, "largest", 1, "raise ValueError('no')");
    let dead = cluster.topic_with("default", 1, &[("max.message.bytes", "1048588")]);
    pipeline = pipeline.with("dead_letter.kafka.topic", dead.clone());
    let sizes = [10, 999_800, 1_040_000, 1_048_500, 5_000_000];
    cluster.produce(
        &pipeline.input,
        sizes.map(|size| Record::bytes(vec![b'x'; size])),
    );
    let mut running = pipeline.start();
    pipeline.await_all_committed(cluster, &mut running);
    let (code, log) = running.terminate();
    assert_eq!(code, Some(1), "{log}");
    let letters = cluster.read(&dead);
    let kept: Vec<usize> = letters
        .iter()
        .map(|letter| letter.payload.as_ref().map_or(0, Vec::len))
        .collect();
    assert_eq!(kept[..3], sizes[..3]);
    for (letter, size) in letters.iter().zip(sizes).skip(3) {
        assert_eq!(
            letter.header_text("nerodia-error-payload-size"),
            Some(&*size.to_string())
        );
        assert!(
            letter
                .payload
                .as_ref()
                .is_some_and(|kept| kept.len() > 1_046_000)
        );
    }
    assert_eq!(letters.len(), sizes.len());
}
