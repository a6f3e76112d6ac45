//! Meaning of a scalar by YAML 1.2's core schema, in which `yes` and `no` are text.

use saphyr_parser::ScalarStyle;
use serde_json::{Number, Value};

/// Style in which a scalar was written.
pub(in crate::config) type Style = ScalarStyle;

/// Scalar: its text and how to read it.
///
/// The type is determined when it is needed, not when the scalar is parsed, because an environment variable may change
/// the text in between: `threads: ${N:4}` is an integer.
#[derive(Clone, Debug)]
pub(in crate::config) struct Scalar {
    pub text: String,
    /// Text as it was written, if variables were put in.
    pub written: Option<String>,
    pub style: Style,
    /// Tag of the core schema: `str` for `!!str`.
    pub tag: Option<String>,
    /// Line (from 1) and column (from 0) at which the scalar ends.
    pub end: (usize, usize),
    /// Whether no message may show the scalar.
    pub secret: bool,
}

impl Scalar {
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Self {
        Self {
            text: text.into(),
            written: None,
            style,
            tag: None,
            end: (1, 0),
            secret: false,
        }
    }

    fn is_plain(&self) -> bool {
        match self.tag.as_deref() {
            Some("str") => false,
            // Bento writes `!!int "${N}"`: the tag decides, not the quotes.
            Some(_) => true,
            None => self.style == Style::Plain,
        }
    }

    /// Returns the text as it stands in the config, with its variables.
    pub(crate) fn written(&self) -> &str {
        self.written.as_ref().unwrap_or(&self.text)
    }

    /// Returns the text, whatever its type is; a boolean is returned as `true` or `false`.
    pub(crate) fn as_written(&self) -> String {
        match self.to_json(true) {
            Value::Bool(flag) => flag.to_string(),
            _ => self.text.clone(),
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.is_plain() && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// Returns the value as plain data. Only with `literal` are `2.0` and `2` different.
    pub(crate) fn to_json(&self, literal: bool) -> Value {
        let text = self.text.as_str();
        if self.is_null() {
            return Value::Null;
        }
        if !self.is_plain() {
            return Value::from(text);
        }
        match text {
            "true" | "True" | "TRUE" => return Value::Bool(true),
            "false" | "False" | "FALSE" => return Value::Bool(false),
            _ => {}
        }
        if let Some(number) = integer(text) {
            return Value::Number(number);
        }
        match float(text) {
            // `count: 1e6` is a valid way to write a count.
            Some(float) if !literal && float.fract() == 0.0 && float.abs() < 9e18 => {
                #[expect(clippy::cast_possible_truncation, reason = "the guard bounds it")]
                let whole = float as i64;
                Value::from(whole)
            }
            Some(float) => Number::from_f64(float).map_or(Value::from(text), Value::Number),
            None => Value::from(text),
        }
    }

    /// Returns the scalar as JSON text, with the digits of a JSON number as they were written.
    pub(crate) fn to_json_text(&self) -> Result<String, String> {
        let text = self.text.as_str();
        if self.is_plain() && is_json_number(text) {
            return Ok(text.to_owned());
        }
        if self.is_plain() && float(text).is_some_and(|float| !float.is_finite()) {
            return Err(format!("`{text}` is a number that JSON does not have"));
        }
        Ok(self.to_json(true).to_string())
    }

    pub(crate) fn describe(&self) -> String {
        match self.to_json(true) {
            Value::Null => "nothing".into(),
            _ if self.secret && !self.text.is_empty() => "a secret".into(),
            Value::Bool(value) => format!("the boolean `{value}`"),
            Value::Number(_) => format!("the number `{}`", self.text),
            Value::String(text) if text.is_empty() => "an empty text".into(),
            _ if self.text.contains('\n') => "a text of several lines".into(),
            _ => format!("the text `{}`", self.text),
        }
    }
}

/// Returns whether a text is still a text without quotes, also for readers of older YAML versions.
pub(in crate::config) fn is_plain_text(text: &str) -> bool {
    let older = ["y", "n", "yes", "no", "on", "off"];
    let of_words = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let scalar = Scalar::new(text, Style::Plain);
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(of_words)
        && !older.contains(&text.to_lowercase().as_str())
        && scalar.to_json(true).is_string()
}

fn integer(text: &str) -> Option<Number> {
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok().map(Number::from);
    match text.as_bytes() {
        [b'0', b'x', b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..] => radix(&text[2..], 16),
        [b'0', b'o', b'0'..=b'7', ..] => radix(&text[2..], 8),
        [b'+' | b'-', b'0'..=b'9', ..] => text.parse::<i64>().ok().map(Number::from),
        [b'0'..=b'9', ..] => text.parse::<u64>().ok().map(Number::from),
        _ => None,
    }
}

fn float(text: &str) -> Option<f64> {
    match text.trim_start_matches(['+', '-']) {
        ".inf" | ".Inf" | ".INF" => return Some(f64::INFINITY),
        _ if matches!(text, ".nan" | ".NaN" | ".NAN") => return Some(f64::NAN),
        _ => {}
    }
    // Rust also reads `inf` and `nan`, which YAML does not have.
    let numeric = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    (digits && text.bytes().all(numeric))
        .then(|| text.parse().ok())
        .flatten()
}

/// Returns whether a text is a number by JSON's grammar, which is narrower than YAML's.
fn is_json_number(text: &str) -> bool {
    let starts = text.trim_start_matches('-').as_bytes();
    starts.first().is_some_and(u8::is_ascii_digit)
        && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plain(text: &str) -> Scalar {
        Scalar {
            text: text.into(),
            written: None,
            style: Style::Plain,
            tag: None,
            end: (1, 0),
            secret: false,
        }
    }

    #[test]
    fn plain_scalars_follow_yaml_1_2() {
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("yes", json!("yes")),
            ("off", json!("off")),
            ("True", json!(true)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("017", json!(17)),
            ("-1", json!(-1)),
            ("+1", json!(1)),
            ("1e6", json!(1_000_000)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("1.2.3", json!("1.2.3")),
            ("e", json!("e")),
            ("-", json!("-")),
            ("inf", json!("inf")),
            (".inf", json!(".inf")),
            ("18446744073709551615", json!(u64::MAX)),
            ("1s", json!("1s")),
        ] {
            assert_eq!(plain(text).to_json(false), value, "{text}");
        }
        assert_eq!(plain("2.0").to_json(true), json!(2.0));
    }

    #[test]
    fn tags_decide_over_quotes() {
        let mut scalar = plain("4");
        scalar.tag = Some("str".into());
        assert_eq!(scalar.to_json(false), json!("4"));
        scalar.tag = Some("int".into());
        scalar.style = Style::DoubleQuoted;
        assert_eq!(scalar.to_json(false), json!(4));
    }

    #[test]
    fn json_has_no_infinity() {
        assert!(plain("-.inf").to_json_text().is_err());
        assert!(plain(".nan").to_json_text().is_err());
        assert_eq!(plain("1e999").to_json_text().unwrap(), "1e999");
        assert_eq!(plain("007").to_json_text().unwrap(), "7");
    }
}
