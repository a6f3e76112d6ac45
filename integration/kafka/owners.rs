//! What `/stats` says of the group's partitions: which member has which, and how far it is.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::{Cluster, Pipeline, Record};

/// Returns owner and lag of each partition; none without a description.
fn group(stats: &Value) -> BTreeMap<i64, (String, Option<u64>)> {
    let partitions = stats["kafka"]["group"]["partitions"].as_array();
    let one = |one: &Value| {
        let owner = one["owner"].as_str().unwrap_or("nobody").to_owned();
        (one["partition"].as_i64(), (owner, one["lag"].as_u64()))
    };
    let named = partitions.into_iter().flatten().map(one);
    named
        .filter_map(|(number, what)| Some((number?, what)))
        .collect()
}

#[test]
fn each_partition_has_its_owner_and_lag() {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(cluster, "owners", 4, "root = this");
    let first = pipeline.clone().with("input.kafka.instance_id", "one");
    let mut first = first.listening().start_and_join();
    let records = (0..40).map(|n| Record::json(&json!(n)).partition(n % 4));
    cluster.produce(&pipeline.input, records);
    pipeline.await_all_committed(cluster, &mut first);
    let web = first.web();
    // Only of this member.
    let seen = first.eventually("the group is described", || {
        let seen = group(&web.stats()?);
        (seen.len() == 4).then_some(seen)
    });
    for (owner, lag) in seen.values() {
        assert!(owner.starts_with("one on 127.0.0.1"), "{owner}");
        assert_eq!(*lag, Some(0));
    }

    let second = pipeline.clone().with("input.kafka.instance_id", "two");
    let second = second.start();
    let both = first.eventually("the partitions are shared", || {
        let seen = group(&web.stats()?);
        let of = |name: &str| {
            let mut owners = seen.values();
            owners.any(|(owner, _)| owner.starts_with(name))
        };
        (of("one") && of("two")).then_some(seen)
    });
    assert_eq!(both.len(), 4);
    let stats = first.stats();
    assert_eq!(stats["kafka"]["group"]["members"], 2);
    assert_eq!(stats["kafka"]["group"]["name"], *pipeline.group);

    for running in [second, first] {
        let (code, log) = running.terminate();
        assert_eq!(code, Some(0), "{log}");
    }
}
