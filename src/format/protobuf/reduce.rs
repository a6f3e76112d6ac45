//! Reduction of a .proto source to what decides about values, before a parser sees it.
//!
//! Comments, options, services, extensions and reserved names are replaced by spaces, so that lines and columns in
//! errors stay right. That is the defence against sources that are made to be expensive: `protox-parse` copies all
//! options of an `extensions` statement for each of its ranges (1 MiB of text becomes more than a terabyte), notes the
//! place of each number of a `reserved` statement with the whole path to it, and keeps every comment. It also lets
//! schemas pass that use options of which nobody gave the definition.

/// Most tokens of a source that are left. The parser takes some 500 bytes for each.
const MAX_TOKENS: usize = 1 << 18;

/// Piece of a source that is neither space nor comment.
#[derive(Debug, Clone, Copy)]
struct Token {
    start: usize,
    end: usize,
}

/// Returns the source with spaces in place of all that does not decide about values.
pub(super) fn reduced(text: &str) -> Result<String, String> {
    let mut bytes = text.as_bytes().to_vec();
    let tokens = tokens(text.as_bytes(), &mut bytes)?;
    let mut reducer = Reducer {
        text: text.as_bytes(),
        bytes,
        tokens,
        kept: 0,
    };
    reducer.statements()?;
    if reducer.kept > MAX_TOKENS {
        return Err("the schema is too large".to_owned());
    }
    // Spaces replace whole characters.
    String::from_utf8(reducer.bytes).map_err(|_| "the schema cannot be reduced".to_owned())
}

/// Cuts a source into tokens, and blanks its comments.
fn tokens(text: &[u8], blanked: &mut [u8]) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let start = at;
        let rest = &text[at..];
        if rest.starts_with(b"//") {
            at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            blank(blanked, start, at);
            continue;
        }
        if rest.starts_with(b"/*") {
            let end = memchr::memmem::find(&rest[2..], b"*/").ok_or("a comment has no end")?;
            at += end + 4;
            blank(blanked, start, at);
            continue;
        }
        match byte {
            byte if byte.is_ascii_whitespace() || *byte == 0x0b => {
                at += 1;
                continue;
            }
            b'"' | b'\'' => at += string_len(rest).ok_or("a string has no end")?,
            byte if is_word(*byte) => {
                at += rest.iter().take_while(|byte| is_word(**byte)).count();
            }
            _ => at += 1,
        }
        tokens.push(Token { start, end: at });
    }
    Ok(tokens)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || !byte.is_ascii()
}

