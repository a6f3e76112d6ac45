//! Figures of the Kafka path, which are printed and not judged by time: `scripts/bench-kafka.sh --join`, `--outages`
//! and `--refusals`.
//!
//! Counts are asserted; durations on this machine at this hour are not.

use support::{Cluster, Pipeline, unique};

mod join;
mod outages;
mod refusals;

/// Returns a pipeline whose results have the broker's time.
fn stamped_pipeline(cluster: &Cluster, name: &str, partitions: i32, script: &str) -> Pipeline {
    let stamped = [("message.timestamp.type", "LogAppendTime")];
    let topics = [
        cluster.topic(&format!("{name}-in"), partitions),
        cluster.topic_with(&format!("{name}-out"), partitions, &stamped),
        cluster.topic(&format!("{name}-dead"), 1),
    ];
    Pipeline::with_topics(cluster, cluster, &unique(name), topics, script)
}
