//! `guests`.

use super::Check;
use crate::config::diagnostics::Diagnostic;
use crate::config::load;
use crate::config::model::{GuestsConfig, PipelineConfig, RUNTIMES, RecycleConfig};
use crate::config::raw;
use crate::config::units::show_size;
use crate::guest::packages;

/// Each is a thread with some megabytes: beyond this a config is a slip of the keyboard.
pub(super) const MOST_GUESTS: usize = 1024;

/// All that 32-bit WebAssembly can address.
const MOST_MEMORY: u64 = 4 << 30;

/// Results are counted in 32 bits, several messages' together.
const MOST_OUTPUT: u64 = 1 << 30;

impl Check<'_> {
    pub(super) fn guests(
        &mut self,
        raw: raw::Guests,
        pipeline: &mut PipelineConfig,
    ) -> GuestsConfig {
        let raw::Guests {
            runtime,
            min,
            memory,
            timeout,
            start_timeout,
            idle_timeout,
            max_output,
            max_log,
            recycle,
        } = raw;
        let memory = self.memory(
            "/guests/memory",
            &memory,
            MOST_MEMORY,
            "what WebAssembly can address",
        );
        GuestsConfig {
            runtime: self.runtime(runtime),
            min: self.min_guests(min, pipeline),
            memory,
            timeout: self.limit("/guests/timeout", &timeout),
            start_timeout: self.limit("/guests/start_timeout", &start_timeout),
            idle_timeout: self.duration("/guests/idle_timeout", &idle_timeout),
            max_output: self.memory(
                "/guests/max_output",
                &max_output,
                MOST_OUTPUT,
                "what one message may ever come to",
            ),
            max_log: self.size("/guests/max_log", &max_log),
            recycle: self.recycle(recycle, memory),
        }
    }

    /// The runtime that has the packages, if there are any.
    fn runtime(&mut self, written: String) -> String {
        let Some((file, at)) = self.packages.clone() else {
            return written;
        };
        if written != RUNTIMES[0] {
            let message = format!("{written} has no packages");
            let problem = Diagnostic::error(message).at(self.place("/guests/runtime"));
            let problem = problem.related(at, "they are asked for here");
            self.errors.push(problem.help("leave `guests.runtime` out"));
            return written;
        }
        match load::read(&self.base.join(&file)) {
            Ok(source) => packages::runtime_name(source.text()),
            Err(problem) => {
                let message = format!("cannot read the packages: {}", problem.message);
                let help = "the path is relative to the folder of the config file";
                self.errors
                    .push(Diagnostic::error(message).at(at).help(help));
                written
            }
        }
    }

    /// More than may be at a time is an error where the user wrote both. Where the cores of this
    /// machine set the bound they give way: a config should not be wrong on a smaller machine.
    fn min_guests(&mut self, min: u64, pipeline: &mut PipelineConfig) -> usize {
        let min = usize::try_from(min).unwrap_or(usize::MAX);
        let max = pipeline.max_guests;
        if min <= max || self.is_doubtful("/pipeline/threads") {
            return min;
        }
        let at = self.place("/guests/min");
        if self.is_written("/pipeline/threads") && !self.threads_are_cores {
            let problem = Diagnostic::error(format!("at least {min} guests, but at most {max}"))
                .at(at)
                .related(self.place("/pipeline/threads"), "the most")
                .help("lower `guests.min` or raise `pipeline.threads`");
            self.errors.push(problem);
        } else if min > MOST_GUESTS {
            let problem = Diagnostic::error(format!("{min} guests are more than {MOST_GUESTS}"));
            self.errors.push(problem.at(at).help("lower `guests.min`"));
        } else {
            pipeline.max_guests = min;
            let message = format!("{min} guests are more than this machine has cores ({max})");
            let warning = Diagnostic::warning(message).at(at);
            self.warnings
                .push(warning.help("more guests than cores only help scripts that sleep"));
        }
        min
    }

    fn recycle(&mut self, raw: raw::Recycle, of: u64) -> RecycleConfig {
        let raw::Recycle {
            after_messages,
            memory,
        } = raw;
        RecycleConfig {
            after_messages,
            memory: memory.map_or(of / 2, |memory| {
                self.memory(
                    "/guests/recycle/memory",
                    &memory,
                    of,
                    "`guests.memory`, which a guest never goes beyond",
                )
            }),
        }
    }

    fn memory(&mut self, pointer: &str, size: &raw::Size, most: u64, what: &str) -> u64 {
        let bytes = self.size(pointer, size);
        if most > 0 && bytes > most {
            let message = format!(
                "{} is more than {}, {what}",
                show_size(bytes),
                show_size(most)
            );
            self.error(pointer, message, "write a smaller size");
        }
        bytes
    }
}
