//! `output` and `dead_letter`.

use super::Check;
use crate::config::diagnostics::Diagnostic;
use crate::config::model::{OutputConfig, StdoutCodec, StdoutConfig};
use crate::config::raw;
use crate::config::tree::dotted;

impl Check<'_> {
    /// An output; `pointer` says which.
    pub(super) fn output(&mut self, pointer: &str, raw: raw::Output) -> OutputConfig {
        let raw::Output {
            label: _,
            stdout,
            drop,
        } = raw;
        match (stdout, drop) {
            (Some(stdout), None) => {
                OutputConfig::Stdout(self.stdout(&format!("{pointer}/stdout"), stdout))
            }
            (None, Some(raw::DropOutput {})) => OutputConfig::Drop,
            (None, None) => {
                if pointer != "/output" {
                    self.error(
                        pointer,
                        format!("`{}` does not say where to", dotted(pointer)),
                        "write for example `dead_letter: { stdout: {} }`, or leave `dead_letter` out",
                    );
                }
                OutputConfig::Stdout(self.stdout(pointer, raw::Stdout::default()))
            }
            (Some(_), Some(_)) => {
                let name = dotted(pointer);
                let problem =
                    Diagnostic::error(format!("`{name}` has two outputs, `stdout` and `drop`"))
                        .at(self.place(&format!("{pointer}/drop")))
                        .related(self.place(&format!("{pointer}/stdout")), "the other one")
                        .help("keep one of them");
                self.errors.push(problem);
                OutputConfig::Drop
            }
        }
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
