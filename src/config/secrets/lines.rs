//! Secrets in a text of which nothing is known but that it was meant to be YAML.

use super::is_secret;

/// What the first line of a private key ends with.
pub(super) const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// How far a secret may go on behind the line on which it begins.
enum Until {
    /// Lines that are indented deeper than this, and the first one in any case if nothing was `seen` yet. Of a `plain`
    /// text, lines that are entries of their own are no part.
    Indent {
        indent: usize,
        seen: bool,
        plain: bool,
    },
    /// In braces or brackets: a line with what ends a value there.
    Comma,
    /// A private key: its last line.
    KeyEnd,
    /// A quote that is not closed on its line: the end.
    End,
}

impl Until {
    /// Whether `line`, which is not blank, may be part of the secret.
    fn has(&mut self, line: &str) -> bool {
        match self {
            Self::Indent {
                indent,
                seen,
                plain,
            } => {
                let entry = *plain && (line.contains(": ") || line.trim_end().ends_with(':'));
                !std::mem::replace(seen, true) || (indentation(line) > *indent && !entry)
            }
            Self::Comma | Self::End => true,
            Self::KeyEnd => !line.contains("-----END"),
        }
    }
}

/// The text with stars for whatever may be a secret: all that follows `password:` and the like on its line, the lines on
/// which it may go on, and private keys. Line breaks and indentation stay, and every other character has its star.
pub(in crate::config) fn hide(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let (mut certificates, mut opened) = (false, 0);
    let mut hidden: Option<Until> = None;
    for line in text.split_inclusive('\n') {
        let blank = line.trim().is_empty();
        if let Some(until) = &mut hidden
            && (blank || until.has(line))
        {
            let over = matches!(until, Until::Comma) && line.contains([',', '}', ']']);
            shown.extend(stars(line));
            if over {
                hidden = None;
            }
            continue;
        }
        hidden = None;
        certificates |= line.contains("client_certs");
        let secret = value(line, certificates);
        let key = line.find(PRIVATE_KEY);
        let start = secret.into_iter().chain(key).min().unwrap_or(line.len());
        shown.push_str(&line[..start]);
        shown.extend(stars(&line[start..]));
        opened += depth(&line[..start]);
        if let Some(start) = secret {
            hidden = goes_on(&line[start..], indentation(line), opened > 0);
        } else if key.is_some() {
            hidden = Some(Until::KeyEnd);
        }
        opened += depth(&line[start..]);
    }
    shown
}

/// Where on a line the value of a secret begins: behind a colon or an equals sign, perhaps behind a quote before that.
fn value(line: &str, certificates: bool) -> Option<usize> {
    let of_name = |c: char| c.is_alphanumeric() || "_.-".contains(c);
    let mut at = 0;
    while let Some(found) = line[at..].find(of_name) {
        let start = at + found;
        let length = line[start..].find(|c| !of_name(c));
        at = length.map_or(line.len(), |length| start + length);
        let (name, rest) = (&line[start..at], &line[at..]);
        let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest).trim_start();
        let Some(rest) = rest.strip_prefix([':', '=']) else {
            // The colon may stand on the next line.
            if rest.is_empty() && is_secret(name) {
                return Some(line.len());
            }
            continue;
        };
        let last = name.rsplit('.').next().unwrap_or_default();
        // In braces, or on lines of its own, `sasl` is what has the secret; else it is one.
        let section = rest.trim_start().starts_with(['{', '#', '&', '*']) || rest.trim().is_empty();
        if is_secret(name) || (last == "sasl" && !section) || (certificates && last == "key") {
            return Some(line.len() - rest.len());
        }
    }
    None
}

/// How far a `value`, the rest of its line, may go on.
fn goes_on(value: &str, indent: usize, in_braces: bool) -> Option<Until> {
    let text = value.trim();
    if let Some(quote) = text.chars().next().filter(|first| "\"'".contains(*first)) {
        let behind = text.trim_end_matches([' ', ',', '}', ']']);
        let escaped = text.contains('\\') && quote == '"';
        let closed = behind.len() > 1 && behind.ends_with(quote) && !escaped;
        let pairs = text.matches(quote).count().is_multiple_of(2);
        return (!closed || !pairs).then_some(Until::End);
    }
    if in_braces {
        return (!text.contains([',', '}', ']'])).then_some(Until::Comma);
    }
    Some(Until::Indent {
        indent,
        seen: !text.is_empty(),
        plain: text.starts_with(|first| !"|>&!#*{[".contains(first)),
    })
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// How many more braces and brackets a text opens than it closes, as far as one can tell.
fn depth(text: &str) -> isize {
    let braces = text.chars().map(|c| match c {
        '{' | '[' => 1,
        '}' | ']' => -1,
        _ => 0,
    });
    braces.sum()
}

/// Stars for all but the indentation and the end of a line.
fn stars(line: &str) -> impl Iterator<Item = char> {
    let mut indentation = true;
    line.chars().map(move |c| {
        indentation &= c.is_whitespace();
        if indentation || matches!(c, '\r' | '\n') {
            c
        } else {
            '*'
        }
    })
}

#[cfg(test)]
mod tests {
    use super::hide;

    #[test]
    fn what_may_be_a_secret_is_hidden() {
        for (text, expected) in [
            (
                "{user: u, password: hunter2, x: 1",
                "{user: u, password: *************",
            ),
            (
                "{password: \"hunt\\\"er2\", x: 1",
                "{password: *****************",
            ),
            ("{password: 'hunt''er2'}", "{password: ************"),
            ("password: \"hunt\"er2\nx", "password: *********\n*"),
            ("password: 'hunt''\n er2'\nx", "password: *******\n ****\n*"),
            ("password: \"hunter2\" # x\ny", "password: *************\n*"),
            ("password: \"hunter2\"\nx: y", "password: *********\nx: y"),
            (
                "{ password: hunt\ner2, x: 1\ny: 2",
                "{ password: ****\n*********\ny: 2",
            ),
            ("? password\n: hunter2\nx: y", "? password\n*********\nx: y"),
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
            assert_eq!(hide(text), expected);
        }
    }
}
