use proptest::prelude::*;

use super::*;
use crate::config::tree::{FieldPath, parse};

fn origin(yaml: &str) -> (String, ScriptOrigin) {
    let tree = parse(&SourceText::file("t.yaml", yaml)).unwrap().unwrap();
    let node = tree.find(&FieldPath::of("a.0.script")).unwrap();
    let scalar = node.scalar().unwrap();
    (scalar.text.clone(), ScriptOrigin::in_config(node, scalar))
}

/// Asserts that every visible character of the script is found at its place in the YAML.
fn assert_maps(yaml: &str) {
    let (script, origin) = origin(yaml);
    for (line, text) in script.split('\n').enumerate() {
        for (column, c) in text.chars().enumerate() {
            if c.is_whitespace() {
                continue;
            }
            let at = origin.position(line + 1, column + 1);
            let written = origin.source().line(at.line()).unwrap();
            let found: String = written.chars().skip(at.column() - 1).collect();
            assert!(
                found.starts_with(c) || found.starts_with('\\'),
                "{c:?} of {script:?} at {at}: {found:?} in\n{yaml}"
            );
        }
    }
}

#[test]
fn every_way_to_write_a_script() {
    for yaml in [
        "a:\n- script: |\n    root = 1\n    é = 2\n",
        "a:\n- script: |-\n    if this:\n      root = 1\n\n    # end",
        "a:\n- script: |\n\n\n    root = 1\n\n\n",
        "a:\n- script: |2\n      indented = 1\n    root\n",
        "a:\n  - script: |+ # why\n     root = 1\n\n  - b: 1\n",
        "a:\r\n- script: |\r\n    x = 1\r\n    root = x\r\n",
        "a:\n- script: root = 1 # no\n",
        "a: [{script: root = sum(this)}]",
        "a:\n- script: 'root = 1'\n",
        "a: [{script: \"root = this\"}]",
        "a:\n- script: &x |\n    root = 1\n",
        "a:\n- script: &x 'root = 1'\n",
        "a:\n- script: !!str &x root = 1\n",
        "a:\n- script: !!str |\n    root = 1\n",
        "a:\n- script:\n    |\n     root = 1\n",
    ] {
        assert_maps(yaml);
    }
}

/// Checks that the beginning is reported for a script that is in the YAML in another form.
#[test]
fn a_script_in_another_way() {
    for (yaml, begin) in [
        ("a:\n- script: root = sum(\n    this\n    )\n", "2:11"),
        ("a:\n- script: 'root = it''s'\n", "2:11"),
        ("a:\n- script: \"root = \\u00e9\\nroot = 2\"\n", "2:11"),
        (
            "a:\n- script: >\n    root = (\n    1 +\n    2)\n\n    x\n",
            "3:5",
        ),
    ] {
        let (_, origin) = origin(yaml);
        assert_eq!(origin.position(2, 3).to_string(), format!("t.yaml:{begin}"));
    }
}

#[test]
fn places_behind_the_end_of_a_line() {
    let (_, origin) = origin("a:\n- script: |\n    root = (\n    x\n");
    assert_eq!(origin.position(1, 9).to_string(), "t.yaml:3:13");
    assert_eq!(origin.position(2, 2).to_string(), "t.yaml:4:6");
    assert_eq!(origin.position(3, 1).to_string(), "t.yaml:4:6");
}

proptest! {
    #[test]
    fn literal_blocks_map_exactly(
        lines in proptest::collection::vec("( {0,3}[a-zé#:'\"{\\[-][a-z =é\t]{0,8})?", 0..8),
        indent in 1..6usize,
        depth in 0..4usize,
        header in prop::sample::select(vec!["|", "|-", "|+"]),
        crlf: bool,
    ) {
        let pad = " ".repeat(depth);
        // The indicator is explicit, because the first line may begin with spaces of its own.
        let (style, chomp) = header.split_at(1);
        let mut yaml = format!("{pad}a:\n{pad}- script: {style}{indent}{chomp}\n");
        // The indentation is relative to the mapping that holds `script`, which is two columns in.
        let inner = " ".repeat(depth + 2 + indent);
        for line in &lines {
            if line.is_empty() {
                yaml.push('\n');
            } else {
                yaml.push_str(&format!("{inner}{line}\n"));
            }
        }
        if crlf {
            yaml = yaml.replace('\n', "\r\n");
        }
        let (script, origin) = origin(&yaml);
        for (index, text) in script.split('\n').enumerate() {
            for column in 1..=text.chars().count() {
                let at = origin.position(index + 1, column);
                prop_assert_eq!(at.line(), index + 3, "{}", yaml);
                prop_assert_eq!(at.column(), inner.len() + column, "{}", yaml);
            }
        }
        assert_maps(&yaml);
    }
}
