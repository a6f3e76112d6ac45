//! Checks of topic names, and of regular expressions for them.

use super::{Check, is_bloblang};
use crate::config::tree::FieldPath;

/// Kafka's limit on the length of a topic name.
const LONGEST_NAME: usize = 249;

/// Reader of a regular expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Regex {
    /// librdkafka, by the rules of POSIX.
    Posix,
    /// Nerodia, by the rules of the `regex` crate.
    Ours,
}

/// Checks topics. An item has names, with commas between them, or a regular expression that begins with `^`.
pub(super) fn topics(
    check: &mut Check<'_>,
    at: &FieldPath,
    written: &[String],
    regex: Regex,
) -> Vec<String> {
    let mut topics: Vec<String> = Vec::new();
    for (index, item) in written.iter().enumerate() {
        let here = at.item(index);
        if item.starts_with('^') {
            pattern(check, &here, item, regex);
        }
        for one in names(item) {
            if !item.starts_with('^') {
                topic(check, &here, one);
            }
            // librdkafka refuses to subscribe to a topic twice, and does not say which topic it is.
            if regex == Regex::Posix && topics.iter().any(|topic| topic == one) {
                let other = item_of(check, one);
                check.either(
                    format!("`{one}` is there twice"),
                    &here,
                    &other,
                    "one of them",
                );
            }
            topics.push(one.to_owned());
        }
    }
    topics
}

/// Returns the names in an item, or the regular expression that the item is.
fn names(item: &str) -> Vec<&str> {
    match item.starts_with('^') {
        true => vec![item],
        false => {
            let names = item.split(',').map(str::trim);
            names.filter(|name| !name.is_empty()).collect()
        }
    }
}

/// Returns the item of the input's topics that names `topic` first.
pub(super) fn item_of(check: &Check<'_>, topic: &str) -> FieldPath {
    let all = FieldPath::of("input.kafka.topics");
    let mut items = (0..).map(|index| all.item(index)).map_while(|at| {
        let item = check.root.find(&at)?.scalar()?;
        Some((names(&item.text).contains(&topic), at))
    });
    let found = items.find(|(found, _)| *found);
    found.map_or(all, |(_, at)| at)
}

/// Checks the name of one topic.
pub(super) fn topic(check: &mut Check<'_>, at: &FieldPath, name: &str) {
    let help = "set `meta[\"topic\"]` in the script, and allow what it may be in `topics_allowed`";
    if is_bloblang(check, at, name, help) {
        return;
    }
    let fit = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let help = match name.split_once(':') {
        _ if name.len() > LONGEST_NAME => "a name has at most 249 characters",
        _ if name.starts_with('^') => "write one name; `topics_allowed` takes regular expressions",
        Some((topic, partitions)) if topic.chars().all(fit) && is_partitions(partitions) => {
            "write the name alone: the members of the consumer group share the partitions"
        }
        _ if name == "." || name == ".." || !name.chars().all(fit) => {
            "names are made of letters, digits, `.`, `_` and `-`; a regular expression begins with `^`"
        }
        _ => return,
    };
    check.error(at, format!("`{name}` is no name of a topic"), help);
}

fn pattern(check: &mut Check<'_>, at: &FieldPath, pattern: &str, regex: Regex) {
    let perl = ["\\d", "\\D", "(?"];
    let perl = perl.iter().find(|one| pattern.contains(**one));
    if let (Regex::Posix, Some(perl)) = (regex, perl) {
        let message = format!("`{pattern}`: POSIX's regular expressions have no `{perl}`");
        let help = "librdkafka reads it: write `[0-9]` for a digit, and groups as `(…)`";
        check.error(at, message, help);
    } else if let Err(error) = regex::Regex::new(pattern) {
        let why = error.to_string();
        let why = why.lines().last().unwrap_or_default();
        let why = why.strip_prefix("error: ").unwrap_or(why);
        let message = format!("`{pattern}` is no regular expression: {why}");
        let help = "write for example `^orders\\.` for all that begins with `orders.`";
        check.error(at, message, help);
    }
}

/// Returns whether a text is the part after the colon in Bento's `topic:0` or `topic:0-3`.
fn is_partitions(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '-')
}
