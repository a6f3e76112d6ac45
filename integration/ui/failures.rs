//! Test of failures without `dead_letter`: text in a terminal, JSON elsewhere.

use support::{program, written};

use crate::terminal::Terminal;

#[test]
fn text_in_a_terminal_and_json_elsewhere() {
    let folder = written(&[("lines.jsonl", "{\"a\":1}\n{\"b\":\"\u{9b}2J\"}\n")]);
    let terminal = Terminal::open("failures", 100, 30);
    let eval = format!(
        "cd {}; {} eval 'root = this[\"a\"]' < lines.jsonl",
        folder.path().display(),
        program().display()
    );
    terminal.types(&format!("{eval}; echo exit code $?"));
    let shown = terminal.await_shown("the end", |shown| shown.contains("\nexit code 1"));
    assert!(
        shown.contains("\nfailed: message 1: KeyError: 'a'\n"),
        "{shown}"
    );
    assert!(shown.contains(r#"  message: {"b":"\u{9b}2J"}"#), "{shown}");
    assert!(!shown.contains(r#""error":"#), "{shown}");

    let json = format!("clear; {eval} --set logger.format=json; echo exit code $?");
    terminal.types(&json);
    let shown = terminal.await_shown("JSON", |shown| shown.contains("\nexit code 1"));
    assert!(
        shown.contains(r#"{"error":{"type":"KeyError","message":"'a'""#),
        "{shown}"
    );

    // A file is for programs, whatever the log in it looks like.
    let file = format!(
        "clear; {eval} --set logger.format=text 2> failures; cat failures; echo exit code $?"
    );
    terminal.types(&file);
    let shown = terminal.await_shown("a file", |shown| shown.contains("\nexit code 0"));
    assert!(
        shown.contains(r#"{"error":{"type":"KeyError","message":"'a'""#),
        "{shown}"
    );
}
