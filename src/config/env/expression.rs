//! Positions of `${…}` expressions in a text: where they begin and end.
//!
//! The forms are `${NAME}`, `${NAME:default}`, whose default may contain further expressions, and `${{NAME}}`.
//!
//! One pass finds all expressions: those that have begun are on a stack, and a `}` ends the innermost. A separate
//! search for the end of each `${` would take exponential time in a text where many have no end (the fuzzer found a
//! text of 2,324 bytes that took minutes).

use std::collections::HashMap;

/// Limit on the nesting of expressions, which bounds the recursion of the code that expands them. An expression with
/// more levels is text.
const MAX_DEPTH: usize = 64;

/// Expressions of a text: the length in bytes of each, by the index at which it begins.
pub(super) struct Expressions(HashMap<usize, usize>);

/// Expression that has begun and has not ended.
struct Open {
    start: usize,
    /// Whether the expression began with `${{`.
    is_literal: bool,
    /// Number of nested levels in the expression, itself included.
    depth: usize,
}

impl Expressions {
    /// Finds all expressions of `text`, including nested ones.
    pub(super) fn of(text: &str) -> Self {
        let (mut found, mut open) = (HashMap::new(), Vec::new());
        let mut at = 0;
        while let Some(offset) = text[at..].find(['$', '}']) {
            at += offset;
            if text[at..].starts_with('}') {
                at = close(text, at, &mut open, &mut found);
            } else if let Some((one, end)) = begin(text, at) {
                let ends = text[end..].starts_with('}');
                open.push(one);
                at = if ends { end } else { end + 1 };
            } else {
                at += 1;
            }
        }
        Self(found)
    }

    /// Returns the length in bytes of the expression that begins at `start`, if there is one.
    pub(super) fn length_at(&self, start: usize) -> Option<usize> {
        self.0.get(&start).copied()
    }
}

/// Returns the expression that begins at `start`, and the index at which its name ends, with a `}` or a `:`.
fn begin(text: &str, start: usize) -> Option<(Open, usize)> {
    let inner = text[start..].strip_prefix("${")?;
    let is_literal = inner.starts_with('{');
    let name = start + 2 + usize::from(is_literal);
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let end = name + text[name..].find(|c| !is_of_name(c))?;
    let one = Open {
        start,
        is_literal,
        depth: 1,
    };
    (end > name && text[end..].starts_with(['}', ':'])).then_some((one, end))
}

/// Ends the innermost expression that the `}` at an index can end. Returns the index after that.
fn close(text: &str, at: usize, open: &mut Vec<Open>, found: &mut HashMap<usize, usize>) -> usize {
    while let Some(one) = open.pop() {
        // With one brace where it needs two, the expression is text, and what it contains belongs to the one around it.
        let is_text = one.is_literal && !text[at + 1..].starts_with('}');
        if let Some(around) = open.last_mut() {
            around.depth = around.depth.max(one.depth + usize::from(!is_text));
        }
        if !is_text {
            let end = at + 1 + usize::from(one.is_literal);
            if one.depth <= MAX_DEPTH {
                found.insert(one.start, end - one.start);
            }
            return end;
        }
    }
    at + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the length of an expression by its definition, which looks from the beginning and may take exponential
    /// time.
    fn length(text: &str) -> Option<usize> {
        let inner = text.strip_prefix("${")?;
        if inner.starts_with('{') {
            let inner = length_of_braces(inner)?;
            return text[2 + inner..].starts_with('}').then_some(inner + 3);
        }
        length_of_braces(&text[1..]).map(|length| length + 1)
    }

    fn length_of_braces(text: &str) -> Option<usize> {
        let inner = text.strip_prefix('{')?;
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let name_length = inner.find(|c| !name(c))?;
        if name_length == 0 {
            return None;
        }
        let after = &inner[name_length..];
        if after.starts_with('}') {
            return Some(name_length + 2);
        }
        let default = after.strip_prefix(':')?;
        let mut at = 0;
        while at < default.len() {
            if default[at..].starts_with('}') {
                return Some(name_length + at + 3);
            }
            let one = default[at..].chars().next().map_or(1, char::len_utf8);
            at += length(&default[at..]).unwrap_or(one);
        }
        None
    }

    proptest! {
        #[test]
        fn finds_what_the_definition_says(text in "(\\$\\{A:|\\$\\{\\{A:|\\$\\{|[{}$A:é]){0,14}") {
            let expressions = Expressions::of(&text);
            for (start, _) in text.match_indices("${") {
                prop_assert_eq!(expressions.length_at(start), length(&text[start..]), "{} of {}", start, text);
            }
        }
    }

    #[test]
    fn what_has_no_end_takes_no_time() {
        for begin in ["${A:", "${{A:", "${A:${{A:"] {
            for end in ["", "}", "}}"] {
                let text = begin.repeat(5_000) + end;
                assert_eq!(Expressions::of(&text).length_at(0), None);
            }
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_text() {
        let nested = |depth: usize| "${A:".repeat(depth) + &"}".repeat(depth);
        let text = nested(MAX_DEPTH);
        assert_eq!(Expressions::of(&text).length_at(0), Some(text.len()));
        let text = nested(5_000);
        assert_eq!(Expressions::of(&text).length_at(0), None);
    }
}
