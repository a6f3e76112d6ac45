//! Tests of the messages about wrong Kafka configs.

use super::wrong::{all_wrong, wrong};
use super::{SCRIPT, load};

/// Returns a valid input with `more` fields.
fn input(more: &str) -> String {
    format!(
        "input:\n  kafka:\n    addresses: [a]\n    topics: [t]\n    consumer_group: g\n    {more}\n"
    )
}

/// Returns a valid output with `more` fields.
fn output(more: &str) -> String {
    format!("output:\n  kafka:\n    addresses: [a]\n    topic: o\n    {more}\n")
}

fn all(yamls: &[String]) -> String {
    let yamls: Vec<_> = yamls.iter().map(String::as_str).collect();
    all_wrong(&yamls)
}

#[test]
fn what_is_missing() {
    insta::assert_snapshot!(all_wrong(&[
        "input: { kafka: }\noutput: { kafka: }\ndead_letter:\n  kafka: { addresses: [], topic: '' }\n",
        "input: { kafka: { addresses: [','], topics: [], consumer_group: ' ', client_id: '' } }\n",
        "input: { kafka: { adresses: [a], topics: [t], consumer_group: g } }\n",
    ]));
}

#[test]
fn addresses_and_topics() {
    insta::assert_snapshot!(all(&[
        input("").replace("[a]", "['a:b', 'x:1, ssl://y', '::1', 'a b']"),
        input("").replace("[t]", "['a b', t:0, '^[', '^\\d', '^(?:a)', '..']"),
        output("topics_allowed: ['^(', x/y]").replace("topic: o", "topic: ^o"),
    ]));
}

#[test]
fn values() {
    insta::assert_snapshot!(all(&[
        input("commit_period: 0s\n    checkpoint_limit: 0\n    batching: { count: 1025, period: x }"),
        input("group: { session_timeout: 8s }").replace("8s", "8s, heartbeat_interval: 3s"),
        input("group: { session_timeout: 8s }"),
        input("group: { session_timeout: 6m, rebalance_timeout: 400s }"),
        input("group: { heartbeat_interval: 1us }"),
        output("partitioner: round_robin\n    compression: brotli\n    max_in_flight: 64\n    timeout: 16m"),
        output("partitioner: manual\n    max_in_flight: 1001\n    idempotent_write: false\n    max_message_bytes: 999"),
        output("max_message_bytes: 1MB\n    max_msg_bytes: 2MB\n    headers: { a: 1 }\n    static_headers: {}"),
        output("headers: { a: b }\n    static_headers: { c: d }\n    partition: -1"),
        output("ack_replicas: false\n    partition: x"),
        output("key: ${! json(\"id\") }\n    headers: { a: '${! meta(\"k\") }' }\n    partition: '${! 1 }'")
            .replace("topic: o", "topic: '${! meta(\"t\") }'"),
    ]));
}

#[test]
fn tls_and_sasl() {
    insta::assert_snapshot!(all(&[
        input("tls: { enabled: true, root_cas: ca.pem, root_cas_file: nowhere.pem }"),
        input(
            "tls: { enabled: true, root_cas: ca.pem, client_certs: [{ cert_file: nowhere.crt }] }"
        ),
        input(
            "tls: { enabled: true, client_certs: [{ cert: '-----BEGIN CERTIFICATE-----' }, {}] }"
        ),
        input("tls: { enabled: true, root_cas_file: / }"),
        input("sasl: { mechanism: PLAIN }"),
        input("sasl: { user: u, password: p }"),
        input("sasl: { mechanism: OAUTHBEARER, username: u }"),
        input("sasl: { mechanism: plain, user: 1 }"),
        // White space at the end is not reported, because it may belong there.
        input("sasl: { mechanism: PLAIN, user: ' u', password: ' sesame ' }"),
        output("sasl: { mechanism: PLAIN, user: u, password: \"\\tsesame\" }"),
    ]));
}

