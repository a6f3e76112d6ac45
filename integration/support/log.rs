//! Standard error of the program: lines of JSON, and between them text for people.

use serde_json::Value;

fn objects(log: &str) -> impl Iterator<Item = Value> {
    log.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
}

/// Returns the lines of a log with this message.
pub fn logged(log: &str, message: &str) -> Vec<Value> {
    let has_message = |line: &Value| {
        let text = line["message"].as_str();
        text.is_some_and(|text| text.contains(message))
    };
    objects(log).filter(has_message).collect()
}

/// Returns the dead letters among the lines of a log.
pub(crate) fn dead_letters(log: &str) -> Vec<Value> {
    objects(log)
        .filter(|line| line["error"].is_object())
        .collect()
}

/// Returns the text for people, from the first error on; warnings come before it.
pub fn errors(log: &str) -> Vec<&str> {
    let is_json = |line: &&str| serde_json::from_str::<Value>(line).is_ok();
    let said = log.lines().filter(|line| !is_json(line));
    said.skip_while(|line| !line.starts_with("error")).collect()
}

/// Returns the last lines of a log.
pub fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
