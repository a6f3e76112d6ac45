//! Checks of `output.kafka` and `dead_letter.kafka`.

use std::time::Duration;

use super::topics::{Regex, topic, topics};
use super::{Check, Side, client, filled, is_bloblang};
use crate::config::foreign::NO_PARTITION_EACH;
use crate::config::model::{ENVELOPE, KafkaOutputConfig};
use crate::config::raw;
use crate::config::texts::show_size;
use crate::config::tree::FieldPath;
use crate::message::earlier::{ERROR_PREFIX, is_of_error};

/// Limit on requests in flight with idempotent writes. With more, librdkafka cannot keep them in order.
const MOST_IDEMPOTENT: usize = 5;
const MOST_IN_FLIGHT: usize = 1000;

/// Bounds of our limit on a message. They are those of librdkafka's `message.max.bytes`, which is set a little higher.
const MESSAGE_BYTES: std::ops::RangeInclusive<usize> = 1000..=1_000_000_000 - ENVELOPE;

/// Bounds of librdkafka's `request.timeout.ms`.
const TIMEOUT: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(900);

pub(in crate::config::validate) fn output(
    check: &mut Check<'_>,
    at: &FieldPath,
    raw: raw::Kafka<KafkaOutputConfig>,
) -> KafkaOutputConfig {
    let mut output = raw.topics;
    match output.topic.trim().is_empty() {
        true => {
            let help = "write where messages go, for example `topic: orders.priced`";
            check.missing(at, "topic", help);
        }
        false => topic(check, &at.field("topic"), &output.topic),
    }
    output.client = client(check, at, Side::Producer, &raw.addresses, raw.client);
    if *at == FieldPath::of("dead_letter.kafka") {
        let allowed = !output.topics_allowed.is_empty();
        let allowed = allowed.then(|| at.field("topics_allowed"));
        let added = output.static_headers.iter().flatten().next();
        let added = added.map(|_| at.field("static_headers"));
        let fields = [at.field("key"), at.field("headers")];
        for at in fields.iter().chain(&allowed).chain(&added) {
            not_of_letters(check, at);
        }
    }
    output.topics_allowed = topics(
        check,
        &at.field("topics_allowed"),
        &output.topics_allowed,
        Regex::Ours,
    );
    output.key.take_if(|key| key.is_empty());
    if let Some(key) = &output.key {
        let help = match is_own_key(key) {
            true => "delete the line: a result keeps the key of its message",
            false => "set `meta[\"key\"]` in the script",
        };
        is_bloblang(check, &at.field("key"), key, help);
    }
    for (field, headers) in [
        ("headers", &output.headers),
        ("static_headers", &output.static_headers),
    ] {
        headers_of(check, &at.field(field), headers.as_deref());
    }
    partition(check, &at.field("partition"));
    limits(check, at, &output);
    // The check of `delivery` decides whether the output may have one.
    output.transactional_id = filled(output.transactional_id);
    output
}

/// Returns whether a text is Bento's way to keep the key of a message: `${! meta("kafka_key") }`.
fn is_own_key(text: &str) -> bool {
    let written: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| if c == '\'' { '"' } else { c })
        .collect();
    let own = [
        "${!meta(\"kafka_key\")}",
        "${!@kafka_key}",
        "${!metadata(\"kafka_key\")}",
    ];
    own.contains(&written.as_str())
}

/// Refuses a field that has no meaning for dead letters. A dead letter keeps the message as it came, so that it can be
/// run again.
fn not_of_letters(check: &mut Check<'_>, at: &FieldPath) {
    if check.is_written(at) {
        check.error(
            at,
            format!("`{at}` has no meaning for dead letters"),
            "leave it out: a dead letter keeps the key and the headers that its message came with, and goes to `topic`",
        );
    }
}

fn headers_of(check: &mut Check<'_>, at: &FieldPath, headers: Option<&[(String, String)]>) {
    for (name, text) in headers.into_iter().flatten() {
        let at = at.field(name);
        if is_of_error(name) {
            let message = format!("a header of a result cannot begin with `{ERROR_PREFIX}`");
            let help = "choose another name: such headers tell what became of a dead letter";
            check.error(&at, message, help);
        }
        is_bloblang(check, &at, text, "set `meta[\"headers\"]` in the script");
    }
}

/// Checks a partition that is written as a text, as in Bento.
fn partition(check: &mut Check<'_>, at: &FieldPath) {
    let text = check.root.find(at).and_then(|node| node.scalar());
    let text = text.map_or(String::new(), |scalar| scalar.text.clone());
    let is_one = |text: &str| text.parse::<i32>().is_ok_and(|number| number >= 0);
    let help = "write its number, or leave it out: then the key decides";
    if !text.trim().is_empty()
        && !is_one(text.trim())
        && !is_bloblang(check, at, &text, NO_PARTITION_EACH)
    {
        check.error(at, format!("`{text}` is no partition"), help);
    }
}

fn limits(check: &mut Check<'_>, at: &FieldPath, output: &KafkaOutputConfig) {
    if output.idempotent_write && !output.ack_replicas {
        check.error(
            &at.field("ack_replicas"),
            format!("`{at}.idempotent_write` needs `ack_replicas`"),
            "write `ack_replicas: true`; or `idempotent_write: false`, and messages that are tried again may be \
             written twice or out of order",
        );
    }
    let (most, help) = match output.idempotent_write {
        true => (
            MOST_IDEMPOTENT,
            "write at most 5, for with more Kafka cannot keep idempotent writes in order; or \
             `idempotent_write: false`",
        ),
        false => (MOST_IN_FLIGHT, "write at most 1000"),
    };
    let (written, timeout) = (output.max_in_flight, output.timeout);
    let bytes = output.max_message_bytes;
    for (at, fits, shown, help) in [
        (
            at.field("max_in_flight"),
            written <= most,
            written.to_string(),
            help,
        ),
        (
            at.field("timeout"),
            TIMEOUT.contains(&timeout),
            humantime::format_duration(timeout).to_string(),
            "write `1ms` to `15m`",
        ),
        (
            check.written_as(at, "max_message_bytes", "max_msg_bytes"),
            MESSAGE_BYTES.contains(&bytes),
            show_size(bytes as u64),
            "write `1kB` to `999MB`",
        ),
    ] {
        if !fits {
            check.error(&at, format!("`{at}` cannot be {shown}"), help);
        }
    }
}
