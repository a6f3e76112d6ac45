//! Dead letters for Kafka: the message as it was read, with headers that describe the failure. A letter can always be
//! written: what its topic does not accept is cut or replaced, and a header says so.

use std::borrow::Cow;

use super::headers::{Headers, without_errors};
use super::known::Mending;
use super::lessons::{Lessons, Now};
use super::record::{Composed, writable};
use super::size;
use crate::config::KafkaOutputConfig;
use crate::message::earlier::ERROR_PREFIX;
use crate::message::files::{InFile, Unit};
use crate::message::{Attributes, Batch, Failure, Message};

/// Most bytes of a message or traceback in a header, so that the letter does not become too large.
const MOST_TEXT: usize = 4096;
/// Most bytes of these texts if the letter is too large nevertheless.
const LEAST_TEXT: usize = 256;
/// No payload is cut to less than this while something else can be left out.
const LEAST_PAYLOAD: usize = 1024;
/// Most bytes by which the lengths of payload and record can grow when the payload does.
const LENGTHS: usize = 10;

/// Maker of dead letters for one topic.
pub(crate) struct Letters {
    topic: String,
    partition: Option<i32>,
    max_bytes: usize,
}

/// Selection of what a letter contains when it cannot contain everything.
#[derive(Clone, Copy)]
struct Shape {
    /// Most bytes of long texts.
    text: usize,
    /// Whether the letter has the message's own headers.
    headers: bool,
    /// Whether the letter has the message's own key.
    key: bool,
}

/// Shapes, from everything to almost nothing.
const SHAPES: [Shape; 4] = [
    Shape {
        text: MOST_TEXT,
        headers: true,
        key: true,
    },
    Shape {
        text: LEAST_TEXT,
        headers: true,
        key: true,
    },
    Shape {
        text: LEAST_TEXT,
        headers: false,
        key: true,
    },
    Shape {
        text: LEAST_TEXT,
        headers: false,
        key: false,
    },
];

/// Message that failed.
#[derive(Clone, Copy)]
pub(crate) struct Dead<'a> {
    /// Batch with which the message was read.
    pub batch: &'a Batch,
    /// Message itself.
    pub message: &'a Message,
    /// Reason of the failure.
    pub failure: &'a Failure,
    /// Hash of the scripts that ran.
    pub script_hash: &'a str,
}

impl Letters {
    /// Creates the maker for letters that `config` describes.
    pub(crate) fn new(config: &KafkaOutputConfig) -> Self {
        Self {
            topic: config.topic.clone(),
            partition: config.partition,
            max_bytes: config.max_message_bytes,
        }
    }

    /// Returns the dead letter of `dead`: its own bytes, key, headers and timestamp, the failure, and the hash of the
    /// scripts. The letter has a form that its topic accepts, as far as `lessons` and `mending` tell.
    ///
    /// A dead letter that is run again keeps the place of the original message, and its attempts add up.
    ///
    /// # Errors
    /// If not even the letter's place and type fit.
    pub(crate) fn letter<'a>(
        &'a self,
        dead: Dead<'a>,
        lessons: &Lessons,
        mending: Mending,
    ) -> Result<Composed<'a>, Failure> {
        let draft = Draft::new(dead, self, lessons, mending);
        let whole = draft.headers(SHAPES[0], false);
        let bytes = draft.bytes(SHAPES[0], &whole, draft.payload);
        let learned = match lessons.is_empty() {
            true => None,
            false => lessons.room(&self.topic, bytes, Now::ask()),
        };
        let limits = [mending.room, learned].into_iter().flatten();
        let most = limits.fold(self.max_bytes, usize::min);
        if bytes <= most {
            return Ok(draft.finish(SHAPES[0], whole, draft.payload, bytes));
        }
        for shape in &SHAPES[1..] {
            let headers = draft.headers(*shape, false);
            let bytes = draft.bytes(*shape, &headers, draft.payload);
            if bytes <= most {
                return Ok(draft.finish(*shape, headers, draft.payload, bytes));
            }
            let headers = draft.headers(*shape, true);
            let without = draft.bytes(*shape, &headers, Some(&[]));
            let Some(left) = most.checked_sub(without + LENGTHS) else {
                continue;
            };
            let payload = draft.payload.unwrap_or_default();
            if left < LEAST_PAYLOAD.min(payload.len()) && shape.key {
                continue;
            }
            let payload = Some(&payload[..left.min(payload.len())]);
            let bytes = draft.bytes(*shape, &headers, payload);
            return Ok(draft.finish(*shape, headers, payload, bytes));
        }
        let text = format!(
            "the record has {bytes} bytes, and cannot be cut to the {most} that `max_message_bytes` or the topic allows"
        );
        Err(Failure::new("TooLarge", text))
    }
}

/// Letter that is being made.
struct Draft<'a> {
    letters: &'a Letters,
    attributes: &'a Attributes,
    payload: Option<&'a [u8]>,
    failure: &'a Failure,
    script_hash: &'a str,
    /// Topic, partition and offset of the original message.
    place: [String; 3],
    /// Place in a file, for inputs that read files.
    in_file: Option<InFile>,
    attempts: String,
    /// Made-up key, if the topic refuses records without a key.
    made_key: Option<String>,
    timestamp: Option<i64>,
    /// Timestamp of the message, if the topic refuses it.
    timestamp_before: Option<String>,
    payload_size: String,
    /// Whether the message was cut before.
    is_cut: bool,
}

