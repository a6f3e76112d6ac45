//! Tests of the documentation: every command in README.md, docs/ and docker/README.md is run, and every config in them
//! is checked.
//!
//! Conventions for authors of pages:
//!
//! * Commands are in blocks marked `sh`. Each is run on its own, from the repository's folder.
//! * The commands in the blocks of a page that are marked `sh session` are run one after the other in one shell, as by
//!   a reader: what one sets, writes or starts with `&` exists for the next. At the end of the page the shell ends what
//!   it started, and a Kafka of `scripts/kafka.sh start` is stopped. 4195 in these commands stands for a port that is
//!   free.
//! * The commands in a block marked `sh elsewhere: SCRIPT` need what a test cannot have, such as systemd or a container
//!   engine. SCRIPT takes them out of the page and runs them.
//! * A block of any other mark shows no command.
//! * `# → text` after a command, or on the lines below it, is everything that the command prints on standard output. So
//!   is a block marked `text` directly below. Without either, the output is not checked.
//! * `# exit code 1` after a command is its exit code; without it, 0.
//! * A block marked `json` directly below is one of the lines on its standard error, as a JSON value.
//! * A block marked `yaml` that has a `pipeline` is a complete config.

mod page;
mod session;

use std::fs;
use std::path::{Path, PathBuf};

use page::{Block, Example, blocks, commands, pages};
use support::{Answer, Shell, nerodia, root};

/// Commands that are not run, by their first word, with the reason.
const NOT_RUN: &[(&str, &str)] = &[("scripts/test.sh", "it runs this test")];

/// Mark of blocks whose commands are one session.
const SESSION: &str = "sh session";

/// Prefix of the mark of blocks whose commands are run by the script that the mark names.
const ELSEWHERE: &str = "sh elsewhere: ";

/// First words of commands, which a block with another mark must not show.
const COMMANDS: &[&str] = &[
    "cargo ",
    "curl ",
    "docker ",
    "echo ",
    "export ",
    "install ",
    "kubectl ",
    "nerodia run",
    "scripts/",
    "systemctl ",
];

/// Marks of blocks that are not run and not checked.
const OTHER_BLOCKS: &[&str] = &["text", "json", "yaml", "python", "rust"];

#[test]
fn every_command_does_what_the_page_says() {
    let shell = Shell::open();
    let mut ran = 0;
    for page in pages() {
        let blocks = blocks(&page);
        for (index, block) in blocks.iter().enumerate() {
            match block.mark.as_str() {
                "sh" => ran += run_block(&shell, block, below(&blocks, index)),
                SESSION => {}
                mark => match mark.strip_prefix(ELSEWHERE) {
                    Some(script) => assert_takes_commands(script, &page, block),
                    None => assert_shows_no_command(block),
                },
            }
        }
    }
    assert!(ran > 10, "only {ran} commands were found");
}

/// Checks that the script exists and takes commands from the page.
fn assert_takes_commands(script: &str, page: &Path, block: &Block) {
    let text = fs::read_to_string(root().join(script)).unwrap_or_default();
    let page = page.strip_prefix(root()).expect("a page of ours");
    let name = page.to_str().expect("a name in UTF-8");
    assert!(
        [" ", "=", "\"", "}", "-"]
            .iter()
            .any(|before| text.contains(&format!("{before}{name}"))),
        "{}: {script} runs no commands of {name}",
        block.place
    );
}

fn assert_shows_no_command(block: &Block) {
    assert!(
        OTHER_BLOCKS.contains(&block.mark.as_str()),
        "{}: commands stand in blocks marked `sh`",
        block.place
    );
    for line in block.text.lines() {
        let named = |word: &&str| word.contains('=') && !word.starts_with('=');
        let words: Vec<&str> = line.split_whitespace().skip_while(named).collect();
        let command = words.join(" ");
        assert!(
            !COMMANDS
                .iter()
                .any(|beginning| command.starts_with(beginning)),
            "{}: {line}: this is a command, and nothing runs it",
            block.place
        );
    }
}

fn run_block(shell: &Shell, block: &Block, below: Option<&Block>) -> usize {
    let mut ran = 0;
    let mut commands = commands(block).into_iter().peekable();
    while let Some(command) = commands.next() {
        let first = command.text.split_whitespace().next().unwrap_or_default();
        if NOT_RUN.iter().any(|(name, _)| *name == first) {
            continue;
        }
        let below = below.filter(|_| commands.peek().is_none());
        check(block, &command, below, &shell.run(&command.text));
        ran += 1;
    }
    ran
}

