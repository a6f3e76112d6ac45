//! Registries in trouble: nothing is lost, and what needs no registry goes on.

use super::*;

/// Returns the ids that were written, in order. Checks that each output partition has those of each source in their order;
/// ids below 100 and the others are two sources.
fn written(cluster: &Cluster, pipeline: &Pipeline) -> Vec<i64> {
    written_from(cluster, pipeline, |id| i64::from(id < 100))
}

/// Like [`written`], with the source of each id.
fn written_from(cluster: &Cluster, pipeline: &Pipeline, source: fn(i64) -> i64) -> Vec<i64> {
    let mut ids: Vec<(i32, i64, i64, i64)> = Vec::new();
    for record in cluster.read(&pipeline.output) {
        let id = record.value()["id"].as_i64().expect("an id");
        ids.push((record.partition, source(id), record.offset, id));
    }
    ids.sort_unstable();
    for pair in ids.windows(2) {
        let [one, other] = pair else { continue };
        let same_source = (one.0, one.1) == (other.0, other.1);
        assert!(!same_source || one.3 < other.3, "{one:?}, {other:?}");
    }
    let mut ids: Vec<i64> = ids.into_iter().map(|(_, _, _, id)| id).collect();
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

/// Time for which a registry is away under load: `NERODIA_TEST_REGISTRY_OUTAGE` in seconds, or a short one.
fn outage() -> Duration {
    let seconds = std::env::var("NERODIA_TEST_REGISTRY_OUTAGE").ok();
    Duration::from_secs(seconds.map_or(5, |text| text.parse().expect("seconds")))
}

#[test]
fn a_registry_that_is_killed_under_load_costs_no_message_and_no_memory() {
    let cluster = Cluster::shared();
    let registry = RealRegistry::start("kafka-outage-load");
    let script = "root = {'id': this['id']}";
    let pipeline = avro(cluster, "outage-load", 2, registry.url(), script).listening();
    let schemas: Vec<u32> = (0..40)
        .map(|number| {
            let text = NAMED.replace("Named", &format!("Named{number}"));
            registry.register(&format!("load-{number}"), "AVRO", &text)
        })
        .collect();
    let mut next = 0;
    let mut load = |known: usize, count: usize| {
        let records: Vec<Record> = (0..count)
            .map(|n| {
                let schema = schemas[n % known];
                next += 1;
                Record::bytes(named(schema, next, &"n".repeat(200))).partition((next % 2) as i32)
            })
            .collect();
        cluster.produce(&pipeline.input, records);
        next
    };
    let mut running = pipeline.start_and_join();
    load(10, 2000);
    pipeline.await_all_committed(cluster, &mut running);
    let before = running.resident();
    registry.does("kill");
    let began = Instant::now();
    let mut most = before;
    while began.elapsed() < outage() {
        load(40, 500);
        most = most.max(running.resident());
    }
    let (away, waiting) = (began.elapsed(), running.logged("schema registry"));
    registry.does("start");
    let last = load(40, 500);
    pipeline.await_all_committed(cluster, &mut running);
    let after = running.resident();
    eprintln!(
        "{last} messages, {away:?} of outage; resident before {before} KiB, at most {most}, after {after}; {} warnings, the last: {:?}",
        waiting.len(),
        waiting.last(),
    );
    assert!(!waiting.is_empty());
    // What waits is bounded by the memory budget of the input, whatever arrives.
    assert!(
        most < before + (100 << 10),
        "{before} KiB became {most} KiB"
    );
    assert_eq!(running.terminate().0, Some(0));
    let ids = written_from(cluster, &pipeline, |id| id % 2);
    assert!(
        ids.iter().copied().eq(1..=last),
        "{} of {last} ids",
        ids.len()
    );
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
    registry.delay(Duration::from_secs(5));
    let right =
        json!({ "url": registry.url(), "basic": { "username": "user", "password": "secret" } });
    let pipeline = pipeline.with("schema_registry", right);
    let records = (0..40).map(|id| Record::bytes(named(1 + id as u32 % 20, id, "n")));
    let began = Instant::now();
    pipeline.run(cluster, records, 0);
    assert_eq!(written(cluster, &pipeline), (0..40).collect::<Vec<i64>>());
    // Several at a time: one after the other would take 100 s and more.
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
    let mut running = pipeline.start_and_join();
    let mut resident = Vec::new();
    for (schemas, round) in [(1, 0), (1000, 1), (1000, 2), (1000, 3)] {
        let ids = round * 5000..(round + 1) * 5000i64;
        let records = ids.map(|id| Record::bytes(named(1 + id as u32 % schemas, id, "n")));
        cluster.produce(&pipeline.input, records);
        pipeline.await_all_committed(cluster, &mut running);
        resident.push(running.resident());
    }
    assert_eq!(running.terminate().0, Some(0));
    let ids = written_from(cluster, &pipeline, |_| 0);
    assert!(
        ids.iter().copied().eq(0..20_000),
        "{} of 20000 ids",
        ids.len()
    );
    // One more shows at the start that the registry is there.
    assert!(registry.requests() <= 1001, "{}", registry.requests());
    eprintln!("KiB resident with 1 schema, and three times with 1000: {resident:?}");
    // A schema of two fields is some KiB; a second round must cost nothing.
    assert!(resident[3] < resident[1] + (20 << 10), "{resident:?}");
}
