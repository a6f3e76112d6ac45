//! `output` and `dead_letter`.

use super::Check;
use crate::config::model::{OutputConfig, StdoutCodec, StdoutConfig};
use crate::config::raw;
use crate::config::tree::dotted;

impl Check<'_> {
    /// An output; `pointer` says which.
    pub(super) fn output(&mut self, pointer: &str, raw: raw::Output) -> OutputConfig {
        let raw::Output {
            label: _,
            stdout,
            kafka,
            drop,
        } = raw;
        let components = [
            ("stdout", stdout.is_some()),
            ("kafka", kafka.is_some()),
            ("drop", drop.is_some()),
        ];
        let two = format!("`{}` has two outputs", dotted(pointer));
        if !self.at_most_one(pointer, &components, &two) {
            return OutputConfig::Drop;
        }
        if let Some(kafka) = kafka {
            let kafka = self.kafka_output(&format!("{pointer}/kafka"), kafka);
            return OutputConfig::Kafka(Box::new(kafka));
        }
        if let Some(raw::DropOutput {}) = drop {
            return OutputConfig::Drop;
        }
        if stdout.is_none() && pointer != "/output" {
            self.error(
                pointer,
                format!("`{}` does not say where to", dotted(pointer)),
                "write for example `dead_letter: { stdout: {} }`, or leave `dead_letter` out",
            );
        }
        let stdout = stdout.unwrap_or_default();
        OutputConfig::Stdout(self.stdout(&format!("{pointer}/stdout"), stdout))
    }

    fn stdout(&mut self, pointer: &str, raw: raw::Stdout) -> StdoutConfig {
        let raw::Stdout { codec } = raw;
        StdoutConfig {
            codec: self.codec(&format!("{pointer}/codec"), &codec),
        }
    }

    fn codec(&mut self, pointer: &str, codec: &str) -> StdoutCodec {
        match codec.strip_prefix("delim:") {
            Some(delimiter) if !delimiter.is_empty() => {
                StdoutCodec::Delim(delimiter.as_bytes().to_vec())
            }
            None if codec == "lines" => StdoutCodec::Lines,
            // On a stream the two are one; Bento has both names.
            None if codec == "all-bytes" || codec == "append" => StdoutCodec::AllBytes,
            _ => {
                self.error(
                    pointer,
                    format!("`{}` cannot be `{codec}`", dotted(pointer)),
                    "choose `lines`, `all-bytes`, or `delim:X` for X behind each message",
                );
                StdoutCodec::Lines
            }
        }
    }
}
