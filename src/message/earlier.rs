//! Dead letters that are run again: their headers say where the message was first read and how often it was run.
//!
//! These headers are interpreted only in a replay, where the user says that the topic holds dead letters. In any other
//! input they are ordinary headers, since every client that may write to a topic can write them.

use std::fmt;

use super::files::{Files, InFile};
use super::{Failure, Lane, Message};

/// Prefix of the headers that describe a failure. Dead letters have such headers, results never do.
pub(crate) const ERROR_PREFIX: &str = "nerodia-error-";

/// Returns whether a header of this name describes a failure.
pub(crate) fn is_of_error(name: &str) -> bool {
    name.starts_with(ERROR_PREFIX)
}

/// Facts about a message before it became a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Earlier {
    /// Topic from which the message was first read; `None` for inputs without topics.
    pub topic: Option<String>,
    /// Partition of that topic.
    pub partition: i32,
    /// Offset in that partition.
    pub offset: i64,
    /// Number of earlier runs.
    pub attempts: u32,
    /// Size of the original payload in bytes, if the letter contains only a part of it.
    pub payload_size: Option<u64>,
}

/// Place from which a message was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Topic; `None` for sources without topics.
    pub topic: Option<&'a str>,
    /// Partition; 0 for sources without partitions.
    pub partition: i32,
    /// Offset, or line number.
    pub offset: i64,
    /// Files of the source, in which the message may be. They are only asked for messages that failed.
    pub files: Option<&'a Files>,
}

impl Place<'_> {
    /// Returns the place in a file, for sources that read files.
    pub(crate) fn in_file(&self) -> Option<InFile> {
        self.files?.place(self.offset)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            topic,
            partition,
            offset,
            files: _,
        } = self;
        match (topic, self.in_file()) {
            (Some(topic), _) => {
                write!(f, "topic `{topic}`, partition {partition}, offset {offset}")
            }
            (None, Some(place)) => place.fmt(f),
            (None, None) => write!(f, "message {offset}"),
        }
    }
}

impl Message {
    /// Returns the message's origin as people and scripts see it: for a dead letter that is run again, the place from
    /// which the original message was read.
    pub(crate) fn place<'a>(&'a self, lane: &'a Lane) -> Place<'a> {
        match self.earlier() {
            Some(earlier) => earlier.place(),
            None => lane.place(self.offset),
        }
    }

    /// Returns the facts from before the message became a dead letter, if it is a dead letter that is run again.
    pub(crate) fn earlier(&self) -> Option<&Earlier> {
        self.attributes.as_deref()?.earlier.as_deref()
    }

    /// Turns a dead letter back into the original message: removes the headers that describe the failure, restores the
    /// timestamp that they give, removes a made-up key, and notes the original place and attempts. A letter with only a
    /// part of its message is rejected, because a script could mistake the part for the whole.
    pub(crate) fn reopen(&mut self) {
        let Some(attributes) = self.attributes.as_deref_mut() else {
            return;
        };
        let mut facts = FailureHeaders::default();
        attributes.headers.retain(|(name, value)| {
            let Some(fact) = name.strip_prefix(ERROR_PREFIX) else {
                return true;
            };
            if let Some(Ok(value)) = value.as_deref().map(std::str::from_utf8) {
                facts.note(fact, value);
            }
            false
        });
        // The letter has the message's own timestamp and key, unless the topic of dead letters does not accept them.
        attributes.timestamp = facts.timestamp.or(attributes.timestamp);
        if facts.key_made {
            attributes.key = None;
        }
        let (Some(partition), Some(offset)) = (facts.partition, facts.offset) else {
            return;
        };
        let missing = match facts.payload_size {
            Some(size) => Some(format!(
                "only the first {} of {size} bytes",
                self.payload.len()
            )),
            None => facts
                .is_cut
                .then(|| "not all of the headers and the key".to_owned()),
        };
        let earlier = Earlier {
            topic: facts.topic,
            partition,
            offset,
            attempts: facts.attempts,
            payload_size: facts.payload_size,
        };
        if let Some(missing) = missing {
            let text = format!(
                "the dead letter has {missing} of its message, which was too large for the topic of dead letters: the \
                 whole one is {}",
                earlier.place()
            );
            self.rejected = Some(Box::new(Failure::new("Truncated", text)));
        }
        attributes.earlier = Some(Box::new(earlier));
    }
}

impl Earlier {
    fn place(&self) -> Place<'_> {
        Place {
            topic: self.topic.as_deref(),
            partition: self.partition,
            offset: self.offset,
            files: None,
        }
    }
}