#[test]
fn properties() {
    insta::assert_snapshot!(all(&[
        input(
            "properties:\n      fetch.min.byte: 1\n      no.such: 1\n      fetch.min.bytes: -1\n      debug: x\n      check.crcs: maybe\n      a: [b]"
        ),
        output("properties: { linger.ms: soon, ssl.keystore.password: [hunter2] }"),
    ]));
}

/// Checks that each property is refused, with the name of what to write instead.
#[test]
fn properties_that_are_not_the_users() {
    let both = "bootstrap.servers metadata.broker.list client.id security.protocol sasl.mechanism sasl.mechanisms \
        sasl.username sasl.password ssl.ca.location ssl.ca.pem ssl.certificate.location ssl.certificate.pem \
        ssl.key.location ssl.key.pem ssl.key.password enable.ssl.certificate.verification group.id group.instance.id \
        auto.offset.reset enable.auto.commit enable.auto.offset.store auto.commit.interval.ms session.timeout.ms \
        heartbeat.interval.ms partitioner compression.codec compression.type acks request.required.acks \
        enable.idempotence request.timeout.ms message.timeout.ms delivery.timeout.ms transactional.id group.protocol \
        rebalance_cb dr_msg_cb opaque plugin.library.paths retries enable.partition.eof statistics.interval.ms";
    let told = |config: fn(&str) -> String, name: &str| {
        let problems = wrong(&format!(
            "{SCRIPT}{}",
            config(&format!("properties: {{ {name}: 1 }}"))
        ));
        let said = |prefix: &str| {
            let line = problems
                .lines()
                .find_map(|line| line.trim_start().strip_prefix(prefix));
            line.unwrap_or_else(|| panic!("{problems}")).to_owned()
        };
        format!("{}: {}", said("error: "), said("= help: "))
    };
    let mut all: Vec<_> = both
        .split_whitespace()
        .flat_map(|name| [told(input, name), told(output, name)])
        .collect();
    for name in [
        "max.in.flight",
        "max.in.flight.requests.per.connection",
        "message.max.bytes",
    ] {
        all.push(told(output, name));
    }
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn clashes_and_foreign_names() {
    insta::assert_snapshot!(all_wrong(&[
        "input: { stdin: {}, kafka: {}, generate: { value: 1 } }",
        "output: { kafka: {}, drop: {} }",
        "input: { kafka_franz: { seed_brokers: [a] } }\noutput: { redpanda: {} }\ndead_letter: { kafkaa: {} }",
        "input: { kafka: { seed_brokers: [a], group_id: g, regexp_topics: true } }",
        "output: { nats: {} }",
        "delivery: exactly-once",
    ]));
}

#[test]
fn exactly_once() {
    let both = |input: &str, output: &str, more: &str| {
        format!(
            "delivery: exactly_once\ninput:\n  kafka: {{ addresses: [a, b], topics: [t], consumer_group: g, {input} }}\n\
             output:\n  kafka: {{ addresses: ['b:9092,a'], topic: o, {output} }}\n{more}\n"
        )
    };
    let i = "instance_id: i";
    insta::assert_snapshot!(all(&[
        "delivery: exactly_once".into(),
        "delivery: exactly_once\noutput: { drop: }\ninput: { generate: { value: 1 } }".into(),
        both(i, "", "dead_letter: { stdout: {} }"),
        both("", "", ""),
        both(i, "idempotent_write: false", ""),
        both(i, "", "").replace("b:9092,a", "c"),
        both(
            i,
            "",
            "dead_letter:\n  kafka: { addresses: [a, b], topic: d, transactional_id: x, client_id: c, properties: { linger.ms: 1 } }"
        ),
        output("transactional_id: x"),
        both("instance_id: i, commit_period: 31s", "", ""),
        both(
            "instance_id: i, properties: { isolation.level: read_uncommitted }",
            "",
            ""
        ),
    ]));
}

/// Checks that what a pipeline writes cannot come in again.
#[test]
fn feedback_loops() {
    let config = |input: &str, output: &str, dead: &str| {
        format!(
            "input:\n  kafka: {{ addresses: [a, b], topics: {input}, consumer_group: g }}\noutput:\n  kafka: {{ {output} }}\n\
             dead_letter:\n  kafka: {{ {dead} }}\n"
        )
    };
    let dead = "addresses: [a], topic: d";
    insta::assert_snapshot!(all(&[
        config("[t]", "addresses: ['B:9092'], topic: t", dead),
        config("[x, 'y, d']", "addresses: [a], topic: o", dead),
    ]));
    // Topics of another cluster are different topics.
    let fine = config(
        "[t]",
        "addresses: [c], topic: t",
        "addresses: [c], topic: t",
    );
    assert!(
        load(&format!("{SCRIPT}{fine}"))
            .unwrap()
            .warnings
            .is_empty()
    );
    let matched = config(
        "['^orders']",
        "addresses: [a], topic: orders.priced",
        "addresses: [b], topic: orders.dead",
    );
    insta::assert_snapshot!(load(&format!("{SCRIPT}{matched}")).unwrap().warnings);
    let apart = matched.replace("^orders", "^orders$");
    assert!(
        load(&format!("{SCRIPT}{apart}"))
            .unwrap()
            .warnings
            .is_empty()
    );
}

#[test]
fn a_topic_twice() {
    let topics = |topics: &str| input("").replace("topics: [t]", &format!("topics: {topics}"));
    insta::assert_snapshot!(all(&[
        topics("[t, u, t]"),
        topics("['t, u', 'v,u']"),
        topics("['^t', '^t']"),
        topics("['${LEVEL}', '${LEVEL:x}']"),
    ]));
    // Names that scripts may choose are checked one by one, so a repeated name is allowed.
    assert!(load(&format!("{SCRIPT}{}", output("topics_allowed: [t, t]"))).is_ok());
}

#[test]
fn what_is_more_than_a_number() {
    insta::assert_snapshot!(all(&[
        input(
            "properties: { topic.metadata.refresh.interval.ms: 5s, fetch.min.bytes: 1e3, client.rack: 1a }"
        ),
        output("properties: { linger.ms: 20 ms, batch.size: 1MB, statistics.interval.ms: 0 }"),
    ]));
    let fine = "properties: { fetch.min.bytes: 0x10, client.rack: 1a, check.crcs: True, queued.min.messages: 007 }";
    assert!(load(&format!("{SCRIPT}{}", input(fine))).is_ok());
}

#[test]
fn dead_letters_are_as_their_messages_came() {
    insta::assert_snapshot!(all(&[
        "dead_letter:\n  kafka: { addresses: [a], topic: d, key: k, headers: { a: b }, topics_allowed: [e] }".into(),
        "dead_letter:\n  kafka: { addresses: [a], topic: d, static_headers: { a: b } }".into(),
        output("static_headers: { nerodia-error-x: y, b: '${! meta(\"k\") }' }"),
        output("headers: { nerodia-error-type: x, nerodia-error: y }"),
    ]));
}

#[test]
fn a_variable_where_text_is_wanted() {
    insta::assert_snapshot!(all(&[
        output("key: ${THREADS}"),
        output("topics_allowed: ${THREADS}")
    ]));
}

/// Checks the warnings about a time that waits for a longer one.
#[test]
fn times_that_end_too_early() {
    let warnings = |more: &str| {
        let loaded = load(&format!("{SCRIPT}dead_letter: {{ drop: }}\n{more}"));
        loaded
            .unwrap_or_else(|problems| panic!("{problems}"))
            .warnings
            .to_string()
    };
    let told = [
        format!("guests: {{ timeout: 40s }}\n{}", input("")),
        input("group: { rebalance_timeout: 500ms }"),
        format!(
            "guests: {{ timeout: 40s }}\n{}",
            input("group: { rebalance_timeout: 39s }")
        ),
        format!("shutdown_timeout: 5s\n{}", input("commit_period: 6s")),
        input("commit_period: 21s"),
        format!("shutdown_timeout: 900ms\n{}", input("")),
    ];
    insta::assert_snapshot!(told.map(|config| warnings(&config)).join("\n\n"));
    assert_eq!(warnings(&input("commit_period: 20s")), "");
    assert_eq!(warnings("guests: { timeout: 40s }"), "");
}
