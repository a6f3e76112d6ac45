//! Checks of `tests`.

use super::Check;
use crate::config::model::{Expected, ExpectedOutput, TestCase, TestInput, TestSchema};
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
    let input = match (raw.input, raw.text) {
        (Some(value), None) => TestInput::Value(value, check.place(&at.field("input"))),
        (None, Some(text)) => TestInput::Payload(text.into_bytes()),
        _ => {
            let help = "give the message as `input` (its JSON value) or as `text` (its bytes)";
            check.error(at, "a test has one message", help);
            TestInput::Payload(Vec::new())
        }
    };
    if raw.message.is_some() && raw.schema.is_none() {
        let field = at.field("message");
        let message = format!("`{field}` is a message of a schema, and the test names none");
        let help = "write the file with the schema as `schema`, or take `message` away";
        check.error(&field, message, help);
    }
    if raw.output.as_deref() == Some("null") {
        let field = at.field("output");
        let message = format!("`{field}` is null, which may mean two things");
        let help = "write `dropped: true` if no result leaves, or `outputs: [{ value: null }]` for the JSON value null";
        check.error(&field, message, help);
    }
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
        place: check.place(at),
        processor: raw
            .processor
            .map(|name| (name, check.place(&at.field("processor")))),
        input,
        schema: raw.schema.map(|file| TestSchema {
            message: raw
                .message
                .map(|name| (name, check.place(&at.field("message")))),
            ..schema(check, &at.field("schema"), file)
        }),
        key_place: check.place(&at.field("meta").field("key")),
        key_schema: raw
            .key_schema
            .map(|file| schema(check, &at.field("key_schema"), file)),
        meta: raw.meta,
        expected: one.unwrap_or(Expected::Dropped),
    }
}

fn schema(check: &Check<'_>, at: &FieldPath, file: String) -> TestSchema {
    TestSchema {
        path: check.base.join(&file),
        place: check.place(at),
        file,
        message: None,
    }
}
