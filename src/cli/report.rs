//! Reports of problems on standard error, in the form that people and editors expect.

use std::io::IsTerminal;

use super::console;
use crate::config::{Diagnostic, Diagnostics};
use crate::guest::runtime::RuntimeError;

/// Prints problems, in colour on a terminal.
pub fn diagnostics(problems: &Diagnostics) {
    if !problems.is_empty() {
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        console::complain(problems.render(colour).trim_end());
    }
}

/// Makes the report of a runtime that cannot be used, with advice on what to do.
pub fn runtime_problem(error: &RuntimeError) -> Diagnostics {
    Diagnostic::error(error.to_string())
        .help(error.help())
        .into()
}
