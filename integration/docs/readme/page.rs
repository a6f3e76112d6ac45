//! Pages, their fenced blocks, and the commands in these blocks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::root;

/// Returns README.md and the pages in docs/.
pub(super) fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).expect("docs/").flatten();
    let mut pages: Vec<PathBuf> = docs
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages.insert(0, root().join("README.md"));
    pages.push(root().join("docker/README.md"));
    pages
}

/// Fenced block of a page.
pub(super) struct Block {
    /// Place as `file:line`.
    pub place: String,
    pub mark: String,
    pub text: String,
    /// Whether there are only empty lines between this block and the one before.
    pub follows: bool,
}

pub(super) fn blocks(page: &Path) -> Vec<Block> {
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

/// Command and its expected result.
pub(super) struct Example {
    pub text: String,
    pub stdout: Option<String>,
    pub code: i32,
}

pub(super) fn commands(block: &Block) -> Vec<Example> {
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

/// Returns whether bash needs no further line. For a here-document without its end, bash says so in a warning.
fn is_complete(command: &str) -> bool {
    let parsed = Command::new("bash").args(["-n", "-c", command]).output();
    let parsed = parsed.expect("bash is a prerequisite");
    !command.ends_with("\\\n") && parsed.status.success() && parsed.stderr.is_empty()
}
