//! `input`.

use std::time::Duration;

use super::Check;
use crate::config::diagnostics::Diagnostic;
use crate::config::model::{
    GenerateConfig, GenerateSource, InputConfig, PipelineConfig, StdinConfig,
};
use crate::config::{raw, units};

/// Long enough for any line a person would call one; bounded, because a line is held whole.
const MAX_LINE: u64 = 8 << 20;

impl Check<'_> {
    pub(super) fn input(
        &mut self,
        raw: raw::Input,
        pipeline: &PipelineConfig,
    ) -> Option<InputConfig> {
        let raw::Input {
            label: _,
            stdin,
            kafka,
            generate,
        } = raw;
        let components = [
            ("stdin", stdin.is_some()),
            ("kafka", kafka.is_some()),
            ("generate", generate.is_some()),
        ];
        if !self.at_most_one("/input", &components, "there are two inputs") {
            return None;
        }
        if let Some(kafka) = kafka {
            return Some(InputConfig::Kafka(Box::new(self.kafka_input(kafka))));
        }
        if let Some(generate) = generate {
            return self.generate(generate).map(InputConfig::Generate);
        }
        let stdin = stdin.unwrap_or_default();
        Some(InputConfig::Stdin(self.stdin(stdin, pipeline)))
    }

    fn stdin(&mut self, raw: raw::Stdin, pipeline: &PipelineConfig) -> StdinConfig {
        let raw::Stdin {
            max_line,
            scanner,
            codec,
            auto_replay_nacks,
        } = raw;
        self.without_effect("/input/stdin/auto_replay_nacks", &auto_replay_nacks);
        if scanner.is_some() && codec.is_some() {
            let problem = Diagnostic::error("`codec` and `scanner` say the same")
                .at(self.place("/input/stdin/codec"))
                .related(self.place("/input/stdin/scanner"), "the other one")
                .help("keep `scanner`, the newer one");
            self.errors.push(problem);
        }
        let raw::Scanner { lines } = scanner.unwrap_or_default();
        let raw::Lines {
            custom_delimiter,
            max_buffer_size,
            omit_empty,
        } = lines.unwrap_or_default();
        if max_line.is_some() && max_buffer_size.is_some() {
            let problem = Diagnostic::error("`max_buffer_size` and `max_line` say the same")
                .at(self.place("/input/stdin/scanner/lines/max_buffer_size"))
                .related(self.place("/input/stdin/max_line"), "the other one")
                .help("keep `max_line`");
            self.errors.push(problem);
        }
        let (pointer, max_line) = match max_buffer_size {
            Some(size) => ("/input/stdin/scanner/lines/max_buffer_size", Some(size)),
            None => ("/input/stdin/max_line", max_line),
        };
        let delimiter = match codec {
            Some(codec) => self.stdin_codec(&codec),
            None => self.delimiter(custom_delimiter),
        };
        StdinConfig {
            max_line: self.max_line(pointer, max_line.as_ref(), pipeline.max_in_flight),
            delimiter,
            omit_empty,
        }
    }

    /// A line is in flight whole, so it cannot be longer than all that may be.
    fn max_line(&mut self, pointer: &str, size: Option<&raw::Size>, max_in_flight: u64) -> usize {
        let bytes = match size {
            None => MAX_LINE.min(max_in_flight),
            Some(size) => {
                let bytes = self.size(pointer, size);
                if bytes > max_in_flight && max_in_flight > 0 {
                    let message = format!(
                        "a line of {} does not fit into `pipeline.max_in_flight`, which is {}",
                        units::show_size(bytes),
                        units::show_size(max_in_flight)
                    );
                    self.error(
                        pointer,
                        message,
                        "raise `pipeline.max_in_flight`, or allow shorter lines only",
                    );
                }
                bytes
            }
        };
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    fn stdin_codec(&mut self, codec: &str) -> Option<Vec<u8>> {
        match codec.strip_prefix("delim:") {
            Some(delimiter) if !delimiter.is_empty() => Some(delimiter.as_bytes().to_vec()),
            None if codec == "lines" => None,
            _ => {
                let message = format!("`input.stdin.codec` cannot be `{codec}`");
                self.error(
                    "/input/stdin/codec",
                    message,
                    "choose `lines`, or `delim:X` for lines that end in X",
                );
                None
            }
        }
    }

    fn delimiter(&mut self, delimiter: Option<String>) -> Option<Vec<u8>> {
        match delimiter {
            // Bento's way to say "none".
            Some(delimiter) if delimiter.is_empty() || delimiter == "\n" => None,
            delimiter => delimiter.map(String::into_bytes),
        }
    }

    fn generate(&mut self, raw: raw::Generate) -> Option<GenerateConfig> {
        let raw::Generate {
            script,
            file,
            imports,
            value,
            interval,
            count,
            batch_size,
            auto_replay_nacks,
        } = raw;
        self.without_effect("/input/generate/auto_replay_nacks", &auto_replay_nacks);
        let interval = self.interval(&interval);
        let scripted = script.is_some() || file.is_some();
        let source = match (scripted, value) {
            (true, None) => self
                .stage("/input/generate", script, file, imports)
                .map(GenerateSource::Script),
            (false, Some(_)) => self.literal(),
            (true, Some(_)) => {
                let other = if script.is_some() { "script" } else { "file" };
                let problem =
                    Diagnostic::error(format!("`input.generate` has both `value` and `{other}`"))
                        .at(self.place("/input/generate/value"))
                        .related(
                            self.place(&format!("/input/generate/{other}")),
                            "the other one",
                        )
                        .help("keep one of them");
                self.errors.push(problem);
                None
            }
            (false, None) => {
                self.error(
                    "/input/generate",
                    "`input.generate` does not say what to make",
                    "write `script` with Python that sets `root`, or `value` with the message itself",
                );
                None
            }
        };
        Some(GenerateConfig {
            source: source?,
            interval,
            count,
            batch_size: usize::try_from(batch_size).unwrap_or(usize::MAX),
        })
    }

    fn literal(&mut self) -> Option<GenerateSource> {
        let value = self.root.find("/input/generate/value")?;
        match value.node.to_json_text() {
            Ok(text) => Some(GenerateSource::Value(text)),
            Err((at, why)) => {
                self.errors.push(
                    Diagnostic::error(why)
                        .at(at)
                        .help("quote it to make it text"),
                );
                None
            }
        }
    }

    fn interval(&mut self, text: &raw::DurationText) -> Duration {
        let pointer = "/input/generate/interval";
        let written = text.0.trim();
        if written.is_empty() {
            return Duration::ZERO;
        }
        if written.split_whitespace().count() >= 5
            || (written.starts_with('@') && !written.starts_with("@every "))
        {
            self.error(
                pointer,
                format!("`{written}` is a cron expression, which this engine does not run"),
                "write the time between two batches, for example `interval: 1m`",
            );
            return Duration::ZERO;
        }
        // Bento's cron has this one spelling that is no more than a duration.
        let every = written.strip_prefix("@every ").unwrap_or(written);
        self.duration(pointer, &every.into())
    }
}
