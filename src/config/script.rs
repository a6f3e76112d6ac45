//! Scripts, and where each of their characters stands in what the user wrote.

mod mapping;

use std::path::Path;
use std::sync::Arc;

use super::diagnostics::Diagnostic;
use super::source::{Location, SourceText};
use super::tree::{Node, Scalar};

use mapping::Mapping;

/// One Python script of a pipeline.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The user's name for it.
    pub label: Option<String>,
    /// The Python.
    pub script: String,
    /// Modules made available by name.
    pub imports: Vec<String>,
    /// Where the script stands.
    pub origin: ScriptOrigin,
    /// Where each of `imports` stands.
    pub(super) imports_at: Vec<Location>,
}

/// The same Python, from the same lines of the same file.
impl PartialEq for Stage {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            label,
            script,
            imports,
            origin,
            imports_at: _,
        } = self;
        let place = |origin: &ScriptOrigin| {
            (
                origin.display_name().to_owned(),
                origin.position(1, 1).line(),
            )
        };
        (label, script, imports, place(origin))
            == (
                &other.label,
                &other.script,
                &other.imports,
                place(&other.origin),
            )
    }
}

impl Stage {
    /// Where a module of `imports` stands, or else the first line of the script.
    pub fn import_position(&self, module: &str) -> Location {
        self.imports
            .iter()
            .position(|one| one == module)
            .and_then(|index| self.imports_at.get(index).cloned())
            .unwrap_or_else(|| self.origin.position(1, 1))
    }
}

/// Where a script stands: a block in a config file, a file of its own, a command line argument.
#[derive(Clone, Debug)]
pub struct ScriptOrigin {
    source: Arc<SourceText>,
    mapping: Arc<Mapping>,
}

impl ScriptOrigin {
    fn whole(source: Arc<SourceText>) -> Self {
        let mapping = Arc::new(Mapping::Same);
        Self { source, mapping }
    }

    /// A script in the config itself.
    pub(super) fn in_config(node: &Node, scalar: &Scalar) -> Self {
        let source = Arc::clone(node.at.source());
        if source.is_argument() || source.is_script() {
            return Self::whole(source);
        }
        let mapping = Arc::new(Mapping::of_scalar(
            &source,
            node.at.line(),
            node.at.column(),
            scalar,
        ));
        Self { source, mapping }
    }

    /// A script in a file; `written` is its path as the user wrote it, `base` the folder it is
    /// relative to.
    pub(super) fn read(base: &Path, written: &str) -> Result<(String, Self), Diagnostic> {
        let path = base.join(written);
        let source = super::load::read(&path).map_err(|problem| match problem.location {
            Some(_) => problem,
            None => Diagnostic::error(format!("cannot read the script: {}", problem.message))
                .help("the path is relative to the folder of the config file"),
        })?;
        // Python has `password=…` in many places, and the user wants to see it.
        source.show(source.text().to_owned());
        Ok((source.text().to_owned(), Self::whole(source)))
    }

    /// Where a character of the script stands; `line` and `column` count from 1, in characters.
    ///
    /// Exact for block scalars and files; in the other ways to write text in YAML a place between
    /// two words may be a little off.
    pub fn position(&self, line: usize, column: usize) -> Location {
        let (line, column) = self.mapping.position(line.max(1), column.max(1));
        self.source.location(line, column, 1)
    }

    /// The file name for Python tracebacks: the config file's, the script file's, `<eval>`.
    ///
    /// Lines in a traceback are the script's own; [`ScriptOrigin::position`] says which lines of
    /// the file they are.
    pub fn display_name(&self) -> &str {
        self.source.name()
    }

    /// The text the script stands in.
    pub fn source(&self) -> &Arc<SourceText> {
        &self.source
    }
}
