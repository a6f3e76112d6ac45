//! Checks docs/troubleshooting.md: each text of the program in its tables stands in the sources.

use std::fs;
use std::path::Path;

use support::root;

/// Beginnings of texts that are not ours: Python's and clap's.
const OTHERS: &[&str] = &[
    "AttributeError: ",
    "ModuleNotFoundError: ",
    "NameError: ",
    "TypeError: ",
];

#[test]
fn every_text_is_one_of_the_program() {
    let sources = joined(
        &(sources("src", "rs") + &sources("crates", "rs") + &sources("runtime/entrypoint", "py")),
    );
    let page = fs::read_to_string(root().join("docs/troubleshooting.md")).expect("the page");
    let mut checked = 0;
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cell = line.split(" | ").next().unwrap_or_default();
        let texts = cell.split('`').skip(1).step_by(2);
        for text in texts.filter(|text| !OTHERS.iter().any(|other| text.starts_with(other))) {
            for part in text.split('…').map(str::trim) {
                assert!(sources.contains(part), "no source has `{part}`: {line}");
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "only {checked} texts were found");
}

/// Returns the files of a folder and of those in it, one after the other.
fn sources(folder: &str, extension: &str) -> String {
    let mut text = String::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let paths = fs::read_dir(folder).expect("a folder").flatten();
        for path in paths.map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                text += &read(&path);
            }
        }
    }
    text
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a source in UTF-8")
}

/// Returns sources with the texts in them as they are printed: without breaks and escapes of quotes.
fn joined(sources: &str) -> String {
    let mut lines = sources.split("\\\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let text = lines.fold(first, |text, line| text + line.trim_start());
    text.replace("\\\"", "\"")
}
