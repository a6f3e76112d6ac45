//! Checks of `properties`: those of librdkafka, except the ones that a field sets or that the engine needs unchanged.

mod reserved;

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

use super::{Check, Side};
use crate::config::model::Secret;
use crate::config::secrets::is_secret;
use crate::config::suggest::nearest;
use crate::config::texts;
use crate::config::tree::FieldPath;

use reserved::{Use, reserved};

/// Properties that a user is likely to set, for suggestions.
const COMMON: &str = "\
    allow.auto.create.topics batch.num.messages batch.size broker.address.family check.crcs client.dns.lookup \
    client.rack compression.level connections.max.idle.ms debug fetch.max.bytes fetch.min.bytes \
    fetch.wait.max.ms isolation.level linger.ms max.partition.fetch.bytes max.poll.interval.ms \
    metadata.max.age.ms partition.assignment.strategy queue.buffering.max.kbytes queue.buffering.max.messages \
    queued.max.messages.kbytes queued.min.messages receive.message.max.bytes reconnect.backoff.max.ms \
    reconnect.backoff.ms retry.backoff.max.ms retry.backoff.ms socket.keepalive.enable socket.timeout.ms \
    sticky.partitioning.linger.ms transaction.timeout.ms";

const MANUAL: &str = "librdkafka's CONFIGURATION.md lists all properties and what they take";

/// Returns names and values, sorted by name.
pub(super) fn properties(
    check: &mut Check<'_>,
    within: &FieldPath,
    side: Side,
    raw: BTreeMap<String, String>,
) -> Vec<(String, Secret)> {
    for (name, value) in &raw {
        let refused = refused(name, value, side);
        if let Some((message, help)) = refused {
            check.error(&within.field(name), message, help);
        }
    }
    let properties = raw.into_iter();
    properties
        .map(|(name, value)| (name, Secret::new(value)))
        .collect()
}

/// Returns what is wrong with a property, and what to do.
fn refused(name: &str, value: &str, side: Side) -> Option<(String, String)> {
    if let Some((of, help)) = reserved(name, value, side) {
        let message = match of {
            Use::Field => format!("`{name}` has a field of its own"),
            Use::OtherSide => format!("`{name}` has no meaning here"),
            Use::Engine => format!("`{name}` cannot be set here"),
        };
        return Some((message, help));
    }
    let not_taken = format!("librdkafka does not take this `{name}`");
    Some(match refusal(name, value)? {
        Refusal::Unknown => {
            let meant = nearest(name, COMMON.split(' '));
            let help = meant.map_or(MANUAL.into(), |meant| format!("did you mean `{meant}`?"));
            (format!("librdkafka has no property `{name}`"), help)
        }
        // The reason of the refusal quotes the value.
        Refusal::Invalid(_) | Refusal::Cut(_) if is_secret(name) => (not_taken, MANUAL.into()),
        Refusal::Cut(number) => (
            format!(
                "`{name}` must be a whole number: librdkafka would take `{value}` for {number}"
            ),
            whole_number(name, value),
        ),
        Refusal::Invalid(why) => (format!("{not_taken}: {why}"), MANUAL.into()),
    })
}

/// Objection of librdkafka to a property.
enum Refusal {
    Unknown,
    Invalid(String),
    /// librdkafka takes the number at the beginning and ignores the rest.
    Cut(i64),
}

/// Asks librdkafka itself whether it takes a property. This creates no client and no connection.
fn refusal(name: &str, value: &str) -> Option<Refusal> {
    let refused = match ClientConfig::new().set(name, value).create_native_config() {
        Ok(config) => return cut(value, &config.get(name).ok()?).map(Refusal::Cut),
        Err(refused) => refused,
    };
    Some(match refused {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..) => Refusal::Unknown,
        KafkaError::ClientConfig(_, why, ..) => Refusal::Invalid(why.trim().into()),
        other => Refusal::Invalid(other.to_string()),
    })
}

/// Returns the number that was `taken` for a `value` that is more than a number, such as 5 for `5s`.
fn cut(value: &str, taken: &str) -> Option<i64> {
    let number: i64 = taken.parse().ok()?;
    let value = value.trim();
    let digits = value.trim_start_matches(['-', '+']);
    let hexadecimal = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
    let is_number = match hexadecimal {
        Some(digits) => i64::from_str_radix(digits, 16).is_ok(),
        None => digits.bytes().all(|byte| byte.is_ascii_digit()),
    };
    (!is_number && digits.starts_with(|first: char| first.is_ascii_digit())).then_some(number)
}

/// Returns which whole number to write instead: times are in milliseconds.
fn whole_number(name: &str, value: &str) -> String {
    let time = name.ends_with(".ms").then(|| texts::duration(value).ok());
    match time.flatten() {
        Some(time) => format!(
            "write milliseconds, as a number: `{name}: {}`",
            time.as_millis()
        ),
        None => MANUAL.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn what_is_more_than_a_number_is_found() {
        for (value, taken, expected) in [
            ("5s", "5", Some(5)),
            ("1e3", "1", Some(1)),
            ("1_000", "1", Some(1)),
            ("10 000", "10", Some(10)),
            ("-5x", "-5", Some(-5)),
            ("0.5", "0", Some(0)),
            ("5", "5", None),
            ("-1", "-1", None),
            ("0x10", "16", None),
            ("007", "7", None),
            // These are not numbers, whatever they begin with.
            ("1a", "1a", None),
            ("true", "true", None),
            ("all", "-1", None),
        ] {
            assert_eq!(cut(value, taken), expected, "{value}");
        }
    }
}
