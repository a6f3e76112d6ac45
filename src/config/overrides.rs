//! `--set path=value`: puts a value into the tree before anything else is done with it.

use super::diagnostics::{Diagnostic, Diagnostics};
use super::env::is_code;
use super::secrets;
use super::source::{Location, SourceText};
use super::tree::{Data, Entry, Node, Scalar, Style, parse};

const FORM: &str = "write `--set path=value`, as in `--set logger.level=warn` or \
    `--set pipeline.processors.0.python.script='root = this'`";

/// Puts the value of each argument into the tree. Later arguments win.
pub(super) fn apply(root: &mut Node, arguments: &[String], problems: &mut Diagnostics) {
    for argument in arguments {
        if let Err(problem) = apply_one(root, argument) {
            problems.extend(problem);
        }
    }
}

fn apply_one(root: &mut Node, argument: &str) -> Result<(), Diagnostics> {
    let bare = SourceText::argument("--set", argument, "").location(1, 1, 1);
    let malformed = |what: &str| Diagnostic::error(what).at(bare.clone()).help(FORM);
    let (path, text) = argument
        .split_once('=')
        .ok_or_else(|| malformed("this `--set` has no `=`"))?;
    let segments = segments(path.trim());
    if segments.iter().any(|segment| segment.is_empty()) {
        return Err(malformed("this `--set` has an empty name in its path").into());
    }
    let source = SourceText::argument("--set", argument, text);
    let at = source.location(1, 1, 1);
    let value = if segments.last().is_some_and(|last| is_code(last)) {
        // Python is full of characters that have a meaning in YAML (`{"a": 1}`).
        let source = SourceText::script(format!("--set {}", path.trim()), text);
        scalar(text, Style::Literal, source.location(1, 1, 1))
    } else {
        parse(&source)?.unwrap_or_else(|| scalar("", Style::Plain, at.clone()))
    };
    insert(root, &segments, value, &at, &mut String::new()).map_err(|what| {
        Diagnostic::error(what)
            .at(at)
            .help("a path is made of field names and list indices, counted from 0")
    })?;
    secrets::hide(root);
    Ok(())
}

/// Returns the names and indices of a path. The name of a Kafka property contains dots, and stays whole.
fn segments(path: &str) -> Vec<&str> {
    const PROPERTIES: &str = ".kafka.properties.";
    match path.find(PROPERTIES) {
        Some(at) => {
            let (parents, property) = path.split_at(at + PROPERTIES.len());
            let parents = parents.trim_end_matches('.').split('.');
            parents.chain([property]).collect()
        }
        None => path.split('.').collect(),
    }
}

fn scalar(text: &str, style: Style, at: Location) -> Node {
    let data = Data::Scalar(Scalar::new(text, style));
    Node { at, data }
}

/// Puts a text at a path (`a.0.b`) that is known to be free.
pub(super) fn put(root: &mut Node, path: &str, text: &str, at: Location) -> Result<(), Diagnostic> {
    let segments: Vec<_> = path.split('.').collect();
    let value = scalar(text, Style::Literal, at.clone());
    insert(root, &segments, value, &at, &mut String::new()).map_err(Diagnostic::error)
}

/// Follows the path from `node`, creates what is missing, and puts the value at the end.
fn insert(
    node: &mut Node,
    path: &[&str],
    value: Node,
    at: &Location,
    walked: &mut String,
) -> Result<(), String> {
    let Some((segment, rest)) = path.split_first() else {
        *node = value;
        return Ok(());
    };
    let index = segment.parse::<usize>().ok();
    if node.is_null() {
        let data = match index {
            // No field of the config has a number as its name.
            Some(_) => Data::List(Vec::new()),
            None => Data::Map(Vec::new()),
        };
        (node.at, node.data) = (at.clone(), data);
    }
    let child = match (&mut node.data, index) {
        (Data::Map(entries), _) => entry(entries, segment, at),
        (Data::List(items), Some(index)) if index <= items.len() => {
            if index == items.len() {
                items.push(scalar("", Style::Plain, at.clone()));
            }
            &mut items[index]
        }
        (Data::List(items), Some(index)) => {
            let (last, were) = (items.len(), if items.len() == 1 { "item" } else { "items" });
            let why = format!("has {last} {were}, so there is no {index}");
            return Err(format!("`{walked}` {why}"));
        }
        (Data::List(_), None) => {
            return Err(format!("`{walked}` is a list, and `{segment}` is no index"));
        }
        (Data::Scalar(scalar), _) => {
            let is = scalar.describe();
            return Err(format!("`{walked}` is {is}, so it has no `{segment}`"));
        }
    };
    if !walked.is_empty() {
        walked.push('.');
    }
    walked.push_str(segment);
    insert(child, rest, value, at, walked)
}

fn entry<'a>(entries: &'a mut Vec<Entry>, key: &str, at: &Location) -> &'a mut Node {
    let index = entries.iter().position(|entry| entry.key == key);
    let index = index.unwrap_or_else(|| {
        entries.push(Entry {
            key: key.to_owned(),
            key_at: at.clone(),
            value: scalar("", Style::Plain, at.clone()),
        });
        entries.len() - 1
    });
    &mut entries[index].value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(yaml: &str, arguments: &[&str]) -> String {
        let source = SourceText::file("t.yaml", yaml);
        let mut root = parse(&source).unwrap().unwrap();
        let arguments: Vec<_> = arguments.iter().map(|one| (*one).to_owned()).collect();
        let mut problems = Diagnostics::default();
        apply(&mut root, &arguments, &mut problems);
        if problems.is_empty() {
            root.to_json_text().unwrap()
        } else {
            problems.to_string()
        }
    }

    #[test]
    fn replaces_makes_and_appends() {
        let yaml = "a: {b: [1, {c: 2}], d: text}\ne:\n";
        for (argument, expected) in [
            ("a.d=x", r#"{"a":{"b":[1,{"c":2}],"d":"x"},"e":null}"#),
            (
                "a.b.1.c=[3]",
                r#"{"a":{"b":[1,{"c":[3]}],"d":"text"},"e":null}"#,
            ),
            (
                "a.b.2=3",
                r#"{"a":{"b":[1,{"c":2},3],"d":"text"},"e":null}"#,
            ),
            (
                "a.b={x: y=z}",
                r#"{"a":{"b":{"x":"y=z"},"d":"text"},"e":null}"#,
            ),
            ("a=", r#"{"a":null,"e":null}"#),
            (
                "e.0.script={\"f\": 1}",
                r#"{"a":{"b":[1,{"c":2}],"d":"text"},"e":[{"script":"{\"f\": 1}"}]}"#,
            ),
        ] {
            assert_eq!(set(yaml, &[argument]), expected, "{argument}");
        }
        assert_eq!(set("a: 1", &["a=2", "a=3"]), r#"{"a":3}"#);
        assert_eq!(
            set("a: {}", &["b.kafka.properties.linger.ms=5"]),
            r#"{"a":{},"b":{"kafka":{"properties":{"linger.ms":5}}}}"#
        );
    }

    #[test]
    fn problems_name_the_argument() {
        let yaml = "a: {b: [1], d: text}";
        insta::assert_snapshot!(set(
            yaml,
            &[
                "a", "a..b=1", "=1", "a.b.5=1", "a.b.x=1", "a.d.x=1", "a.d=[1"
            ]
        ));
    }
}
