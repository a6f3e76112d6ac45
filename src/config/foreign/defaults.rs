//! Fields of Bento at the values with which they do nothing, or ask for what happens here anyway. `bento create` writes all of
//! them, so a config is not to be told about them.
//!
//! They are not in the schema, because with any other value most of them are errors.

use serde_json::Value;

use crate::config::tree::{Data, FieldPath, Node};

/// Values of a field.
enum Quiet {
    /// What says nothing: an empty text or list, `false`, 0, and a section in which all is so or that is not `enabled`.
    Off,
    /// This JSON, of which a section may have a part.
    Only(&'static str),
    /// Whatever there is.
    Any,
}
use Quiet::{Any, Off, Only};

/// Fields that there are not here, or that have no effect. A `*` stands for an input or output.
const FIELDS: [(&str, Quiet); 66] = [
    ("http.root_path", Only(r#""/bento""#)),
    ("http.root_path", Only(r#""/benthos""#)),
    ("http.debug_endpoints", Off),
    ("http.cert_file", Off),
    ("http.key_file", Off),
    ("http.cors", Off),
    ("http.basic_auth", Off),
    ("*.processors", Off),
    ("*.stdin.auto_replay_nacks", Only("true")),
    ("*.file.auto_replay_nacks", Only("true")),
    ("*.file.delete_on_finish", Off),
    ("*.generate.auto_replay_nacks", Only("true")),
    ("*.kafka.processors", Off),
    ("*.kafka.target_version", Any),
    ("*.kafka.tls.enable_renegotiation", Off),
    ("*.kafka.sasl.access_token", Off),
    ("*.kafka.sasl.token_cache", Off),
    ("*.kafka.sasl.token_key", Off),
    ("*.kafka.sasl.oauth2", Off),
    ("*.kafka.sasl.aws", Off),
    ("*.kafka.rack_id", Off),
    ("*.kafka.auto_replay_nacks", Only("true")),
    ("*.kafka.timely_nacks_maximum_wait", Off),
    (
        "*.kafka.transaction_isolation_level",
        Only(r#""read_committed""#),
    ),
    ("*.kafka.max_processing_period", Only(r#""100ms""#)),
    ("*.kafka.extract_tracing_map", Off),
    ("*.kafka.extract_tracing_map", Only(r#""root = @""#)),
    ("*.kafka.inject_tracing_map", Off),
    (
        "*.kafka.inject_tracing_map",
        Only(r#""meta = @.assign(this)""#),
    ),
    ("*.kafka.new_root_span_with_link", Off),
    ("*.kafka.fetch_buffer_cap", Only("256")),
    ("*.kafka.multi_header", Any),
    ("*.kafka.debug", Off),
    ("*.kafka.regexp_topics", Off),
    ("*.kafka.reconnect_on_unknown_topic_or_partition", Any),
    ("*.kafka.auto_offset_reset", Off),
    ("*.kafka.group_balancers", Only(r#"["cooperative_sticky"]"#)),
    ("*.kafka.metadata_max_age", Only(r#""5m""#)),
    ("*.kafka.fetch_max_bytes", Only(r#""50MiB""#)),
    ("*.kafka.fetch_max_partition_bytes", Only(r#""1MiB""#)),
    ("*.kafka.fetch_max_wait", Only(r#""5s""#)),
    ("*.kafka.preferring_lag", Off),
    ("*.kafka.rate_limit", Off),
    ("*.kafka.max_buffered_records", Only("10000")),
    (
        "*.kafka.uniform_bytes_options",
        Only(r#"{"bytes":"1MB","adaptive":false,"keys":false}"#),
    ),
    ("*.kafka.batching", Off),
    ("*.kafka.batching.byte_size", Off),
    ("*.kafka.batching.jitter", Off),
    ("*.kafka.batching.check", Off),
    ("*.kafka.batching.processors", Off),
    ("*.kafka.custom_topic_creation", Off),
    ("*.kafka.metadata", Off),
    ("*.kafka.retry_as_batch", Off),
    ("*.kafka.max_retries", Off),
    (
        "*.kafka.backoff",
        Only(r#"{"initial_interval":"3s","max_interval":"10s","max_elapsed_time":"30s"}"#),
    ),
    ("logger.add_timestamp", Off),
    ("logger.level_name", Only(r#""level""#)),
    ("logger.timestamp_name", Only(r#""time""#)),
    ("logger.message_name", Only(r#""msg""#)),
    ("logger.static_fields", Only(r#"{"@service":"bento"}"#)),
    ("logger.file", Off),
    ("logger.log_all_errors", Off),
    ("metrics", Only(r#"{"prometheus":{},"mapping":""}"#)),
    ("tracer", Only(r#"{"none":{}}"#)),
    ("shutdown_delay", Only(r#""0s""#)),
    (
        "error_handling",
        Only(
            r#"{"strategy":"none","log":{"enabled":false,"add_payload":false,"sampling_ratio":1}}"#,
        ),
    ),
];

/// Fields that Bento has too, and that it writes in this form if they are left out.
const LEFT_OUT: [&str; 4] = [
    "*.kafka.sasl",
    "*.kafka.sasl.mechanism",
    "*.kafka.compression",
    "*.kafka.partitioner",
];

/// Returns whether a field that there is not here, or that has no effect, says nothing with this value.
pub(in crate::config) fn says_nothing(field: &FieldPath, value: &Node) -> bool {
    let is_resource = |names: &[&str]| match names {
        [name] => *name == "resources" || name.ends_with("_resources"),
        _ => false,
    };
    let mut listed = FIELDS.iter().filter(|(one, _)| is(field, one));
    (is_resource(&field.names()) && is_off(value))
        || listed.any(|(_, quiet)| match quiet {
            Off => is_off(value),
            Only(json) => serde_json::from_str(json).is_ok_and(|json| is_part(value, &json)),
            Any => true,
        })
}

/// Returns whether a field is left out in Bento's way: by an empty text, or an empty list.
pub(in crate::config) fn is_left_out(field: &FieldPath, value: &Node) -> bool {
    let is_empty = match &value.data {
        Data::Scalar(scalar) => scalar.text.is_empty(),
        Data::List(items) => items.is_empty(),
        Data::Map(_) => false,
    };
    is_empty && LEFT_OUT.iter().any(|one| is(field, one))
}

fn is(field: &FieldPath, listed: &str) -> bool {
    let names = field.names();
    let mut listed = listed.split('.');
    let is_one = |(name, listed): (&&str, &str)| match listed {
        "*" => ["input", "output", "dead_letter"].contains(name),
        listed => *name == listed,
    };
    listed.clone().count() == names.len() && names.iter().zip(listed.by_ref()).all(is_one)
}

fn is_off(value: &Node) -> bool {
    match &value.data {
        Data::Scalar(scalar) => match scalar.to_json(false) {
            // What is within `credentials` is a secret, and so a text.
            Value::String(text) => text.is_empty() || (scalar.secret && text == "false"),
            Value::Bool(is) => !is,
            Value::Number(number) => number.as_f64() == Some(0.0),
            other => other.is_null(),
        },
        Data::List(items) => items.is_empty(),
        Data::Map(entries) => {
            let disabled = entries.iter().find(|entry| entry.key == "enabled");
            disabled.is_some_and(|entry| is_off(&entry.value))
                || entries.iter().all(|entry| is_off(&entry.value))
        }
    }
}

/// Returns whether all that is written is in `json`.
fn is_part(written: &Node, json: &Value) -> bool {
    match &written.data {
        Data::Scalar(scalar) => scalar.to_json(false) == *json,
        Data::List(items) => json.as_array().is_some_and(|all| {
            items.len() == all.len()
                && items
                    .iter()
                    .zip(all)
                    .all(|(item, json)| is_part(item, json))
        }),
        Data::Map(entries) => entries.iter().all(|entry| {
            let json = json.get(&entry.key);
            json.is_some_and(|json| is_part(&entry.value, json))
        }),
    }
}