/// Useful content of the headers that describe a failure.
#[derive(Default)]
struct FailureHeaders {
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    attempts: u32,
    timestamp: Option<i64>,
    key_made: bool,
    payload_size: Option<u64>,
    is_cut: bool,
}

impl FailureHeaders {
    fn note(&mut self, fact: &str, value: &str) {
        match fact {
            "topic" => self.topic = Some(value.to_owned()),
            "partition" => self.partition = value.parse().ok(),
            "offset" => self.offset = value.parse().ok(),
            "attempts" => self.attempts = value.parse().unwrap_or_default(),
            "timestamp" => self.timestamp = value.parse().ok(),
            "key-made" => self.key_made = true,
            "payload-size" => self.payload_size = value.parse().ok(),
            "key-cut" | "headers-cut" => self.is_cut = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::message::Attributes;

    fn letter(headers: &[(&str, Option<&str>)]) -> Message {
        let mut message = Message::new(Bytes::from_static(b"x"), 7);
        let headers = headers.iter().map(|&(name, value)| {
            let value = value.map(|value| Bytes::copy_from_slice(value.as_bytes()));
            (name.to_owned(), value)
        });
        message.attributes = Some(Box::new(Attributes {
            headers: headers.collect(),
            timestamp: Some(5),
            ..Attributes::default()
        }));
        message
    }

    fn names(message: &Message) -> Vec<&str> {
        let headers = &message.attributes.as_deref().unwrap().headers;
        headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn a_letter_becomes_the_message_that_it_was() {
        let lane = Lane::of_partition(super::super::LaneId(0), "t.dead".into(), 2);
        let mut message = letter(&[
            ("a", Some("1")),
            ("nerodia-error-topic", Some("t")),
            ("nerodia-error-partition", Some("3")),
            ("nerodia-error-offset", Some("44")),
            ("a", None),
            ("nerodia-error-attempts", Some("2")),
            ("nerodia-error-timestamp", Some("6")),
            ("nerodia-error-whatever", None),
        ]);
        assert_eq!(
            message.place(&lane).to_string(),
            "topic `t.dead`, partition 2, offset 7"
        );
        message.reopen();
        assert_eq!(names(&message), ["a", "a"]);
        assert_eq!(
            message.place(&lane).to_string(),
            "topic `t`, partition 3, offset 44"
        );
        assert_eq!(message.earlier().unwrap().attempts, 2);
        assert_eq!(message.attributes.as_ref().unwrap().timestamp, Some(6));
        assert_eq!(message.offset, 7, "what is committed is the letter's");
    }

    /// Checks that a letter is rejected if its output had to leave out a part of the message.
    #[test]
    fn a_letter_that_was_cut_is_not_run() {
        let place = [
            ("nerodia-error-topic", Some("t")),
            ("nerodia-error-partition", Some("3")),
            ("nerodia-error-offset", Some("44")),
        ];
        let opened = |more: &[(&str, Option<&str>)]| {
            let mut message = letter(&[&place[..], more].concat());
            message.attributes.as_mut().unwrap().key = Some(Bytes::from_static(b"made"));
            message.reopen();
            message
        };
        let cut = opened(&[("nerodia-error-payload-size", Some("99"))]);
        let failure = cut.rejected.as_deref().unwrap();
        assert_eq!(failure.kind, "Truncated");
        assert!(
            failure.message.contains("the first 1 of 99 bytes")
                && failure
                    .message
                    .ends_with("topic `t`, partition 3, offset 44"),
            "{}",
            failure.message
        );
        assert_eq!(cut.earlier().unwrap().payload_size, Some(99));
        assert!(
            opened(&[("nerodia-error-headers-cut", Some("true"))])
                .rejected
                .is_some()
        );
        let whole = opened(&[("nerodia-error-key-made", Some("true"))]);
        assert!(whole.rejected.is_none());
        assert_eq!(whole.attributes.unwrap().key, None);
    }

    #[test]
    fn what_says_no_place_is_only_stripped() {
        for headers in [
            &[("nerodia-error-topic", Some("t"))][..],
            &[
                ("nerodia-error-topic", Some("t")),
                ("nerodia-error-partition", Some("x")),
                ("nerodia-error-offset", Some("1")),
            ],
            &[],
        ] {
            let mut message = letter(headers);
            message.reopen();
            assert!(names(&message).is_empty());
            assert_eq!(message.earlier(), None);
            assert_eq!(message.attributes.as_ref().unwrap().timestamp, Some(5));
        }
        let mut bare = Message::new(Bytes::new(), 0);
        bare.reopen();
        assert_eq!(bare.earlier(), None);
    }
}
