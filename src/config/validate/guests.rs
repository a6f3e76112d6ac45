//! Checks of `guests`.

use super::Check;
use super::pipeline::Packages;
use crate::config::diagnostics::Diagnostic;
use crate::config::load;
use crate::config::model::{Config, GuestsConfig, RUNTIMES};
use crate::config::texts::show_size;
use crate::config::tree::FieldPath;
use crate::guest::packages;

/// Limit on the number of guests. Each is a thread with some megabytes, so a larger number must be a slip of the
/// keyboard.
pub(super) const MOST_GUESTS: usize = 1024;

/// Limit on the memory of a guest: all that 32-bit WebAssembly can address.
const MOST_MEMORY: u64 = 4 << 30;

/// Least memory in which a guest of the default runtime starts, and of the other one, with little room for messages.
const LEAST_MEMORY: [u64; 2] = [32 << 20, 16 << 20];

/// Limit on the results of one message. The results of several messages are counted together in 32 bits.
const MOST_OUTPUT: u64 = 1 << 30;

pub(super) fn guests(
    check: &mut Check<'_>,
    mut guests: GuestsConfig,
    packages: Option<Packages>,
) -> GuestsConfig {
    let of_guest = "`guests.memory`, which a guest never goes beyond";
    let memory = match check.is_doubtful(&FieldPath::of("guests.memory")) {
        true => MOST_MEMORY,
        false => guests.memory,
    };
    let least = LEAST_MEMORY[usize::from(guests.runtime != RUNTIMES[0])];
    if memory < least {
        let message = format!(
            "{} is too little: {} needs at least {}",
            show_size(memory),
            guests.runtime,
            show_size(least)
        );
        let help = match memory {
            // A number alone is bytes, and is meant to be more.
            32..=4096 => format!("write the unit: `memory: {memory}MiB`"),
            _ => "write `64MiB` or more; the default is `256MiB`".into(),
        };
        check.error(&FieldPath::of("guests.memory"), message, help);
    }
    let recycle = guests.recycle.memory.unwrap_or_default();
    for (field, size, most, what) in [
        (
            "memory",
            memory,
            MOST_MEMORY,
            "what WebAssembly can address",
        ),
        (
            "max_output",
            guests.max_output,
            MOST_OUTPUT,
            "what one message may ever come to",
        ),
        ("recycle.memory", recycle, memory, of_guest),
    ] {
        let at = FieldPath::of(&format!("guests.{field}"));
        if size > most {
            let message = format!(
                "{} is more than {}, {what}",
                show_size(size),
                show_size(most)
            );
            check.error(&at, message, "write a smaller size");
        }
    }
    if let Some(packages) = packages {
        guests.runtime = runtime(check, guests.runtime, &packages);
    }
    guests
}

/// Returns the runtime that has the packages.
fn runtime(check: &mut Check<'_>, written: String, (file, at): &Packages) -> String {
    if written != RUNTIMES[0] {
        let problem = Diagnostic::error(format!("{written} has no packages"));
        let problem = problem.help("leave `guests.runtime` out");
        let runtime = FieldPath::of("guests.runtime");
        check.clash(problem, &runtime, at, "they are asked for here");
        return written;
    }
    match load::read(&check.base.join(file)) {
        Ok(source) => packages::runtime_name(source.text()),
        Err(problem) => {
            let message = format!("cannot read the packages: {}", problem.message);
            let help = "the path is relative to the folder of the config file";
            let problem = Diagnostic::error(message).at(check.place(at));
            check.problems.push(problem.help(help));
            written
        }
    }
}

/// Checks `guests.min`. More than `pipeline.threads` is an error if the user wrote both. If the number of this
/// machine's `cores` is the bound, the bound is raised: a config should not be wrong on a smaller machine.
pub(super) fn min(check: &mut Check<'_>, config: &mut Config, cores: bool) {
    let (min, max) = (config.guests.min, config.pipeline.max_guests);
    let (at, threads) = (
        FieldPath::of("guests.min"),
        FieldPath::of("pipeline.threads"),
    );
    if min <= max || check.is_doubtful(&threads) {
        return;
    }
    if check.is_written(&threads) && !cores {
        let problem = Diagnostic::error(format!("at least {min} guests, but at most {max}"))
            .help("lower `guests.min` or raise `pipeline.threads`");
        check.clash(problem, &at, &threads, "the most");
    } else if min > MOST_GUESTS {
        let message = format!("{min} guests are more than {MOST_GUESTS}");
        check.error(&at, message, "lower `guests.min`");
    } else {
        config.pipeline.max_guests = min;
        let message = format!("{min} guests are more than this machine has cores ({max})");
        let help = "more guests than cores only help scripts that sleep";
        check.warn(&at, message, help);
    }
}
