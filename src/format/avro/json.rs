//! Tree of a schema's JSON, with numbers as they are in the text.
//!
//! `serde_json` rounds some numbers wrongly unless a feature is on that the product does not need, and a default has to be
//! the number that is written there.

use std::borrow::Cow;

use jiter::{Jiter, JiterResult, Peek};

use crate::format::error::brief;

/// Deepest nesting of a schema's JSON.
const MAX_DEPTH: usize = 200;

/// Value of JSON.
#[derive(Debug)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// Object of JSON.
#[derive(Debug, Default)]
pub(super) struct Object<'a>(pub(super) Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Object<'a> {
    /// Returns the last member of this name.
    pub(super) fn get(&self, key: &str) -> Option<&Json<'a>> {
        let found = self.0.iter().rfind(|(name, _)| name == key);
        found.map(|(_, value)| value)
    }

    /// Returns a member that is a text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Json::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Returns a member that is an integer, not below zero.
    pub(super) fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        match self.get(key) {
            Some(Json::Number(text)) => text.parse().ok(),
            _ => None,
        }
    }
}

impl<'a> Json<'a> {
    /// Parses a text.
    ///
    /// # Errors
    ///
    /// If it is no JSON: says why and where.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let mut jiter = Jiter::new(text.as_bytes());
        let parsed = jiter.peek().and_then(|peek| {
            let value = Self::value(text, &mut jiter, peek, 0)?;
            jiter.finish()?;
            Ok(value)
        });
        match parsed {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(format!("nested deeper than {MAX_DEPTH} levels")),
            Err(error) => Err(format!("{error}")),
        }
    }

    /// Parses a value. It is `None` if it is nested too deeply.
    fn value(
        text: &'a str,
        jiter: &mut Jiter<'a>,
        peek: Peek,
        depth: usize,
    ) -> JiterResult<Option<Self>> {
        Ok(Some(match peek {
            Peek::Null => {
                jiter.known_null()?;
                Self::Null
            }
            Peek::True | Peek::False => Self::Bool(jiter.known_bool(peek)?),
            Peek::String => Self::Text(jiter.known_str()?.to_owned().into()),
            Peek::Array | Peek::Object if depth == MAX_DEPTH => return Ok(None),
            Peek::Array => {
                let mut items = Vec::new();
                let mut next = jiter.known_array()?;
                while let Some(peek) = next {
                    let Some(item) = Self::value(text, jiter, peek, depth + 1)? else {
                        return Ok(None);
                    };
                    items.push(item);
                    next = jiter.array_step()?;
                }
                Self::List(items)
            }
            Peek::Object => {
                let mut members = Vec::new();
                let mut next = jiter.known_object()?.map(str::to_owned);
                while let Some(key) = next {
                    let peek = jiter.peek()?;
                    let Some(value) = Self::value(text, jiter, peek, depth + 1)? else {
                        return Ok(None);
                    };
                    members.push((key.into(), value));
                    next = jiter.next_key()?.map(str::to_owned);
                }
                Self::Object(Object(members))
            }
            _ => {
                let start = jiter.current_index();
                jiter.known_number_bytes(peek)?;
                Self::Number(&text[start..jiter.current_index()])
            }
        }))
    }

    /// Returns a short form for a message.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(text) => brief(text),
            Self::Text(text) => format!("{:?}", brief(text)),
            Self::List(items) if items.is_empty() => "[]".to_owned(),
            Self::List(_) => "[…]".to_owned(),
            Self::Object(Object(members)) if members.is_empty() => "{}".to_owned(),
            Self::Object(_) => "{…}".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_as_they_are() {
        let text = r#" {"a": [1.0884562674149787e+307, -0, 99999999999999999999999], "b\u00e9": null, "a": "x"} "#;
        let Ok(Json::Object(object)) = Json::parse(text) else {
            panic!("an object");
        };
        assert_eq!(object.text("a"), Some("x"));
        assert!(matches!(object.get("bé"), Some(Json::Null)));
        let numbers = r#"List([Number("1.0884562674149787e+307"), Number("-0"), Number("99999999999999999999999")])"#;
        assert_eq!(format!("{:?}", object.0[0].1), numbers);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for wrong in [
            "",
            "{",
            "[1,]",
            "01",
            "NaN",
            "Infinity",
            "\"\\ud800\"",
            "1 2",
            "{\"a\" 1}",
        ] {
            assert!(Json::parse(wrong).is_err(), "{wrong}");
        }
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Json::parse(&nested(MAX_DEPTH)).is_ok());
        assert!(Json::parse(&nested(MAX_DEPTH + 1)).is_err());
        assert!(Json::parse(&"[".repeat(1 << 20)).is_err());
    }
}
