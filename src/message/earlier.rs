//! A dead letter that is run again: its headers say where the message was read first and how often it was run.
//!
//! They are taken for that only in a replay, where the user says that what is read are dead letters. In any other
//! input they are headers like others, since whoever writes to a topic can write them.

use std::fmt;

use super::{Failure, Lane, Message};

/// What the headers that tell of a failure begin with. Dead letters have them, results never.
pub const ERROR_PREFIX: &str = "nerodia-error-";

/// Whether a header of this name tells of a failure.
pub fn is_of_error(name: &str) -> bool {
    name.starts_with(ERROR_PREFIX)
}

/// What a message was before it became a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Where it was read first; without a topic from standard input.
    pub topic: Option<String>,
    /// Its partition there.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// How often it was run before.
    pub attempts: u32,
    /// How many bytes its payload had, if the letter has not all of it.
    pub payload_size: Option<u64>,
}

/// Where a message was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// `None` for sources without topics.
    pub topic: Option<&'a str>,
    /// 0 for sources without partitions.
    pub partition: i32,
    /// Offset, or number of the line.
    pub offset: i64,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            topic,
            partition,
            offset,
        } = self;
        match topic {
            Some(topic) => write!(f, "topic `{topic}`, partition {partition}, offset {offset}"),
            None => write!(f, "message {offset}"),
        }
    }
}

impl Message {
    /// Where it comes from, as people and scripts are told: for a dead letter that is run again the place where it
    /// was read first.
    pub fn place<'a>(&'a self, lane: &'a Lane) -> Place<'a> {
        match self.earlier() {
            Some(earlier) => earlier.place(),
            None => lane.place(self.offset),
        }
    }

    /// What it was before it became a dead letter, if it is one that is run again.
    pub fn earlier(&self) -> Option<&Earlier> {
        self.attributes.as_deref()?.earlier.as_deref()
    }

    /// Makes of a dead letter the message that it was: the headers that tell of the failure are taken off, and what
    /// they say of the message takes the place of what Kafka says of the letter. One that has not all of its message
    /// is not run: a script could take the beginning for the whole.
    pub fn reopen(&mut self) {
        let Some(attributes) = self.attributes.as_deref_mut() else {
            return;
        };
        let mut facts = Facts::default();
        attributes.headers.retain(|(name, value)| {
            let Some(fact) = name.strip_prefix(ERROR_PREFIX) else {
                return true;
            };
            if let Some(Ok(value)) = value.as_deref().map(std::str::from_utf8) {
                facts.note(fact, value);
            }
            false
        });
        // The letter has the message's own timestamp and key unless its topic does not take these.
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
        }
    }
}

/// What the headers say, as far as it is of use.
#[derive(Default)]
struct Facts {
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    attempts: u32,
    timestamp: Option<i64>,
    key_made: bool,
    payload_size: Option<u64>,
    is_cut: bool,
}

impl Facts {
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

    /// Its output may have had to leave something out.
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
