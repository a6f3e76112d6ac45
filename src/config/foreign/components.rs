//! Inputs, processors and outputs that only Bento has, and what there is in their place: the tables of docs/from-bento.md.

use crate::config::tree::{Data, Entry};

/// What a script is to pass every message on as it came.
pub(in crate::config) const PASS_ON: &str = "`root = tombstone() if meta[\"tombstone\"] else this`, with `format: bytes` on input and output, passes every message on as it came";

/// Processors of Bento, and what there is in their place.
const PROCESSORS: [(&[&str], &str); 25] = [
    (
        &["mapping", "bloblang"],
        "write it in Python; docs/from-bento.md#bloblang-in-python has a table of what becomes what",
    ),
    (
        &["mutation"],
        "write it in Python, and begin with `root = {**this}`, because a mutation keeps all other fields; docs/from-bento.md#bloblang-in-python",
    ),
    (
        &["try", "catch", "retry"],
        "write `try: …` and `except …:` in the script; a message that fails goes to `dead_letter`",
    ),
    (
        &["branch"],
        "begin the script with `root = {**this}`, because `result_map` keeps all other fields, and set those of `result_map`: `root[\"key\"] = …`",
    ),
    (
        &["switch", "workflow"],
        "write `if` in the script, and new keys of `root`: `root = {**this, \"key\": …}`",
    ),
    (
        &["for_each", "parallel", "processors", "while"],
        "processors run one after the other, each for one message; a script has `for` and `while`",
    ),
    (
        &["unarchive"],
        "write `for line in this.splitlines(): emit(json.loads(line))` in the script, with `import json`, and `format: text` in the input",
    ),
    (
        &["split"],
        "write `for item in this: emit(item)` in the script",
    ),
    (
        &[
            "archive",
            "group_by",
            "group_by_value",
            "select_parts",
            "insert_part",
        ],
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
        &["json_schema"],
        "write `format: { type: json_schema, schema_file: FILE, framing: none }` in `input.kafka`; docs/json-schema.md",
    ),
    (
        &["metric"],
        "none: a script counts nothing; the engine's own metrics are in docs/metrics.md",
    ),
    (
        &["sentry_capture"],
        "none: scripts have no network; failures are logged, and go to `dead_letter`",
    ),
    (
        &["wasm"],
        "none: scripts are Python; write again in Python what the module does",
    ),
    (&["sync_response"], "none: no input waits for an answer"),
    (
        &["sleep"],
        "write `time.sleep(…)`, with `import time`; a script that takes longer than `guests.timeout` (1s) is ended",
    ),
    (
        &["compress", "decompress"],
        "write `gzip.compress(this)` or `gzip.decompress(this)`, with `import gzip`, and `format: bytes` on input and output",
    ),
    (
        &["jq", "jmespath"],
        "write `this[\"a\"][\"b\"]` for `.a.b`, and `[i[\"c\"] for i in this[\"a\"]]` for a list",
    ),
    (
        &["grok", "parse_log"],
        "write `root = re.search(r\"(?P<ip>\\S+) (?P<code>\\d+)\", this).groupdict()`, with `import re` and your pattern, and `format: text` in the input",
    ),
    (
        &["xml"],
        "write `xml.etree.ElementTree.fromstring(this)`, with `import xml.etree.ElementTree`, and build `root` from its elements; `format: text` in the input",
    ),
    (
        &["resource"],
        "there are no resources: write here what the processor of that name in `processor_resources` is",
    ),
    (&["file"], "none: scripts see no files"),
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
            "aws_bedrock_invoke",
            "aws_dynamodb_partiql",
            "aws_lambda",
            "aws_s3",
            "azure_cosmosdb",
            "couchbase",
            "elasticsearch",
            "gcp_bigquery_select",
            "mongodb",
            "nats_kv",
            "nats_object_store",
            "nats_request_reply",
        ],
        "none: scripts have no network, and no state between messages; docs/when-not-to-use.md",
    ),
    (&["noop"], "delete the line: it does nothing"),
];

/// Advice for any other processor.
const PYTHON: &str =
    "write what it does in Python, in a script of `python:`; docs/from-bento.md#bloblang-in-python";

/// Outputs of Bento, and what there is in their place.
const OUTPUTS: [(&[&str], &str); 7] = [
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
    (
        &["resource"],
        "there are no resources: write here what the output of that name in `output_resources` is",
    ),
    (&["sync_response"], "none: no input waits for an answer"),
];

/// Inputs of Bento, and what there is in their place.
const INPUTS: [(&[&str], &str); 5] = [
    (
        &["broker", "sequence", "dynamic", "read_until"],
        "there is one input: `input.kafka.topics` takes several topics; run one pipeline for each other input",
    ),
    (
        &["batched"],
        "keep the input in it; `kafka` has `batching`, and results do not depend on batches",
    ),
    (
        &["file_tail"],
        "write `file`, with `paths: [FILE]` and `follow: true`",
    ),
    (
        &["csv"],
        "write `file`, with `format: text`; a script gets a line, and `next(csv.reader([this]))`, with `import csv`, is the list of its cells",
    ),
    (
        &["resource"],
        "there are no resources: write here what the input of that name in `input_resources` is",
    ),
];

/// Returns what there is in the place of an input.
pub(super) fn input(name: &str) -> Option<&'static str> {
    instead(&INPUTS, name)
}

/// Returns what there is in the place of an output.
pub(super) fn output(name: &str) -> Option<&'static str> {
    instead(&OUTPUTS, name)
}

/// Returns what there is in the place of a processor.
pub(super) fn processor(processor: &Entry) -> &'static str {
    let format = match &processor.value.data {
        Data::Map(fields) => fields.iter().find(|field| field.key == "format"),
        _ => None,
    };
    let format = format.and_then(|format| format.value.scalar());
    match (processor.key.as_str(), format.map(|format| &*format.text)) {
        ("unarchive", Some("json_array")) => instead(&PROCESSORS, "split"),
        (name, _) => instead(&PROCESSORS, name),
    }
    .unwrap_or(PYTHON)
}

fn instead(table: &[(&[&str], &'static str)], name: &str) -> Option<&'static str> {
    let found = table.iter().find(|(names, _)| names.contains(&name));
    found.map(|(_, help)| *help)
}
