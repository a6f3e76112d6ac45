//! Answers that real brokers give rarely, from librdkafka's mock cluster: the requests are repeated, and each message
//! is processed.

use std::collections::BTreeMap;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::RDKafkaApiKey as Api;
use rdkafka::types::RDKafkaRespErr::{self as Error, *};
use serde_json::json;
use support::{Cluster, Pipeline, Record, counts};

const PARTITIONS: i32 = 4;
const COUNT: u64 = 6_000;

/// Time at which the program gets the errors.
#[derive(PartialEq)]
enum Met {
    /// From its first request on.
    AtTheStart,
    /// When it is a member of the group.
    AsAMember,
}

/// Sends messages through a program that gets `errors`, and logs them if it is `told` to. Returns how often each
/// message came.
fn through(
    name: &str,
    api: Api,
    errors: &[Error],
    met: Met,
    told: Option<&str>,
) -> BTreeMap<u64, u32> {
    let mock: MockCluster<'static, DefaultProducerContext> =
        MockCluster::new(3).expect("a mock cluster");
    let topics = ["in", "out", "dead"].map(|topic| format!("{name}-{topic}"));
    for topic in &topics {
        mock.create_topic(topic, PARTITIONS, 3).expect("a topic");
    }
    let cluster = Cluster::at(mock.bootstrap_servers());
    let pipeline =
        Pipeline::with_topics(&cluster, &cluster, name, topics, "root = {'n': this['n']}")
            .with("input.kafka.instance_id", "one")
            .with("http", json!({ "enabled": false }))
            // The mock accepts batches after one that it has refused, which no broker does; librdkafka takes the
            // success of the later one for that of both (`rd_kafka_dr_implicit_ack`).
            .with("output.kafka.max_in_flight", 1);
    let record =
        |n: u64| Record::json(&json!({ "n": n })).partition((n % PARTITIONS as u64) as i32);
    cluster.produce(&pipeline.input, (0..COUNT).map(record));
    // From here on only the program writes, reads and commits, so that it is the program that gets the errors.
    if met == Met::AtTheStart {
        mock.request_errors(api, errors);
    }
    let mut running = pipeline.start_and_join();
    if met == Met::AsAMember {
        mock.request_errors(api, errors);
    }
    if let Some(told) = told {
        // Not every such request comes before everything is committed.
        running.await_logged(told, 1);
    }
    pipeline.await_all_committed(&cluster, &mut running);
    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");
    let counts = counts(&cluster.read(&pipeline.output));
    let all: Vec<u64> = (0..COUNT).collect();
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), all, "{log}");
    counts
}

#[track_caller]
fn assert_once(counts: &BTreeMap<u64, u32>) {
    let twice: Vec<&u64> = counts
        .iter()
        .filter(|(_, count)| **count != 1)
        .map(|(n, _)| n)
        .collect();
    assert!(twice.is_empty(), "came twice: {twice:?}");
}

#[test]
fn writes_are_refused_for_a_while() {
    let errors = [
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
    ];
    assert_once(&through(
        "produce",
        Api::Produce,
        &errors,
        Met::AtTheStart,
        None,
    ));
}

#[test]
fn reads_are_refused_for_a_while() {
    let errors = [
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
        RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
    ];
    assert_once(&through(
        "fetch",
        Api::Fetch,
        &errors,
        Met::AtTheStart,
        None,
    ));
}

#[test]
fn commits_are_refused_for_a_while() {
    let errors = [
        RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
    ];
    assert_once(&through(
        "commit",
        Api::OffsetCommit,
        &errors,
        Met::AtTheStart,
        None,
    ));
}

const FENCED: [Error; 1] = [RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID];
const REJOINING: Option<&str> = Some("joining again");

/// Checks that a single static member that is fenced joins again.
#[test]
fn fenced_by_nobody() {
    let met = Met::AsAMember;
    through("fenced", Api::Heartbeat, &FENCED, met, REJOINING);
}

/// Checks the same for a member that has not taken its partitions yet.
#[test]
fn fenced_by_nobody_at_the_start() {
    let met = Met::AtTheStart;
    through("fenced-early", Api::Heartbeat, &FENCED, met, REJOINING);
}
