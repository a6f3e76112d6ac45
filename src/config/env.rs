//! `${NAME}` and `${NAME:default}`: values from the environment, in Bento's syntax.
//!
//! Scalars are changed after parsing, so no variable can bring a key of its own. A plain scalar gets its type
//! afterwards (`threads: ${N:4}` is an integer); a quoted one stays text. The default is used for a variable that is
//! not set or is empty. `${{NAME}}` is the text `${NAME}`.
//!
//! Scripts are left alone: a script is code, `${` is a legal part of it (string templates), and a variable that could
//! change code would be one more way to inject some. Bento does replace variables in scripts. Here a value belongs in
//! the message, or in the script itself.

mod expression;
pub(super) mod mask;

use self::expression::Expressions;
use super::diagnostics::{Diagnostic, Diagnostics};
use super::tree::{Data, FieldPath, Node};

/// Function that returns the value of a variable.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Returns whether the value of a key is code. `mapping` is Bento's key, which is refused with a message of its own.
pub(super) fn is_code(key: &str) -> bool {
    matches!(key, "script" | "setup" | "mapping")
}

/// Variables that are put into a config, and what comes of it.
pub(super) struct Interpolation<'a> {
    env: Env<'a>,
    problems: &'a mut Diagnostics,
    /// Fields that were left out because a variable is missing: no further problem is reported for them.
    left_out: Vec<FieldPath>,
}

/// Puts the variables into a config. Returns the fields that were left out because a variable is missing.
pub(super) fn interpolate(
    root: &mut Node,
    env: Env<'_>,
    problems: &mut Diagnostics,
) -> Vec<FieldPath> {
    let mut interpolation = Interpolation {
        env,
        problems,
        left_out: Vec::new(),
    };
    interpolation.node(root, &FieldPath::default());
    interpolation.left_out
}

impl Interpolation<'_> {
    /// Puts the variables into a node. Returns whether it can be used.
    fn node(&mut self, node: &mut Node, at: &FieldPath) -> bool {
        match &mut node.data {
            Data::Scalar(scalar) => {
                // The value of a `--set` has already been through the user's shell.
                if node.at.source().is_argument() || !scalar.text.contains("${") {
                    return true;
                }
                let mut missing = Vec::new();
                let text = expand(&scalar.text, self.env, &mut missing);
                if missing.is_empty() {
                    scalar.written = Some(std::mem::replace(&mut scalar.text, text));
                    return true;
                }
                missing.dedup();
                self.problems
                    .extend(missing.iter().map(|name| unset(name, node)));
                self.left_out.push(at.clone());
                false
            }
            Data::List(items) => {
                // Without one of them, the indices of the others would change.
                let mut usable = true;
                for (index, item) in (0..).zip(items) {
                    usable &= self.node(item, &at.item(index));
                }
                usable
            }
            Data::Map(entries) => {
                entries.retain_mut(|entry| {
                    is_code(&entry.key) || self.node(&mut entry.value, &at.field(&entry.key))
                });
                true
            }
        }
    }
}

fn unset(name: &str, node: &Node) -> Diagnostic {
    Diagnostic::error(format!("the environment variable `{name}` is not set"))
        .at(node.at.clone())
        .help(format!(
            "set it, or give a default: `${{{name}:default}}` (`${{{name}:}}` for an empty one)"
        ))
}

/// Returns the text with its variables put in. Names without a value are added to `missing`.
fn expand(text: &str, env: Env<'_>, missing: &mut Vec<String>) -> String {
    let expressions = Expressions::of(text);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = text[at..].find("${") {
        let start = at + found;
        out.push_str(&text[at..start]);
        let Some(length) = expressions.length_at(start) else {
            out.push_str("${");
            at = start + 2;
            continue;
        };
        at = start + length;
        let expression = &text[start..at];
        let inner = &expression[2..length - 1];
        if inner.starts_with('{') {
            out.push('$');
            out.push_str(inner);
            continue;
        }
        let (name, default) = match inner.split_once(':') {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        match (env(name), default) {
            (Some(value), None) => out.push_str(&value),
            (Some(value), Some(_)) if !value.is_empty() => out.push_str(&value),
            (_, Some(default)) => out.push_str(&expand(default, env, missing)),
            (None, None) => missing.push(name.to_owned()),
        }
    }
    out.push_str(&text[at..]);
    out
}

/// Escapes a text so that no variable is put into it. The text `${{NAME}}` itself cannot be written.
pub(super) fn escape(text: &str) -> String {
    let expressions = Expressions::of(text);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (start, _) in text.match_indices("${") {
        if start >= at
            && let Some(length) = expressions.length_at(start)
        {
            let expression = &text[start + 1..start + length];
            out.push_str(&text[at..start]);
            out.push_str(&format!("${{{expression}}}"));
            at = start + length;
        }
    }
    out + &text[at..]
}

/// Returns whether a text consists only of variables, without defaults or other text.
pub(super) fn is_variables(text: &str) -> bool {
    text.contains("${") && expand(text, &|_| None, &mut Vec::new()).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> (String, Vec<String>) {
        let env = |name: &str| match name {
            "A" => Some("1".to_owned()),
            "EMPTY" => Some(String::new()),
            "REF" => Some("${A}".to_owned()),
            "my.name" => Some("dots".to_owned()),
            _ => None,
        };
        let mut missing = Vec::new();
        (expand(text, &env, &mut missing), missing)
    }

    #[test]
    fn expands_as_bento_does() {
        for (text, expected) in [
            ("${A}", "1"),
            ("x${A}y${A}", "x1y1"),
            ("${A:9}", "1"),
            ("${B:9}", "9"),
            ("${B:}", ""),
            ("${B:localhost:9092}", "localhost:9092"),
            ("${EMPTY}", ""),
            ("${EMPTY:9}", "9"),
            ("${B:-9}", "-9"),
            ("${B:x${A}y}", "x1y"),
            ("${B:${C:z}}", "z"),
            ("${my.name}", "dots"),
            // The value of a variable is not expanded again.
            ("${REF}", "${A}"),
            ("${{A}}", "${A}"),
            ("${{A:b}}", "${A:b}"),
            ("$A $ ${ ${} ${-} ${é} ${A", "$A $ ${ ${} ${-} ${é} ${A"),
            ("${A${A}", "${A1"),
        ] {
            assert_eq!(expanded(text), (expected.to_owned(), vec![]), "{text}");
        }
    }

    #[test]
    fn what_is_escaped_comes_back() {
        for text in ["", "a", "${A}", "x${A}y${B:${C}}", "$A ${ ${é}"] {
            assert_eq!(expanded(&escape(text)), (text.to_owned(), vec![]), "{text}");
        }
    }

    #[test]
    fn names_what_is_missing() {
        assert_eq!(expanded("${B}${C:${D}}").1, ["B", "D"]);
    }
}
