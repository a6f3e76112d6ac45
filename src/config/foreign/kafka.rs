//! Fields that only Bento's clients of Kafka have.

/// Fields of any client, and what there is in their place.
const FIELDS: [(&[&str], &str); 15] = [
    (
        &["seed_brokers", "brokers", "bootstrap_servers"],
        "the brokers are `addresses`",
    ),
    (
        &["group_id", "group_name"],
        "the name of the group is `consumer_group`",
    ),
    (
        &["regexp_topics"],
        "begin a regular expression in `topics` with `^`",
    ),
    (
        &["transaction_isolation_level"],
        "only committed messages are read; to read the others too, write `properties: { isolation.level: read_uncommitted }`",
    ),
    (
        &["group_balancers"],
        "write `properties: { partition.assignment.strategy: … }` with `cooperative-sticky` (which is used without it), `range` or `roundrobin`, the same in all members of the group",
    ),
    (
        &["auto_offset_reset"],
        "write `start_from_oldest: true` for `earliest`, `false` for `latest`",
    ),
    (
        &["metadata_max_age"],
        "write milliseconds: `properties: { topic.metadata.refresh.interval.ms: 300000 }`",
    ),
    (
        &["fetch_max_bytes"],
        "write bytes: `properties: { fetch.max.bytes: 52428800 }`",
    ),
    (
        &["fetch_max_partition_bytes"],
        "write bytes: `properties: { max.partition.fetch.bytes: 1048576 }`",
    ),
    (
        &["fetch_max_wait"],
        "write milliseconds: `properties: { fetch.wait.max.ms: 500 }`",
    ),
    (
        &["max_buffered_records"],
        "delete the line: `pipeline.max_in_flight` says how much is under way",
    ),
    (
        &["preferring_lag", "reconnect_on_unknown_topic_or_partition"],
        "delete the line: librdkafka does it in its own way",
    ),
    (
        &["rate_limit"],
        "none: there are no rate limits; the input is read as fast as the output writes",
    ),
    (
        &["uniform_bytes_options"],
        "delete the line: messages without a key are spread by `linger.ms` and `batch.size` in `properties`",
    ),
    (
        &["debug"],
        "delete the line: `logger.level: debug` tells more of Kafka",
    ),
];

/// Returns what there is in the place of a field of `kafka`.
pub(super) fn field(name: &str) -> Option<&'static str> {
    let found = FIELDS.iter().find(|(names, _)| names.contains(&name));
    found.map(|(_, help)| *help)
}
