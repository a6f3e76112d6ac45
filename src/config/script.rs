//! Scripts, and the place of each of their characters in what the user wrote.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostics::Diagnostic;
use super::modules::Module;
use super::source::{Location, SourceText};
use super::tree::{Node, Scalar, Style};

/// Python script of a pipeline. Two are equal if they have the same label, Python, setup, imports and modules beside them,
/// and begin on the same line of the same file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stage {
    /// User's name for the script.
    pub label: Option<String>,
    /// Python code of the script.
    pub script: String,
    /// Modules that the script may use by name.
    pub imports: Vec<String>,
    /// Place of the script in what the user wrote.
    pub origin: ScriptOrigin,
    /// Python that runs once in each guest, before the first message.
    pub setup: Option<Box<Setup>>,
    /// Modules that it imports from the folder of its file.
    pub modules: Vec<Module>,
}

/// Setup of a script.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setup {
    /// Python code of the setup.
    pub script: String,
    /// Place of the setup in what the user wrote.
    pub origin: ScriptOrigin,
}

/// Line of a script file that ends its setup. Editors know such lines as the beginnings of cells.
const MESSAGE: &str = "# %% message";

impl Stage {
    /// Returns the place of a module of `imports`, or else that of the first line of the script.
    pub(crate) fn import_position(&self, module: &str) -> Location {
        self.imports
            .iter()
            .position(|one| one == module)
            .and_then(|index| self.origin.imports.get(index).cloned())
            .unwrap_or_else(|| self.origin.position(1, 1))
    }
}

/// Place of a script: a block in a config file, a file of its own, a command line argument.
#[derive(Clone, Debug)]
pub(crate) struct ScriptOrigin {
    source: Arc<SourceText>,
    lines: Lines,
    /// Folder of the script's own file.
    folder: Option<PathBuf>,
    /// Place of each module that the script may import.
    pub(super) imports: Vec<Location>,
}

impl PartialEq for ScriptOrigin {
    fn eq(&self, other: &Self) -> bool {
        let begin = |origin: &Self| origin.position(1, 1).line();
        (self.display_name(), begin(self)) == (other.display_name(), begin(other))
    }
}

/// Relation of places in a script to places in its source.
#[derive(Clone, Debug)]
enum Lines {
    /// The script is the whole source.
    Same,
    /// The source contains the script unchanged: its lines follow each other, each with something before it.
    Indented {
        /// Source line of the script's first line.
        first: usize,
        /// Number of characters before each line.
        indents: Vec<usize>,
    },
    /// The source contains the script in another form: it is folded, or has escapes. Only its beginning is reported.
    Start(Location),
}

impl ScriptOrigin {
    fn whole(source: Arc<SourceText>) -> Self {
        Self {
            source,
            lines: Lines::Same,
            folder: None,
            imports: Vec::new(),
        }
    }

    /// Creates the origin of a script in the config itself.
    pub(super) fn in_config(node: &Node, scalar: &Scalar) -> Self {
        let source = Arc::clone(node.at.source());
        if source.is_argument() || source.is_script() {
            return Self::whole(source);
        }
        let lines = match scalar.style {
            Style::Literal => block(&source, node.at.line(), &scalar.text),
            _ => line(&node.at, &scalar.text),
        };
        let lines = lines.unwrap_or_else(|| Lines::Start(node.at.clone()));
        Self {
            lines,
            ..Self::whole(source)
        }
    }

    /// Reads a script from a file, with its setup if the file has one. `written` is its path as the user wrote it,
    /// `base` the folder to which it is relative.
    pub(super) fn read(
        base: &Path,
        written: &str,
    ) -> Result<(String, Self, Option<Setup>), Diagnostic> {
        let path = base.join(written);
        let source = super::load::read(&path).map_err(|problem| match problem.location {
            Some(_) => problem,
            None => Diagnostic::error(format!("cannot read the script: {}", problem.message))
                .help("the path is relative to the folder of the config file"),
        })?;
        // Python has `password=…` in many places, and the user wants to see it.
        source.show(source.text().to_owned());
        let text = source.text().to_owned();
        let whole = Self {
            folder: path.parent().map(Path::to_owned),
            ..Self::whole(Arc::clone(&source))
        };
        let Some(marked) = marked_line(&text) else {
            return Ok((text, whole, None));
        };
        let setup = Setup {
            script: text[..marked.start].to_owned(),
            origin: whole.clone(),
        };
        let lines = Lines::Indented {
            first: source.location_at(marked.start).line() + 1,
            indents: Vec::new(),
        };
        let script = text[marked.end..].to_owned();
        Ok((script, Self { lines, ..whole }, Some(setup)))
    }

