//! `tests`.

use serde_json::Value;

use super::Check;
use crate::config::diagnostics::Diagnostic;
use crate::config::model::{Expected, ExpectedOutput, TestCase, TestMeta};
use crate::config::raw;

impl Check<'_> {
    pub(super) fn tests(&mut self, tests: Vec<raw::Test>) -> Vec<TestCase> {
        let tests = tests.into_iter().enumerate();
        tests
            .map(|(index, test)| self.test(&format!("/tests/{index}"), test))
            .collect()
    }

    fn test(&mut self, pointer: &str, test: raw::Test) -> TestCase {
        let raw::Test {
            name,
            input,
            text,
            meta,
            output,
            outputs,
            error,
            dropped,
        } = test;
        if name.is_empty() {
            self.error(
                pointer,
                "a test needs a name",
                "say with `name` what it shows",
            );
        }
        let payload = match (input, text) {
            (Some(_), None) => self.written(&format!("{pointer}/input")).into_bytes(),
            (None, Some(text)) => text.into_bytes(),
            _ => {
                let help = "give the message as `input` (its JSON value) or as `text` (its bytes)";
                self.error(pointer, "a test has one message", help);
                Vec::new()
            }
        };
        let dropped = dropped.then_some(Expected::Dropped);
        let output = output.map(|_| {
            Expected::Outputs(vec![ExpectedOutput {
                value: self.value(&format!("{pointer}/output")),
                ..ExpectedOutput::default()
            }])
        });
        let outputs = outputs.map(|outputs| {
            let output = |(index, output): (usize, raw::TestOutput)| ExpectedOutput {
                value: output
                    .value
                    .and_then(|_| self.value(&format!("{pointer}/outputs/{index}/value"))),
                key: output.key,
                topic: output.topic,
                headers: output.headers,
            };
            Expected::Outputs(outputs.into_iter().enumerate().map(output).collect())
        });
        let mut given = [output, outputs, error.map(Expected::Error), dropped]
            .into_iter()
            .flatten();
        let (expected, more) = (given.next(), given.next());
        if expected.is_none() || more.is_some() {
            let help = "give one of `output`, `outputs`, `error` and `dropped: true`";
            self.error(pointer, "a test expects one thing", help);
        }
        TestCase {
            name,
            place: self.place(pointer).to_string(),
            payload,
            meta: TestMeta {
                key: meta.key,
                topic: meta.topic,
                partition: meta.partition,
                offset: meta.offset,
                timestamp: meta.timestamp,
                headers: meta.headers,
            },
            expected: expected.unwrap_or(Expected::Dropped),
        }
    }

    /// A value as it is written, to the digit.
    fn written(&mut self, pointer: &str) -> String {
        let Some(child) = self.root.find(pointer) else {
            return String::new();
        };
        child.node.to_json_text().unwrap_or_else(|(at, why)| {
            self.errors.push(Diagnostic::error(why).at(at));
            String::new()
        })
    }

    fn value(&mut self, pointer: &str) -> Option<Value> {
        serde_json::from_str(&self.written(pointer)).ok()
    }
}
