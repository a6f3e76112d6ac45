//! Test of the order of the modules: each uses only those below it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules in their order: the first starts everything, the last uses no other module.
const ORDER: [&str; 15] = [
    "cli",
    "engine",
    "input",
    "supervisor",
    "resequencer",
    "output",
    "kafka",
    "telemetry",
    "control",
    "config",
    "guest",
    "message",
    "format",
    "registry",
    "clock",
];

/// Returns the module of the crate's root to which the file `path` belongs.
fn module_of(path: &Path) -> String {
    let first = path
        .components()
        .next()
        .expect("a path of a file has a component");
    let first = Path::new(&first).with_extension("");
    first.display().to_string()
}

/// Returns the modules of the crate's root that `source` names outside of comments and tests.
fn used_by(source: &str) -> BTreeSet<&str> {
    let product = source
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or(source);
    let lines = product
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let names = lines.flat_map(|line| line.split("crate::").skip(1));
    names
        .filter_map(|rest| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
        })
        .collect()
}

/// Returns a description of each use that breaks the order, for the file at `path` with this `source`.
fn violations(path: &Path, source: &str) -> Vec<String> {
    let module = module_of(path);
    let place = |name: &str| ORDER.iter().position(|other| *other == name);
    let Some(own) = place(&module) else {
        return Vec::new(); // lib.rs, main.rs and files that exist for tests
    };
    let used = used_by(source).into_iter();
    used.filter(|name| place(name).is_none_or(|other| other < own))
        .map(|name| format!("{}: `{module}` must not use `{name}`", path.display()))
        .collect()
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            files(&path, found);
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

#[test]
fn a_module_uses_only_those_below_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&root, &mut paths);
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for path in paths {
        let relative = path.strip_prefix(&root).unwrap();
        seen.insert(module_of(relative));
        wrong.extend(violations(relative, &fs::read_to_string(&path).unwrap()));
    }
    assert!(
        ORDER.iter().all(|module| seen.contains(*module)),
        "{seen:?}"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_use_is_found() {
    let source = "use crate::message::Batch;\n// crate::cli\nfn f(x: crate::engine::Engine) {}\n";
    let path = Path::new("guest/link.rs");
    assert_eq!(
        violations(path, source),
        ["guest/link.rs: `guest` must not use `engine`"]
    );
}
