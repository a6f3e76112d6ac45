//! Checks of `delivery`: what exactly-once delivery requires of the input and of the outputs.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Check;
use crate::config::diagnostics::Diagnostic;
use crate::config::model::{
    Config, DeliveryGuarantee, KafkaInputConfig, KafkaOutputConfig, OutputConfig,
};
use crate::config::tree::FieldPath;

/// Default of librdkafka's `transaction.timeout.ms`.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);

/// Ensures that the outputs have a transactional id if, and only if, delivery is exactly once.
pub(in crate::config::validate) fn delivery(check: &mut Check<'_>, config: &mut Config) {
    let id = match config.delivery {
        DeliveryGuarantee::ExactlyOnce => exactly_once(check, config),
        DeliveryGuarantee::AtLeastOnce => {
            for (at, output) in outputs(config) {
                let at = at.field("transactional_id");
                let delivery = FieldPath::of("delivery");
                if output.transactional_id.is_some() && !check.is_doubtful(&delivery) {
                    let help = "write `delivery: exactly_once`, or leave it out";
                    check.error(&at, format!("`{at}` without transactions"), help);
                }
            }
            return;
        }
    };
    for output in [Some(&mut config.output), config.dead_letter.as_mut()] {
        if let Some(OutputConfig::Kafka(kafka)) = output {
            kafka.transactional_id.clone_from(&id);
        }
    }
}

/// Returns the Kafka outputs, that for results first.
fn outputs(config: &Config) -> Vec<(FieldPath, &KafkaOutputConfig)> {
    let all = [
        ("output.kafka", Some(&config.output)),
        ("dead_letter.kafka", config.dead_letter.as_ref()),
    ];
    let of_kafka = all.into_iter().filter_map(|(at, output)| match output {
        Some(OutputConfig::Kafka(kafka)) => Some((FieldPath::of(at), &**kafka)),
        _ => None,
    });
    of_kafka.collect()
}

/// Returns the name of this process's transactions.
fn exactly_once(check: &mut Check<'_>, config: &Config) -> Option<String> {
    let input = config.input.as_kafka();
    let is_kafka = |output: &OutputConfig| matches!(output, OutputConfig::Kafka(_));
    let letters = config.dead_letter.as_ref();
    let [of_input, of_output, of_letters] = [
        "its position must be part of the transaction",
        "results must be part of the transaction",
        "dead letters must be part of the transaction (or leave `dead_letter` out)",
    ];
    let letters = letters.is_none_or(is_kafka);
    not_kafka(check, "input", input.is_some(), of_input);
    not_kafka(check, "output", is_kafka(&config.output), of_output);
    not_kafka(check, "dead_letter", letters, of_letters);
    let outputs = outputs(config);
    for (at, output) in &outputs {
        if !output.idempotent_write {
            let message = format!("`delivery: exactly_once` needs `{at}.idempotent_write`");
            let help = "leave it out, or write `idempotent_write: true`";
            check.error(&at.field("idempotent_write"), message, help);
        }
        if let Some(input) = input {
            same_cluster(check, at, &input.client.addresses, &output.client.addresses);
        }
    }
    if let [(_, output), (at, letters)] = outputs.as_slice() {
        same_producer(check, at, output, letters);
    }
    let (input, (_, output)) = (input?, outputs.first()?);
    times(check, input, output);
    let given = output.transactional_id.clone();
    let named = |id: &String| format!("nerodia-{}-{id}", input.consumer_group);
    let id = given.or_else(|| input.instance_id.as_ref().map(named));
    if id.is_none() {
        check.error(
            &FieldPath::of("delivery"),
            "`delivery: exactly_once` needs a name for this process's transactions",
            "write `instance_id: ${HOSTNAME}` in `input.kafka`, or `transactional_id` in `output.kafka`: each \
             process needs a name of its own that stays the same after a restart",
        );
    }
    id
}

fn times(check: &mut Check<'_>, input: &KafkaInputConfig, output: &KafkaOutputConfig) {
    let at = FieldPath::of("input.kafka");
    // Without this level, a restart may begin at the offset of a transaction that is aborted later.
    let level = input.client.property("isolation.level");
    if level.is_some_and(|level| level != "read_committed") {
        check.error(
            &at.field("properties").field("isolation.level"),
            "`delivery: exactly_once` reads what is committed only",
            "leave `isolation.level` out",
        );
    }
    // Kafka aborts a transaction that is open for too long.
    let timeout = output.client.property("transaction.timeout.ms");
    let timeout = timeout.and_then(|timeout| timeout.parse().ok());
    let timeout = timeout.map_or(TRANSACTION_TIMEOUT, Duration::from_millis);
    if input.commit_period > timeout / 2 {
        let at = at.field("commit_period");
        let timeout = humantime::format_duration(timeout);
        check.error(
            &at,
            format!("`{at}` is more than half of the {timeout} that a transaction may take"),
            "commit more often, or raise `transaction.timeout.ms` in `output.kafka.properties`",
        );
    }
}

fn not_kafka(check: &mut Check<'_>, section: &str, is_kafka: bool, why: &str) {
    let at = &FieldPath::of(section);
    if is_kafka || check.is_doubtful(at) {
        return;
    }
    let message = format!(
        "`delivery: exactly_once` goes from Kafka to Kafka alone, and `{at}` is not `kafka`"
    );
    let help = format!("{why}: write `kafka` there, or leave `delivery` out");
    let problem = Diagnostic::error(message).help(help);
    check.clash(problem, &FieldPath::of("delivery"), at, "this one");
}

/// Checks that an output has the addresses of the input, which are `ours`.
fn same_cluster(check: &mut Check<'_>, at: &FieldPath, ours: &[String], theirs: &[String]) {
    let (ours, theirs) = (BTreeSet::from_iter(ours), BTreeSet::from_iter(theirs));
    // Addresses that are missing or wrong have already been reported.
    let told = |all: &BTreeSet<&String>| all.first().is_none_or(|one| one.is_empty());
    if told(&ours) || told(&theirs) || ours == theirs {
        return;
    }
    let message = format!(
        "`delivery: exactly_once` stays in one cluster, and `{at}.addresses` are not the input's"
    );
    let problem = Diagnostic::error(message)
        .help("write the same addresses; between two clusters there is `at_least_once`");
    let inputs = FieldPath::of("input.kafka.addresses");
    check.clash(problem, &at.field("addresses"), &inputs, "the input's");
}

/// Checks that both outputs reach the cluster in the same way, because a transaction belongs to one producer.
fn same_producer(
    check: &mut Check<'_>,
    at: &FieldPath,
    output: &KafkaOutputConfig,
    letters: &KafkaOutputConfig,
) {
    let (ours, theirs) = (&letters.client, &output.client);
    for (field, same) in [
        ("client_id", ours.client_id == theirs.client_id),
        ("tls", ours.tls == theirs.tls),
        ("sasl", ours.sasl == theirs.sasl),
        ("properties", ours.properties == theirs.properties),
    ] {
        if !same {
            let message =
                format!("`{at}.{field}` is not the output's, with which it shares transactions");
            let help = "write the same in both: one transaction is one producer's";
            check.error(&at.field(field), message, help);
        }
    }
    if letters.transactional_id.is_some() {
        let at = at.field("transactional_id");
        check.error(
            &at,
            format!("`{at}` is the output's"),
            "leave it out: dead letters are part of the transaction that `output.kafka.transactional_id` names",
        );
    }
}
