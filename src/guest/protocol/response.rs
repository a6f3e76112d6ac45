//! Responses: a status byte, a big-endian `u32` length, and the marshal tuple `(account, answered, dropped, results,
//! extras)`.
//!
//! Scripts share an interpreter with the code that answers for them, and can reach its lists. So the guest reports
//! separately how many messages it answers and how many of them have no result, and a response in which the numbers
//! differ ends the guest.
//!
//! A guest may write anything. References let a small frame stand for any amount of data, so the total of one response
//! has a budget: when it is used up, the response counts as an answer to the messages before, and the host asks again
//! for the rest.

mod failures;
mod outputs;
mod patched;
mod values;

use std::ops::Range;

use bytes::Bytes;

use self::failures::{place, too_large, value_failure};
use super::MAX_DEPTH;
use crate::format::Writes;
use crate::guest::error::Death;
use crate::guest::handshake::{HelloModule, HelloStage};
use crate::message::{Failure, Message, Outcome, Outcomes, Record};
use nerodia_codec::{FrameError, Kind, Reader, Scratch};

/// Bytes of status and length before a response's body.
const HEADER: usize = 5;
const STATUS_OK: u8 = 0;
/// Number of attributes that a script may choose for a record: key, topic, timestamp, headers, schema.
const ATTRIBUTES: usize = 5;

/// Takes a whole response from the reply port: its body, or `None` while it is incomplete.
///
/// # Errors
/// [`Death::Protocol`] as soon as the bytes cannot be a response.
pub(crate) fn take_response(
    outbox: &mut Vec<u8>,
    max_frame: usize,
) -> Option<Result<Vec<u8>, Death>> {
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

/// Request to which a response belongs.
pub(crate) struct Asked<'a> {
    /// The request's id.
    pub id: u32,
    /// Number of messages in it.
    pub count: usize,
    /// Most bytes of one message's outputs; those of one response are at most three times that.
    pub max_output: usize,
    /// The guest's scripts.
    pub stages: &'a [HelloStage],
    /// Modules beside them.
    pub modules: &'a [HelloModule],
    /// Messages whose documents a result may stand for: the messages of the request, or none.
    pub documents: &'a [Message],
    /// Formats of the results.
    pub writes: &'a Writes,
}

/// Messages that a response answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answered {
    /// Their number: all, or at least one, or none if the first document has to be sent whole.
    pub count: usize,
    /// Whether the document of the next message has to be sent whole.
    pub wants_whole: bool,
}

/// Reads the response in `frame` (including its header) and appends the outcomes to `outcomes`.
///
/// # Errors
/// [`Death::Protocol`] if the frame is not such a response; `outcomes` is then unchanged.
pub(crate) fn decode_response(
    frame: &[u8],
    asked: &Asked<'_>,
    scratch: &mut Scratch,
    outcomes: &mut Outcomes,
) -> Result<Answered, Death> {
    let (items, bytes) = (outcomes.items.len(), outcomes.data.len());
    let decoded = Response {
        reader: Reader::new(&frame[HEADER..], scratch, MAX_DEPTH)
            .with_form(asked.writes.value.json_form()),
        max_output: asked.max_output,
        spent: 0,
        stages: asked.stages,
        modules: asked.modules,
        documents: asked.documents,
        writes: asked.writes,
        first: items,
        outcomes: &mut *outcomes,
        values: Vec::new(),
        whole_at: None,
    }
    .decode(asked.id, asked.count);
    scratch.shrink();
    decoded.map_err(|error| {
        outcomes.items.truncate(items);
        outcomes.data.truncate(bytes);
        Death::Protocol(error.to_string())
    })
}

struct Response<'a, 's> {
    reader: Reader<'a, 's>,
    max_output: usize,
    /// Bytes made so far, including those of refused values: a measure of work and of memory.
    spent: usize,
    stages: &'a [HelloStage],
    modules: &'a [HelloModule],
    documents: &'a [Message],
    writes: &'a Writes,
    /// Index in `outcomes` of the first message of this response.
    first: usize,
    outcomes: &'a mut Outcomes,
    /// JSON of the members that are set in a document; kept from one result to the next, for its allocation.
    values: Vec<u8>,
    /// First message that has no answer, because its document has to be sent whole.
    whole_at: Option<usize>,
}

/// Range of a value's payload, `None` for Python's `None`, or the reason why the value cannot be written.
type Value = Result<Option<Range<u32>>, Box<Failure>>;

impl Response<'_, '_> {
    fn decode(mut self, id: u32, count: usize) -> Result<Answered, FrameError> {
        if self.reader.tuple()? != 5 {
            return Err(invalid("a reply that is no response"));
        }
        self.account(id, count)?;
        let (told, dropped) = (self.reader.int()?, self.reader.int()?);
        let results = self.reader.list()?;
        if results > count || (results == 0 && count > 0) || told != results as i64 {
            return Err(invalid("a reply for another number of messages"));
        }
        let (mut answered, empty) = self.results(results)?;
        let extras = self.reader.list()?;
        if usize::try_from(dropped).ok() != empty.checked_sub(extras) {
            return Err(invalid("a reply in which a message's outcome is missing"));
        }
        for _ in 0..extras {
            let fields = self.reader.tuple()?;
            let index = self.index(results)?;
            if index > 0 && index < answered && self.is_spent() {
                // Messages from here on are requested again, and what was read of them is discarded.
                answered = index;
                self.outcomes.items.truncate(self.first + answered);
            }
            if index < answered {
                self.extra(index, fields)?;
            } else {
                for _ in 1..fields {
                    self.reader.skip()?;
                }
            }
        }
        let whole_at = self.whole_at;
        self.reader.finish()?;
        Ok(Answered {
            count: answered,
            // If the budget ends before, that is found once more.
            wants_whole: whole_at == Some(answered),
        })
    }

