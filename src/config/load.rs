//! Loading of a config from its source: read, parse, override, interpolate, check, validate.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize as _;

use super::diagnostics::{Diagnostic, Diagnostics};
use super::model::Config;
use super::source::SourceText;
use super::tree::{Data, FieldPath, Node, parse};
use super::unwrap::unwrap;
use super::validate::validate;
use super::walk::{Walked, walk};
use super::{env, overrides, print, raw, secrets};

/// Source of a config.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// File. Paths of scripts in it are relative to its folder.
    File(PathBuf),
    /// Text read from standard input (`-c -`), which then cannot be the pipeline's input as well.
    Stdin(String),
    /// Text from elsewhere, shown under a name.
    #[cfg(any(test, feature = "fuzzing"))]
    Inline {
        /// Name in messages.
        name: String,
        /// Text of the YAML.
        text: String,
    },
}

impl Source {
    /// Returns the tree of the text, and the folder to which paths in it are relative.
    fn tree(self) -> Result<(Node, PathBuf), Diagnostics> {
        let (text, base) = match self {
            Self::File(path) => {
                if path.extension().is_some_and(|extension| extension == "py") {
                    return Err(script_not_config(&path).into());
                }
                let text = read(&path).map_err(|problem| match problem.location {
                    Some(_) => problem,
                    None => {
                        let help = match folder_of(&path) {
                            Some(folder) => format!(
                                "name its files, for example `$(find {} -name '*.yaml')`",
                                folder.display()
                            ),
                            None => {
                                "`nerodia eval 'root = this'` runs a script without a config".into()
                            }
                        };
                        Diagnostic::error(format!("cannot read the config: {}", problem.message))
                            .help(help)
                    }
                })?;
                (text, path.parent().map(Path::to_owned).unwrap_or_default())
            }
            Self::Stdin(text) => (SourceText::file("<stdin>", text), PathBuf::new()),
            #[cfg(any(test, feature = "fuzzing"))]
            Self::Inline { name, text } => (SourceText::file(name, text), PathBuf::new()),
        };
        Ok((root(&text)?, base))
    }
}

/// Returns the problem with a script in the place of a config.
fn script_not_config(path: &Path) -> Diagnostic {
    let path = path.display();
    let help = format!(
        "name the config that has `file: {path}`, or run the script alone: `nerodia eval -f {path}`"
    );
    Diagnostic::error(format!("{path} is a script, not a config")).help(help)
}

/// Script that runs without a config file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ScriptSource<'a> {
    /// Its text.
    Text(&'a str),
    /// Path of its file.
    File(&'a str),
}

/// What a pipeline of one script, from standard input to standard output, is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneScript<'a> {
    /// Script.
    pub script: ScriptSource<'a>,
    /// Script that runs once.
    pub setup: Option<&'a str>,
    /// Modules that are there by name.
    pub imports: &'a [String],
    /// Path of the file to which dead letters are appended; without it they go to standard error.
    pub errors: Option<&'a str>,
}

impl<'a> OneScript<'a> {
    /// Creates the description of a script with this text and nothing else.
    pub(crate) fn text(script: &'a str) -> Self {
        Self {
            script: ScriptSource::Text(script),
            setup: None,
            imports: &[],
            errors: None,
        }
    }
}

/// Config that was loaded, with its warnings.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// The config.
    pub config: Config,
    /// Warnings, such as fields without effect.
    pub warnings: Diagnostics,
}

