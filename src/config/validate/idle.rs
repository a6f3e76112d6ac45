//! Warnings about settings of formats and of the schema registry that have no effect. A default that is written has none
//! either, and is no reason for a warning: `nerodia lint --print` writes them all.

use super::Check;
use crate::config::model::{
    Config, Format, InputFormat, OutputFormat, SchemaFraming, SubjectNameStrategy,
};
use crate::config::raw;
use crate::config::tree::FieldPath;

impl Check<'_> {
    fn idle(&mut self, at: &FieldPath, why: &str, help: &str) {
        self.warn(at, format!("`{at}` has no effect: {why}"), help);
    }
}

/// Looks at the format of an input's payloads, which is at `at`.
pub(super) fn input(check: &mut Check<'_>, at: &FieldPath, format: &InputFormat) {
    if format.kind == Format::Protobuf
        && format.framing == SchemaFraming::Registry
        && format.message.is_some()
    {
        let why = "each message says which one of its schema it is";
        let help = "take it away; or write `framing: none` if no message names a schema";
        check.idle(&at.field("message"), why, help);
    }
}

/// Looks at the format of an output's payloads, which is at `at`.
pub(super) fn output(check: &mut Check<'_>, at: &FieldPath, format: &OutputFormat) {
    if !format.kind.has_schema() {
        return;
    }
    let has_strategy = format.subject_name_strategy != SubjectNameStrategy::Topic;
    if format.framing == SchemaFraming::None {
        let of_registry = [
            ("subject", format.subject.is_some()),
            ("subject_name_strategy", has_strategy),
            ("subjects_allowed", !format.subjects_allowed.is_empty()),
            ("register", format.register),
        ];
        for (field, _) in of_registry.iter().filter(|(_, written)| *written) {
            let why = "with `framing: none` no registry is asked";
            let help = "take it away, or write `framing: registry`";
            check.idle(&at.field(field), why, help);
        }
        return;
    }
    if format.subject.is_some() && format.schema_id.is_some() {
        let why = "the schema is that of `schema_id`";
        check.idle(&at.field("subject"), why, "take one of them away");
    }
    if format.subject.is_some() && has_strategy {
        let field = at.field("subject_name_strategy");
        check.idle(&field, "`subject` names it", "take one of them away");
    }
}

/// Looks at `tls` of the schema registry, whose addresses are `urls`.
pub(super) fn tls(check: &mut Check<'_>, at: &FieldPath, tls: &raw::Tls, urls: &[String]) {
    let is_secure = urls.iter().any(|url| url.starts_with("https://"));
    if !is_secure && *tls != raw::Tls::default() {
        let help = "write `https://` in `url`, or take it away";
        check.idle(at, "`url` does not begin with `https://`", help);
    }
}

/// Looks at the schema registry, and whether a format needs it.
pub(super) fn registry(check: &mut Check<'_>, config: &Config) {
    let Some(registry) = &config.schema_registry else {
        return;
    };
    let (input, input_key) = config.input.formats();
    let (output, output_key) = config.output.formats();
    let writes = output.kind.asks_registry(output.framing);
    let writes_keys = output_key.kind.asks_registry(SchemaFraming::Registry);
    let reads = input.kind.asks_registry(input.framing)
        || input_key.kind.asks_registry(SchemaFraming::Registry);
    let at = FieldPath::of("schema_registry");
    if !(reads || writes || writes_keys) {
        let help =
            "take it away, or say what the input or the output is, for example `format: avro`";
        return check.idle(&at, "no format asks for a schema", help);
    }
    let is_latest = output.schema_id.is_none() && output.schema_file.is_none();
    let refreshes = writes_keys || writes && (is_latest || !output.subjects_allowed.is_empty());
    if !refreshes && registry.refresh != raw::SchemaRegistry::default().refresh {
        let why = "no result is written with the latest schema of a subject";
        check.idle(&at.field("refresh"), why, "take it away");
    }
}
