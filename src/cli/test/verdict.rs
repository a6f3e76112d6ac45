//! Verdict whether the outcome of a test's message is the expected one, and if not, the difference.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value};
use similar::TextDiff;

use crate::config::{Expected, ExpectedOutput};
use crate::guest::{Executed, Stop};
use crate::message::earlier::is_of_error;
use crate::message::{Message, Outcome, Outcomes, Record};

/// Outcome of a message.
#[derive(Debug, PartialEq)]
pub(super) enum Got {
    Outputs(Vec<Output>),
    Dropped,
    Failed {
        kind: String,
        message: String,
        at: Option<String>,
        traceback: String,
    },
}

/// Result, with its own attributes and those of its message.
#[derive(Debug, PartialEq)]
pub(super) struct Output {
    value: Value,
    key: Option<String>,
    topic: Option<String>,
    headers: BTreeMap<String, String>,
}

impl Got {
    /// Describes what became of `message`, whose `key` is as the test gives it.
    pub(super) fn new(executed: &Executed, message: &Message, key: Option<&str>) -> Self {
        let Executed { outcomes, stop, .. } = executed;
        let output = |record| Output::new(outcomes, record, message, key);
        match (outcomes.items.first(), stop) {
            (Some(Outcome::Dropped), _) => Self::Dropped,
            (Some(Outcome::Record(record)), _) => Self::Outputs(vec![output(record)]),
            (Some(Outcome::Records(records)), _) => {
                Self::Outputs(records.iter().map(output).collect())
            }
            (Some(Outcome::Failed(failure)), _) => Self::Failed {
                kind: failure.kind.clone(),
                message: failure.message.clone(),
                at: failure.at.as_deref().map(str::to_owned),
                traceback: failure.traceback.clone(),
            },
            (None, Stop::Died { death, script, .. }) => Self::Failed {
                kind: death.name().to_owned(),
                message: death.to_string(),
                at: script.as_ref().map(|script| script.at.to_string()),
                traceback: String::new(),
            },
            // Never: a slice of one message has an outcome unless its guest died.
            (None, Stop::Complete | Stop::Yielded) => Self::Dropped,
        }
    }
}

impl Output {
    fn new(outcomes: &Outcomes, record: &Record, message: &Message, key: Option<&str>) -> Self {
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        let payload = outcomes.payload(record);
        let attributes = message.attributes.as_deref();
        let own = record.overrides.as_deref();
        let key = match own.and_then(|own| own.key.as_ref()) {
            Some(own) => own.as_ref().map(text),
            None => key.map(str::to_owned),
        };
        let headers = own
            .and_then(|own| own.headers.as_ref())
            .or(attributes.map(|attributes| &attributes.headers));
        Self {
            value: serde_json::from_slice(payload)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(payload).into_owned())),
            key,
            topic: own.and_then(|own| own.topic.clone()).flatten(),
            headers: headers
                .into_iter()
                .flatten()
                // As the output does.
                .filter(|(name, _)| !is_of_error(name))
                .map(|(name, value)| (name.clone(), value.as_ref().map(text).unwrap_or_default()))
                .collect(),
        }
    }
}

/// Checks whether `got` is what was `expected`.
///
/// # Errors
/// The difference, for people.
pub(super) fn judge(expected: &Expected, got: &Got) -> Result<(), String> {
    let right = match (expected, got) {
        (Expected::Dropped, Got::Dropped) => true,
        (Expected::Error(expected), Got::Failed { kind, message, .. }) => {
            expected == kind
                || format!("{kind}: {message}").starts_with(expected.as_str())
                    && expected.contains(": ")
        }
        (Expected::Outputs(expected), Got::Outputs(got)) => {
            let (one, other) = shown(expected, got);
            one == other
        }
        _ => false,
    };
    if right {
        return Ok(());
    }
    let (one, other) = match (expected, got) {
        (Expected::Outputs(expected), Got::Outputs(got)) => shown(expected, got),
        _ => (expected_text(expected), got_text(got)),
    };
    let diff = TextDiff::from_lines(&one, &other);
    Err(diff.unified_diff().header("expected", "got").to_string())
}

/// Returns both as text; of the actual outputs only the fields that were expected.
fn shown(expected: &[ExpectedOutput], got: &[Output]) -> (String, String) {
    let asked = ExpectedOutput {
        value: Some(Value::Null),
        ..ExpectedOutput::default()
    };
    let one: Vec<Value> = expected.iter().map(expected_value).collect();
    let other: Vec<Value> = got
        .iter()
        .enumerate()
        .map(|(index, got)| got_value(got, expected.get(index).unwrap_or(&asked)))
        .collect();
    (pretty(&one), pretty(&other))
}

fn pretty(values: &[Value]) -> String {
    let text = match values {
        [Value::Object(only)] if only.len() == 1 && only.contains_key("value") => {
            format!("{:#}", only["value"])
        }
        values => format!("{:#}", Value::from(values)),
    };
    text + "\n"
}

fn object(fields: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let fields = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect::<Map<String, Value>>())
}

fn headers_value(headers: &BTreeMap<String, String>) -> Value {
    serde_json::to_value(headers).unwrap_or_default()
}

fn expected_value(output: &ExpectedOutput) -> Value {
    object([
        ("value", output.value.as_ref().map(sorted)),
        ("key", output.key.clone().map(Value::from)),
        ("topic", output.topic.clone().map(Value::from)),
        ("headers", output.headers.as_ref().map(headers_value)),
    ])
}

fn got_value(got: &Output, asked: &ExpectedOutput) -> Value {
    object([
        ("value", asked.value.as_ref().map(|_| sorted(&got.value))),
        ("key", asked.key.as_ref().map(|_| got.key.clone().into())),
        (
            "topic",
            asked.topic.as_ref().map(|_| got.topic.clone().into()),
        ),
        (
            "headers",
            asked.headers.as_ref().map(|_| headers_value(&got.headers)),
        ),
    ])
}

/// Sorts the fields of objects: their order has no meaning, and would only disturb a difference.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, Value> = fields
                .iter()
                .map(|(name, value)| (name, sorted(value)))
                .collect();
            serde_json::to_value(fields).unwrap_or_default()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn expected_text(expected: &Expected) -> String {
    match expected {
        Expected::Dropped => "dropped\n".into(),
        Expected::Error(error) => format!("error: {error}\n"),
        Expected::Outputs(outputs) => {
            pretty(&outputs.iter().map(expected_value).collect::<Vec<_>>())
        }
    }
}

fn got_text(got: &Got) -> String {
    match got {
        Got::Dropped => "dropped\n".into(),
        Got::Outputs(outputs) => {
            let all = ExpectedOutput {
                value: Some(Value::Null),
                ..ExpectedOutput::default()
            };
            pretty(
                &outputs
                    .iter()
                    .map(|output| got_value(output, &all))
                    .collect::<Vec<_>>(),
            )
        }
        Got::Failed {
            kind,
            message,
            at,
            traceback,
        } => {
            let at = at
                .as_ref()
                .map(|at| format!("  at {at}\n"))
                .unwrap_or_default();
            format!("error: {kind}: {message}\n{at}{traceback}")
        }
    }
}
