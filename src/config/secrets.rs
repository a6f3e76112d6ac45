//! Passwords, keys and tokens, which no message shows, even if it shows the line that contains them.
//!
//! In a text that was parsed into a tree, exactly the secrets of the tree are hidden. In any other text (malformed
//! YAML, a `--set` argument), whole lines are hidden from the name of a secret on: rather too much than too little.

mod lines;

pub(super) use lines::hide as hidden_by_line;

use std::ops::Range;
use std::sync::Arc;

use super::env::is_code;
use super::source::{Location, SourceText};
use super::suggest::nearest;
use super::tree::{Data, Entry, Node, Scalar};

/// Words that occur in the names of secrets.
const WORDS: [&str; 8] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "pem",
    "jaas",
    "token",
    "credential",
];

/// Returns whether a field of this name holds a secret. A misspelled `password` counts too.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    WORDS.iter().any(|word| name.contains(word))
        || matches!(last, "pass" | "pwd" | "pw" | "psk")
        || nearest(last, ["password"]).is_some()
}

/// Marks the secrets of a tree, and hides them in the text from which it was parsed.
///
/// Secrets of Kafka are text, whatever they look like: a password of digits needs no quotes.
pub(super) fn hide(root: &mut Node) {
    let mut found = Found::default();
    found.node(root, Around::default());
    let source = Arc::clone(root.at.source());
    let ranges: Vec<_> = found
        .0
        .into_iter()
        .filter(|(of, _)| Arc::ptr_eq(of, &source))
        .map(|(_, range)| range)
        .collect();
    source.show(stars(source.text(), &ranges));
}

/// Surroundings of a node in the tree.
#[derive(Clone, Copy, Default)]
struct Around {
    secret: bool,
    kafka: bool,
    certificates: bool,
}

#[derive(Default)]
struct Found(Vec<(Arc<SourceText>, Range<usize>)>);

impl Found {
    fn add(&mut self, at: &Location, range: Range<usize>) {
        self.0.push((Arc::clone(at.source()), range));
    }

    fn node(&mut self, node: &mut Node, around: Around) {
        match &mut node.data {
            Data::Scalar(scalar) => {
                if around.secret {
                    scalar.secret = true;
                    if around.kafka && !scalar.is_null() {
                        scalar.tag = Some("str".into());
                    }
                }
                if around.secret || scalar.text.contains(lines::PRIVATE_KEY) {
                    self.add(&node.at, extent(&node.at, scalar));
                }
            }
            Data::List(items) => {
                for item in items {
                    self.node(item, around);
                }
            }
            Data::Map(entries) => {
                let mut line_of_secret = None;
                for entry in entries {
                    let secret = self.entry(entry, around, line_of_secret);
                    if secret {
                        line_of_secret = Some(entry.key_at.line());
                    }
                }
            }
        }
    }

    /// Hides the secrets of an entry. Returns whether its value is a secret.
    fn entry(&mut self, entry: &mut Entry, around: Around, line_of_secret: Option<usize>) -> bool {
        let Entry { key, key_at, value } = entry;
        let secret = around.secret
            || is_secret(key)
            || (around.certificates && key == "key")
            || is_misplaced(key, value);
        // In `password:hunter2` everything is the key, and in `password: hunt, er2` the part after the comma is a key.
        let shown = hidden_by_line(key);
        let rest = line_of_secret == Some(key_at.line()) && is_bare(key_at, value);
        if around.secret || rest {
            *key = "*".repeat(key.chars().count());
            self.add(key_at, key_at.range());
        } else if shown != *key {
            // The name stays visible.
            let name = key.bytes().zip(shown.bytes());
            let name = name.take_while(|(one, other)| one == other).count();
            *key = shown;
            let Range { start, end } = key_at.range();
            self.add(key_at, start + name..end);
        }
        // For YAML, a password that begins with `#` is a comment.
        if secret && matches!(&value.data, Data::Scalar(scalar) if scalar.text.is_empty()) {
            let behind = key_at.range().end;
            let line = key_at.source().line_end(behind);
            let colon = key_at.source().text()[behind..line].find(':');
            self.add(key_at, behind + colon.map_or(0, |at| at + 1)..line);
        }
        if is_code(key) {
            return secret;
        }
        let within = Around {
            secret,
            kafka: around.kafka || key == "kafka",
            certificates: around.certificates || key == "client_certs",
        };
        self.node(value, within);
        secret
    }
}

