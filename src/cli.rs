//! Commands of the `nerodia` program, one file each.
//!
//! Exit codes: 0 success, 1 some messages or the engine failed, 2 wrong usage or config.

mod completions;
mod config_file;
mod console;
mod debug;
mod eval;
mod init;
mod lint;
mod man;
mod of_bento;
mod progress;
mod ready;
mod remote;
mod replay;
mod report;
mod run;
mod runtime;
mod schema;
mod stubs;
mod test;
mod top;
mod r#try;
mod tryout;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit code: no error.
const WELL: u8 = 0;
/// Exit code: some messages failed, or the engine did.
const FAILED: u8 = 1;
/// Exit code: wrong usage or config.
const MISUSED: u8 = 2;

/// A stream engine that runs Python in a sandbox
#[derive(Debug, Parser)]
#[command(
    name = "nerodia",
    version,
    about,
    after_help = "\
Examples:
  Sum the numbers of each line:
    echo '[11, 6, 20, 5]' | nerodia eval 'root = sum(this)'

  Run a pipeline, check one, override a field:
    nerodia run -c configs/sum.yaml
    nerodia lint configs/*.yaml
    nerodia run -c configs/sum.yaml --set logger.level=debug

Exit codes: 0 all well, 1 some messages failed or the engine did, 2 usage or config."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Replay(replay::Replay),
    Lint(lint::Lint),
    Test(test::Test),
    Try(r#try::Try),
    Eval(eval::Eval),
    Debug(debug::Debug),
    Init(init::Init),
    Ready(ready::Ready),
    Top(top::Top),
    Schema(schema::Schema),
    Runtime(runtime::Runtime),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let parsed = Cli::try_parse().map_err(of_bento::explain);
    let code = match parsed.unwrap_or_else(|error| error.exit()).command {
        Command::Run(command) => command.execute(),
        Command::Replay(command) => command.execute(),
        Command::Lint(command) => command.execute(),
        Command::Test(command) => command.execute(),
        Command::Try(command) => command.execute(),
        Command::Eval(command) => command.execute(),
        Command::Debug(command) => command.execute(),
        Command::Init(command) => command.execute(),
        Command::Ready(command) => command.execute(),
        Command::Top(command) => command.execute(),
        Command::Schema(command) => command.execute(),
        Command::Runtime(command) => command.execute(),
        Command::Completions(command) => command.execute(),
        Command::Man(command) => command.execute(),
    };
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    /// clap wraps each line for itself, so a paragraph that is cut by hand would be wrapped twice.
    #[test]
    fn a_paragraph_of_help_is_one_line() {
        for command in super::Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            let lines: Vec<&str> = help.lines().collect();
            for pair in lines.windows(2) {
                let is_prose = |line: &&str| !line.is_empty() && !line.starts_with(' ');
                let cut = pair[0].len() > 80 && !pair[1].starts_with("Exit codes");
                assert!(!(cut && pair.iter().all(is_prose)), "{pair:#?}");
            }
        }
    }
}