/// Returns the length of the string with which a text begins; it ends on its line.
fn string_len(text: &[u8]) -> Option<usize> {
    let quote = text[0];
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'\n' => return None,
            b'\\' => at += 2,
            byte if *byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

fn blank(bytes: &mut [u8], start: usize, end: usize) {
    for byte in &mut bytes[start..end] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

struct Reducer<'t> {
    text: &'t [u8],
    bytes: Vec<u8>,
    tokens: Vec<Token>,
    /// Number of tokens that are left.
    kept: usize,
}

impl Reducer<'_> {
    fn at(&self, place: usize) -> &[u8] {
        match self.tokens.get(place) {
            Some(token) => &self.text[token.start..token.end],
            None => b"",
        }
    }

    fn statements(&mut self) -> Result<(), String> {
        let (mut place, mut depth) = (0, 0_usize);
        while place < self.tokens.len() {
            // A name of a value of an enum may be any word.
            let is_value = self.at(place + 1) == b"=";
            match self.at(place) {
                b"option" | b"reserved" | b"extensions" if !is_value => {
                    place = self.drop_to(place, b";");
                }
                b"extend" if !is_value => place = self.drop_to(place, b"}"),
                b"service" if depth == 0 => place = self.drop_to(place, b"}"),
                b"edition" if depth == 0 => {
                    return Err(
                        "editions are not supported: the schema must be proto2 or proto3"
                            .to_owned(),
                    );
                }
                _ => place = self.statement(place, &mut depth),
            }
        }
        Ok(())
    }

    /// Passes over a statement, or what is before its block. Returns the place after it.
    fn statement(&mut self, mut place: usize, depth: &mut usize) -> usize {
        while place < self.tokens.len() {
            self.kept += 1;
            match self.at(place) {
                b"[" => {
                    let end = self.end_of(place, b"]");
                    self.options(place, end);
                    place = end;
                    continue;
                }
                b"{" => *depth += 1,
                b"}" => *depth = depth.saturating_sub(1),
                b";" => {}
                _ => {
                    place += 1;
                    continue;
                }
            }
            return place + 1;
        }
        place
    }

    /// Blanks all options of a field but those that decide about values.
    fn options(&mut self, start: usize, end: usize) {
        let (mut nested, mut keep, mut any) = (0_usize, false, false);
        let mut comma = None;
        for place in start + 1..end.saturating_sub(1) {
            let begins = place == start + 1 || (nested == 0 && self.at(place) == b",");
            if begins {
                comma = (place > start + 1).then_some(place);
                let first = if comma.is_some() { place + 1 } else { place };
                keep = matches!(self.at(first), b"packed" | b"json_name")
                    && self.at(first + 1) == b"=";
            }
            match self.at(place) {
                b"[" | b"{" => nested += 1,
                b"]" | b"}" => nested = nested.saturating_sub(1),
                _ => {}
            }
            if !keep || (Some(place) == comma && !any) {
                self.drop(place, place + 1);
            } else {
                self.kept += 1;
            }
            any |= keep && Some(place) != comma;
        }
        if !any {
            self.drop(start, start + 1);
            self.drop(end - 1, end);
        }
    }

    /// Blanks the tokens to the end of a statement or a block; returns the place after it.
    fn drop_to(&mut self, place: usize, last: &[u8]) -> usize {
        let end = self.end_of(place, last);
        self.drop(place, end);
        end
    }

    /// Returns the place after the token that ends what begins at a place, outside of all brackets within.
    fn end_of(&self, start: usize, last: &[u8]) -> usize {
        let mut nested = 0_usize;
        for place in start..self.tokens.len() {
            let token = self.at(place);
            match token {
                b"{" | b"[" => nested += 1,
                b"}" | b"]" => nested = nested.saturating_sub(1),
                _ => {}
            }
            if nested == 0 && token == last {
                return place + 1;
            }
        }
        self.tokens.len()
    }

    fn drop(&mut self, start: usize, end: usize) {
        if let (Some(first), Some(last)) = (
            self.tokens.get(start),
            end.checked_sub(1).and_then(|end| self.tokens.get(end)),
        ) {
            let (first, last) = (first.start, last.end);
            if first < last {
                blank(&mut self.bytes, first, last);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        let reduced = reduced(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(reduced.len(), text.len());
        assert_eq!(reduced.matches('\n').count(), text.matches('\n').count());
        reduced.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn only_what_decides_about_values_is_left() {
        for (text, expected) in [
            (
                "syntax = \"proto3\"; // a\n/* b \n */ message A {}",
                "syntax = \"proto3\"; message A {}",
            ),
            (
                "option (a) = { b: \"};\" c: [1, 2] }; message A {}",
                "message A {}",
            ),
            (
                "message A { reserved 1, 2; reserved \"x\"; extensions 4 to max [a = 1]; B b = 1; }",
                "message A { B b = 1; }",
            ),
            (
                "extend A { optional group G = 1 { optional int32 a = 1; } } enum B { C = 0; }",
                "enum B { C = 0; }",
            ),
            (
                "service S { rpc A (B) returns (C) { option d = 1; } } message A { service s = 1; }",
                "message A { service s = 1; }",
            ),
            (
                "message A { int32 a = 1 [(x).y = { z: 1 }, packed = true, json_name=\"],\", w = [1]]; }",
                "message A { int32 a = 1 [ packed = true, json_name=\"],\" ]; }",
            ),
            (
                "message A { int32 a = 1 [deprecated = true]; int32 b = 2; }",
                "message A { int32 a = 1 ; int32 b = 2; }",
            ),
            (
                "enum A { option allow_alias = true; extend = 0; option = 1; reserved = 2; }",
                "enum A { extend = 0; option = 1; reserved = 2; }",
            ),
            (
                "message A { string é = 1; } // é",
                "message A { string é = 1; }",
            ),
            ("message A {} //", "message A {}"),
            ("message A { B b = 1 [", "message A { B b = 1"),
            ("]]}}", "]]}}"),
            ("option", ""),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn what_has_no_end_is_refused() {
        for text in ["/*", "/*/", "\"", "'\\'", "\"\n\"", "option a = \"\\"] {
            assert!(reduced(text).is_err(), "{text}");
        }
        assert!(reduced("edition = \"2023\";").is_err());
        assert!(reduced(&"a".repeat(MAX_TOKENS)).is_ok());
        assert!(reduced(&"a ".repeat(MAX_TOKENS + 1)).is_err());
    }
}
