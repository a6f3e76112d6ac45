//! Comparison of a test's outcome with the expected one.

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
pub enum Got {
    Outputs(Vec<Output>),
    Dropped,
    Failed {
        kind: String,
        message: String,
        at: Option<String>,
        traceback: String,
    },
}

/// Result with its key, topic and headers, which come from the script or from the message.
#[derive(Debug, PartialEq)]
pub struct Output {
    value: Value,
    key: Option<String>,
    topic: Option<String>,
    headers: BTreeMap<String, String>,
}

impl Got {
    pub fn new(executed: &Executed, message: &Message) -> Self {
        let Executed { outcomes, stop, .. } = executed;
        let output = |record| Output::new(outcomes, record, message);
        match (outcomes.items.first(), stop) {
            (Some(Outcome::Dropped), _) => Self::Dropped,
            (Some(Outcome::Record(record)), _) => Self::Outputs(vec![output(record)]),
            (Some(Outcome::Records(records)), _) => {
                Self::Outputs(records.iter().map(output).collect())
            }
            (Some(Outcome::Failed(failure)), _) => Self::Failed {
                kind: failure.kind.clone(),
                message: failure.message.clone(),
                at: failure.at.clone(),
                traceback: failure.traceback.clone(),
            },
            (None, Stop::Died { death, .. }) => Self::Failed {
                kind: death.name().to_owned(),
                message: death.to_string(),
                at: None,
                traceback: String::new(),
            },
            // This cannot occur: a guest completes the only message of the slice, or it dies.
            (None, Stop::Complete | Stop::Yielded) => Self::Dropped,
        }
    }
}

impl Output {
    fn new(outcomes: &Outcomes, record: &Record, message: &Message) -> Self {
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        let payload = outcomes.payload(record);
        let attributes = message.attributes.as_deref();
        let own = record.overrides.as_deref();
        let key = match own.and_then(|own| own.key.clone()) {
            Some(key) => key,
            None => attributes.and_then(|attributes| attributes.key.clone()),
        };
        let headers = own
            .and_then(|own| own.headers.as_ref())
            .or(attributes.map(|attributes| &attributes.headers));
        Self {
            value: serde_json::from_slice(payload)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(payload).into_owned())),
            key: key.as_ref().map(text),
            topic: own.and_then(|own| own.topic.clone()).flatten(),
            headers: headers
                .into_iter()
                .flatten()
                // The output removes these headers as well.
                .filter(|(name, _)| !is_of_error(name))
                .map(|(name, value)| (name.clone(), value.as_ref().map(text).unwrap_or_default()))
                .collect(),
        }
    }
}

/// Compares `got` with `expected`.
///
/// # Errors
/// If the two differ. The error is the difference, for people.
pub fn judge(expected: &Expected, got: &Got) -> Result<(), String> {
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

/// Returns both as text. For `got` this includes only the fields that `expected` has.
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

/// Sorts the fields of objects: their order has no meaning, and would only be noise in a difference.
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
