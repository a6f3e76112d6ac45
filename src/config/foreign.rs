//! Explanations of what Bento has and Nerodia has not. They help more than the message "unknown field".

mod cases;
mod components;
mod defaults;
mod kafka;

use super::diagnostics::Diagnostic;
use super::tree::{Data, Entry, FieldPath, Node};

pub(super) use components::PASS_ON;
pub(super) use defaults::{is_left_out, says_nothing};

/// Returns whether an input or output of Bento is a client of Kafka under another name.
pub(super) fn is_client_of_kafka(name: &str) -> bool {
    ["kafka_franz", "redpanda", "kafka_balanced"].contains(&name)
}

/// Returns the problem with a field that only Bento has, or that is a natural guess.
pub(super) fn explain(within: &FieldPath, entry: &Entry) -> Option<Diagnostic> {
    let parents = within.names();
    let field = entry.key.as_str();
    let (message, help) = match (parents.as_slice(), field) {
        (["pipeline", "processors", _], name) => {
            // A misspelled `python` is reported as a misspelling.
            if strsim::damerau_levenshtein(name, "python") <= 2 {
                return None;
            }
            let is_path = entry.value.scalar().is_some();
            match name {
                "script" | "setup" | "imports" | "packages" => (
                    format!("`{name}` belongs under `python:`"),
                    "indent it by two more, below `python:`",
                ),
                "file" if is_path => (
                    "`file` belongs under `python:`".into(),
                    "indent it by two more, below `python:`",
                ),
                _ => {
                    let message = match name {
                        "mapping" | "bloblang" | "mutation" => {
                            format!("`{name}` is Bloblang, which this engine does not run")
                        }
                        _ => format!("`{name}`: this engine runs python processors only"),
                    };
                    (message, components::processor(entry))
                }
            }
        }
        (["input", "generate"], "mapping") => (
            "`mapping` is Bloblang, which this engine does not run".into(),
            "write `script` with Python that sets `root`, or `value` with the message itself",
        ),
        (["input"], name) if let Some(help) = components::input(name) => {
            let message = match name {
                "csv" | "file_tail" | "resource" => format!("unknown input `{name}`"),
                _ => format!("`{name}`: this engine has one input"),
            };
            (message, help)
        }
        (["output" | "dead_letter"], name) if let Some(help) = components::output(name) => {
            let message = match name {
                "resource" | "sync_response" => format!("unknown output `{name}`"),
                _ => format!("`{name}`: this engine has one output"),
            };
            (message, help)
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
            match parents[0] {
                "input" => "write `kafka`, with `addresses` for `seed_brokers`",
                _ => {
                    "write `kafka`, with `addresses` for `seed_brokers`; the headers of the message leave too"
                }
            },
        ),
        ([_, "kafka"], name) if let Some(help) = kafka::field(name) => {
            (format!("`kafka` has no `{field}`"), help)
        }
        ([_, "kafka", "sasl"], "oauth2" | "aws") => (
            format!("`sasl` has no `{field}`"),
            "this engine has `PLAIN`, `SCRAM-SHA-256` and `SCRAM-SHA-512`",
        ),
        (["tests", _], name) if let Some(help) = cases::of_test(name) => {
            (format!("a test has no `{field}`, which is Bento's"), help)
        }
        (["tests", _, "outputs", _], name) if let Some(help) = cases::of_output(name) => (
            format!("a result of a test has no `{field}`, which is Bento's"),
            help,
        ),
        (["http"], "cert_file" | "key_file" | "cors" | "basic_auth") => (
            format!("`http` has no `{field}`"),
            "delete it, and put a proxy that has it before the web server",
        ),
        (["logger"], "file") => (
            "`logger` has no `file`".into(),
            "delete it: the log is standard error, which the shell or the service manager writes to a file",
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
    // Bento reads what is not committed unless it is told otherwise, so this says no more than a config without it.
    let is_default = field == "transaction_isolation_level";
    let problem = match is_default {
        true => Diagnostic::warning(message),
        false => Diagnostic::error(message),
    };
    Some(problem.help(help))
}

/// Returns the problem with a field that has no effect here, if with Bento other results would leave because of it.
pub(super) fn changes_results(field: &FieldPath, value: &Node) -> Option<Diagnostic> {
    let names = field.names();
    let (within, help) = match names.as_slice() {
        ["input", "kafka", "batching", "processors"] if has_items(value) => (None, OF_BATCHES),
        [_, "kafka", "batching"] if has_items(value.field("processors")?) => {
            (Some("processors"), OF_BATCHES)
        }
        [_, "kafka", "metadata"] => {
            let filters = ["exclude_prefixes", "include_prefixes", "include_patterns"];
            let mut filters = filters.into_iter();
            let filter = filters.find(|name| {
                let filter = value.field(name);
                filter.is_some_and(|filter| has_items(filter) && !is_any(filter))
            });
            (Some(filter?), HEADERS)
        }
        _ => return None,
    };
    let field = within.map_or_else(|| field.clone(), |within| field.field(within));
    let message = format!("`{field}` would change the results, and this engine does not have it");
    Some(Diagnostic::error(message).help(help))
}

const OF_BATCHES: &str =
    "a script gets one message at a time: what works on a batch cannot be done here";
const HEADERS: &str = "all headers leave: remove some in the script, with `meta[\"headers\"] = {k: v for k, v in meta[\"headers\"].items() if …}`";

fn has_items(value: &Node) -> bool {
    matches!(&value.data, Data::List(items) if !items.is_empty())
}

/// Returns whether one of these patterns matches every name.
fn is_any(patterns: &Node) -> bool {
    let Data::List(items) = &patterns.data else {
        return false;
    };
    let mut texts = items.iter().filter_map(Node::scalar);
    texts.any(|scalar| [".*", "^.*$", ".+"].contains(&scalar.text.as_str()))
}

/// Advice for a partition that depends on the message.
pub(super) const NO_PARTITION_EACH: &str = "none: `partition` is one number for all messages, and else the key decides; with the same hash and number of partitions as the input topic, a key keeps its partition: docs/kafka.md#what-is-written";

/// Returns advice about a choice that only Bento has.
pub(super) fn choice(field: &str, written: &str) -> Option<&'static str> {
    Some(match (field, written) {
        ("partitioner", "manual") => NO_PARTITION_EACH,
        ("partitioner", "round_robin" | "least_backup" | "uniform_bytes") => {
            "write `random`, which spreads messages as evenly"
        }
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
