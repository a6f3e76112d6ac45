//! Requests and responses: what travels between host and guest once it is ready; see docs/protocol.md.
//!
//! A request is the marshal tuple `(id, payloads, deferred, metas)`, a response `(id, results, extras)`
//! behind a status byte and a length. The id is echoed, so that a reply that answers something else is seen.

use std::ops::Range;

use bytes::Bytes;

use super::error::Death;
use super::handshake::HelloStage;
use crate::codec::{Encoder, FrameError, Kind, OutputError, Payload, Reader, Scratch, Top};
use crate::message::{Attributes, Batch, Failure, Message, Outcome, Outcomes, Overrides, Record};

/// Deepest nesting of a document. CPython's marshal refuses 1500 under WASI, its `json` about 1000.
pub const MAX_DEPTH: usize = 900;

/// Status byte and length before a response's body.
const HEADER: usize = 5;
const STATUS_OK: u8 = 0;

/// A request's body, written for as many messages as can be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Encoded {
    /// How many messages the request has, from the first on.
    pub count: usize,
    /// Why the message after these cannot be sent at all.
    pub refused: Option<Failure>,
}

/// Writes the request for `messages` into `encoder`.
pub fn encode_request(
    encoder: &mut Encoder,
    id: u32,
    batch: &Batch,
    messages: Range<usize>,
    with_meta: bool,
) -> Encoded {
    let messages = &batch.messages[messages];
    match try_encode(encoder, id, batch, messages, with_meta) {
        Ok(()) => Encoded {
            count: messages.len(),
            refused: None,
        },
        // Rare: the request is written again without the message that cannot be sent and all after it.
        Err((count, failure)) => {
            if count > 0 {
                let rest = encode_request_of(encoder, id, batch, &messages[..count], with_meta);
                debug_assert!(rest, "what was encoded once can be encoded again");
            }
            Encoded {
                count,
                refused: Some(failure),
            }
        }
    }
}

fn encode_request_of(
    encoder: &mut Encoder,
    id: u32,
    batch: &Batch,
    messages: &[Message],
    with_meta: bool,
) -> bool {
    try_encode(encoder, id, batch, messages, with_meta).is_ok()
}

fn try_encode(
    encoder: &mut Encoder,
    id: u32,
    batch: &Batch,
    messages: &[Message],
    with_meta: bool,
) -> Result<(), (usize, Failure)> {
    encoder.clear();
    encoder.tuple(4);
    encoder.int(i64::from(id));
    encoder.list(messages.len());
    let mut deferred = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        if let Some(failure) = &message.rejected {
            return Err((index, (**failure).clone()));
        }
        match encoder.payload(&message.payload) {
            Payload::Json | Payload::Text | Payload::Bytes | Payload::Empty => {}
            Payload::Deferred => deferred.push(index),
            Payload::TooDeep => {
                let text = format!("the document is nested deeper than {MAX_DEPTH} levels");
                return Err((index, Failure::new("TooDeep", text)));
            }
            Payload::TooBig => {
                let text = "the document has a number of too many digits";
                return Err((index, Failure::new("TooBig", text)));
            }
        }
    }
    encoder.list(deferred.len());
    for index in deferred {
        encoder.int(index as i64);
    }
    if with_meta {
        encoder.list(messages.len());
        for message in messages {
            encode_meta(encoder, batch, message);
        }
    } else {
        encoder.none();
    }
    Ok(())
}

/// `(key, topic, partition, offset, timestamp, [(name, value)])`
fn encode_meta(encoder: &mut Encoder, batch: &Batch, message: &Message) {
    let none = Attributes::default();
    let Attributes {
        key,
        headers,
        timestamp,
    } = message.attributes.as_deref().unwrap_or(&none);
    encoder.tuple(6);
    encode_bytes(encoder, key.as_ref());
    match &batch.origin.topic {
        Some(topic) => encoder.str(topic),
        None => encoder.none(),
    }
    encoder.int(i64::from(batch.origin.partition));
    encoder.int(message.offset);
    match timestamp {
        Some(timestamp) => encoder.int(*timestamp),
        None => encoder.none(),
    }
    encoder.list(headers.len());
    for (name, value) in headers {
        encoder.tuple(2);
        encoder.str(name);
        encode_bytes(encoder, value.as_ref());
    }
}

fn encode_bytes(encoder: &mut Encoder, bytes: Option<&Bytes>) {
    match bytes {
        Some(bytes) => encoder.bytes(bytes),
        None => encoder.none(),
    }
}

