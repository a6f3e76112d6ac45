//! Checks of Kafka: its input, its outputs, and what they have in common.

mod addresses;
mod exactly_once;
mod loops;
mod output;
mod properties;
mod times;
mod tls;
mod topics;

use super::{Check, format};
use crate::config::model::{
    Config, FailurePolicy, KafkaClientConfig, KafkaInputConfig, SaslConfig, SaslMechanism, Secret,
};
use crate::config::raw;
use crate::config::tree::FieldPath;
use crate::message::MAX_BATCH;

pub(super) use exactly_once::delivery;
pub(super) use loops::loops;
pub(super) use output::output;
pub(super) use times::times;
pub(super) use tls::tls;

/// Role of a Kafka client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Consumer,
    Producer,
}

/// Checks `input.kafka`.
pub(super) fn input(check: &mut Check<'_>, raw: raw::Kafka<KafkaInputConfig>) -> KafkaInputConfig {
    let at = FieldPath::of("input.kafka");
    let mut input = raw.topics;
    input.client = client(check, &at, Side::Consumer, &raw.addresses, raw.client);
    input.topics = topics::topics(
        check,
        &at.field("topics"),
        &input.topics,
        topics::Regex::Posix,
    );
    if input.topics.is_empty() {
        let help = "write what to read, for example `topics: [orders]`";
        check.missing(&at, "topics", help);
    }
    if input.consumer_group.trim().is_empty() {
        check.missing(
            &at,
            "consumer_group",
            "write a name for all processes of this pipeline, for example `consumer_group: nerodia-orders`: \
             under it Kafka keeps how far they have read, and shares the partitions among them",
        );
    }
    // In Bento, 0 means "no limit".
    if input.batching.count == 0 {
        input.batching.count = MAX_BATCH;
    }
    times::group(check, &input.group, &input.client);
    format::input(check, &at.field("format"), &mut input.format);
    input.instance_id = filled(input.instance_id);
    input
}

fn client(
    check: &mut Check<'_>,
    at: &FieldPath,
    side: Side,
    addresses: &[String],
    raw: raw::Client,
) -> KafkaClientConfig {
    if raw.client_id.is_empty() {
        check.error(
            &at.field("client_id"),
            format!("`{at}.client_id` is empty"),
            "write a name that tells this client from others in the brokers' logs, or leave it out",
        );
    }
    KafkaClientConfig {
        addresses: addresses::addresses(check, at, addresses),
        client_id: raw.client_id,
        tls: tls::tls(check, &at.field("tls"), raw.tls),
        sasl: sasl(check, &at.field("sasl"), raw.sasl),
        properties: properties::properties(check, &at.field("properties"), side, raw.properties),
    }
}

fn sasl(check: &mut Check<'_>, at: &FieldPath, raw: raw::Sasl) -> Option<SaslConfig> {
    let (user, password) = (filled(raw.user), filled(raw.password));
    let mechanism = match raw.mechanism {
        Some(SaslMechanism::None) => return None,
        None if user.is_none() && password.is_none() => return None,
        None => {
            check.missing(
                at,
                "mechanism",
                "write `mechanism: PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`, whichever the brokers ask \
                 for; without it nobody would be told user and password",
            );
            return None;
        }
        Some(mechanism) => mechanism,
    };
    let user_help = "write the user whom the brokers know, for example `user: ${KAFKA_USER}`";
    let password_help =
        "write it as a variable, `password: ${KAFKA_PASSWORD}`, so that it stands in no file";
    for (field, text, help) in [
        ("user", &user, user_help),
        ("password", &password, password_help),
    ] {
        match text {
            None => check.missing(at, field, help),
            Some(text) if text.starts_with(char::is_whitespace) => check.error(
                &at.field(field),
                format!("`{at}.{field}` begins with white space, which librdkafka cuts off"),
                format!("take the white space away; if it belongs there, the brokers must know another {field}"),
            ),
            Some(_) => {}
        }
    }
    Some(SaslConfig {
        mechanism,
        user: user?,
        password: Secret::new(password?),
    })
}

/// Warns if the first failed message would end the pipeline.
pub(super) fn failures(check: &mut Check<'_>, config: &Config) {
    let stops = config.failure_policy() == FailurePolicy::Stop;
    if stops && !check.is_doubtful(&FieldPath::of("dead_letter")) {
        check.warn(
            &FieldPath::of("input.kafka"),
            "the pipeline stops at the first message that fails",
            "say where failed messages go, for example `dead_letter: { kafka: { addresses: […], topic: \
             orders.dead } }`",
        );
    }
}

/// Returns whether a text contains Bento's `${!…}`, which would be written out unchanged. If so, it is reported.
fn is_bloblang(check: &mut Check<'_>, at: &FieldPath, text: &str, help: &str) -> bool {
    let found = text.contains("${!");
    if found {
        let message = format!("`{at}` is Bloblang, which this engine does not run");
        check.error(at, message, help);
    }
    found
}

/// Returns the text, unless it is empty, which in Bento means "none".
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}
