//! Changes of topics and offsets while a pipeline uses them.

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use support::{Cluster, PATIENCE, eventually};

fn admin(cluster: &Cluster) -> AdminClient<DefaultClientContext> {
    cluster.client().create().expect("an admin client")
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
        .block_on(future)
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(PATIENCE))
}

/// Creates a topic with exactly this name; one that was just deleted may prevent that for a moment.
pub(crate) fn create(cluster: &Cluster, name: &str, partitions: i32) {
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    eventually("the topic is made", || {
        let made = wait(admin(cluster).create_topics([&topic], &options()));
        match made.expect("an answer").remove(0) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{error:?}")),
        }
    });
}

pub(crate) fn grow(cluster: &Cluster, name: &str, partitions: usize) {
    let partitions = NewPartitions::new(name, partitions);
    let grown = wait(admin(cluster).create_partitions([&partitions], &options()));
    assert!(grown.expect("an answer")[0].is_ok());
}

pub(crate) fn delete(cluster: &Cluster, name: &str) {
    let deleted = wait(admin(cluster).delete_topics(&[name], &options()));
    assert!(deleted.expect("an answer")[0].is_ok());
}

/// Deletes the offsets of a group without members, as if they had been kept for too long. The brokers refuse as long as
/// they know of a member.
pub(crate) fn forget_offsets(cluster: &Cluster, group: &str) {
    eventually("the group is deleted", || {
        let deleted = wait(admin(cluster).delete_groups(&[group], &options()));
        match deleted.expect("an answer").remove(0) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{error:?}")),
        }
    });
}
