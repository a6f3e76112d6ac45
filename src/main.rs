//! The `nerodia` program; see [`nerodia::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    nerodia::cli::main()
}
