//! `delivery`: what exactly once asks of the input and of the outputs.

use std::time::Duration;

use super::Check;
use crate::config::diagnostics::Diagnostic;
use crate::config::model::{
    DeliveryGuarantee, InputConfig, KafkaInputConfig, KafkaOutputConfig, OnError, OutputConfig,
    PipelineConfig, Secret,
};
use crate::config::raw;
use crate::config::tree::dotted;

/// librdkafka's `transaction.timeout.ms`.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);

fn property<'a>(properties: &'a [(String, Secret)], name: &str) -> Option<&'a str> {
    let mut properties = properties.iter();
    let (_, value) = properties.find(|(property, _)| property == name)?;
    Some(&value.0)
}

impl Check<'_> {
    /// Sees to it that the outputs have a transactional id exactly if delivery is exactly once.
    pub(in crate::config::validate) fn delivery(
        &mut self,
        raw: raw::Delivery,
        input: Option<&InputConfig>,
        output: &mut OutputConfig,
        dead_letter: Option<&mut OutputConfig>,
    ) -> DeliveryGuarantee {
        match raw {
            raw::Delivery::AtLeastOnce => {
                self.no_transactions("/output", output);
                if let Some(dead_letter) = dead_letter {
                    self.no_transactions("/dead_letter", dead_letter);
                }
                DeliveryGuarantee::AtLeastOnce
            }
            raw::Delivery::ExactlyOnce => {
                self.exactly_once(input, output, dead_letter);
                DeliveryGuarantee::ExactlyOnce
            }
        }
    }

    fn no_transactions(&mut self, pointer: &str, output: &OutputConfig) {
        let OutputConfig::Kafka(kafka) = output else {
            return;
        };
        if kafka.transactional_id.is_some() && !self.is_doubtful("/delivery") {
            let pointer = format!("{pointer}/kafka/transactional_id");
            let message = format!("`{}` without transactions", dotted(&pointer));
            self.error(
                &pointer,
                message,
                "write `delivery: exactly_once`, or leave it out",
            );
        }
    }

    fn exactly_once(
        &mut self,
        input: Option<&InputConfig>,
        output: &mut OutputConfig,
        dead_letter: Option<&mut OutputConfig>,
    ) {
        let input = match input {
            Some(InputConfig::Kafka(kafka)) => Some(&**kafka),
            // It is wrong by itself, which has been told.
            None => None,
            Some(InputConfig::Stdin(_) | InputConfig::Generate(_)) => {
                self.not_kafka("/input", "its position must be part of the transaction");
                None
            }
        };
        let mut outputs = Vec::new();
        match output {
            OutputConfig::Kafka(kafka) => outputs.push(("/output/kafka", kafka)),
            OutputConfig::Stdout(_) | OutputConfig::Drop => {
                self.not_kafka("/output", "results must be part of the transaction");
            }
        }
        match dead_letter {
            Some(OutputConfig::Kafka(kafka)) => outputs.push(("/dead_letter/kafka", kafka)),
            Some(OutputConfig::Stdout(_) | OutputConfig::Drop) => self.not_kafka(
                "/dead_letter",
                "dead letters must be part of the transaction (or leave `dead_letter` out)",
            ),
            None => {}
        }
        for (pointer, kafka) in &outputs {
            if !kafka.idempotent_write {
                self.error(
                    &format!("{pointer}/idempotent_write"),
                    format!(
                        "`delivery: exactly_once` needs `{}.idempotent_write`",
                        dotted(pointer)
                    ),
                    "leave it out, or write `idempotent_write: true`",
                );
            }
            if let Some(input) = input {
                self.same_cluster(pointer, input, kafka);
            }
        }
        if let [(_, output), (pointer, dead_letter)] = outputs.as_slice() {
            self.same_producer(pointer, output, dead_letter);
            if dead_letter.transactional_id.is_some() {
                self.error(
                    "/dead_letter/kafka/transactional_id",
                    "`dead_letter.kafka.transactional_id` is the output's",
                    "leave it out: dead letters are part of the transaction that `output.kafka.transactional_id` names",
                );
            }
        }
        if let (Some(input), Some((_, output))) = (input, outputs.first()) {
            self.committed_reads(input);
            self.transaction_time(input, output);
        }
        let id = self.transactional_id(input, outputs.first().map(|(_, output)| &***output));
        for (_, kafka) in outputs {
            kafka.transactional_id.clone_from(&id);
        }
    }

    /// Without this level, a restart may begin at the offset of a transaction that is aborted later.
    fn committed_reads(&mut self, input: &KafkaInputConfig) {
        let level = property(&input.client.properties, "isolation.level");
        if level.is_some_and(|level| level != "read_committed") {
            self.error(
                "/input/kafka/properties/isolation.level",
                "`delivery: exactly_once` reads what is committed only",
                "leave `isolation.level` out",
            );
        }
    }

    /// Kafka aborts a transaction that is open for too long.
    fn transaction_time(&mut self, input: &KafkaInputConfig, output: &KafkaOutputConfig) {
        let timeout = property(&output.client.properties, "transaction.timeout.ms");
        let timeout = timeout.and_then(|timeout| timeout.parse().ok());
        let timeout = timeout.map_or(TRANSACTION_TIMEOUT, Duration::from_millis);
        if input.commit_period > timeout / 2 {
            self.error(
                "/input/kafka/commit_period",
                format!(
                    "`input.kafka.commit_period` is more than half of the {} that a transaction may take",
                    humantime::format_duration(timeout)
                ),
                "commit more often, or raise `transaction.timeout.ms` in `output.kafka.properties`",
            );
        }
    }

    fn not_kafka(&mut self, pointer: &str, why: &str) {
        if self.is_doubtful(pointer) {
            return;
        }
        let message = format!(
            "`delivery: exactly_once` goes from Kafka to Kafka alone, and `{}` is not `kafka`",
            dotted(pointer)
        );
        let mut problem = Diagnostic::error(message)
            .at(self.place("/delivery"))
            .help(format!(
                "{why}: write `kafka` there, or leave `delivery` out"
            ));
        if self.is_written(pointer) {
            problem = problem.related(self.place(pointer), "this one");
        }
        self.errors.push(problem);
    }

    fn same_cluster(
        &mut self,
        pointer: &str,
        input: &KafkaInputConfig,
        output: &KafkaOutputConfig,
    ) {
        let sorted = |addresses: &[String]| {
            let mut addresses = addresses.to_vec();
            addresses.sort();
            addresses.dedup();
            addresses
        };
        let of_input = sorted(&input.client.addresses);
        let of_output = sorted(&output.client.addresses);
        // Those that are missing or wrong have been told.
        let told = |all: &[String]| all.first().is_none_or(String::is_empty);
        if told(&of_input) || told(&of_output) || of_input == of_output {
            return;
        }
        let message = format!(
            "`delivery: exactly_once` stays in one cluster, and `{}.addresses` are not the input's",
            dotted(pointer)
        );
        let problem = Diagnostic::error(message)
            .at(self.place(&format!("{pointer}/addresses")))
            .related(self.place("/input/kafka/addresses"), "the input's")
            .help("write the same addresses; between two clusters there is `at_least_once`");
        self.errors.push(problem);
    }

    /// A transaction is one producer's, so both outputs have to reach the cluster in one way.
    fn same_producer(
        &mut self,
        pointer: &str,
        output: &KafkaOutputConfig,
        dead_letter: &KafkaOutputConfig,
    ) {
        let (ours, theirs) = (&dead_letter.client, &output.client);
        for (field, same) in [
            ("client_id", ours.client_id == theirs.client_id),
            ("tls", ours.tls == theirs.tls),
            ("sasl", ours.sasl == theirs.sasl),
            ("properties", ours.properties == theirs.properties),
        ] {
            if !same {
                let message = format!(
                    "`{}.{field}` is not the output's, with which it shares transactions",
                    dotted(pointer)
                );
                self.error(
                    &format!("{pointer}/{field}"),
                    message,
                    "write the same in both: one transaction is one producer's",
                );
            }
        }
    }

    fn transactional_id(
        &mut self,
        input: Option<&KafkaInputConfig>,
        output: Option<&KafkaOutputConfig>,
    ) -> Option<String> {
        let (input, output) = (input?, output?);
        if let Some(id) = &output.transactional_id {
            return Some(id.clone());
        }
        let Some(instance_id) = &input.instance_id else {
            self.error(
                "/delivery",
                "`delivery: exactly_once` needs a name for this process's transactions",
                "write `instance_id: ${HOSTNAME}` in `input.kafka`, or `transactional_id` in `output.kafka`: each \
                 process needs a name of its own that stays the same after a restart",
            );
            return None;
        };
        Some(format!("nerodia-{}-{instance_id}", input.consumer_group))
    }

    /// Warns where the first failed message would end the pipeline.
    pub(in crate::config::validate) fn failures(
        &mut self,
        input: Option<&InputConfig>,
        pipeline: &PipelineConfig,
        dead_letter: Option<&OutputConfig>,
    ) {
        let stops = matches!(input, Some(InputConfig::Kafka(_)))
            && dead_letter.is_none()
            && pipeline.on_error == OnError::DeadLetter
            && !self.is_doubtful("/dead_letter");
        if stops {
            self.warnings.push(
                Diagnostic::warning("the pipeline stops at the first message that fails")
                    .at(self.place("/input/kafka"))
                    .help(
                        "say where failed messages go, for example `dead_letter: { kafka: { addresses: […], topic: \
                         orders.dead } }`",
                    ),
            );
        }
    }
}
