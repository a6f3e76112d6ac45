//! Secrets in a text that was not parsed and is only known to be meant as YAML.

use super::is_secret;

/// End of the first line of a private key.
pub(super) const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// Extent of a secret after the line on which it begins.
enum Until {
    /// The secret includes lines that are indented deeper than `indent`, and the first line in any case if no text was
    /// `seen` yet. In a `plain` text, lines that are entries of their own are not part of it.
    Indent {
        indent: usize,
        seen: bool,
        plain: bool,
    },
    /// The secret is in braces or brackets, and ends on a line with a character that ends a value there.
    Comma,
    /// The secret is a private key, and ends on the last line of the key.
    KeyEnd,
    /// The secret has a quote that is not closed on its line, and goes on to the end of the text.
    End,
}

impl Until {
    /// Returns whether `line`, which is not blank, may be part of the secret.
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

/// Returns the text with stars for whatever may be a secret: everything after `password:` and the like on its line, the
/// lines on which it may go on, and private keys. Line breaks and indentation stay, and every other character is
/// replaced with one star.
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

/// Returns the index on a line at which the value of a secret begins: after a colon or an equals sign, which may come
/// after a quote.
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
        // In braces, or on lines of its own, `sasl` is a section that contains the secret; otherwise its value is the
        // secret.
        let section = rest.trim_start().starts_with(['{', '#', '&', '*']) || rest.trim().is_empty();
        if is_secret(name) || (last == "sasl" && !section) || (certificates && last == "key") {
            return Some(line.len() - rest.len());
        }
    }
    None
}

/// Returns how far a secret may go on after `value`, the rest of its line.
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

/// Returns how many more braces and brackets a text opens than it closes, as far as one can tell.
fn depth(text: &str) -> isize {
    let braces = text.chars().map(|c| match c {
        '{' | '[' => 1,
        '}' | ']' => -1,
        _ => 0,
    });
    braces.sum()
}

/// Replaces a line with stars, except its indentation and its end.
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
