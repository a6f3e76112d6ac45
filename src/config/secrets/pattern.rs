//! Secrets in a text of which nothing is known but that it was meant to be YAML.

use std::ops::Range;

use super::is_secret;

/// What the first line of a private key ends with.
pub(super) const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// Whatever may be a secret: what follows `password:` and the like, and private keys.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut certificates = false;
    let mut at = 0;
    while let Some(name) = next_name(text, at) {
        at = name.end;
        let word = &text[name.clone()];
        let last = word.rsplit('.').next().unwrap_or_default();
        certificates |= word.contains("client_certs");
        let Some(start) = behind_separator(text, name.end) else {
            continue;
        };
        let scalar = |c: &char| !matches!(c, '\n' | '\r' | '{' | '#' | '&' | '*');
        let section = last == "sasl"
            && text[start..]
                .trim_start_matches(' ')
                .chars()
                .next()
                .is_some_and(|c| scalar(&c));
        if is_secret(word) || section || (certificates && last == "key") {
            let end = value_end(text, start, indentation(text, name.start));
            found.push(start..end);
            at = end;
        }
    }
    for (start, _) in text.match_indices(PRIVATE_KEY) {
        let end = text[start..]
            .find("-----END")
            .map_or(text.len(), |at| start + at);
        found.push(start..end);
    }
    found
}

/// The next run of what field names are made of.
fn next_name(text: &str, from: usize) -> Option<Range<usize>> {
    let of_name = |c: char| c.is_alphanumeric() || "_.-".contains(c);
    let start = from + text[from..].find(of_name)?;
    let length = text[start..].find(|c| !of_name(c));
    Some(start..length.map_or(text.len(), |length| start + length))
}

/// Where the value begins, if a colon or an equals sign follows, perhaps behind a quote.
fn behind_separator(text: &str, from: usize) -> Option<usize> {
    let rest = &text[from..];
    let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest).trim_start();
    let rest = rest.strip_prefix([':', '='])?;
    Some(text.len() - rest.len())
}

/// How far the line at `at` is indented.
fn indentation(text: &str, at: usize) -> usize {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    indent(&text[start..])
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// Where the value ends at the latest that begins at `start`, in a line so far indented.
fn value_end(text: &str, start: usize, indentation: usize) -> usize {
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let value = text[start..].trim_start();
    let first = value.chars().next();
    if let Some(quote @ ('"' | '\'')) = first {
        // One that is not closed may go on to the end.
        return closed(text, text.len() - value.len() + 1, quote).unwrap_or(text.len());
    }
    let here = text[start..line_end].trim();
    let in_braces = is_in_braces(&text[..start]);
    // Of a plain text, lines that are entries of their own are no part.
    let plain = here.starts_with(|c| !"|>&!#*{[".contains(c));
    let mut value_seen = !here.is_empty();
    // The line break is part of the line before.
    let mut end = (line_end + 1).min(text.len());
    for line in text[end..].split_inclusive('\n') {
        let entry = plain && (line.contains(": ") || line.trim_end().ends_with(':'));
        let outside = match in_braces {
            true => text[start..end].contains([',', '}', ']']),
            false => indent(line) <= indentation,
        };
        if !line.trim().is_empty() && value_seen && (outside || entry) {
            break;
        }
        value_seen |= !line.trim().is_empty();
        end += line.len();
    }
    end
}

/// Whether more braces and brackets are opened than closed, as far as one can tell.
fn is_in_braces(text: &str) -> bool {
    let count = |of: [char; 2]| text.matches(of).count();
    count(['{', '[']) > count(['}', ']'])
}

/// Where a quoted text ends whose inside begins at `start`, if what follows says that it does.
fn closed(text: &str, start: usize, quote: char) -> Option<usize> {
    let mut chars = text[start..].char_indices().peekable();
    let end = loop {
        let (at, c) = chars.next()?;
        let doubled = quote == '\'' && c == quote && chars.peek().is_some_and(|(_, c)| *c == quote);
        if doubled || (c == '\\' && quote == '"') {
            chars.next();
        } else if c == quote {
            break start + at + 1;
        }
    };
    let behind = text[end..].trim_start_matches([' ', '\t']).chars().next();
    behind.is_none_or(|c| ",}]\r\n".contains(c)).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::super::hidden_by_pattern;

    #[test]
    fn what_may_be_a_secret_is_hidden() {
        for (text, expected) in [
            (
                "{user: u, password: hunter2, x: 1",
                "{user: u, password: *************",
            ),
            (
                "{password: \"hunt\\\"er2\", x: 1",
                "{password: ***********, x: 1",
            ),
            ("{password: 'hunt''er2'}", "{password: ***********}"),
            ("password: \"hunt\"er2", "password: *********"),
            ("password: \"hunter2\nx: y", "password: ********\n****"),
            ("password:hunter2\nx: y", "password:*******\nx: y"),
            ("\"password\" : hunter2", "\"password\" : *******"),
            ("password: !hunter2", "password: ********"),
            (
                "  password: |\n    hunter2\n\n    hunter3\n  x: y",
                "  password: *\n    *******\n\n    *******\n  x: y",
            ),
            (
                "password: hunter2\n  hunter3\n  x: y\n z: 1",
                "password: *******\n  *******\n  x: y\n z: 1",
            ),
            ("password:\n  hunter2\nx: y", "password:\n  *******\nx: y"),
            ("sasl: hunter2", "sasl: *******"),
            ("sasl:\n  user: u", "sasl:\n  user: u"),
            (
                "key: a\nclient_certs:\n  - key: b",
                "key: a\nclient_certs:\n  - key: *",
            ),
            (
                "o.kafka.tls.client_certs.0.key=b",
                "o.kafka.tls.client_certs.0.key=*",
            ),
            (
                "o.kafka.sasl.pasword=hunter2",
                "o.kafka.sasl.pasword=*******",
            ),
            (
                "x: |\n -----BEGIN PRIVATE KEY-----\n abc\n -----END",
                "x: |\n -----BEGIN ****************\n ***\n -----END",
            ),
            ("passwords are fine", "passwords are fine"),
        ] {
            assert_eq!(hidden_by_pattern(text), expected);
        }
    }
}