/// Takes a whole response off the reply port: its body, or `None` while it is not all there.
///
/// # Errors
/// [`Death::Protocol`] as soon as the bytes can be no response.
pub fn take_response(outbox: &mut Vec<u8>, max_frame: usize) -> Option<Result<Vec<u8>, Death>> {
    let rubbish = |what: &str| Some(Err(Death::Protocol(what.into())));
    let header: &[u8; HEADER] = outbox.first_chunk()?;
    if header[0] != STATUS_OK {
        return rubbish("a reply without a status this engine knows");
    }
    let [_, length @ ..] = *header;
    let length = u32::from_be_bytes(length) as usize;
    if length > max_frame {
        return rubbish("a reply longer than a frame may be");
    }
    match outbox.len() - HEADER {
        have if have < length => None,
        have if have > length => rubbish("bytes after the reply"),
        _ => Some(Ok(std::mem::take(outbox))),
    }
}

/// Reads the response in `frame` (header included) to a request for `count` messages and appends what
/// became of them to `outcomes`. Returns for how many the guest answered: at least one, or all.
///
/// # Errors
/// [`Death::Protocol`] if it is no such response; `outcomes` is as it was then.
pub fn decode_response(
    frame: &[u8],
    id: u32,
    count: usize,
    max_output: usize,
    stages: &[HelloStage],
    scratch: &mut Scratch,
    outcomes: &mut Outcomes,
) -> Result<usize, Death> {
    let (items, bytes) = (outcomes.items.len(), outcomes.data.len());
    let decoded = Response {
        reader: Reader::new(&frame[HEADER..], scratch, MAX_DEPTH),
        max_output,
        stages,
        first: items,
        outcomes: &mut *outcomes,
    }
    .decode(id, count);
    decoded.map_err(|error| {
        outcomes.items.truncate(items);
        outcomes.data.truncate(bytes);
        Death::Protocol(error.to_string())
    })
}

struct Response<'a, 's> {
    reader: Reader<'a, 's>,
    max_output: usize,
    stages: &'a [HelloStage],
    /// Index in `outcomes` of the first message of this response.
    first: usize,
    outcomes: &'a mut Outcomes,
}

impl Response<'_, '_> {
    fn decode(mut self, id: u32, count: usize) -> Result<usize, FrameError> {
        if self.reader.tuple()? != 3 || self.reader.int()? != i64::from(id) {
            return Err(invalid("a reply to another request"));
        }
        let answered = self.reader.list()?;
        if answered > count || (answered == 0 && count > 0) {
            return Err(invalid("a reply for another number of messages"));
        }
        self.outcomes.items.reserve(answered);
        for _ in 0..answered {
            let outcome = match self.value()? {
                Ok(Some(payload)) => Outcome::Record(Record {
                    payload,
                    overrides: None,
                }),
                Ok(None) => Outcome::Dropped,
                Err(failure) => Outcome::Failed(failure),
            };
            self.outcomes.items.push(outcome);
        }
        for _ in 0..self.reader.list()? {
            self.extra(answered)?;
        }
        self.reader.finish()?;
        Ok(answered)
    }

    /// One value as JSON (or as its own bytes) at the end of the data; `None` for Python's `None`.
    fn value(&mut self) -> Result<Result<Option<Range<u32>>, Box<Failure>>, FrameError> {
        let start = self.outcomes.data.len();
        Ok(
            match self
                .reader
                .value(&mut self.outcomes.data, self.max_output)?
            {
                Ok(Top::None) => Ok(None),
                Ok(Top::Json | Top::Bytes) => Ok(Some(self.payload_from(start))),
                Err(error) => Err(value_failure(&error)),
            },
        )
    }

    fn payload_from(&self, start: usize) -> Range<u32> {
        // A slice's results are cut far below 4 GiB: `max_frame` bounds the frame they came in.
        start as u32..self.outcomes.data.len() as u32
    }

    fn append(&mut self, bytes: &[u8]) -> Range<u32> {
        let start = self.outcomes.data.len();
        self.outcomes.data.extend_from_slice(bytes);
        self.payload_from(start)
    }

    /// What a result list cannot say: `(index, kind, …)`.
    fn extra(&mut self, answered: usize) -> Result<(), FrameError> {
        let fields = self.reader.tuple()?;
        let index = usize::try_from(self.reader.int()?)
            .ok()
            .filter(|&index| index < answered);
        let index = index.ok_or_else(|| invalid("an extra for no message"))?;
        let kind = self.reader.str()?;
        let outcome = match (&*kind, fields) {
            ("null", 2) => Outcome::Record(Record {
                payload: self.append(b"null"),
                overrides: None,
            }),
            ("json", 3) => {
                let json = self.reader.bytes()?;
                match self.json(json) {
                    Ok(payload) => Outcome::Record(Record {
                        payload,
                        overrides: None,
                    }),
                    Err(failure) => Outcome::Failed(failure),
                }
            }
            ("outputs", 3) => self.outputs()?,
            ("too large", 3) => {
                let text = self.reader.str()?;
                Outcome::Failed(Box::new(Failure::new("OutputTooLarge", text)))
            }
            ("error", 7) => Outcome::Failed(Box::new(self.failure()?)),
            _ => return Err(invalid("an extra of no known kind")),
        };
        self.outcomes.items[self.first + index] = outcome;
        Ok(())
    }

