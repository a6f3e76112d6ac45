//! One message before and after processing, for people and for machines.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Serialize;

use crate::guest::{Executed, Stop};
use crate::message::earlier::is_of_error;
use crate::message::{Failure, Headers, Lane, Message, Outcome, Outcomes, Record};
use crate::output::dead_letter::text::visible;

/// Most characters of a payload that people are shown.
const PREVIEW: usize = 2000;

/// Style of the text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Style {
    /// Text for people.
    Text {
        /// Whether the text has colours, for a terminal.
        colour: bool,
    },
    /// Text for machines: an object on one line.
    Json,
}

/// One message before and after processing.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    /// Place of the message, for people.
    place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    partition: i32,
    offset: i64,
    input: Payload,
    #[serde(flatten)]
    after: After,
}

/// Outcome of the message.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum After {
    Outputs { outputs: Vec<Payload> },
    Dropped,
    Failed { error: Failure },
}

/// Payload and attributes, as far as they exist; bytes that are not text are in base64.
#[derive(Debug, Serialize)]
struct Payload {
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, Option<String>)>,
}

impl Payload {
    /// Creates the description of a payload, which is `None` for a tombstone.
    fn new(
        payload: Option<&[u8]>,
        key: Option<&Bytes>,
        topic: Option<String>,
        headers: Option<&Headers>,
    ) -> Self {
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        let utf8 = payload.map(|payload| std::str::from_utf8(payload).map_err(|_| payload));
        Self {
            payload: utf8.and_then(Result::ok).map(str::to_owned),
            payload_base64: utf8
                .and_then(Result::err)
                .map(|bytes| BASE64_STANDARD.encode(bytes)),
            key: key.map(text),
            topic,
            headers: headers
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), value.as_ref().map(text)))
                .collect(),
        }
    }

    fn of_message(message: &Message) -> Self {
        let attributes = message.attributes.as_deref();
        let tombstone = attributes.is_some_and(|attributes| attributes.tombstone);
        Self::new(
            (!tombstone).then_some(&message.payload),
            attributes.and_then(|attributes| attributes.key.as_ref()),
            None,
            attributes.map(|attributes| &attributes.headers),
        )
    }

    /// Describes a record: attributes that the script chose, and the others from the input message.
    fn of_record(outcomes: &Outcomes, record: &Record, message: &Message) -> Self {
        let attributes = message.attributes.as_deref();
        let own = record.overrides.as_deref();
        let key = match own.and_then(|own| own.key.as_ref()) {
            Some(key) => key.as_ref(),
            None => attributes.and_then(|attributes| attributes.key.as_ref()),
        };
        let headers = own
            .and_then(|own| own.headers.as_ref())
            .or(attributes.map(|attributes| &attributes.headers));
        let mut shown = Self::new(
            (!record.tombstone).then(|| outcomes.payload(record)),
            key,
            own.and_then(|own| own.topic.clone()).flatten(),
            headers,
        );
        // As the output does.
        shown.headers.retain(|(name, _)| !is_of_error(name));
        shown
    }
}

impl Shown {
    /// Describes the outcome of `message` of `lane`. `read` is its value, if people cannot read its bytes.
    pub(super) fn new(
        lane: &Lane,
        message: &Message,
        executed: &Executed,
        read: Option<String>,
    ) -> Self {
        let Executed { outcomes, stop, .. } = executed;
        let output = |record: &Record| Payload::of_record(outcomes, record, message);
        let after = match (outcomes.items.first(), stop) {
            (Some(Outcome::Record(record)), _) => After::Outputs {
                outputs: vec![output(record)],
            },
            (Some(Outcome::Records(records)), _) => After::Outputs {
                outputs: records.iter().map(output).collect(),
            },
            (Some(Outcome::Failed(failure)), _) => After::Failed {
                error: failure.as_ref().clone(),
            },
            (None, Stop::Died { death, script, .. }) => After::Failed {
                error: death.failure(script.as_ref()),
            },
            // Without an outcome never: a slice of one message has one unless its guest died.
            (Some(Outcome::Dropped), _) | (None, Stop::Complete | Stop::Yielded) => After::Dropped,
        };
        let place = message.place(lane);
        let mut input = Payload::of_message(message);
        if read.is_some() {
            input.payload_base64 = None;
        }
        Self {
            place: place.to_string(),
            topic: place.topic.map(str::to_owned),
            partition: place.partition,
            offset: place.offset,
            input: Payload {
                payload: read.or(input.payload),
                ..input
            },
            after,
        }
    }

