//! Stubs of the names that scripts are given, for type checkers and editors.

mod shape;

use std::fmt::Write as _;

use self::shape::{Class, Shape};

/// What is the same for all pipelines.
const NAMES: &str = r#"# Names that Nerodia gives to scripts, made by `nerodia schema --stubs`. Pyright finds this file beside pyproject.toml.
from typing import Any, NotRequired, TypedDict

class Meta(TypedDict):
    key: Any
    topic: str | None
    partition: int
    offset: int
    timestamp: int | None
    headers: Any  # a dict; a script may also set a list of pairs
    tombstone: bool
    schema: NotRequired[str]

def emit(
    value: Any,
    key: Any = ...,
    topic: str | None = ...,
    headers: dict[str, Any] | list[tuple[str, Any]] | None = ...,
    timestamp: int | None = ...,
    schema: str | None = ...,
) -> None: ...

meta: Meta
root: Any
null: Any
tombstone: Any
"#;

/// Returns the stubs. The type of `this` is that of the `samples`, one message a line; without them, anything.
pub(super) fn stubs(samples: Option<&[u8]>) -> String {
    let mut out = NAMES.to_owned();
    let shape = samples.map(|bytes| {
        let lines = bytes.split(|&byte| byte == b'\n');
        let mut shape = Shape::default();
        lines
            .filter(|line| !line.is_empty())
            .for_each(|line| match serde_json::from_slice(line) {
                Ok(value) => shape.add(&value),
                Err(_) => shape.add_text(),
            });
        shape
    });
    let Some(shape) = shape.filter(Shape::is_known) else {
        out.push_str("this: Any\n");
        return out;
    };
    let mut classes = Vec::new();
    let this = shape.annotation("This", &mut classes);
    for class in &classes {
        write_class(class, &mut out);
    }
    let _ = writeln!(out, "\nthis: {this}"); // a String takes everything
    out
}

/// Writes a class in the form that its names allow.
fn write_class(class: &Class, out: &mut String) {
    let Class { name, fields } = class;
    let is_plain = fields.iter().all(|field| is_identifier(&field.name));
    let fields = fields.iter().map(|field| {
        let kind = &field.annotation;
        let kind = if field.is_required {
            kind.clone()
        } else {
            format!("NotRequired[{kind}]")
        };
        (&field.name, kind)
    });
    if is_plain {
        let _ = writeln!(out, "\nclass {name}(TypedDict):");
        for (field, kind) in fields {
            let _ = writeln!(out, "    {field}: {kind}");
        }
    } else {
        // Names that Python's grammar does not allow.
        let _ = writeln!(out, "\n{name} = TypedDict(\"{name}\", {{");
        for (field, kind) in fields {
            let field = serde_json::Value::from(field.as_str());
            let _ = writeln!(out, "    {field}: {kind},");
        }
        out.push_str("})\n");
    }
}

fn is_identifier(name: &str) -> bool {
    /// Words that cannot be names.
    const KEYWORDS: &[&str] = &[
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class",
        "continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global",
        "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return",
        "try", "while", "with", "yield",
    ];
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !KEYWORDS.contains(&name)
        // In a class, such names would be changed.
        && !name.starts_with("__")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn this(samples: &str) -> String {
        let all = stubs(Some(samples.as_bytes()));
        all.strip_prefix(NAMES).expect("the names").to_owned()
    }

    #[test]
    fn the_type_of_this_is_that_of_the_samples() {
        insta::assert_snapshot!(this(
            r#"{"id": 1, "customer": {"name": "Ada", "vip": true}, "items": [{"price": 1.5}, {"price": 2, "note": null}]}
{"id": 2, "items": [], "first-seen": "2026", "class": null, "tags": ["a", 1]}
"#
        ));
    }

    #[test]
    fn samples_that_are_no_objects_have_types_too() {
        assert_eq!(this("[1, 2.5]\n[]\n"), "\nthis: list[float]\n");
        assert_eq!(this("plain text\n7\n"), "\nthis: int | str\n");
        assert_eq!(this("null\n"), "\nthis: None\n");
        assert_eq!(this(""), "this: Any\n");
        assert_eq!(stubs(None), format!("{NAMES}this: Any\n"));
    }

    #[test]
    fn an_object_with_very_many_names_is_a_dict() {
        let members: Vec<String> = (0..200).map(|n| format!("\"k{n}\": {n}")).collect();
        assert_eq!(
            this(&format!("{{{}}}", members.join(","))),
            "\nthis: dict[str, int]\n"
        );
    }

    #[test]
    fn two_objects_of_one_name_have_two_classes() {
        let text = this(r#"{"a_b": {"x": 1}, "a": {"b": {"y": 1}}}"#);
        assert!(
            text.contains("class ThisAB(TypedDict):\n    y: int"),
            "{text}"
        );
        assert!(
            text.contains("class ThisAB2(TypedDict):\n    x: int"),
            "{text}"
        );
    }
}
