//! Names of topics, and regular expressions for them.

use super::Check;
use crate::config::diagnostics::Diagnostic;

/// Kafka's own limit.
const LONGEST_NAME: usize = 249;

/// Who reads a regular expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Regex {
    /// librdkafka, by POSIX's rules.
    Posix,
    /// We, by those of the `regex` crate.
    Ours,
}

impl Check<'_> {
    /// Names, several in an item with commas between them, or regular expressions that begin with `^`.
    pub(super) fn topics(
        &mut self,
        pointer: &str,
        written: &[String],
        regex: Regex,
    ) -> Vec<String> {
        let mut topics: Vec<String> = Vec::new();
        for (index, item) in written.iter().enumerate() {
            let pointer = format!("{pointer}/{index}");
            let several = item.split(',').map(str::trim);
            let ones: Vec<&str> = match item.starts_with('^') {
                true => vec![item],
                false => several.filter(|one| !one.is_empty()).collect(),
            };
            for one in ones {
                match one.starts_with('^') && item.starts_with('^') {
                    true => self.pattern(&pointer, one, regex),
                    false => self.topic(&pointer, one),
                }
                if regex == Regex::Posix && topics.iter().any(|topic| topic == one) {
                    self.twice(&pointer, one);
                }
                topics.push(one.to_owned());
            }
        }
        topics
    }

    /// librdkafka refuses to subscribe to a topic twice, and does not say to which.
    fn twice(&mut self, pointer: &str, topic: &str) {
        let problem = Diagnostic::error(format!("`{topic}` is there twice"))
            .at(self.place(pointer))
            .related(self.place(&self.item(topic)), "the other one")
            .help("keep one of them");
        self.errors.push(problem);
    }

    /// The name of one topic.
    pub(super) fn topic(&mut self, pointer: &str, name: &str) {
        if self.is_bloblang(
            pointer,
            name,
            "set `meta[\"topic\"]` in the script, and allow what it may be in `topics_allowed`",
        ) {
            return;
        }
        let fit = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let help = match name.split_once(':') {
            _ if name.len() > LONGEST_NAME => "a name has at most 249 characters",
            _ if name.starts_with('^') => {
                "write one name; `topics_allowed` takes regular expressions"
            }
            Some((topic, partitions)) if topic.chars().all(fit) && is_partitions(partitions) => {
                "write the name alone: the members of the consumer group share the partitions"
            }
            _ if name == "." || name == ".." || !name.chars().all(fit) => {
                "names are made of letters, digits, `.`, `_` and `-`; a regular expression begins with `^`"
            }
            _ => return,
        };
        self.error(pointer, format!("`{name}` is no name of a topic"), help);
    }

    fn pattern(&mut self, pointer: &str, pattern: &str, regex: Regex) {
        let perl = ["\\d", "\\D", "(?"]
            .iter()
            .find(|one| pattern.contains(**one));
        if let (Regex::Posix, Some(perl)) = (regex, perl) {
            let message = format!("`{pattern}`: POSIX's regular expressions have no `{perl}`");
            let help = "librdkafka reads it: write `[0-9]` for a digit, and groups as `(…)`";
            self.error(pointer, message, help);
        } else if let Err(error) = regex::Regex::new(pattern) {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default();
            let why = why.strip_prefix("error: ").unwrap_or(why);
            let message = format!("`{pattern}` is no regular expression: {why}");
            self.error(
                pointer,
                message,
                "write for example `^orders\\.` for all that begins with `orders.`",
            );
        }
    }
}

/// Bento's `topic:0` and `topic:0-3`.
fn is_partitions(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '-')
}
