//! What the documentation says is so: every command in README.md and docs/ is run, every config in them is checked.
//!
//! The conventions, for who writes there:
//!
//! * Commands stand in blocks marked `sh`. Each is run on its own, from the repository's folder.
//! * `# → text` behind a command, or on the lines below it, is all that it prints on standard output. So is a
//!   block marked `text` right below. Without either, what it prints is not looked at.
//! * `# exit code 1` behind a command is its exit code; without it, 0.
//! * A block marked `json` right below is one of the lines on its standard error, as a JSON value.
//! * A block marked `yaml` that has a `pipeline` is a whole config.

mod shell;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use shell::Shell;
use support::{nerodia, root};

/// Commands that are not run, by their first word, with the reason.
const NOT_RUN: &[(&str, &str)] = &[
    ("scripts/test.sh", "it runs this test"),
    (
        "scripts/bench.sh",
        "it takes minutes, and the machine for itself",
    ),
];

/// Marks of blocks that are not run and not checked.
const OTHER_BLOCKS: &[&str] = &["text", "json", "yaml", "python", "rust"];

#[test]
fn every_command_does_what_the_page_says() {
    let shell = Shell::new();
    let mut ran = 0;
    for page in pages() {
        let blocks = blocks(&page);
        for (index, block) in blocks.iter().enumerate() {
            if block.mark != "sh" {
                let known = OTHER_BLOCKS.contains(&block.mark.as_str());
                assert!(
                    known,
                    "{}: commands stand in blocks marked `sh`",
                    block.place
                );
                continue;
            }
            let below = blocks.get(index + 1).filter(|below| below.follows);
            ran += run_block(&shell, block, below);
        }
    }
    assert!(ran > 10, "only {ran} commands were found");
}

fn run_block(shell: &Shell, block: &Block, below: Option<&Block>) -> usize {
    let commands = commands(block);
    let last = commands.len().saturating_sub(1);
    let mut ran = 0;
    for (index, command) in commands.iter().enumerate() {
        let Example { text, stdout, code } = command;
        let first = text.split_whitespace().next().unwrap_or_default();
        if NOT_RUN.iter().any(|(name, _)| *name == first) {
            continue;
        }
        let answer = shell.run(text);
        let shown = format!("{}: {text}\n{answer:#?}", block.place);
        assert_eq!(answer.code, Some(*code), "{shown}");
        if let Some(stdout) = stdout {
            assert_eq!(answer.stdout, *stdout, "{shown}");
        }
        match below {
            Some(below) if index == last && below.mark == "text" => {
                assert_eq!(answer.stdout, below.text, "{shown}");
            }
            Some(below) if index == last && below.mark == "json" => {
                let expected: serde_json::Value =
                    serde_json::from_str(&below.text).expect("JSON in a block marked so");
                let mut lines = answer.stderr.lines();
                let seen =
                    lines.any(|line| serde_json::from_str(line).ok() == Some(expected.clone()));
                assert!(seen, "{shown}");
            }
            _ => {}
        }
        ran += 1;
    }
    ran
}

#[test]
fn every_config_in_a_page_is_sound() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for page in pages() {
        for block in blocks(&page) {
            let whole = block.text.lines().any(|line| line.starts_with("pipeline:"));
            if block.mark == "yaml" && whole {
                let file = folder.path().join("page.yaml");
                fs::write(&file, &block.text).expect("a file");
                let ran = nerodia(["lint".as_ref(), file.as_os_str()]).run();
                assert_eq!(ran.code, Some(0), "{}:\n{}", block.place, ran.stderr);
            }
        }
    }
}

#[test]
fn references_are_what_the_program_prints() {
    for (option, name) in [
        ("--markdown", "docs/config.md"),
        ("--metrics", "docs/metrics.md"),
    ] {
        let printed = nerodia(["schema", option]).run().expect(0);
        let page = fs::read_to_string(root().join(name)).unwrap_or_default();
        assert!(
            page == printed.text(),
            "run: scripts/nerodia schema {option} > {name}"
        );
    }
}

#[test]
fn every_link_leads_somewhere() {
    let others = ["CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name));
    for page in pages().into_iter().chain(others) {
        let text = fs::read_to_string(&page).expect("a page");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let target = page.parent().expect("a page stands in a folder").join(file);
            assert!(target.exists(), "{}: {link}", page.display());
        }
    }
}

/// README.md and the pages in docs/.
fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).expect("docs/").flatten();
    let mut pages: Vec<PathBuf> = docs
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages.insert(0, root().join("README.md"));
    pages
}

/// A fenced block of a page.
struct Block {
    /// `file:line`
    place: String,
    mark: String,
    text: String,
    /// Only empty lines stand between it and the block before.
    follows: bool,
}

fn blocks(page: &Path) -> Vec<Block> {
    let text = fs::read_to_string(page).expect("a page");
    let mut blocks: Vec<Block> = Vec::new();
    let (mut open, mut follows) = (false, false);
    for (number, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open) {
            (Some(_), true) => (open, follows) = (false, true),
            (Some(mark), false) => {
                open = true;
                blocks.push(Block {
                    place: format!("{}:{}", page.display(), number + 1),
                    mark: mark.trim().to_owned(),
                    text: String::new(),
                    follows,
                });
            }
            (None, true) => {
                let block = blocks.last_mut().expect("one is open");
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) => follows &= line.trim().is_empty(),
        }
    }
    blocks
}

/// A command and what it must come to.
struct Example {
    text: String,
    stdout: Option<String>,
    code: i32,
}

fn commands(block: &Block) -> Vec<Example> {
    let mut commands: Vec<Example> = Vec::new();
    let mut open = false;
    for line in block.text.lines() {
        let comment = line.starts_with('#') && !open;
        if comment || (line.is_empty() && !open) {
            if let (Some(output), Some(command)) = (line.strip_prefix("# → "), commands.last_mut())
            {
                command.prints(output);
            }
            continue;
        }
        if !open {
            commands.push(Example {
                text: String::new(),
                stdout: None,
                code: 0,
            });
        }
        let command = commands.last_mut().expect("one was pushed");
        command.text.push_str(line);
        command.text.push('\n');
        open = !is_complete(&command.text);
        if let Some((_, output)) = line.split_once(" # → ") {
            command.prints(output);
        }
        if let Some((_, code)) = line.split_once(" # exit code ") {
            command.code = code.trim().parse().expect("a number");
        }
    }
    assert!(!open, "{}: a command has no end", block.place);
    commands
}

impl Example {
    fn prints(&mut self, line: &str) {
        let stdout = self.stdout.get_or_insert_default();
        stdout.push_str(line);
        stdout.push('\n');
    }
}

/// Whether bash needs no further line.
fn is_complete(command: &str) -> bool {
    let parsed = Command::new("bash").args(["-n", "-c", command]).output();
    !command.ends_with("\\\n") && parsed.expect("bash is a prerequisite").status.success()
}
