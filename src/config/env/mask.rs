//! Keeps `${NAME:default}` whole while YAML is parsed.
//!
//! Bento puts the variables into the text before it parses it, so its users write `[ ${BROKERS} ]` and
//! `${ADDRESS:localhost:9092}` without quotes. Nerodia parses first, so that no variable can change the shape of the
//! config. While it parses, the characters in an expression that have a meaning in YAML are replaced by others. One
//! character is replaced by one, so every line and column stays.

use std::borrow::Cow;

use super::expression::Expressions;

/// First of the 128 characters that stand for ASCII, in a private use area that few fonts even know.
const BASE: u32 = 0x10_FF00;
const HIDDEN: &str = "{}[],:#";

/// Hides the characters in `${…}` that have a meaning in YAML.
pub(in crate::config) fn hide(text: &str) -> Cow<'_, str> {
    // If the text has one of the replacement characters, `show` would change it. Then nothing is hidden: better no help
    // than a wrong text.
    if !text.contains("${") || text.contains(|c| original(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let expressions = Expressions::of(text);
    let mut hidden = String::with_capacity(text.len() + 64);
    let mut at = 0;
    while let Some(found) = text[at..].find("${") {
        let start = at + found;
        hidden.push_str(&text[at..start]);
        let length = expressions.length_at(start);
        at = start + length.unwrap_or(2);
        let expression = &text[start..at];
        if length.is_some() && !expression.contains(['\n', '"', '\'']) {
            hidden.extend(expression.chars().map(stand_in));
        } else {
            hidden.push_str(expression);
        }
    }
    hidden.push_str(&text[at..]);
    Cow::Owned(hidden)
}

/// Restores the characters that [`hide`] replaced.
pub(in crate::config) fn show(text: &str) -> String {
    text.chars().map(|c| original(c).unwrap_or(c)).collect()
}

fn stand_in(c: char) -> char {
    if HIDDEN.contains(c) {
        char::from_u32(BASE + u32::from(c)).unwrap_or(c)
    } else {
        c
    }
}

fn original(c: char) -> Option<char> {
    let code = u32::from(c).checked_sub(BASE)?;
    char::from_u32(code).filter(char::is_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_and_shows() {
        let text = "a: [ ${X:b, c}, ${Y} ] # ${\nb: ${{Z}} ${\n}";
        let hidden = hide(text);
        assert_eq!(hidden.chars().count(), text.chars().count());
        assert!(!hidden.contains("b, c}"));
        assert_eq!(show(&hidden), text);
    }

    #[test]
    fn leaves_a_text_alone_that_has_its_characters() {
        let text = "a: ${X} \u{10FF7B}";
        assert_eq!(hide(text), text);
    }
}
