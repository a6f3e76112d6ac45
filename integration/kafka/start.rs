//! Tests of starts that fail, starts that must wait, and brokers that go away later.

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Cluster, Pipeline, errors, logged, nerodia, numbered, numbers};

const COPY: &str = "root = {'n': this['n']}";

/// Returns a port of this machine at which nothing listens.
fn closed_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

/// Checks that the pipeline prints one line with all of `parts`, and ends in time with exit code 1.
#[track_caller]
fn assert_fails(pipeline: &Pipeline, parts: &[&str]) {
    let began = Instant::now();
    let pipeline = pipeline.clone().arg("--connect-timeout").arg("3s");
    let (code, log) = pipeline.start().wait();
    // A machine may be slow, but the program did not try for the default of 30 s.
    assert!(began.elapsed() < Duration::from_secs(20), "{log}");
    let errors = errors(&log);
    assert_eq!((code, errors.len()), (Some(1), 1), "{log}");
    println!("{:?}: {}", began.elapsed(), errors[0]);
    for part in parts {
        assert!(errors[0].contains(part), "no {part:?} in: {}", errors[0]);
    }
}

#[test]
fn a_broker_that_is_not_there() {
    let cluster = Cluster::shared();
    let address = closed_port();
    for place in ["input", "output", "dead_letter"] {
        let field = format!("{place}.kafka.addresses");
        let pipeline = Pipeline::new(cluster, "closed", 1, COPY).with(&field, json!([address]));
        assert_fails(&pipeline, &[&address, &field, "running"]);
    }
    // A server that listens and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    let field = "input.kafka.addresses";
    let pipeline = Pipeline::new(cluster, "silent", 1, COPY).with(field, json!([address]));
    assert_fails(&pipeline, &[&address, field]);
}

#[test]
fn a_host_that_is_not_there() {
    let address = "no-such-host.invalid:9092";
    let pipeline = Pipeline::new(Cluster::shared(), "host", 1, COPY)
        .with("input.kafka.addresses", json!([address]));
    assert_fails(&pipeline, &[address, "input.kafka.addresses", "host"]);
}

/// Checks that one of several addresses is enough.
#[test]
fn one_address_of_several_is_right() {
    let cluster = Cluster::shared();
    let all = json!(["no-such-host.invalid", closed_port(), cluster.addresses()]);
    let pipeline = Pipeline::new(cluster, "several", 1, COPY).with("input.kafka.addresses", all);
    pipeline.run(cluster, (0..10).map(numbered), 0);
}

#[test]
fn topics_that_are_not_there() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "topics", 1, COPY);
    let at = cluster.addresses();
    let input = pipeline
        .clone()
        .with("input.kafka.topics", json!([pipeline.input, "nowhere"]));
    assert_fails(
        &input,
        &["`nowhere`", at, "input.kafka.topics", "create it"],
    );
    for place in ["output", "dead_letter"] {
        let field = format!("{place}.kafka.topic");
        let output = pipeline.clone().with(&field, "nowhere");
        assert_fails(&output, &["`nowhere`", at, &field, "create it"]);
    }
    // All of them in one line.
    let several = pipeline
        .clone()
        .with("input.kafka.topics", json!(["nowhere", "never"]));
    let parts = [
        "`nowhere` of `input.kafka.topics`",
        "`never` of `input.kafka.topics`",
        "`neither` of `output.kafka.topic`",
        "Create them",
    ];
    assert_fails(&several.with("output.kafka.topic", "neither"), &parts);
    let partition = pipeline.with("output.kafka.partition", 7);
    cluster.produce(&partition.input, (0..3).map(numbered));
    let topic = format!("`{}`", partition.output);
    assert_fails(&partition, &[&topic, "partition"]);
}

#[test]
fn no_group() {
    let pipeline = Pipeline::new(Cluster::shared(), "group", 1, COPY);
    let pipeline = pipeline.with("input.kafka.consumer_group", json!(null));
    let file = pipeline.file();
    for command in ["lint", "run"] {
        let ran = nerodia([command, "-c"]).arg(file.path()).run().expect(2);
        let errors = errors(&ran.stderr);
        assert!(
            errors[0].contains("`input.kafka` has no `consumer_group`"),
            "{errors:?}"
        );
    }
}

/// Checks "A broker that comes up 5 s after the start: works." Then all brokers go away for some time, twice: by a
/// crash, and by silence.
#[test]
fn brokers_that_come_late_and_go_away() {
    const ALL: u64 = 3_000;
    let cluster = Cluster::start("away", 1, &[]);
    // On a busy machine the broker itself takes longer to start than the default wait.
    let pipeline = Pipeline::new(&cluster, "away", 2, COPY)
        .arg("--connect-timeout")
        .arg("3m");
    cluster.produce(&pipeline.input, (0..1_000).map(numbered));
    cluster.broker("kill", 1);
    let mut running = pipeline.start();
    running.await_logged("cannot reach Kafka yet", 1);
    std::thread::sleep(Duration::from_secs(5));
    cluster.broker("start", 1);
    pipeline.await_all_committed(&cluster, &mut running);

    cluster.produce(&pipeline.input, (1_000..2_000).map(numbered));
    cluster.broker("kill", 1);
    running.await_logged("cannot reach Kafka: trying again", 1);
    std::thread::sleep(Duration::from_secs(6));
    cluster.broker("start", 1);
    pipeline.await_all_committed(&cluster, &mut running);

    cluster.produce(&pipeline.input, (2_000..ALL).map(numbered));
    cluster.broker("pause", 1);
    std::thread::sleep(Duration::from_secs(12));
    cluster.broker("resume", 1);
    pipeline.await_all_committed(&cluster, &mut running);
    cluster.produce(&pipeline.input, [numbered(ALL)]);
    pipeline.await_all_committed(&cluster, &mut running);

    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");
    // Each outage is logged once for each client, and so is its end.
    let logged = |text| logged(&log, text).len();
    println!(
        "told {} times that Kafka is away, {} times that it is back",
        logged("cannot reach Kafka: trying again"),
        logged("Kafka is there again")
    );
    assert!(logged("Kafka is there again") >= 1, "{log}");
    let mut numbers = numbers(&cluster.read(&pipeline.output));
    numbers.sort_unstable();
    let twice = numbers.len() as u64 - ALL - 1;
    println!("{twice} came twice");
    numbers.dedup();
    assert_eq!(numbers, (0..=ALL).collect::<Vec<_>>());
    // A process that was away from the group for too long reads again what was not committed; only that is logged.
    assert!(
        twice == 0 || logged("partitions revoked") > 0 || logged("not committed") > 0,
        "{twice} came twice:\n{log}"
    );
}

/// Asks the program to end while no broker is there. Checks that it reports what is not delivered, and ends in time.
#[test]
fn terminated_while_brokers_are_away() {
    let cluster = Cluster::start("gone", 1, &[]);
    let pipeline = Pipeline::new(&cluster, "gone", 1, COPY).with("shutdown_timeout", "3s");
    cluster.produce(&pipeline.input, (0..100).map(numbered));
    let mut running = pipeline.start();
    pipeline.await_all_committed(&cluster, &mut running);
    cluster.broker("kill", 1);
    running.await_logged("cannot reach Kafka: trying again", 1);
    let began = Instant::now();
    let (code, log) = running.terminate();
    println!("{code:?} after {:?}: {:?}", began.elapsed(), errors(&log));
    assert!(began.elapsed() < Duration::from_secs(20), "{log}");
    // Everything was committed, so there is no error.
    assert_eq!(code, Some(0), "{log}");
}