impl<'a> Draft<'a> {
    fn new(dead: Dead<'a>, letters: &'a Letters, lessons: &Lessons, mending: Mending) -> Self {
        static NONE: Attributes = Attributes {
            key: None,
            headers: Vec::new(),
            timestamp: None,
            tombstone: false,
            earlier: None,
        };
        let Dead {
            batch,
            message,
            failure,
            script_hash,
        } = dead;
        let attributes = message.attributes.as_deref().unwrap_or(&NONE);
        let earlier = message.earlier();
        let attempts = earlier.map_or(0, |earlier| earlier.attempts);
        let at = message.place(&batch.lane);
        let place = [
            at.topic.unwrap_or_default().to_owned(),
            at.partition.to_string(),
            at.offset.to_string(),
        ];
        let (mut made_key, mut timestamp, mut timestamp_before) =
            (None, attributes.timestamp.map(writable), None);
        if !lessons.is_empty() || mending != Mending::default() {
            let now = Now::ask();
            let keyed = mending.keyed || lessons.wants_key(&letters.topic, now);
            if attributes.key.is_none() && keyed {
                made_key = Some(place.join("-"));
            }
            if let Some(before) = attributes.timestamp
                && (mending.restamped || lessons.refuses_timestamp(&letters.topic, before, now))
            {
                timestamp = None;
                timestamp_before = Some(before.to_string());
            }
        }
        let size_before = earlier.and_then(|earlier| earlier.payload_size);
        Self {
            letters,
            attributes,
            payload: (!attributes.tombstone).then_some(&*message.payload),
            failure,
            script_hash,
            place,
            in_file: at.in_file(),
            attempts: attempts.saturating_add(failure.attempts).to_string(),
            made_key,
            timestamp,
            timestamp_before,
            payload_size: size_before
                .unwrap_or(message.payload.len() as u64)
                .to_string(),
            is_cut: size_before.is_some(),
        }
    }

    fn headers(&self, shape: Shape, cuts: bool) -> Headers {
        let Self {
            attributes,
            failure,
            place: [topic, partition, offset],
            in_file,
            ..
        } = self;
        let number = |unit| match in_file {
            Some(place) if place.unit == unit => place.number.to_string(),
            _ => String::new(),
        };
        let (line, record) = (number(Unit::Line), number(Unit::Record));
        let mut headers = Headers::default();
        if shape.headers {
            headers.extend(without_errors(&attributes.headers));
        }
        let left_out = |there: bool, left: bool| match there && !left {
            true => "true",
            false => "",
        };
        let payload_size = match cuts || self.is_cut {
            true => &self.payload_size,
            false => "",
        };
        let facts = [
            ("type", cut(&failure.kind, LEAST_TEXT)),
            ("message", cut(&failure.message, shape.text)),
            (
                "at",
                cut(failure.at.as_deref().unwrap_or_default(), shape.text),
            ),
            ("traceback", cut(&failure.traceback, shape.text)),
            ("attempts", &self.attempts),
            ("topic", topic),
            ("partition", partition),
            ("offset", offset),
            (
                "file",
                in_file
                    .as_ref()
                    .map_or("", |place| cut(&place.path, shape.text)),
            ),
            ("line", &line),
            ("record", &record),
            ("script", self.script_hash),
            ("payload-size", payload_size),
            (
                "headers-cut",
                left_out(
                    without_errors(&attributes.headers).next().is_some(),
                    shape.headers,
                ),
            ),
            ("key-cut", left_out(attributes.key.is_some(), shape.key)),
            ("key-made", left_out(self.made_key.is_some(), false)),
            (
                "timestamp",
                self.timestamp_before.as_deref().unwrap_or_default(),
            ),
        ];
        let mut name = String::new();
        for (fact, value) in facts.into_iter().filter(|(_, value)| !value.is_empty()) {
            name.clear();
            name.push_str(ERROR_PREFIX);
            name.push_str(fact);
            headers.add(&name, Some(value.as_bytes()));
        }
        headers
    }

    fn key(&self, shape: Shape) -> Option<Cow<'a, [u8]>> {
        match (&self.attributes.key, &self.made_key) {
            (Some(key), _) if shape.key => Some(Cow::Borrowed(key)),
            // The place is the new key: with a common key, a compacted topic would keep only one of these letters.
            (Some(_), _) => Some(Cow::Owned(self.place.join("-").into_bytes())),
            (None, made) => made.clone().map(|key| Cow::Owned(key.into_bytes())),
        }
    }

    fn bytes(&self, shape: Shape, headers: &Headers, payload: Option<&[u8]>) -> usize {
        let key = self.key(shape).map(|key| key.len());
        size::alone(key, payload.map(<[u8]>::len), headers.count, headers.bytes)
    }

    fn finish(
        &self,
        shape: Shape,
        headers: Headers,
        payload: Option<&'a [u8]>,
        bytes: usize,
    ) -> Composed<'a> {
        Composed {
            topic: &self.letters.topic,
            payload,
            key: self.key(shape),
            headers: headers.headers,
            timestamp: self.timestamp,
            partition: self.letters.partition,
            bytes,
        }
    }
}

/// Returns the beginning of a long text.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
#[path = "letter_tests.rs"]
mod tests;
