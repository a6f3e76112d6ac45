//! Framing: cutting a stream of bytes into messages. No I/O, so that it can be tested byte by byte.

mod json_documents;
mod length_delimited;

use bytes::Bytes;
use rustix::buffer::SpareCapacity;

use self::json_documents::JsonDocuments;
use self::length_delimited::LengthDelimited;
use super::lines::LineReader;
use crate::config::Framing;
use crate::message::files::Unit;
use crate::message::{Failure, Message};

/// Bytes of one read: twice what a Linux pipe has, so that a batch from a file has many lines even if they are long.
/// More would make the buffers of each guest larger.
pub(super) const READ: usize = 128 << 10;
/// Length of the part of a message that its dead letter shows, if it is too long.
pub(super) const KEPT: usize = 4096;

/// Returns the failure of a message of `length` bytes that is longer than `max`. `what` names it by the framing: line.
pub(super) fn too_long(what: &str, length: usize, max: usize) -> Failure {
    let text = format!(
        "the {what} has {length} bytes, more than max_line ({max}); its payload here is cut"
    );
    Failure::new("LineTooLong", text)
}

/// Cuts a stream into messages.
pub(crate) enum Framer {
    /// Lines, or what another delimiter ends.
    Lines(Box<LineReader>),
    /// JSON documents, with any white space between them, or none.
    JsonDocuments(JsonDocuments),
    /// Messages after their lengths.
    LengthDelimited(LengthDelimited),
}

impl Framer {
    /// Creates a framer.
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Lines(config) => Self::Lines(Box::new(LineReader::new(config))),
            Framing::JsonDocuments { max } => Self::JsonDocuments(JsonDocuments::new(max)),
            Framing::LengthDelimited { max } => Self::LengthDelimited(LengthDelimited::new(max)),
        }
    }

    /// Returns the space into which the next read may write.
    pub(crate) fn room(&mut self) -> SpareCapacity<'_, u8> {
        match self {
            Self::Lines(lines) => lines.room(),
            Self::JsonDocuments(documents) => documents.stream.room(),
            Self::LengthDelimited(frames) => frames.stream.room(),
        }
    }

    /// Returns the messages that are complete after the last read.
    pub(crate) fn cut(&mut self) -> Vec<Message> {
        match self {
            Self::Lines(lines) => lines.cut(),
            Self::JsonDocuments(documents) => documents.cut(),
            Self::LengthDelimited(frames) => frames.cut(),
        }
    }

    /// Returns the last message at the end of the input.
    pub(crate) fn finish(&mut self) -> Vec<Message> {
        match self {
            Self::Lines(lines) => lines.finish(),
            Self::JsonDocuments(documents) => documents.finish(),
            Self::LengthDelimited(frames) => frames.finish(),
        }
    }

    /// Returns the offset of the next message.
    pub(crate) fn offset(&self) -> i64 {
        match self {
            Self::Lines(lines) => lines.offset(),
            Self::JsonDocuments(documents) => documents.stream.offset,
            Self::LengthDelimited(frames) => frames.stream.offset,
        }
    }

    /// Returns what the messages are in a file.
    pub(crate) fn unit(&self) -> Unit {
        match self {
            Self::Lines(lines) if lines.ends_at_newlines() => Unit::Line,
            Self::Lines(_) | Self::JsonDocuments(_) | Self::LengthDelimited(_) => Unit::Record,
        }
    }

    /// Returns how many bytes were read of a message whose end has not been read.
    pub(crate) fn unfinished(&self) -> usize {
        match self {
            Self::Lines(lines) => lines.unfinished(),
            Self::JsonDocuments(documents) => documents.unfinished(),
            Self::LengthDelimited(frames) => frames.unfinished(),
        }
    }
}

/// Bytes that were read and are not yet part of a message, and the number of the next message.
#[derive(Default)]
struct Stream {
    buffer: Vec<u8>,
    offset: i64,
}

impl Stream {
    fn room(&mut self) -> SpareCapacity<'_, u8> {
        room(&mut self.buffer)
    }

    /// Adds `bytes` as a read would.
    #[cfg(test)]
    fn bring(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next message.
    fn message(&mut self, payload: Bytes) -> Message {
        let message = Message::new(payload, self.offset);
        self.offset += 1;
        message
    }

    /// Returns the next message, which fails: `payload` is what its dead letter shows.
    fn rejected(&mut self, payload: Bytes, failure: Failure) -> Message {
        let message = self.message(payload);
        Message {
            rejected: Some(Box::new(failure)),
            ..message
        }
    }
}

/// Returns the space of `buffer` into which the next read may write.
pub(super) fn room(buffer: &mut Vec<u8>) -> SpareCapacity<'_, u8> {
    // Long messages double the buffer, so that reading one takes linear time.
    buffer.reserve(READ.max(buffer.len()));
    rustix::buffer::spare_capacity(buffer)
}

/// Takes the first `length` bytes out of `buffer`.
pub(super) fn take(buffer: &mut Vec<u8>, length: usize) -> Bytes {
    if length < buffer.capacity() / 2 {
        // Copied, so that a short message does not keep a whole buffer in memory while it is in flight.
        let taken = Bytes::copy_from_slice(&buffer[..length]);
        buffer.drain(..length);
        if buffer.len() < READ {
            buffer.shrink_to(4 * READ); // the space for a long message is not kept
        }
        return taken;
    }
    let rest = buffer[length..].to_vec();
    buffer.truncate(length);
    Bytes::from(std::mem::replace(buffer, rest))
}
