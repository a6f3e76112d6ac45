//! Tests of Kafka configs and what they become.

use std::time::Duration;

use super::super::*;
use super::{SCRIPT, good, load, load_with};

/// Returns a config from Kafka to Kafka, with further fields for the input, the output and the config itself (`more`).
fn both(input: &str, output: &str, more: &str) -> String {
    format!(
        "{SCRIPT}input: {{ kafka: {{ addresses: [a], topics: [t], consumer_group: g, {input} }} }}\n\
         output: {{ kafka: {{ addresses: [a], topic: o, {output} }} }}\n{more}\n"
    )
}

fn input(config: Config) -> KafkaInputConfig {
    match config.input {
        InputConfig::Kafka(kafka) => *kafka,
        _ => panic!("kafka"),
    }
}

fn output(config: OutputConfig) -> KafkaOutputConfig {
    match config {
        OutputConfig::Kafka(kafka) => *kafka,
        _ => panic!("kafka"),
    }
}

#[test]
fn the_example() {
    let text = include_str!("../../../configs/kafka.yaml");
    let Loaded { config, warnings } = load(text).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(warnings.is_empty(), "{warnings}");
    insta::assert_debug_snapshot!((
        config.input,
        config.output,
        config.dead_letter,
        config.delivery
    ));
}

#[test]
fn every_field() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.yaml");
    std::fs::write(folder.path().join("client.key"), "").unwrap();
    let yaml = r#"
input:
  kafka:
    addresses: ["a, b:1", "[::1]"]
    topics: [one, "two, three", "^four-[0-9]{1,2}$"]
    consumer_group: g
    client_id: me
    instance_id: i
    start_from_oldest: false
    commit_period: 500ms
    checkpoint_limit: 10
    batching: { count: 100, period: 5ms }
    group: { session_timeout: 30s, heartbeat_interval: 10s, rebalance_timeout: 8m }
    properties: { max.poll.interval.ms: 600000, fetch.min.bytes: 0x10, check.crcs: True, isolation.level: read_uncommitted }
    tls:
      enabled: true
      root_cas: "-----BEGIN CERTIFICATE-----"
      client_certs: [{ cert: "-----BEGIN CERTIFICATE-----", key_file: client.key, password: 007 }]
    sasl: { mechanism: SCRAM-SHA-512, user: u, password: ${LEVEL}1 }
output:
  kafka:
    addresses: [a]
    topic: o
    topics_allowed: [p, '^q-\d+$']
    key: k
    headers: { b: "1", a: "2" }
    partition: 3
    partitioner: crc32_hash
    compression: zstd
    ack_replicas: false
    idempotent_write: false
    max_in_flight: 1000
    timeout: 15m
    max_message_bytes: 8MiB
    properties: { linger.ms: 20 }
dead_letter:
  kafka: { addresses: [c], topic: d, max_msg_bytes: 1000, partition: "2" }
"#;
    std::fs::write(&path, format!("{SCRIPT}{yaml}")).unwrap();
    let env = |name: &str| (name == "LEVEL").then(|| "0".to_owned());
    let Loaded { config, warnings } =
        Config::load(Source::File(path), &[], &env).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(warnings.is_empty(), "{warnings}");
    let sasl = input(config.clone()).client.sasl.unwrap();
    assert_eq!(sasl.password, Secret::new("01"));
    let shown = format!(
        "{:#?}\n{:#?}\n{:#?}",
        config.input, config.output, config.dead_letter
    );
    let place = folder.path().display().to_string();
    insta::assert_snapshot!(shown.replace(&place, "…"));
}

#[test]
fn properties_are_handed_on_as_they_are_written() {
    let yaml = both(
        "properties: { fetch.min.bytes: 0x10, check.crcs: True, client.rack: 007, ssl.keystore.password: 007 }",
        "",
        "",
    );
    let properties = input(good(&yaml)).client.properties;
    let shown: Vec<_> = properties
        .iter()
        .map(|(name, value)| format!("{name}={}", value.expose()))
        .collect();
    assert_eq!(
        shown,
        [
            "check.crcs=true",
            "client.rack=007",
            "fetch.min.bytes=0x10",
            "ssl.keystore.password=007"
        ]
    );
}

