//! Checks of `output` and `dead_letter`.

use super::{Check, kafka};
use crate::config::model::OutputConfig;
use crate::config::raw;
use crate::config::tree::FieldPath;

/// Checks the output at the path `at`.
pub(super) fn output(check: &mut Check<'_>, at: &FieldPath, raw: raw::Output) -> OutputConfig {
    let components = [
        ("stdout", raw.stdout.is_some()),
        ("kafka", raw.kafka.is_some()),
        ("drop", raw.drop.is_some()),
    ];
    let chosen = check.chosen(at, &components, &format!("`{at}` has two outputs"));
    match (chosen, raw.kafka) {
        (Some("kafka"), Some(raw)) => {
            OutputConfig::Kafka(Box::new(kafka::output(check, &at.field("kafka"), raw)))
        }
        (Some("drop"), _) => OutputConfig::Drop,
        (None, _) if at.last() == "dead_letter" => {
            check.error(
                at,
                format!("`{at}` does not say where to"),
                "write for example `dead_letter: { stdout: {} }`, or leave `dead_letter` out",
            );
            OutputConfig::Drop
        }
        _ => OutputConfig::Stdout(raw.stdout.unwrap_or_default()),
    }
}