    /// Returns whether the script dropped the message.
    pub(super) fn is_dropped(&self) -> bool {
        matches!(self.after, After::Dropped)
    }

    /// Returns whether the message failed.
    pub(super) fn is_failed(&self) -> bool {
        matches!(self.after, After::Failed { .. })
    }

    /// Returns the text without the last newline.
    pub(super) fn text(&self, style: Style) -> String {
        match style {
            Style::Json => serde_json::to_string(self).unwrap_or_default(),
            Style::Text { colour } => self.for_people(Ink(colour)),
        }
    }

    fn for_people(&self, ink: Ink) -> String {
        let mut text = ink.dim(&self.place);
        let mut line = |name: &str, rest: String| {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n  {name} {rest}");
        };
        line(&ink.dim("in "), described(&self.input, ink));
        match &self.after {
            After::Outputs { outputs } => {
                for output in outputs {
                    line(&ink.good("out"), described(output, ink));
                }
            }
            After::Dropped => line(&ink.notable("dropped"), String::new()),
            After::Failed { error } => {
                let Failure {
                    kind,
                    message,
                    at,
                    traceback,
                    attempts: _,
                    processor: _,
                } = error;
                let at = at
                    .as_ref()
                    .map_or_else(String::new, |at| format!(" (at {at})"));
                let said = format!("{kind}: {}{}", visible(message), ink.dim(&at));
                line(&ink.bad("failed"), said);
                for one in traceback.lines() {
                    line(" ", ink.dim(&visible(one)));
                }
            }
        }
        let ends: Vec<&str> = text.lines().map(str::trim_end).collect();
        ends.join("\n")
    }
}

fn described(payload: &Payload, ink: Ink) -> String {
    let Payload {
        payload,
        payload_base64,
        key,
        topic,
        headers,
    } = payload;
    let mut text = match (payload, payload_base64) {
        (Some(payload), _) => cut(&visible(payload)),
        (None, Some(base64)) => format!("{} {}", ink.dim("base64"), cut(base64)),
        (None, None) => ink.dim("no payload"),
    };
    let mut more = |name: &str, value: &str| {
        let _ = write!(text, "  {} {}", ink.dim(name), visible(value));
    };
    if let Some(key) = key {
        more("key", key);
    }
    if let Some(topic) = topic {
        more("topic", topic);
    }
    for (name, value) in headers {
        let value = value.as_deref().unwrap_or("null");
        more("header", &format!("{name}={value}"));
    }
    text
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(PREVIEW) {
        Some((end, _)) => {
            let more = text.chars().count() - PREVIEW;
            format!(
                "{}… ({more} more characters; --json shows all)",
                &text[..end]
            )
        }
        None => text.to_owned(),
    }
}

/// Colours, on terminals.
#[derive(Debug, Clone, Copy)]
struct Ink(bool);

impl Ink {
    fn paint(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    fn notable(self, text: &str) -> String {
        self.paint("33", text)
    }

    fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(visible("a\x1b[2J\nü\t"), "a\\u{1b}[2J\\nü\\t");
    }

    #[test]
    fn long_payloads_are_cut() {
        let cut = cut(&"ä".repeat(PREVIEW + 7));
        assert!(cut.starts_with('ä') && cut.ends_with("… (7 more characters; --json shows all)"));
    }
}
