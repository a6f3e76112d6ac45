//! Commands and options of Bento: what an unknown one is told to be here, in the place of clap's suggestion by spelling.

use std::path::{Path, PathBuf};

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::config::Diagnostic;

/// Commands of Bento, and what there is in their place.
const COMMANDS: [(&str, &str); 8] = [
    ("create", "`nerodia init NAME` writes a new pipeline"),
    (
        "list",
        "`nerodia schema --markdown` writes all fields of a config",
    ),
    (
        "blobl",
        "`nerodia eval SCRIPT` runs a script, in Python, for each line",
    ),
    (
        "echo",
        "`nerodia lint --print FILE` prints a config as it takes effect",
    ),
    (
        "streams",
        "there is no such mode: `nerodia run FILE` runs one pipeline, so start one for each file",
    ),
    ("studio", "there is none"),
    ("template", "there are no templates"),
    (
        "server",
        "there is none: `nerodia run FILE` runs a pipeline, which may have a web server",
    ),
];

/// Options of Bento, and what there is in their place.
const OPTIONS: [(&[&str], &str); 8] = [
    (
        &["-c", "--config"],
        "it is an option of a command: `nerodia run -c FILE`, or `nerodia run FILE`",
    ),
    (
        &["-s", "--set"],
        "write `--set PATH=VALUE` after the command: `nerodia run FILE --set logger.level=debug`",
    ),
    (
        &["-w", "--watcher", "--watch"],
        "write `--watch`: `nerodia run FILE --watch`",
    ),
    (
        &["-e", "--env-file"],
        "a shell puts the variables of a file into the environment: `set -a; . ./FILE; set +a`",
    ),
    (
        &["-r", "--resources"],
        "there are no resources: write each where the config uses it",
    ),
    (&["-t", "--templates"], "there are no templates"),
    (
        &["--log.level"],
        "write `--set logger.level=LEVEL` after the command",
    ),
    (
        &["--chilled"],
        "there is none: a config with errors does not run",
    ),
];

/// Puts what there is in the place of a command or option of Bento into the error about it.
pub(super) fn explain(mut error: clap::Error) -> clap::Error {
    let (written, suggested) = match error.kind() {
        ErrorKind::InvalidSubcommand => (
            ContextKind::InvalidSubcommand,
            ContextKind::SuggestedSubcommand,
        ),
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, ContextKind::SuggestedArg),
        _ => return error,
    };
    let Some(ContextValue::String(written)) = error.get(written) else {
        return error;
    };
    let usage = error.get(ContextKind::Usage).map(ToString::to_string);
    let is_after_command = !usage.unwrap_or_default().contains("<COMMAND>");
    let tip = match written.as_str() {
        "-c" | "--config" if is_after_command => Some("write the file alone".to_owned()),
        written => tip(written),
    };
    let Some(tip) = tip else {
        return error;
    };
    error.remove(suggested);
    let tip = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
    error.insert(ContextKind::Suggested, tip);
    error
}

fn tip(written: &str) -> Option<String> {
    if Path::new(written)
        .extension()
        .is_some_and(|one| one == "yaml" || one == "yml")
    {
        return Some(format!("`nerodia run {written}` runs a pipeline"));
    }
    let command = COMMANDS.iter().find(|(name, _)| *name == written);
    let option = OPTIONS.iter().find(|(names, _)| names.contains(&written));
    let tip = command.map(|(_, tip)| *tip);
    tip.or(option.map(|(_, tip)| *tip)).map(str::to_owned)
}

/// Returns the problem that there is a file with tests of Bento's beside a config without tests.
pub(super) fn tests_beside(config: &Path) -> Option<Diagnostic> {
    let stem = config.file_stem()?.to_str()?;
    let beside = |suffix: &str| config.with_file_name(format!("{stem}{suffix}.yaml"));
    let mut files: std::array::IntoIter<PathBuf, 2> =
        [beside("_bento_test"), beside("_benthos_test")].into_iter();
    let found = files.find(|file| file.exists())?;
    let message = format!("`{}` is Bento's, and is not run", found.display());
    let help = format!(
        "write its tests as `tests` of the config, or in `{}`; docs/command-line.md#test",
        config.with_extension("test.yaml").display()
    );
    Some(Diagnostic::warning(message).help(help))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn told(arguments: &[&str]) -> String {
        let arguments = std::iter::once(&"nerodia").chain(arguments);
        let error = crate::cli::Cli::try_parse_from(arguments).expect_err("it is not ours");
        explain(error).to_string()
    }

    #[test]
    fn what_is_bentos_is_told() {
        for (arguments, part) in [
            (
                &["create", "stdin/python/stdout"][..],
                "`nerodia init NAME`",
            ),
            (&["list"], "`nerodia schema --markdown`"),
            (&["blobl", "root = this"], "`nerodia eval SCRIPT`"),
            (&["echo", "-c", "x.yaml"], "`nerodia lint --print FILE`"),
            (&["streams", "x.yaml"], "no such mode"),
            (&["template", "lint"], "no templates"),
            (&["x.yaml"], "`nerodia run x.yaml`"),
            (&["-c", "x.yaml"], "`nerodia run -c FILE`"),
            (&["test", "-c", "x.yaml"], "write the file alone"),
            (&["-s", "a=b"], "`--set PATH=VALUE`"),
            (&["run", "x.yaml", "-s", "a=b"], "`--set PATH=VALUE`"),
            (&["run", "-w", "x.yaml"], "`--watch`"),
            (&["-e", "x.env"], "`set -a; . ./FILE; set +a`"),
            (&["lint", "-r", "x.yaml", "y.yaml"], "no resources"),
            (
                &["run", "--log.level", "debug", "x.yaml"],
                "`--set logger.level=LEVEL`",
            ),
        ] {
            let told = told(arguments);
            assert_eq!(told.matches("tip: ").count(), 1, "{told}");
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn what_is_misspelled_is_suggested_as_before() {
        assert!(told(&["lnit"]).contains("'lint'"));
        assert!(told(&["run", "x.yaml", "--wach"]).contains("'--watch'"));
        assert!(!told(&["nonsense"]).contains("tip: "));
    }

    #[test]
    fn tests_of_bento_are_found_beside_the_config() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("a.yaml");
        assert!(tests_beside(&config).is_none());
        std::fs::write(folder.path().join("a_benthos_test.yaml"), "").expect("a file");
        let told = tests_beside(&config).expect("a warning");
        assert!(told.message.contains("a_benthos_test.yaml` is Bento's"));
        assert!(tests_beside(&folder.path().join("b.yaml")).is_none());
    }
}
