//! Checks of `tests`.

use super::Check;
use crate::config::model::{Expected, ExpectedOutput, TestCase};
use crate::config::raw;
use crate::config::tree::FieldPath;

pub(super) fn tests(check: &mut Check<'_>, tests: Vec<raw::Test>) -> Vec<TestCase> {
    let tests = tests.into_iter().enumerate();
    let at = |index| FieldPath::of("tests").item(index);
    tests
        .map(|(index, raw)| test(check, &at(index), raw))
        .collect()
}

fn test(check: &mut Check<'_>, at: &FieldPath, raw: raw::Test) -> TestCase {
    let name = raw.name;
    if name.is_empty() {
        check.error(at, "a test needs a name", "say with `name` what it shows");
    }
    let payload = match (raw.input, raw.text) {
        (Some(payload), None) | (None, Some(payload)) => payload.into_bytes(),
        _ => {
            let help = "give the message as `input` (its JSON value) or as `text` (its bytes)";
            check.error(at, "a test has one message", help);
            Vec::new()
        }
    };
    let output = raw.output.map(|json| {
        let value = serde_json::from_str(&json).ok();
        vec![ExpectedOutput {
            value,
            ..ExpectedOutput::default()
        }]
    });
    let expected = [
        output.map(Expected::Outputs),
        raw.outputs.map(Expected::Outputs),
        raw.error.map(Expected::Error),
        raw.dropped.then_some(Expected::Dropped),
    ];
    let mut expected = expected.into_iter().flatten();
    let (one, more) = (expected.next(), expected.next());
    if one.is_none() || more.is_some() {
        let help = "give one of `output`, `outputs`, `error` and `dropped: true`";
        check.error(at, "a test expects one thing", help);
    }
    TestCase {
        name,
        place: check.place(at).to_string(),
        payload,
        meta: raw.meta,
        expected: one.unwrap_or(Expected::Dropped),
    }
}
