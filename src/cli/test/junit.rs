//! JUnit report, which build servers read.

use std::path::Path;

use anyhow::Context as _;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::Done;

/// Writes a report of `suites` to `file`. Each suite has the tests of one config.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn write(file: &Path, suites: &[(String, Vec<Done>)]) -> anyhow::Result<()> {
    let mut report = Report::new("nerodia test");
    for (name, done) in suites {
        let mut suite = TestSuite::new(name.as_str());
        suite.add_test_cases(done.iter().map(|done| {
            let status = match &done.failure {
                None => TestCaseStatus::success(),
                Some(failure) => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_message(format!("not as expected, at {}", done.test.place));
                    status.set_description(failure.as_str());
                    status
                }
            };
            let mut case = TestCase::new(done.test.name.as_str(), status);
            if !done.printed.is_empty() {
                case.set_system_out(done.printed.join("\n"));
            }
            case.set_classname(name.as_str()).set_time(done.took);
            case
        }));
        report.add_test_suite(suite);
    }
    let text = report.to_string().context("the report cannot be made")?;
    std::fs::write(file, text)?;
    Ok(())
}
