//! Requests: messages as the marshal tuple `(id, payloads, deferred, metas)`; or as a stream, which a guest reads one
//! message at a time.

use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;

use crate::format::{Reads, Refused, Resolved};
use crate::message::earlier::Place;
use crate::message::{Attributes, Batch, Failure, Message};
use nerodia_codec::{Encoder, Payload};

/// Result of encoding: the request has as many messages as can be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// Number of messages in the request, from the first on.
    pub count: usize,
    /// Reason why the next message cannot be sent at all.
    pub refused: Option<Failure>,
}

/// Form of the requests to one guest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RequestForm {
    /// Whether each message comes with what `meta` is made of.
    pub with_metas: bool,
    /// Whether it is a stream and not one marshal object.
    pub stream: bool,
    /// Members of documents that the script can touch, if that is known.
    pub projection: Option<Projection>,
}

/// Members of a document that a script can touch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Projection {
    keys: Vec<String>,
    /// Whether the document can be a result, with members set.
    refers: bool,
}

impl Projection {
    /// Most keys, and most bytes of each: a guest's answer is not trusted.
    const MOST_KEYS: usize = 64;
    const LONGEST_KEY: usize = 255;

    /// Returns whether it is one that the engine uses.
    pub(crate) fn is_sound(&self) -> bool {
        self.keys.len() <= Self::MOST_KEYS
            && self.keys.iter().all(|key| key.len() <= Self::LONGEST_KEY)
    }
}

/// Writes the request for `messages` into `encoder`.
pub(crate) fn encode_request(
    encoder: &mut Encoder,
    id: u32,
    batch: &Batch,
    messages: Range<usize>,
    form: &RequestForm,
    reads: &Reads,
) -> Encoded {
    let messages = &batch.messages[messages];
    let encode = |encoder: &mut Encoder, messages| {
        Request { form, reads, batch }.encode(encoder, id, messages)
    };
    match encode(encoder, messages) {
        Ok(()) => Encoded {
            count: messages.len(),
            refused: None,
        },
        // Rare: the request is written again, only with the messages before the one that cannot be sent.
        Err((count, failure)) => {
            if count > 0 {
                let rest = encode(encoder, &messages[..count]);
                debug_assert!(rest.is_ok(), "what was encoded once can be encoded again");
            }
            Encoded {
                count,
                refused: Some(failure),
            }
        }
    }
}

/// What a request is made of, besides its messages.
struct Request<'a> {
    form: &'a RequestForm,
    reads: &'a Reads,
    batch: &'a Batch,
}

impl Request<'_> {
    fn schemas(&self) -> &Resolved {
        self.batch.named_schemas()
    }

    /// Writes a request; or returns the number of messages before the one that cannot be sent, and the reason.
    fn encode(
        &self,
        encoder: &mut Encoder,
        id: u32,
        messages: &[Message],
    ) -> Result<(), (usize, Failure)> {
        encoder.clear();
        if self.form.stream {
            self.encode_stream(encoder, id, messages)
        } else {
            self.encode_tuple(encoder, id, messages)
        }
    }

    /// Writes id, number of messages (both of 32 bits, little-endian), a byte that says whether there are metas, and for
    /// each message its meta, if there are such, and its value.
    fn encode_stream(
        &self,
        encoder: &mut Encoder,
        id: u32,
        messages: &[Message],
    ) -> Result<(), (usize, Failure)> {
        encoder.raw(&id.to_le_bytes());
        encoder.raw(&(messages.len() as u32).to_le_bytes());
        encoder.raw(&[u8::from(self.form.with_metas)]);
        for (index, message) in messages.iter().enumerate() {
            if self.form.with_metas {
                self.encode_meta(encoder, index, message)?;
            } else {
                self.check_key(encoder, index, message)?;
            }
            if let Some(Projection { keys, refers }) = &self.form.projection
                && message.rejected.is_none()
                && !message.is_tombstone()
                && encoder.part(&message.payload, keys, *refers)
            {
                continue;
            }
            let start = encoder.len();
            if let Payload::Deferred = self.encode_payload(encoder, index, message)? {
                encoder.defer_from(start);
            }
        }
        Ok(())
    }

    fn encode_tuple(
        &self,
        encoder: &mut Encoder,
        id: u32,
        messages: &[Message],
    ) -> Result<(), (usize, Failure)> {
        encoder.tuple(4);
        encoder.int(i64::from(id));
        // A tuple and not a list, so that no script can change which messages come after its own.
        encoder.tuple(messages.len());
        let mut deferred = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            if let Payload::Deferred = self.encode_payload(encoder, index, message)? {
                deferred.push(index);
            }
        }
        encoder.list(deferred.len());
        for index in deferred {
            encoder.int(index as i64);
        }
        if self.form.with_metas {
            encoder.list(messages.len());
            for (index, message) in messages.iter().enumerate() {
                self.encode_meta(encoder, index, message)?;
            }
        } else {
            for (index, message) in messages.iter().enumerate() {
                self.check_key(encoder, index, message)?;
            }
            encoder.none();
        }
        Ok(())
    }

    /// Refuses a message whose key is not of its format, although no script looks at it: whether a message passes must not
    /// depend on that.
    fn check_key(
        &self,
        encoder: &mut Encoder,
        index: usize,
        message: &Message,
    ) -> Result<(), (usize, Failure)> {
        if !self.reads.keys_are_values() || message.rejected.is_some() {
            return Ok(());
        }
        let mark = encoder.mark();
        let written = self
            .reads
            .write_key(encoder, &message.bytes(), self.schemas());
        encoder.take_back(mark);
        written.map_err(|refused| (index, failure(refused)))
    }

    /// Writes a message's value; or returns the message's index and the reason why it cannot be sent.
    fn encode_payload(
        &self,
        encoder: &mut Encoder,
        index: usize,
        message: &Message,
    ) -> Result<Payload, (usize, Failure)> {
        if let Some(failure) = &message.rejected {
            return Err((index, (**failure).clone()));
        }
        self.reads
            .write_value(encoder, &message.bytes(), self.schemas())
            .map_err(|refused| (index, failure(refused)))
    }

    /// Writes `(key, topic, partition, offset, timestamp, [(name, value)], tombstone)`; or returns the message's index and
    /// the reason why its key cannot be sent.
    fn encode_meta(
        &self,
        encoder: &mut Encoder,
        index: usize,
        message: &Message,
    ) -> Result<(), (usize, Failure)> {
        let none = Attributes::default();
        let Attributes {
            key: _,
            headers,
            timestamp,
            tombstone,
            earlier: _,
        } = message.attributes.as_deref().unwrap_or(&none);
        encoder.tuple(7);
        if message.rejected.is_some() {
            // Its value is not sent, and the request ends before it.
            encoder.none();
        } else {
            self.reads
                .write_key(encoder, &message.bytes(), self.schemas())
                .map_err(|refused| (index, failure(refused)))?;
        }
        let Place {
            topic,
            partition,
            offset,
            files: _,
        } = message.place(&self.batch.lane);
        match topic {
            Some(topic) => encoder.str(topic),
            None => encoder.none(),
        }
        encoder.int(i64::from(partition));
        encoder.int(offset);
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
        encoder.bool(*tombstone);
        Ok(())
    }
}

fn failure(Refused { kind, text }: Refused) -> Failure {
    Failure::new(kind, text)
}

fn encode_bytes(encoder: &mut Encoder, bytes: Option<&Bytes>) {
    match bytes {
        Some(bytes) => encoder.bytes(bytes),
        None => encoder.none(),
    }
}

#[cfg(test)]
mod tests;
