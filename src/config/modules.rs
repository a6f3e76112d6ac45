//! Modules beside scripts: files of Python that a script in a file imports from its own folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::diagnostics::Diagnostic;
use super::source::{Location, SourceText};

/// Limit on the text of all modules of a script: each guest gets it when it starts.
const MOST_BYTES: u64 = 1 << 20;
/// Limit on the modules of a script.
const MOST_MODULES: usize = 200;

/// Module in a file of the user's. Two are equal if they have the same name, file and text.
#[derive(Clone, Debug)]
pub(crate) struct Module {
    /// Name by which scripts import it, such as `prices` or `shop.prices`.
    pub name: String,
    /// Whether it is the `__init__.py` of a package.
    pub is_package: bool,
    source: Arc<SourceText>,
}

impl PartialEq for Module {
    fn eq(&self, other: &Self) -> bool {
        let key = |one: &Self| (one.file().to_owned(), one.text().to_owned());
        self.name == other.name && key(self) == key(other)
    }
}

impl Module {
    /// Returns the path of its file.
    pub(crate) fn file(&self) -> &str {
        self.source.name()
    }

    /// Returns its Python.
    pub(crate) fn text(&self) -> &str {
        self.source.text()
    }

    /// Returns a place in its file.
    pub(crate) fn position(&self, line: usize, column: usize) -> Location {
        self.source.location(line.max(1), column.max(1), 1)
    }
}

/// Returns the modules in `folder` that scripts with these `texts` and `imports` import, and those that these import in
/// turn.
///
/// Names are found by the form of an import statement. So a text in quotes may name a module in vain, which costs some
/// bytes, and a name that a script makes of parts is not found.
///
/// # Errors
/// If a file cannot be read, is not below the folder, or there are too many.
pub(super) fn beside<'a>(
    folder: &Path,
    texts: impl IntoIterator<Item = &'a str>,
    imports: &[String],
) -> Result<Vec<Module>, Diagnostic> {
    let mut wanted: Vec<String> = imports.iter().map(|name| first(name)).collect();
    wanted.extend(texts.into_iter().flat_map(imported));
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    while let Some(name) = wanted.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let package = folder.join(&name);
        let file = folder.join(format!("{name}.py"));
        // As in Python, a package comes before a module.
        let new = if package.join("__init__.py").is_file() {
            found.package(folder, &package, &name)?
        } else if file.is_file() {
            vec![found.read(folder, &file, name, false)?]
        } else {
            continue;
        };
        wanted.extend(new.iter().flat_map(|source| imported(source.text())));
    }
    Ok(found.modules.into_values().collect())
}

/// Returns what is missing for `name` to be found in `folder`, for a help text.
pub(crate) fn missing(folder: &Path, name: &str) -> String {
    let path = folder.join(name.replace('.', "/"));
    if path.is_dir() {
        return format!("`{}` has no `__init__.py`", path.display());
    }
    format!("there is no `{}.py`", path.display())
}

/// Modules that were found so far, by name.
#[derive(Default)]
struct Found {
    modules: BTreeMap<String, Module>,
    bytes: u64,
}

impl Found {
    /// Reads a package with all that is in it: which of its modules import each other is not looked at. Returns the texts.
    fn package(
        &mut self,
        root: &Path,
        folder: &Path,
        name: &str,
    ) -> Result<Vec<Arc<SourceText>>, Diagnostic> {
        let init = self.read(root, &folder.join("__init__.py"), name.to_owned(), true)?;
        let mut sources = vec![init];
        let unreadable = |error: std::io::Error| {
            Diagnostic::error(format!("cannot read `{}`: {error}", folder.display()))
        };
        let mut entries: Vec<PathBuf> = fs::read_dir(folder)
            .map_err(unreadable)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        entries.sort();
        for path in entries {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let Some(stem) = stem.filter(|stem| is_name(stem) && *stem != "__init__") else {
                continue;
            };
            let name = format!("{name}.{stem}");
            if path.join("__init__.py").is_file() {
                sources.extend(self.package(root, &path, &name)?);
            } else if path.extension().is_some_and(|extension| extension == "py") && path.is_file()
            {
                sources.push(self.read(root, &path, name, false)?);
            }
        }
        Ok(sources)
    }

    /// Reads a file of `root`, which is the folder of the script.
    fn read(
        &mut self,
        root: &Path,
        path: &Path,
        name: String,
        is_package: bool,
    ) -> Result<Arc<SourceText>, Diagnostic> {
        if !is_below(root, path) {
            let message = format!("`{}` is a link out of the script's folder", path.display());
            let help = "scripts import only files in their own folder: put a copy there";
            return Err(Diagnostic::error(message).help(help));
        }
        self.bytes += fs::metadata(path).map_or(0, |about| about.len());
        if self.bytes > MOST_BYTES || self.modules.len() == MOST_MODULES {
            let message = format!(
                "the modules beside the script are more than {MOST_MODULES}, or more than {} MiB",
                MOST_BYTES >> 20
            );
            let help = "guests get them when they start: make a package of larger ones, and name it in `packages`";
            return Err(Diagnostic::error(message).help(help));
        }
        let source = super::load::read(path)?;
        // Python has `password=…` in many places, and the user wants to see it.
        source.show(source.text().to_owned());
        let module = Module {
            name: name.clone(),
            is_package,
            source: Arc::clone(&source),
        };
        self.modules.insert(name, module);
        Ok(source)
    }
}

/// Returns whether a file is in `folder`, wherever links lead. Kubernetes mounts each file of a ConfigMap as a link into a
/// folder beside it.
fn is_below(folder: &Path, path: &Path) -> bool {
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    match (folder.canonicalize(), path.canonicalize()) {
        (Ok(folder), Ok(path)) => path.starts_with(folder),
        // It cannot be read either.
        _ => true,
    }
}

/// Returns the first part of each name that `text` imports.
fn imported(text: &str) -> Vec<String> {
    static IMPORT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?m)(?:^|[;:])[ \t]*(?:from[ \t]+(\w+)[\w.]*[ \t]+import\b|import[ \t]+([^#;\r\n]+))",
        )
        .expect("the pattern is right")
    });
    let mut names = Vec::new();
    for found in IMPORT.captures_iter(text) {
        if let Some(name) = found.get(1) {
            names.push(name.as_str().to_owned());
        }
        let listed = found.get(2).map_or("", |names| names.as_str()).split(',');
        names.extend(listed.map(|name| first(name.trim_start())));
    }
    names.retain(|name| is_name(name));
    names
}

/// Returns the first part of a name: `shop` of `shop.prices as p`.
fn first(name: &str) -> String {
    let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_'));
    name[..end.unwrap_or(name.len())].to_owned()
}

/// Returns whether Python takes a text as a name.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
#[path = "modules/tests.rs"]
mod tests;