    fn json(&mut self, json: &[u8]) -> Result<Range<u32>, Box<Failure>> {
        if json.len() > self.max_output {
            return Err(too_large(self.max_output));
        }
        Ok(self.append(json))
    }

    /// `[(is JSON, bytes, None | [(name, value)])]`
    fn outputs(&mut self) -> Result<Outcome, FrameError> {
        let start = self.outcomes.data.len();
        let mut records = Vec::new();
        let mut failed = None;
        for _ in 0..self.reader.list()? {
            self.tuple(3)?;
            let is_json = self.reader.int()? != 0;
            let data = self.reader.bytes()?;
            let overrides = self.overrides()?;
            let payload = if is_json {
                self.json(data)
            } else {
                let mut scratch = Scratch::default();
                let mut nested = Reader::new(data, &mut scratch, MAX_DEPTH);
                let start = self.outcomes.data.len();
                match nested.value(&mut self.outcomes.data, self.max_output)? {
                    Ok(Top::None) => Ok(self.append(b"null")),
                    Ok(Top::Json | Top::Bytes) => Ok(self.payload_from(start)),
                    Err(error) => Err(value_failure(&error)),
                }
            };
            // A message leaves whole or not at all; its outputs count together.
            match payload {
                Ok(payload) if self.outcomes.data.len() - start <= self.max_output => {
                    records.push(Record { payload, overrides });
                }
                Ok(_) => failed = Some(too_large(self.max_output)),
                Err(failure) => failed = Some(failure),
            }
            if failed.is_some() {
                self.outcomes.data.truncate(start);
            }
        }
        Ok(failed.map_or(Outcome::Records(records), Outcome::Failed))
    }

    fn overrides(&mut self) -> Result<Option<Box<Overrides>>, FrameError> {
        if self.absent()? {
            return Ok(None);
        }
        let mut overrides = Overrides::default();
        for _ in 0..self.reader.list()? {
            self.tuple(2)?;
            match &*self.reader.str()? {
                "key" => overrides.key = Some(self.optional_bytes()?),
                "topic" => overrides.topic = Some(self.optional_str()?),
                "timestamp" => overrides.timestamp = Some(self.optional_int()?),
                "headers" => {
                    let mut headers = Vec::new();
                    for _ in 0..self.reader.list()? {
                        self.tuple(2)?;
                        headers.push((self.reader.str()?.into_owned(), self.optional_bytes()?));
                    }
                    overrides.headers = Some(headers);
                }
                _ => return Err(invalid("an attribute of no known name")),
            }
        }
        Ok(Some(Box::new(overrides)))
    }

    /// `…, type, message, line | None, stage | None, traceback)`
    fn failure(&mut self) -> Result<Failure, FrameError> {
        let mut failure = Failure::new(self.reader.str()?, self.reader.str()?);
        let line = self.optional_int()?;
        let stage = self.optional_int()?;
        failure.traceback = self.reader.str()?.into_owned();
        let stage = stage.and_then(|stage| self.stages.get(usize::try_from(stage).ok()?));
        if let (Some(line), Some(stage)) = (line, stage) {
            let line = line + i64::from(stage.line_offset);
            failure.at = Some(format!("{}:{line}", stage.name));
        }
        Ok(failure)
    }

    fn optional_bytes(&mut self) -> Result<Option<Bytes>, FrameError> {
        let bytes = self.reader.opt_bytes_or_str()?;
        Ok(bytes.map(|bytes| Bytes::from(bytes.into_owned())))
    }

    fn optional_str(&mut self) -> Result<Option<String>, FrameError> {
        Ok(self.reader.opt_str()?.map(|text| text.into_owned()))
    }

    fn optional_int(&mut self) -> Result<Option<i64>, FrameError> {
        if self.absent()? {
            return Ok(None);
        }
        self.reader.int().map(Some)
    }

    /// Takes a `None`, if there is one.
    fn absent(&mut self) -> Result<bool, FrameError> {
        let absent = self.reader.peek()? == Kind::None;
        if absent {
            self.reader.none()?;
        }
        Ok(absent)
    }

    fn tuple(&mut self, fields: usize) -> Result<(), FrameError> {
        if self.reader.tuple()? == fields {
            Ok(())
        } else {
            Err(invalid("a tuple of another size"))
        }
    }
}

fn invalid(reason: &'static str) -> FrameError {
    FrameError { offset: 0, reason }
}

fn too_large(limit: usize) -> Box<Failure> {
    let text = format!("the message's outputs take more than {limit} bytes");
    Box::new(Failure::new("OutputTooLarge", text))
}

fn value_failure(error: &OutputError) -> Box<Failure> {
    Box::new(Failure::new(error.kind.to_string(), error.message.clone()))
}