/// Checks a config as `bento create` writes it.
#[test]
fn a_bento_config_runs_unchanged() {
    let yaml = r#"
input:
  label: ""
  kafka:
    addresses: [localhost:9092]
    topics: [orders]
    target_version: 2.1.0
    tls:
      enabled: false
      skip_cert_verify: false
      enable_renegotiation: false
      root_cas: ""
      root_cas_file: ""
      client_certs: []
    sasl: { mechanism: none, user: "", password: "", access_token: "", token_cache: "", token_key: "" }
    consumer_group: g
    client_id: bento
    rack_id: ""
    instance_id: ""
    start_from_oldest: true
    checkpoint_limit: 1024
    auto_replay_nacks: true
    timely_nacks_maximum_wait: ""
    commit_period: 1s
    max_processing_period: 100ms
    extract_tracing_map: root = this
    group: { session_timeout: 10s, heartbeat_interval: 3s, rebalance_timeout: 60s }
    fetch_buffer_cap: 256
    multi_header: false
    batching: { count: 0, byte_size: 0, period: "", check: "", processors: [] }
output:
  kafka:
    addresses: [localhost:9092]
    topic: priced
    target_version: 2.1.0
    client_id: bento
    rack_id: ""
    key: ""
    partitioner: fnv1a_hash
    partition: ""
    custom_topic_creation: { enabled: false }
    compression: none
    static_headers: { a: b }
    metadata: { exclude_prefixes: [] }
    inject_tracing_map: meta = meta()
    max_in_flight: 5
    idempotent_write: true
    ack_replicas: true
    max_msg_bytes: 1000000
    timeout: 5s
    retry_as_batch: false
    batching: { count: 0 }
    max_retries: 0
    backoff: { initial_interval: 3s }
"#;
    let Loaded { config, warnings } =
        load(&format!("{SCRIPT}{yaml}")).unwrap_or_else(|problems| panic!("{problems}"));
    let read = input(config.clone());
    assert_eq!(read.client.tls, None);
    assert_eq!(read.client.sasl, None);
    assert_eq!(read.instance_id, None);
    assert_eq!(
        (read.batching.count, read.batching.period),
        (crate::message::MAX_BATCH, Duration::ZERO)
    );
    let written = output(config.output);
    assert_eq!((written.key, written.partition), (None, None));
    assert_eq!(written.partitioner, Partitioner::Fnv1a);
    assert_eq!(written.headers, None);
    let added = Some(vec![("a".into(), "b".into())]);
    assert_eq!(written.static_headers, added);
    let told: Vec<_> = warnings.iter().map(|one| one.message.as_str()).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn transactions_have_one_name_and_only_for_exactly_once() {
    let ids = |yaml: &str| {
        let config = good(yaml);
        let dead_letter = config.dead_letter.map(output);
        (
            output(config.output).transactional_id,
            dead_letter.map(|one| one.transactional_id),
        )
    };
    let dead = "delivery: exactly_once\ndead_letter: { kafka: { addresses: [a], topic: d } }";
    assert_eq!(
        ids(&both("instance_id: i", "", dead)),
        (Some("nerodia-g-i".into()), Some(Some("nerodia-g-i".into())))
    );
    assert_eq!(
        ids(&both("instance_id: i", "transactional_id: x", dead)),
        (Some("x".into()), Some(Some("x".into())))
    );
    assert_eq!(
        ids(&both("", "transactional_id: x", "delivery: exactly_once")),
        (Some("x".into()), None)
    );
    assert_eq!(
        ids(&both("instance_id: i", "", "delivery: at_least_once")),
        (None, None)
    );
    assert_eq!(
        good(&both("", "transactional_id: x", "delivery: exactly_once")).delivery,
        DeliveryGuarantee::ExactlyOnce
    );
}

#[test]
fn warnings() {
    let dead = "dead_letter: { drop: {} }";
    let told = [
        both("", "", ""),
        both("tls: { skip_cert_verify: true }", "", dead),
        both("tls: { enabled: true, skip_cert_verify: true }", "", dead),
    ]
    .map(|yaml| load(&yaml).unwrap().warnings.to_string());
    insta::assert_snapshot!(told.join("\n\n"));
    let dropped = both("", "", "").replace("processors", "on_error: drop, processors");
    assert!(load(&dropped).unwrap().warnings.is_empty());
}

#[test]
fn fields_are_overridden_like_all_others() {
    let config = load_with(
        SCRIPT,
        &[
            "input.kafka.addresses.0=a",
            "input.kafka.topics.0=t",
            "input.kafka.consumer_group=g",
            "input.kafka.sasl.mechanism=PLAIN",
            "input.kafka.sasl.user=u",
            "input.kafka.sasl.password=1e6",
        ],
    );
    let sasl = input(config.unwrap().config).client.sasl.unwrap();
    assert_eq!(sasl.password, Secret::new("1e6"));
}
