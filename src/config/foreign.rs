//! Explanations of what Bento has and Nerodia has not. They help more than the message "unknown field".

use super::diagnostics::Diagnostic;
use super::tree::{Data, FieldPath, Node};

/// Processors of Bento, and what there is in their place: the table of docs/from-bento.md.
const PROCESSORS: [(&[&str], &str); 9] = [
    (
        &["mapping", "bloblang", "mutation"],
        "write it in Python; docs/from-bento.md#bloblang-in-python has a table of what becomes what",
    ),
    (
        &["try", "catch", "retry"],
        "write `try: …` and `except …:` in the script; a message that fails goes to `dead_letter`",
    ),
    (
        &["branch", "switch", "workflow", "group_by"],
        "write `if` in the script, and new keys of `root`: `root = {**this, \"key\": …}`",
    ),
    (
        &["for_each", "parallel", "processors", "while"],
        "processors run one after the other, each for one message; a script has `for` and `while`",
    ),
    (
        &["unarchive", "split"],
        "write `for line in this.splitlines(): emit(json.loads(line))` in the script, with `import json`, and `format: text` in the input",
    ),
    (
        &["archive", "group_by_value", "select_parts", "insert_part"],
        "none: a script gets one message at a time and knows of no batch",
    ),
    (&["log"], "write `print(…)` in the script, which is logged"),
    (
        &[
            "avro",
            "protobuf",
            "schema_registry_decode",
            "schema_registry_encode",
        ],
        "write `format: avro`, or `protobuf`, in the input and the output; docs/formats.md",
    ),
    (
        &[
            "http",
            "cache",
            "cached",
            "dedupe",
            "rate_limit",
            "redis",
            "redis_script",
            "sql",
            "sql_insert",
            "sql_raw",
            "sql_select",
            "command",
            "subprocess",
            "aws_lambda",
            "resource",
        ],
        "none: scripts have no network, and no state between messages; docs/when-not-to-use.md",
    ),
];

/// Outputs of Bento, and what there is in their place.
const OUTPUTS: [(&[&str], &str); 5] = [
    (
        &["fallback", "reject_errored"],
        "keep the first output; `dead_letter` gets the messages that fail, and those that the output refuses",
    ),
    (
        &["drop_on", "reject"],
        "write `pipeline.on_error: drop` to drop what fails, and `raise` in the script to refuse a message",
    ),
    (
        &["switch"],
        "set `meta[\"topic\"]` in the script, with the topics in `output.kafka.topics_allowed`; `root = None` drops a message",
    ),
    (
        &["broker", "dynamic"],
        "there is one output: `emit(value, topic=\"…\")` writes to several topics, which `output.kafka.topics_allowed` names",
    ),
    (
        &["retry"],
        "keep the output in it: Kafka is tried again until it takes a message",
    ),
];

/// Inputs of Bento that have others within them, and what there is in their place.
const INPUTS: [(&[&str], &str); 1] = [(
    &["broker", "sequence", "dynamic", "read_until"],
    "there is one input: `input.kafka.topics` takes several topics; run one pipeline for each other input",
)];

/// Returns what there is in the place of a component.
fn instead(table: &[(&[&str], &'static str)], name: &str) -> Option<&'static str> {
    let found = table.iter().find(|(names, _)| names.contains(&name));
    found.map(|(_, help)| *help)
}

/// Returns whether an input or output of Bento is a client of Kafka under another name.
pub(super) fn is_client_of_kafka(name: &str) -> bool {
    ["kafka_franz", "redpanda", "kafka_balanced"].contains(&name)
}

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
                _ => {
                    let message = match name {
                        "mapping" | "bloblang" | "mutation" => {
                            format!("`{name}` is Bloblang, which this engine does not run")
                        }
                        _ => format!("`{name}`: this engine runs python processors only"),
                    };
                    let python = "write what it does in Python, in a script of `python:`; docs/from-bento.md#processors-and-outputs has a table";
                    (message, instead(&PROCESSORS, name).unwrap_or(python))
                }
            }
        }
        (["input", "generate"], "mapping") => (
            "`mapping` is Bloblang, which this engine does not run".into(),
            "write `script` with Python that sets `root`, or `value` with the message itself",
        ),
        (["input"], name) if let Some(help) = instead(&INPUTS, name) => {
            (format!("`{name}`: this engine has one input"), help)
        }
        (["output" | "dead_letter"], name) if let Some(help) = instead(&OUTPUTS, name) => {
            (format!("`{name}`: this engine has one output"), help)
        }
        (
            ["input" | "output" | "dead_letter"] | ["input" | "output" | "dead_letter", "kafka"],
            "processors",
        ) => (
            format!("`{}` takes no processors of its own", parents[0]),
            "move them to `pipeline.processors`",
        ),
        (["input" | "output" | "dead_letter"], name) if is_client_of_kafka(name) => (
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
            "write inputs, outputs and processors where they are used; caches and rate limits there are none",
        ),
        ([], "error_handling") => (
            "this engine has no `error_handling`".into(),
            "a failed message goes to `dead_letter`; see also `pipeline.on_error`",
        ),
        _ => return None,
    };
    Some(Diagnostic::error(message).help(help))
}

/// Returns the problem with a field that has no effect here, if with Bento other results would leave because of it.
pub(super) fn changes_results(field: &FieldPath, value: &Node) -> Option<Diagnostic> {
    let Data::Map(entries) = &value.data else {
        return None;
    };
    let has = |name: &str| {
        let mut entries = entries.iter();
        entries.any(|entry| {
            entry.key == name && !matches!(&entry.value.data, Data::List(all) if all.is_empty())
        })
    };
    let names = field.names();
    let (within, help) = match names.as_slice() {
        [_, "kafka", "metadata"] if has("exclude_prefixes") => (
            "exclude_prefixes",
            "all headers leave: remove some in the script, with `meta[\"headers\"] = {k: v for k, v in meta[\"headers\"].items() if …}`",
        ),
        [_, "kafka", "batching"] if has("processors") => (
            "processors",
            "a script gets one message at a time: what works on a batch cannot be done here",
        ),
        _ => return None,
    };
    let message =
        format!("`{field}.{within}` would change the results, and this engine does not have it");
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