#[test]
fn every_session_goes_as_the_page_says() {
    let mut ran = 0;
    for page in pages() {
        let blocks = blocks(&page);
        let sessions = blocks.iter().enumerate();
        let sessions = sessions.filter(|(_, block)| block.mark == SESSION);
        let mut examples = Vec::new();
        for (index, block) in sessions {
            let mut commands = commands(block).into_iter().peekable();
            while let Some(command) = commands.next() {
                let below = below(&blocks, index).filter(|_| commands.peek().is_none());
                examples.push((block, command, below));
            }
        }
        if examples.is_empty() {
            continue;
        }
        let answers = session::run(examples.iter().map(|(_, command, _)| command));
        for ((block, command, below), answer) in examples.iter().zip(answers) {
            check(block, command, *below, &answer);
            ran += 1;
        }
    }
    assert!(ran > 10, "only {ran} commands were found");
}

/// Returns the block directly below another one.
fn below(blocks: &[Block], index: usize) -> Option<&Block> {
    blocks.get(index + 1).filter(|below| below.follows)
}

/// Compares the result of a command with what the page says.
fn check(block: &Block, command: &Example, below: Option<&Block>, answer: &Answer) {
    let shown = format!("{}: {}\n{answer:#?}", block.place, command.text);
    assert_eq!(answer.code, Some(command.code), "{shown}");
    if let Some(stdout) = &command.stdout {
        assert_eq!(answer.stdout, *stdout, "{shown}");
    }
    match below {
        Some(below) if below.mark == "text" => assert_eq!(answer.stdout, below.text, "{shown}"),
        Some(below) if below.mark == "json" => {
            let expected: serde_json::Value =
                serde_json::from_str(&below.text).expect("JSON in a block marked so");
            let mut lines = answer.stderr.lines();
            let seen = lines.any(|line| serde_json::from_str(line).ok() == Some(expected.clone()));
            assert!(seen, "{shown}");
        }
        _ => {}
    }
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
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            if file.contains("://") {
                continue;
            }
            let target = match file {
                "" => page.clone(),
                file => page.parent().expect("a page stands in a folder").join(file),
            };
            assert!(target.exists(), "{}: {link}", page.display());
            let known = anchor.is_empty() || anchors(&target).any(|found| found == anchor);
            assert!(known, "{}: {link}: no such heading", page.display());
        }
    }
}

/// Checks the links in messages and help: `docs/page.md`, or `docs/page.md#heading`.
#[test]
fn every_link_of_the_program_leads_somewhere() {
    let mut checked = 0;
    let sources = ["src", "crates", "runtime/entrypoint"].map(|folder| files(&root().join(folder)));
    for source in sources.into_iter().flatten() {
        let Ok(text) = fs::read_to_string(&source) else {
            continue;
        };
        for link in text.split("docs/").skip(1) {
            let is_of_link =
                |letter: char| letter.is_ascii_alphanumeric() || "-_.#/".contains(letter);
            let end = link.find(|letter| !is_of_link(letter));
            let link = link[..end.unwrap_or(link.len())].trim_end_matches('.');
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            if !file.ends_with(".md") {
                continue;
            }
            let target = root().join("docs").join(file);
            assert!(target.exists(), "{}: docs/{link}", source.display());
            let known = anchor.is_empty() || anchors(&target).any(|found| found == anchor);
            assert!(known, "{}: docs/{link}: no such heading", source.display());
            checked += 1;
        }
    }
    assert!(checked > 15, "only {checked} links were found");
}

/// Returns the files in a folder and in those within it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let found = entries.map(|entry| entry.path());
    found
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

/// Returns the anchors of a page's headings, as viewers of Markdown make them.
fn anchors(page: &Path) -> impl Iterator<Item = String> {
    let text = fs::read_to_string(page).expect("a page");
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let titles = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    let anchors = titles.map(|title| {
        let kept = |letter: &char| letter.is_alphanumeric() || " -_".contains(*letter);
        title
            .chars()
            .filter(kept)
            .collect::<String>()
            .replace(' ', "-")
    });
    anchors.collect::<Vec<_>>().into_iter()
}

#[test]
fn every_page_is_in_the_book() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).expect("docs/SUMMARY.md");
    for page in pages() {
        let name = page.file_name().expect("a file").to_string_lossy();
        let listed =
            summary.contains(&format!("({name})")) || summary.contains(&format!("/{name})"));
        assert!(
            name == "SUMMARY.md" || listed,
            "docs/SUMMARY.md lacks {name}"
        );
    }
}
