//! Explanations of what Bento has and Nerodia has not. They help more than the message "unknown field".

use super::diagnostics::Diagnostic;
use super::tree::FieldPath;

/// Returns the problem with a field that only Bento has, or that is a natural guess.
pub(super) fn explain(within: &FieldPath, field: &str) -> Option<Diagnostic> {
    let parents = within.names();
    let (message, help) = match (parents.as_slice(), field) {
        (["pipeline", "processors", _], name) => {
            // A misspelled `python` is reported as a misspelling.
            if strsim::damerau_levenshtein(name, "python") <= 2 {
                return None;
            }
            match name {
                "script" | "file" | "setup" | "imports" | "packages" => (
                    format!("`{name}` belongs under `python:`"),
                    "indent it by two more, below `python:`",
                ),
                "mapping" | "bloblang" | "mutation" => (
                    format!("`{name}` is Bloblang, which this engine does not run"),
                    "write it in Python; docs/from-bento.md#bloblang-in-python has a table of what becomes what",
                ),
                _ => (
                    format!("`{name}`: this engine runs python processors only"),
                    "write it in Python: `- python: { script: \"root = this\" }`",
                ),
            }
        }
        (["input", "generate"], "mapping") => (
            "`mapping` is Bloblang, which this engine does not run".into(),
            "write `script` with Python that sets `root`, or `value` with the message itself",
        ),
        (["input" | "output" | "dead_letter"], "processors") => (
            format!("`{}` takes no processors of its own", parents[0]),
            "move them to `pipeline.processors`",
        ),
        (["input" | "output" | "dead_letter"], "kafka_franz" | "redpanda" | "kafka_balanced") => (
            format!("`{field}` is another of Bento's clients of Kafka; here there is one"),
            "write `kafka`, with `addresses` for `seed_brokers`",
        ),
        ([_, "kafka"], "seed_brokers" | "brokers" | "bootstrap_servers") => (
            format!("`kafka` has no `{field}`"),
            "the brokers are `addresses`",
        ),
        (["input", "kafka"], "regexp_topics") => (
            "`kafka` has no `regexp_topics`".into(),
            "begin a regular expression in `topics` with `^`",
        ),
        (["input", "kafka"], "group_id" | "group_name") => (
            format!("`kafka` has no `{field}`"),
            "the name of the group is `consumer_group`",
        ),
        ([_, "kafka", "sasl"], "username") => {
            ("`sasl` has no `username`".into(), "the user is `user`")
        }
        (["guests"], "max") => (
            "`guests` has no `max`".into(),
            "the most guests is Bento's `pipeline.threads`",
        ),
        (["guests"], "threads") | ([], "threads") => (
            "`threads` stands elsewhere".into(),
            "it is a field of `pipeline`",
        ),
        ([], "processors") => (
            "`processors` stands elsewhere".into(),
            "it is a field of `pipeline`",
        ),
        (
            [],
            "cache_resources"
            | "rate_limit_resources"
            | "input_resources"
            | "processor_resources"
            | "output_resources"
            | "resources",
        ) => (
            format!("this engine has no resources, so no `{field}`"),
            "write the input, the output and the processors where they are used",
        ),
        ([], "error_handling") => (
            "this engine has no `error_handling`".into(),
            "a failed message goes to `dead_letter`; see also `pipeline.on_error`",
        ),
        _ => return None,
    };
    Some(Diagnostic::error(message).help(help))
}

/// Returns advice about a choice that only Bento has.
pub(super) fn choice(field: &str, written: &str) -> Option<&'static str> {
    Some(match (field, written) {
        ("partitioner", "manual") => "write the partition itself as `partition`",
        ("partitioner", "round_robin") => "write `random`, which spreads messages as evenly",
        ("mechanism", "OAUTHBEARER" | "AWS_MSK_IAM" | "GSSAPI") => {
            "this engine has `PLAIN`, `SCRAM-SHA-256` and `SCRAM-SHA-512`"
        }
        _ => return None,
    })
}

/// Returns the problem with a time that is written as a cron expression of Bento's. `@every 1s` is accepted, because it
/// is only a duration.
pub(super) fn cron(text: &str) -> Option<Diagnostic> {
    let written = text.trim();
    let is_cron = written.split_whitespace().count() >= 5
        || (written.starts_with('@') && !written.starts_with("@every "));
    is_cron.then(|| {
        let message = format!("`{written}` is a cron expression, which this engine does not run");
        Diagnostic::error(message)
            .help("write the time between two batches, for example `interval: 1m`")
    })
}