/// Returns whether a field that should contain mappings with secrets has another shape, so that its value may be the
/// secret.
fn is_misplaced(key: &str, value: &Node) -> bool {
    match (key, &value.data) {
        ("sasl" | "properties", Data::Scalar(_) | Data::List(_)) => true,
        ("client_certs", Data::Scalar(_)) => true,
        ("client_certs", Data::List(items)) => {
            items.iter().any(|item| !matches!(item.data, Data::Map(_)))
        }
        _ => false,
    }
}

/// Returns whether an entry is a key without a colon.
fn is_bare(key_at: &Location, value: &Node) -> bool {
    let empty = matches!(&value.data, Data::Scalar(scalar) if scalar.text.is_empty());
    let behind = &key_at.source().text()[key_at.range().end..];
    empty && !behind.trim_start().starts_with(':')
}

/// Returns the range of a scalar, including a comment after it: `hunter #2` has one.
fn extent(at: &Location, scalar: &Scalar) -> Range<usize> {
    let source = at.source();
    let start = at.range().start;
    let end = source.offset(scalar.end.0, scalar.end.1 + 1).max(start);
    let line = source.line_end(end);
    let comment = source.text()[end..line].trim_start().starts_with('#');
    start..if comment { line } else { end }
}

/// Replaces the characters in the ranges with stars. Line breaks and indentation stay.
fn stars(text: &str, ranges: &[Range<usize>]) -> String {
    let mut indentation = true;
    let mut within = false;
    text.char_indices()
        .map(|(at, c)| {
            let before =
                std::mem::replace(&mut within, ranges.iter().any(|range| range.contains(&at)));
            if c == '\n' || !before {
                indentation = true;
            }
            indentation &= c.is_whitespace();
            if within && !indentation && c != '\r' {
                '*'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::parse;
    use super::*;

    /// Returns the text as messages show it after it was parsed.
    fn shown(yaml: &str) -> String {
        let source = SourceText::file("t.yaml", yaml);
        hide(&mut parse(&source).unwrap().unwrap());
        source.shown().to_owned()
    }

    #[test]
    fn secrets_are_hidden_exactly() {
        for (yaml, expected) in [
            (
                "sasl: {user: u, password: hunter2, mechanism: X}",
                "sasl: {user: u, password: *******, mechanism: X}",
            ),
            (
                "password: \"hunter2\" # x\nuser: u",
                "password: *************\nuser: u",
            ),
            (
                "password: 'hünter2'\r\nuser: u",
                "password: *********\r\nuser: u",
            ),
            (
                "password: |\n  hunter2\n  hunter3\nuser: u",
                "password: |\n  *******\n  *******\nuser: u",
            ),
            (
                "password: hunter2\n  hunter3\nuser: u",
                "password: *******\n  *******\nuser: u",
            ),
            ("password: [a, {b: c}]", "password: [*, {*: *}]"),
            ("a: &a hunter2\npassword: *a", "a: **********\npassword: *a"),
            ("pasword: hunter2", "pasword: *******"),
            ("password: # hunter2", "password: *********"),
            ("password: hunter #2", "password: *********"),
            ("password:hunter2:", "password:*******:"),
            ("{password: hunt, er2}", "{password: ****, ***}"),
            ("password: x\nuser:\n", "password: *\nuser:\n"),
            ("sasl: 'PLAIN u hunter2'", "sasl: *****************"),
            ("properties: [sasl=hunter2]", "properties: [************]"),
            (
                "properties: {ssl.keystore.password: 1, linger.ms: 5}",
                "properties: {ssl.keystore.password: *, linger.ms: 5}",
            ),
            (
                "client_certs: [{cert: c, key: k}]\nkey: k",
                "client_certs: [{cert: c, key: *}]\nkey: k",
            ),
            ("client_certs: [hunter2]", "client_certs: [*******]"),
            (
                "x: '-----BEGIN PRIVATE KEY-----'",
                "x: *****************************",
            ),
            ("script: 'password = 1'", "script: 'password = 1'"),
        ] {
            assert_eq!(shown(yaml), expected);
        }
    }
}
