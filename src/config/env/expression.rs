//! Where `${…}` expressions begin in a text, and where they end.
//!
//! `${NAME}`, `${NAME:default}` where the default may hold further expressions, `${{NAME}}`.
//!
//! They are looked for from the end of the text to its beginning: when an expression is looked at, those in its default are
//! known. From the beginning, each `${` that has no end would have all that come after it looked at again, which takes
//! exponential time (the fuzzer found a text of 2,324 bytes that took minutes).

use std::collections::HashMap;

use memchr::memchr2;

/// Expressions may be nested so deep; what is around them is text. It bounds the recursion of who expands them.
const MAX_DEPTH: usize = 64;

/// The expressions of a text.
pub(super) struct Expressions(HashMap<usize, Found>);

/// What begins with a `${`.
#[derive(Clone, Copy)]
enum Found {
    /// An expression.
    Expression {
        /// In bytes, from `${` to the last `}`.
        length: usize,
        /// 1 without further expressions in the default.
        depth: usize,
    },
    /// It has a name and a default that goes on to the end of the text. Whatever it stands in the default of has no end
    /// either: its `}` would have ended this one.
    Unclosed,
}

impl Expressions {
    /// All expressions of `text`, those within others too.
    pub(super) fn of(text: &str) -> Self {
        let mut known = HashMap::new();
        for (start, _) in text.rmatch_indices("${") {
            if let Some(found) = look(text, start, &known) {
                known.insert(start, found);
            }
        }
        Self(known)
    }

    /// Bytes of the expression that begins at `start`, if one does.
    pub(super) fn length_at(&self, start: usize) -> Option<usize> {
        match self.0.get(&start)? {
            Found::Expression { length, .. } => Some(*length),
            Found::Unclosed => None,
        }
    }
}

/// What begins at `start`, where a `${` is. All that begins after it is `known`.
fn look(text: &str, start: usize, known: &HashMap<usize, Found>) -> Option<Found> {
    let is_literal = text[start + 2..].starts_with('{');
    let name = start + 2 + usize::from(is_literal);
    let (end, depth) = match braces(text, name, known)? {
        Braces::Closed { end, depth } => (end, depth),
        Braces::Unclosed => return Some(Found::Unclosed),
    };
    let end = match is_literal {
        true => text[end..].starts_with('}').then_some(end + 1)?,
        false => end,
    };
    (depth <= MAX_DEPTH).then_some(Found::Expression {
        length: end - start,
        depth,
    })
}

enum Braces {
    Closed {
        /// Index after the `}`.
        end: usize,
        depth: usize,
    },
    Unclosed,
}

/// The braces whose name begins at `start`: `NAME}` or `NAME:default}`.
fn braces(text: &str, start: usize, known: &HashMap<usize, Found>) -> Option<Braces> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let mut at = start + text[start..].find(|c| !is_of_name(c))?;
    if at == start {
        return None;
    }
    let mut depth = 1;
    match text.as_bytes()[at] {
        b'}' => return Some(Braces::Closed { end: at + 1, depth }),
        b':' => at += 1,
        _ => return None,
    }
    while let Some(found) = memchr2(b'}', b'$', &text.as_bytes()[at..]) {
        at += found;
        if text.as_bytes()[at] == b'}' {
            return Some(Braces::Closed { end: at + 1, depth });
        }
        match known.get(&at) {
            Some(Found::Expression {
                length,
                depth: inner,
            }) => {
                depth = depth.max(inner + 1);
                at += length;
            }
            Some(Found::Unclosed) => return Some(Braces::Unclosed),
            None => at += 1,
        }
    }
    Some(Braces::Unclosed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, which looks from the beginning and may take exponential time.
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
