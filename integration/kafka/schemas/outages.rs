//! Registries in trouble: nothing is lost, and what needs no registry goes on.

use super::*;

/// Returns the ids that were written, in order. Checks that each partition has those of one source in their order.
fn written(cluster: &Cluster, pipeline: &Pipeline) -> Vec<i64> {
    let mut ids: Vec<(i32, i64, i64)> = Vec::new();
    for record in cluster.read(&pipeline.output) {
        let id = record.value()["id"].as_i64().expect("an id");
        ids.push((record.partition, record.offset, id));
    }
    ids.sort_unstable();
    for pair in ids.windows(2) {
        let [(one, _, first), (other, _, second)] = *pair else {
            continue;
        };
        let same_source = (first < 100) == (second < 100);
        assert!(one != other || !same_source || first < second, "{ids:?}");
    }
    let mut ids: Vec<i64> = ids.into_iter().map(|(_, _, id)| id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_registry_that_is_killed_is_waited_for_and_other_partitions_go_on() {
    let cluster = Cluster::shared();
    let registry = RealRegistry::start("kafka-outage");
    let script = "root = {'id': this['id']}";
    let pipeline = avro(cluster, "outage", 2, registry.url(), script).listening();
    let known = registry.register("known", "AVRO", NAMED);
    let unknown = registry.register("unknown", "AVRO", &NAMED.replace("Named", "Unknown"));
    let record =
        |schema, partition: i32, id| Record::bytes(named(schema, id, "n")).partition(partition);
    let mut running = pipeline.start_and_join();
    cluster.produce(&pipeline.input, (0..10).map(|id| record(known, 0, id)));
    pipeline.await_all_committed(cluster, &mut running);
    registry.does("kill");
    // Partition 1 has messages whose schema is not known; those behind them wait, in their order.
    cluster.produce(&pipeline.input, (10..20).map(|id| record(known, 0, id)));
    cluster.produce(
        &pipeline.input,
        (100..110).map(|id| record(if id % 3 == 0 { unknown } else { known }, 1, id)),
    );
    let web = running.web();
    running.eventually("the pipeline is not ready, because of the registry", || {
        let (_, reasons) = web.get("/ready").ok_or("no answer")?;
        if reasons.contains("schema_registry") {
            Ok(())
        } else {
            Err(reasons)
        }
    });
    running.eventually("the other partition goes on", || {
        let ids = written(cluster, &pipeline);
        if (10..20).all(|id| ids.contains(&id)) {
            Ok(())
        } else {
            Err(format!("{ids:?}"))
        }
    });
    let ids = written(cluster, &pipeline);
    assert!(!ids.iter().any(|id| *id > 101), "{ids:?}");
    assert!(!running.logged("schema registry").is_empty());
    registry.does("start");
    pipeline.await_all_committed(cluster, &mut running);
    running.eventually("it is ready again", || {
        if web.is_ready() {
            Ok(())
        } else {
            Err(format!("{:?}", web.get("/ready")))
        }
    });
    assert_eq!(running.terminate().0, Some(0));
    let expected: Vec<i64> = (0..20).chain(100..110).collect();
    assert_eq!(written(cluster, &pipeline), expected);
}

/// The first schema of a new registry has the number 1, with which the start looks whether the registry is there.
#[test]
fn the_first_schema_may_be_registered_after_the_start() {
    let cluster = Cluster::shared();
    let registry = FakeRegistry::start();
    let script = "root = {'id': this['id']}";
    let pipeline = avro(cluster, "first-schema", 1, registry.url(), script);
    let mut running = pipeline.start_and_join();
    registry.put(1, "AVRO", NAMED);
    cluster.produce(
        &pipeline.input,
        (0..10).map(|id| Record::bytes(named(1, id, "n"))),
    );
    pipeline.await_all_committed(cluster, &mut running);
    assert_eq!(running.terminate().0, Some(0));
    assert_eq!(written(cluster, &pipeline), (0..10).collect::<Vec<i64>>());
}

#[test]
fn what_waits_for_a_registry_at_the_end_is_read_again() {
    let cluster = Cluster::shared();
    let registry = FakeRegistry::start();
    // At the start, the schema with the number 1 is asked for.
    registry.put(2, "AVRO", NAMED);
    let script = "root = {'id': this['id']}";
    let pipeline =
        avro(cluster, "end-waits", 1, registry.url(), script).with("shutdown_timeout", "1s");
    let records = |ids: std::ops::Range<i64>| ids.map(|id| Record::bytes(named(2, id, "n")));
    let mut running = pipeline.start_and_join();
    registry.away(true);
    cluster.produce(&pipeline.input, records(0..50));
    running.await_logged("schema registry", 1);
    running.signal(Signal::TERM);
    let (code, log) = running.wait();
    assert_eq!(code, Some(1), "{log}");
    assert!(written(cluster, &pipeline).is_empty());
    registry.away(false);
    let log = pipeline.run(cluster, records(50..60), 0);
    assert_eq!(
        written(cluster, &pipeline),
        (0..60).collect::<Vec<i64>>(),
        "{log}"
    );
}

#[test]
fn slow_answers_and_refused_passwords_are_waited_for() {
    let cluster = Cluster::shared();
    let registry = FakeRegistry::start();
    for id in 1..=20 {
        registry.put(id, "AVRO", &NAMED.replace("Named", &format!("Named{id}")));
    }
    // "user:secret"
    registry.want(Some("Basic dXNlcjpzZWNyZXQ="));
    let script = "root = {'id': this['id']}";
    let wrong =
        json!({ "url": registry.url(), "basic": { "username": "user", "password": "wrong" } });
    let pipeline = avro(cluster, "slow-registry", 1, registry.url(), script);
    let config = pipeline
        .clone()
        .with("schema_registry", wrong)
        .arg("--connect-timeout")
        .arg("2s");
    let (code, log) = config.start().wait();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("refused") && !log.contains("wrong"), "{log}");
    registry.delay(Duration::from_secs(1));
    let right =
        json!({ "url": registry.url(), "basic": { "username": "user", "password": "secret" } });
    let pipeline = pipeline.with("schema_registry", right);
    let records = (0..40).map(|id| Record::bytes(named(1 + id as u32 % 20, id, "n")));
    let began = Instant::now();
    pipeline.run(cluster, records, 0);
    assert_eq!(written(cluster, &pipeline), (0..40).collect::<Vec<i64>>());
    // Several at a time: one after the other would take 20 s and more.
    eprintln!("20 schemas in {:?}", began.elapsed());
}

#[test]
fn a_thousand_schemas_in_one_topic_are_asked_for_once_each() {
    let cluster = Cluster::shared();
    let registry = FakeRegistry::start();
    for id in 1..=1000 {
        registry.put(id, "AVRO", &NAMED.replace("Named", &format!("Named{id}")));
    }
    let script = "root = {'id': this['id']}";
    let pipeline = avro(cluster, "thousand", 1, registry.url(), script);
    let records = (0..5000i64).map(|id| Record::bytes(named(1 + id as u32 % 1000, id, "n")));
    pipeline.run(cluster, records, 0);
    assert_eq!(written(cluster, &pipeline), (0..5000).collect::<Vec<i64>>());
    // One more shows at the start that the registry is there.
    assert!(registry.requests() <= 1001, "{}", registry.requests());
}
