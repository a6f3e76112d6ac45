//! An output error that no wait repairs ends the engine: it commits what was delivered, leaves the group, and names the
//! message that could not be written. A missing topic that a script chose is not such an error.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use serde_json::json;
use support::{Cluster, Pipeline, Record, errors, kafka_sh, numbers, unique};

/// Checks that the group has no member left, so that no other member waits for a session to time out.
#[test]
fn an_output_that_cannot_go_on_leaves_the_group_and_names_the_message() {
    let cluster = Cluster::shared();
    let ways = [
        ("at_least_once", "output"),
        ("exactly_once", "output"),
        ("at_least_once", "dead_letter"),
    ];
    for (delivery, output) in ways {
        let script = "if this['n'] == 5 and this['bad']: raise ValueError('no')\nroot = this";
        let pipeline = Pipeline::new(cluster, "ending", 1, script)
            .with("delivery", delivery)
            .with("input.kafka.instance_id", "one")
            .with("input.kafka.group.session_timeout", "45s")
            .with(&format!("{output}.kafka.partition"), 7);
        let bad = output == "dead_letter";
        let records = (5..8).map(|n| Record::json(&json!({ "n": n, "bad": bad })));
        cluster.produce(&pipeline.input, records);
        let (code, log) = pipeline.start().wait();
        let errors = errors(&log);
        assert_eq!((code, errors.len()), (Some(1), 1), "{log}");
        let place = format!("topic `{}`, partition 0, offset 0", pipeline.input);
        assert!(
            errors[0].contains("has no partition 7") && errors[0].contains(&place),
            "{errors:?}"
        );
        let topic = if bad {
            pipeline.dead()
        } else {
            &pipeline.output
        };
        assert!(errors[0].contains(topic), "{errors:?}");
    }
}

/// Checks the same without a static name, which keeps a member's place whether it has left or not.
#[test]
fn an_output_that_cannot_go_on_has_no_member_in_the_group() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "leaving", 1, "root = this")
        .with("input.kafka.group.session_timeout", "45s")
        .with("output.kafka.partition", 7);
    cluster.produce(&pipeline.input, [Record::json(&json!({ "n": 0 }))]);
    let (code, log) = pipeline.start().wait();
    assert_eq!(code, Some(1), "{log}");
    assert_eq!(
        cluster.members(&pipeline.group),
        Vec::<String>::new(),
        "{log}"
    );
}

/// A topic that a script chose is deleted while it is written to. Checks that its messages become dead letters, and
/// that others continue.
#[test]
fn a_chosen_topic_that_is_deleted_costs_its_messages_alone() {
    let cluster = Cluster::shared();
    let chosen = cluster.topic("chosen", 1);
    let script = "if this['n'] % 2: meta['topic'] = this['topic']\nroot = {'n': this['n']}";
    let pipeline = Pipeline::new(cluster, "chosen", 1, script)
        .with("output.kafka.topics_allowed", json!(["^chosen"]))
        .with(
            "output.kafka.properties",
            json!({ "topic.metadata.propagation.max.ms": 2000, "topic.metadata.refresh.interval.ms": 1000 }),
        );
    let record = |n: u64| Record::json(&json!({ "n": n, "topic": chosen }));
    cluster.produce(&pipeline.input, (0..10).map(record));
    let mut running = pipeline.start();
    pipeline.await_all_committed(cluster, &mut running);
    assert_eq!(cluster.count(&chosen), 5);
    let name = cluster.name.as_str();
    kafka_sh(&[
        "tool",
        "TopicCommand",
        "--name",
        name,
        "--delete",
        "--topic",
        &chosen,
    ]);
    cluster.produce(&pipeline.input, (10..20).map(record));
    pipeline.await_all_committed(cluster, &mut running);
    let (code, log) = running.terminate();
    assert_eq!(code, Some(1), "{log}");
    let numbers = |topic: &str| numbers(&cluster.read(topic));
    assert_eq!(
        numbers(&pipeline.output),
        [0, 2, 4, 6, 8, 10, 12, 14, 16, 18],
        "{log}"
    );
    assert_eq!(numbers(pipeline.dead()), [11, 13, 15, 17, 19], "{log}");
    for letter in cluster.read(pipeline.dead()) {
        assert_eq!(
            letter.header_text("nerodia-error-type"),
            Some("UnknownTopic")
        );
    }
}

/// By Kafka's default, brokers create a topic when a producer asks for it. Checks that a message that names one creates
/// none.
#[test]
fn a_broker_that_makes_topics_is_not_made_to() {
    let cluster = Cluster::start("auto", 1, &[]);
    cluster.configure(1, "auto.create.topics.enable=true");
    let made = unique("made-by-others");
    cluster.produce(&made, [Record::json(&json!(1))]);

    let script = "meta['topic'] = this['topic']\nroot = {'n': this['n']}";
    let pipeline = Pipeline::new(&cluster, "auto", 1, script)
        .with("output.kafka.topics_allowed", json!(["^made-"]));
    let name = |n: u64| {
        if n == 3 {
            made.clone()
        } else {
            format!("made-by-message-{n}")
        }
    };
    let record = |n: u64| Record::json(&json!({ "n": n, "topic": name(n) }));
    // Each twice: the first request could create the topic, and the second message find it.
    cluster.produce(&pipeline.input, (0..5).chain(0..5).map(record));
    let mut running = pipeline.start();
    pipeline.await_all_committed(&cluster, &mut running);
    let (code, log) = running.terminate();
    assert_eq!(code, Some(1), "{log}");
    assert_eq!(cluster.read(pipeline.dead()).len(), 8, "{log}");
    assert_eq!(cluster.count(&made), 3, "two and that of the others: {log}");
    let consumer: BaseConsumer = cluster.client().create().expect("a consumer");
    let topics = consumer
        .fetch_metadata(None, Duration::from_secs(10))
        .expect("the topics");
    let strange: Vec<_> = topics
        .topics()
        .iter()
        .map(|topic| topic.name())
        .filter(|name| name.starts_with("made-by-message"))
        .collect();
    assert_eq!(strange, Vec::<&str>::new());
}