impl Config {
    /// Reads, checks and resolves a config.
    ///
    /// `overrides` are `--set` arguments (`path=value`), `env` returns the value of an environment variable.
    ///
    /// # Errors
    ///
    /// Returns all problems at once, in the order of the text. Only malformed YAML is reported alone, because nothing
    /// after it can be trusted.
    pub(crate) fn load(
        source: Source,
        overrides: &[String],
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Loaded, Diagnostics> {
        sound(Self::examine(source, overrides, env))
    }

    /// Returns all that can be said about a config, warnings too; and the config, even if it has errors, as far as it could
    /// be read, so that its scripts can be checked too.
    pub(crate) fn examine(
        source: Source,
        overrides: &[String],
        env: &dyn Fn(&str) -> Option<String>,
    ) -> (Option<Self>, Diagnostics) {
        let from_stdin = matches!(source, Source::Stdin(_));
        let (root, base) = match source.tree() {
            Ok(tree) => tree,
            Err(problems) => return (None, problems),
        };
        let (config, mut problems) = resolve(root, &base, overrides, env);
        if from_stdin
            && config
                .as_ref()
                .is_some_and(|config| config.input.reads_stdin())
        {
            let problem =
                Diagnostic::error("standard input cannot be both the config and the input");
            problems.push(problem.help("give the config as a file, or choose another `input`"));
        }
        (config, problems)
    }

    /// Returns a config as it takes effect, as YAML: with all defaults, the variables and `overrides`, without secrets.
    ///
    /// # Errors
    ///
    /// Fails for the same reasons as [`Config::load`].
    pub(crate) fn print(
        source: Source,
        overrides: &[String],
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, Diagnostics> {
        let (mut root, base) = source.tree()?;
        sound(resolve(root.clone(), &base, overrides, env))?;
        change(&mut root, overrides, env);
        Ok(print::print(&root))
    }

    /// Creates the config of `nerodia eval`: one script from standard input to standard output.
    ///
    /// Places in the script are shown as `<eval>:line:column`, those in its setup as `<setup>:line:column`, the place of
    /// an import as `--import NAME`.
    ///
    /// # Errors
    ///
    /// Fails for the same reasons as [`Config::load`].
    pub(crate) fn for_script(
        one: &OneScript<'_>,
        overrides: &[String],
    ) -> Result<Loaded, Diagnostics> {
        const PYTHON: &str = "pipeline.processors.0.python";
        let source = match one.script {
            ScriptSource::Text(script) => SourceText::script("<eval>", script),
            ScriptSource::File(path) => SourceText::argument("--file", path, path),
        };
        let at = source.location(1, 1, 1);
        let mut root = Node::empty(at.clone());
        let (field, value) = match one.script {
            ScriptSource::Text(script) => ("script", script),
            ScriptSource::File(path) => ("file", path),
        };
        overrides::put(&mut root, &format!("{PYTHON}.{field}"), value, at)?;
        if let Some(setup) = one.setup {
            let at = SourceText::script("<setup>", setup).location(1, 1, 1);
            overrides::put(&mut root, &format!("{PYTHON}.setup"), setup, at)?;
        }
        for (index, import) in one.imports.iter().enumerate() {
            let at = SourceText::argument("--import", import, import).location(1, 1, 1);
            let path = format!("{PYTHON}.imports.{index}");
            overrides::put(&mut root, &path, import, at)?;
        }
        if let Some(errors) = one.errors {
            let at = SourceText::argument("--errors", errors, errors).location(1, 1, 1);
            overrides::put(&mut root, "dead_letter.file.path", errors, at)?;
        }
        // As with jq, only problems are logged, unless the user asks for more.
        let at = source.location(1, 1, 1);
        overrides::put(&mut root, "logger.level", "warn", at)?;
        sound(resolve(root, Path::new(""), overrides, &|_| None))
    }
}

/// Returns the folder that a path means: one that is a folder, or that has Bento's `...` for all below it.
fn folder_of(path: &Path) -> Option<&Path> {
    let folder = match path.file_name() {
        Some(name) if name == "..." => path.parent()?,
        _ => path,
    };
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    folder.is_dir().then_some(folder)
}

/// Returns the tree of a text. An empty text is an empty mapping.
fn root(text: &Arc<SourceText>) -> Result<Node, Diagnostics> {
    let root = parse(text)?.filter(|root| !root.is_null());
    let mut root = root.unwrap_or_else(|| Node::empty(text.location(1, 1, 1)));
    secrets::hide(&mut root);
    if matches!(root.data, Data::Map(_)) {
        return Ok(root);
    }
    let message = format!("a config is a mapping, not {}", root.describe());
    let help = "begin with fields such as `input:`, `pipeline:` and `output:`";
    Err(Diagnostic::error(message).at(root.at).help(help).into())
}

/// Puts `overrides` and variables into the tree. Returns the problems with them, and the fields that were left out because
/// of these.
fn change(
    root: &mut Node,
    overrides: &[String],
    env: env::Env<'_>,
) -> (Diagnostics, Vec<FieldPath>) {
    let mut problems = Diagnostics::default();
    overrides::apply(root, overrides, &mut problems);
    let left_out = env::interpolate(root, env, &mut problems);
    (problems, left_out)
}

fn resolve(
    mut root: Node,
    base: &Path,
    overrides: &[String],
    env: env::Env<'_>,
) -> (Option<Config>, Diagnostics) {
    let (mut problems, left_out) = change(&mut root, overrides, env);
    let (unwrapped, others) = unwrap(root, &mut problems);
    for other in others {
        let first = problems.len();
        walk(&other.root, &mut problems);
        other.name(&mut problems, first);
    }
    let (first, root) = (problems.len(), &unwrapped.root);
    let walked = Walked {
        unset: left_out,
        ..walk(root, &mut problems)
    };
    let config = match raw::Config::deserialize(&walked.data) {
        Ok(raw) => Some(validate(raw, root, base, walked, &mut problems)),
        // The schema accepted a value that the type does not take: a bug of ours.
        Err(error) => {
            let message = format!("the config cannot be read: {error}");
            problems.push(Diagnostic::error(message).at(root.at.clone()));
            None
        }
    };
    unwrapped.name(&mut problems, first);
    problems.sort();
    (config, problems)
}

/// Returns a config without errors, or else its errors.
fn sound((config, problems): (Option<Config>, Diagnostics)) -> Result<Loaded, Diagnostics> {
    match config {
        Some(config) if !problems.has_errors() => Ok(Loaded {
            config,
            warnings: problems,
        }),
        _ => Err(problems.into_errors()),
    }
}

/// Reads a text file that is no config and no script.
///
/// # Errors
///
/// Says why it cannot be read.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => "there is no such file".into(),
        ErrorKind::InvalidData => "it is not text in UTF-8".into(),
        _ => error.to_string(),
    })
}

/// Reads a text file. A problem has a place only if it is in the text.
pub(super) fn read(path: &Path) -> Result<Arc<SourceText>, Diagnostic> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| {
        let why = match error.kind() {
            ErrorKind::NotFound => "there is no such file".into(),
            ErrorKind::IsADirectory => "it is a folder".into(),
            ErrorKind::PermissionDenied => "permission denied".into(),
            _ => error.to_string(),
        };
        Diagnostic::error(format!("`{name}`: {why}"))
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(SourceText::file(name, text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let source = SourceText::file(name, String::from_utf8_lossy(error.as_bytes()));
            Err(Diagnostic::error("this byte is not UTF-8")
                .at(source.location_at(valid))
                .help("save the file as UTF-8"))
        }
    }
}
