//! Simple, slow tokenizer of JSON texts, with which the encoder and the decoder are compared.

use serde::de::IgnoredAny;

/// Deepest text that [`is_json`] can judge; `serde_json` allows no deeper one.
pub(super) const DEEPEST: usize = 120;

/// Token of a JSON text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A bracket, comma or colon.
    Mark(u8),
    /// `true`, `false`, `null`.
    Word(&'a str),
    /// Integer as text, except that -0 is 0.
    Int(&'a str),
    /// Bits of a float's value.
    Float(u64),
    /// Unescaped string; `None` if it has a lone surrogate, which Rust's strings cannot hold.
    Text(Option<String>),
}

/// Returns whether a text is JSON by RFC 8259, if it is no deeper than [`DEEPEST`]. Lone surrogates are allowed.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Returns the tokens of a JSON text.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while let Some(&first) = rest.as_bytes().first() {
        let length = match first {
            b'"' => length_of_text(rest),
            b'[' | b']' | b'{' | b'}' | b',' | b':' => 1,
            _ => rest
                .find(|c| is_space(c) || ",:[]{}\"".contains(c))
                .unwrap_or(rest.len()),
        };
        let (piece, behind) = rest.split_at(length);
        tokens.push(token(piece));
        rest = behind.trim_start_matches(is_space);
    }
    tokens
}

fn token(piece: &str) -> Token<'_> {
    match piece.as_bytes()[0] {
        b'"' => Token::Text(serde_json::from_str(piece).ok()),
        b't' | b'f' | b'n' => Token::Word(piece),
        b'-' | b'0'..=b'9' if piece.contains(['.', 'e', 'E']) => {
            Token::Float(piece.parse::<f64>().expect("a number").to_bits())
        }
        b'-' | b'0'..=b'9' if piece == "-0" => Token::Int("0"),
        b'-' | b'0'..=b'9' => Token::Int(piece),
        mark => Token::Mark(mark),
    }
}

/// Returns the depth of brackets outside of strings, for any text.
pub(super) fn depth(text: &str) -> usize {
    let (mut at, mut depth, mut deepest) = (0, 0_usize, 0);
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'"' => at += length_of_text(&text[at..]) - 1,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        at += 1;
    }
    deepest
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Returns the length up to and including the closing quote, or of the whole text.
fn length_of_text(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}
