//! Checks of `format` and `key_format`.

use super::Check;
use crate::config::model::{Format, InputFormat, KeyFormat, Numbers, OutputFormat};
use crate::config::tree::FieldPath;

/// Checks the format of an input's payloads, which is at `at`.
pub(super) fn input(check: &mut Check<'_>, at: &FieldPath, format: &InputFormat) {
    if format.numbers == Numbers::Exact && !is_json(format.kind) {
        only_for_json(check, &at.field("numbers"));
    }
}

/// Checks the format of an output's payloads, which is at `at`.
pub(super) fn output(check: &mut Check<'_>, at: &FieldPath, format: &OutputFormat) {
    let OutputFormat {
        kind,
        decimal,
        datetime,
    } = format;
    if is_json(*kind) {
        return;
    }
    if decimal.is_some() {
        only_for_json(check, &at.field("decimal"));
    }
    if datetime.is_some() {
        only_for_json(check, &at.field("datetime"));
    }
}

fn is_json(format: Format) -> bool {
    matches!(format, Format::Auto | Format::Json)
}

fn only_for_json(check: &mut Check<'_>, at: &FieldPath) {
    check.error(
        at,
        format!("`{at}` is for JSON alone"),
        "take it away, or write `type: json`",
    );
}

/// Refuses formats of dead letters, which have the payload and the key of their message.
pub(super) fn dead_letter(
    check: &mut Check<'_>,
    at: &FieldPath,
    format: &OutputFormat,
    key_format: &KeyFormat,
) {
    let written = [
        ("format", *format != OutputFormat::default()),
        ("key_format", *key_format != KeyFormat::default()),
    ];
    for (name, _) in written.into_iter().filter(|(_, is_other)| *is_other) {
        let field = at.field(name);
        check.error(
            &field,
            format!("`{field}`: a dead letter has no format of its own"),
            "take it away: a dead letter has the payload and the key with which its message came",
        );
    }
}