    /// Returns the place of a character of the script. `line` and `column` count from 1, in characters.
    ///
    /// The place is exact for files, for literal blocks (`|`) and for a line without escapes. For a script that is
    /// written in another way, it is the script's beginning.
    pub(crate) fn position(&self, line: usize, column: usize) -> Location {
        let (line, column) = (line.max(1), column.max(1));
        match &self.lines {
            Lines::Same => self.source.location(line, column, 1),
            Lines::Indented { first, indents } => {
                let indent = indents.get(line - 1).copied().unwrap_or_default();
                self.source.location(first + line - 1, indent + column, 1)
            }
            Lines::Start(at) => at.clone(),
        }
    }

    /// Returns the file name for Python tracebacks: that of the config file or the script file, or `<eval>`.
    ///
    /// Lines in a traceback are the script's own; [`ScriptOrigin::position`] returns the lines of the file.
    pub(crate) fn display_name(&self) -> &str {
        self.source.name()
    }

    /// Returns the name of the script's own file, or the config file and the line on which the script begins there.
    /// `file` is a shorter name of it.
    pub(super) fn place(&self, file: Option<&Path>) -> String {
        let file = file.unwrap_or(Path::new(self.display_name())).display();
        match &self.lines {
            Lines::Same => file.to_string(),
            // In its own file, after its setup.
            Lines::Indented { indents, .. } if indents.is_empty() => file.to_string(),
            _ => format!("{file}:{}", self.position(1, 1).line()),
        }
    }

    /// Returns the folder in which modules beside the script are: that of its file, if it has one of its own.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Returns the text that contains the script.
    #[cfg(test)]
    pub(crate) fn source(&self) -> &Arc<SourceText> {
        &self.source
    }
}

/// Returns the bytes of the line of a script file that ends its setup.
fn marked_line(text: &str) -> Option<Range<usize>> {
    let mut end = 0;
    text.split_inclusive('\n').find_map(|line| {
        let start = end;
        end += line.len();
        (line.trim_end() == MESSAGE).then_some(start..end)
    })
}

/// Finds the lines of a literal block. The block's header may be on an earlier line than `line`, after an anchor or a
/// tag.
///
/// The parser says where the block's text begins, but not which of the blank lines before it are part of it. So this
/// function looks for the first lines that have the script's text.
fn block(source: &SourceText, line: usize, script: &str) -> Option<Lines> {
    let blank = script.split('\n').take_while(|line| line.is_empty());
    let earliest = line.saturating_sub(blank.count()).max(1);
    (earliest..=line + 1).find_map(|first| {
        let lines = (first..).zip(script.split('\n'));
        let indents = lines.map(|(number, text)| {
            if text.is_empty() {
                return Some(0);
            }
            let indent = source.line(number)?.strip_suffix(text)?;
            indent.chars().all(|c| c == ' ').then_some(indent.len())
        });
        let indents = indents.collect::<Option<Vec<_>>>()?;
        Some(Lines::Indented { first, indents })
    })
}

/// Finds a script of one line at the place of its scalar, perhaps after a quote, an anchor or a tag.
fn line(at: &Location, script: &str) -> Option<Lines> {
    let source = at.source();
    let before = at.range().start;
    let written = &source.text()[before..source.line_end(before)];
    let found = written.find(script).filter(|_| !script.is_empty())?;
    let indent = at.column() - 1 + written[..found].chars().count();
    Some(Lines::Indented {
        first: at.line(),
        indents: vec![indent],
    })
}

#[cfg(test)]
#[path = "script/place_tests.rs"]
mod tests;
