//! Fields of Bento's unit tests.

/// Fields of a test, and what there is in their place.
const OF_TEST: [(&[&str], &str); 10] = [
    (
        &["target_processors"],
        "delete the line: all processors run; `processor: LABEL`, or its number from 0, runs one alone",
    ),
    (
        &["target_mapping"],
        "delete the line, and write what the file has as Python, in a processor",
    ),
    (
        &["mocks"],
        "delete it: scripts reach nothing outside that would need a mock",
    ),
    (
        &["environment"],
        "set the variables where `nerodia test` is started: `NAME=value nerodia test FILE`",
    ),
    (
        &["input_batch", "input_batches"],
        "write one test for each message: `input: {…}` for its `json_content`, or `text: …` for its `content`, and `meta: { key: …, headers: {…} }` for its `metadata`",
    ),
    (
        &["output_batches"],
        "write `output: {…}` for the `json_equals` of one result, `outputs: [{ value: {…}, key: …, headers: {…} }]` for several or for `metadata_equals`, `dropped: true` for none",
    ),
    (&["json_content"], "write `input: {…}`"),
    (&["content", "raw_content"], "write `text: …`"),
    (
        &["file_content"],
        "write what the file has as `input: {…}`, or as `text: …`",
    ),
    (
        &["metadata"],
        "write `meta: { key: …, topic: …, headers: {…} }`",
    ),
];

/// Conditions for an output, and what there is in their place.
const OF_OUTPUT: [(&[&str], &str); 4] = [
    (
        &["json_equals", "content_equals"],
        "write `value: …`, in YAML; a text that is no JSON is compared as text",
    ),
    (
        &["metadata_equals"],
        "write `key: …`, `topic: …`, and `headers: {…}` with all headers",
    ),
    (
        &["file_equals", "file_json_equals"],
        "write what the file has as `value: …`",
    ),
    (
        &[
            "json_contains",
            "file_json_contains",
            "content_matches",
            "bloblang",
        ],
        "write the whole result as `value: …`: a test compares nothing else",
    ),
];

/// Returns what there is in the place of a field of a test.
pub(super) fn of_test(name: &str) -> Option<&'static str> {
    instead(&OF_TEST, name)
}

/// Returns what there is in the place of a condition for a result.
pub(super) fn of_output(name: &str) -> Option<&'static str> {
    instead(&OF_OUTPUT, name)
}

fn instead(table: &[(&[&str], &'static str)], name: &str) -> Option<&'static str> {
    let found = table.iter().find(|(names, _)| names.contains(&name));
    found.map(|(_, help)| *help)
}
