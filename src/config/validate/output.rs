//! Checks of `output` and `dead_letter`.

use super::{Check, kafka};
use crate::config::model::{KafkaOutputConfig, OutputConfig, StdoutConfig};
use crate::config::raw;
use crate::config::tree::FieldPath;

/// Output as it is written.
enum Written {
    Stdout(StdoutConfig),
    Kafka(Box<raw::Kafka<KafkaOutputConfig>>),
    Drop(raw::DropOutput),
}

/// Checks the output at the path `at`.
pub(super) fn output(check: &mut Check<'_>, at: &FieldPath, raw: raw::Output) -> OutputConfig {
    // Without `..`, so that a new output does not compile until it is among the components.
    let raw::Output {
        label: _,
        stdout,
        kafka,
        drop,
    } = raw;
    let components = [
        ("stdout", stdout.map(Written::Stdout)),
        ("kafka", kafka.map(Box::new).map(Written::Kafka)),
        ("drop", drop.map(Written::Drop)),
    ];
    match check.chosen(at, components, &format!("`{at}` has two outputs")) {
        Some(Written::Stdout(stdout)) => OutputConfig::Stdout(stdout),
        Some(Written::Kafka(raw)) => {
            OutputConfig::Kafka(Box::new(kafka::output(check, &at.field("kafka"), *raw)))
        }
        Some(Written::Drop(raw::DropOutput {})) => OutputConfig::Drop,
        None if at.last() == "dead_letter" => {
            // Not reported if two are written, because then the section counts as misshapen.
            check.error(
                at,
                format!("`{at}` does not say where to"),
                "write for example `dead_letter: { stdout: {} }`, or leave `dead_letter` out",
            );
            OutputConfig::Drop
        }
        None => OutputConfig::Stdout(StdoutConfig::default()),
    }
}