    fn is_spent(&self) -> bool {
        self.spent >= self.max_output
    }

    /// Checks `["request", id, number of messages]`, a list that a script can reach, and that must be unchanged.
    fn account(&mut self, id: u32, count: usize) -> Result<(), FrameError> {
        let whole = self.reader.list()? == 3
            && self.reader.str()? == "request"
            && self.reader.int()? == i64::from(id)
            && self.reader.int()? == count as i64;
        whole
            .then_some(())
            .ok_or_else(|| invalid("a reply to another request"))
    }

    /// Reads a list of `count` results; all except the first only while the budget lasts. Returns how many were read,
    /// and how many of all are `None`.
    fn results(&mut self, count: usize) -> Result<(usize, usize), FrameError> {
        self.outcomes.items.reserve(count);
        let (mut answered, mut empty) = (0, 0);
        for index in 0..count {
            if self.whole_at.is_some() || (answered > 0 && self.is_spent()) {
                empty += usize::from(self.reader.peek()? == Kind::None);
                self.reader.skip_result()?;
                continue;
            }
            let outcome = match self.reader.outputs()? {
                Some(outputs) => self.several(index, outputs)?,
                None => self.single(index, &mut empty)?,
            };
            let Some(outcome) = outcome else {
                self.whole_at = Some(index);
                continue;
            };
            self.outcomes.items.push(outcome);
            if let Some(Outcome::Failed(failure)) = self.outcomes.items.last_mut() {
                place(failure, self.stages);
            }
            answered += 1;
        }
        Ok((answered, empty))
    }

    /// Reads a result that is one value. Returns `None` if the document has to be sent whole.
    fn single(&mut self, index: usize, empty: &mut usize) -> Result<Option<Outcome>, FrameError> {
        if self.reader.wants_whole() {
            let sent_in_part = !self.documents.is_empty();
            return sent_in_part
                .then_some(None)
                .ok_or_else(|| invalid("a question for a document that was sent whole"));
        }
        let value = match self.reader.patch()? {
            Some(members) => self.patched(index, members)?,
            None => Some(self.value()?),
        };
        Ok(value.map(|value| match value {
            Ok(Some(payload)) => Outcome::Record(plain(payload)),
            Ok(None) => {
                *empty += 1;
                Outcome::Dropped
            }
            Err(failure) => Outcome::Failed(failure),
        }))
    }

    fn payload_from(&self, start: usize) -> Result<Range<u32>, FrameError> {
        // Reached only if a guest lies and `max_output` is at its largest.
        let end =
            u32::try_from(self.outcomes.data.len()).map_err(|_| invalid("4 GiB of results"))?;
        Ok(start as u32..end)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<Range<u32>, FrameError> {
        let start = self.outcomes.data.len();
        self.outcomes.data.extend_from_slice(bytes);
        self.spent += bytes.len();
        self.payload_from(start)
    }

    /// Returns the index of the message to which an extra belongs. The message's entry in the results is `None`.
    fn index(&mut self, results: usize) -> Result<usize, FrameError> {
        let index = usize::try_from(self.reader.int()?).ok();
        let index = index.filter(|&index| index < results);
        let index = index.ok_or_else(|| invalid("an extra for no message"))?;
        match self.outcomes.items.get(self.first + index) {
            None | Some(Outcome::Dropped) => Ok(index),
            Some(_) => Err(invalid("a second answer for one message")),
        }
    }

    /// Reads an outcome that the list of results cannot express: `(index, kind, …)`, of which the index has been read.
    fn extra(&mut self, index: usize, fields: usize) -> Result<(), FrameError> {
        let kind = self.reader.str()?;
        let mut outcome = match (&*kind, fields) {
            ("null", 2) => match self.null()? {
                Ok(payload) => Outcome::Record(plain(payload)),
                Err(failure) => Outcome::Failed(failure),
            },
            ("tombstone", 2) => Outcome::Record(Record {
                tombstone: true,
                ..plain(self.append(b"")?)
            }),
            ("json", 3) => {
                let json = self.reader.bytes()?;
                match self.json(json)? {
                    Ok(payload) => Outcome::Record(plain(payload)),
                    Err(failure) => Outcome::Failed(failure),
                }
            }
            ("outputs", 3) => self.outputs()?,
            ("too large", 3) => Outcome::Failed(Box::new(self.too_large()?)),
            ("error", 7) => Outcome::Failed(Box::new(self.failure()?)),
            _ => return Err(invalid("an extra of no known kind")),
        };
        if let Outcome::Failed(failure) = &mut outcome {
            place(failure, self.stages);
        }
        self.spent += outcome.cost();
        self.outcomes.items[self.first + index] = outcome;
        Ok(())
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

    /// Takes a `None`, if there is one. Returns whether there was.
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

/// Returns a record with the input message's attributes.
fn plain(payload: Range<u32>) -> Record {
    Record {
        payload,
        tombstone: false,
        overrides: None,
    }
}

fn invalid(reason: &'static str) -> FrameError {
    FrameError { offset: 0, reason }
}

#[cfg(test)]
mod tests;
