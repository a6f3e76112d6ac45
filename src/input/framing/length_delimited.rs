//! Messages after their lengths: four bytes, big-endian, as Vector's `length_delimited` and many programs write them.

use bytes::Bytes;

use super::{KEPT, Stream, take, too_long};
use crate::message::{Failure, Message};

/// Bytes of a length.
const HEAD: usize = 4;

/// Cuts a stream into messages after their lengths.
pub(crate) struct LengthDelimited {
    pub(super) stream: Stream,
    max: usize,
    /// Message that is too long, and passed over.
    overlong: Option<Overlong>,
}

struct Overlong {
    /// Beginning of the message.
    kept: Vec<u8>,
    length: usize,
    /// Number of its bytes that are still to come.
    left: usize,
}

impl LengthDelimited {
    pub(super) fn new(max: usize) -> Self {
        Self {
            stream: Stream::default(),
            max,
            overlong: None,
        }
    }

    pub(super) fn cut(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        loop {
            if self.overlong.is_some() && !self.pass_over(&mut messages) {
                return messages;
            }
            let mut end = 0;
            let mut frames = Vec::new();
            while let Some(length) = length_at(&self.stream.buffer, end) {
                let start = end + HEAD;
                if length > self.max || self.stream.buffer.len() - start < length {
                    break;
                }
                end = start + length;
                frames.push(start..end);
            }
            if end > 0 {
                let whole = take(&mut self.stream.buffer, end);
                for frame in frames {
                    messages.push(self.stream.message(whole.slice(frame)));
                }
            }
            match length_at(&self.stream.buffer, 0) {
                Some(length) if length > self.max => {
                    self.stream.buffer.drain(..HEAD);
                    self.overlong = Some(Overlong {
                        kept: Vec::new(),
                        length,
                        left: length,
                    });
                }
                _ => return messages,
            }
        }
    }

    /// Discards what has come of a message that is too long. Returns whether that was its end.
    fn pass_over(&mut self, messages: &mut Vec<Message>) -> bool {
        let Some(overlong) = &mut self.overlong else {
            return true;
        };
        let buffer = &mut self.stream.buffer;
        let come = buffer.len().min(overlong.left);
        let kept = come.min(KEPT - overlong.kept.len());
        overlong.kept.extend_from_slice(&buffer[..kept]);
        overlong.left -= come;
        buffer.drain(..come);
        if overlong.left > 0 {
            return false;
        }
        let failure = too_long("message", overlong.length, self.max);
        let kept = Bytes::from(std::mem::take(&mut overlong.kept));
        self.overlong = None;
        messages.push(self.stream.rejected(kept, failure));
        true
    }

    /// Returns what the end of the input has cut, which is no message.
    pub(super) fn finish(&mut self) -> Vec<Message> {
        let left = std::mem::take(&mut self.stream.buffer);
        let (kept, come, length) = match self.overlong.take() {
            Some(Overlong { kept, length, left }) => (kept, length - left, length),
            None if left.is_empty() => return Vec::new(),
            None => match length_at(&left, 0) {
                Some(length) => (left[HEAD..].to_vec(), left.len() - HEAD, length),
                None => {
                    let text = format!(
                        "the input ends within a length, of which it has {} of 4 bytes",
                        left.len()
                    );
                    let message = self
                        .stream
                        .rejected(left.into(), Failure::new("Truncated", text));
                    return vec![message];
                }
            },
        };
        let text = format!("the input ends after {come} of {length} bytes of a message");
        let kept = Bytes::copy_from_slice(&kept[..kept.len().min(KEPT.max(self.max))]);
        vec![self.stream.rejected(kept, Failure::new("Truncated", text))]
    }

    pub(super) fn unfinished(&self) -> usize {
        let thrown = self
            .overlong
            .as_ref()
            .map_or(0, |message| message.length - message.left);
        thrown + self.stream.buffer.len()
    }
}

fn length_at(buffer: &[u8], at: usize) -> Option<usize> {
    let head = buffer.get(at..)?.first_chunk::<HEAD>()?;
    Some(u32::from_be_bytes(*head) as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(payloads: &[Vec<u8>]) -> Vec<u8> {
        let frame = |payload: &Vec<u8>| {
            let length = u32::try_from(payload.len()).expect("it is short");
            [&length.to_be_bytes()[..], payload].concat()
        };
        payloads.iter().flat_map(frame).collect()
    }

    /// Returns the payloads that are read, with the type of failure of those that are rejected.
    fn read(chunks: &[&[u8]], max: usize) -> Vec<(Vec<u8>, String)> {
        let mut frames = LengthDelimited::new(max);
        let mut messages = Vec::new();
        for chunk in chunks {
            frames.stream.bring(chunk);
            messages.extend(frames.cut());
            assert!(frames.stream.buffer.len() < HEAD + max + HEAD);
        }
        messages.extend(frames.finish());
        let shown = |message: Message| {
            let kind = message
                .rejected
                .map_or(String::new(), |failure| failure.kind);
            (message.payload.to_vec(), kind)
        };
        messages.into_iter().map(shown).collect()
    }

    proptest! {
        #[test]
        fn what_is_framed_is_read_however_it_is_cut(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 0..9),
            size in 1usize..9,
        ) {
            let stream = framed(&payloads);
            let chunks: Vec<&[u8]> = stream.chunks(size).collect();
            let max = 8;
            let expected: Vec<_> = payloads
                .iter()
                .map(|payload| {
                    let kind = if payload.len() > max { "LineTooLong" } else { "" };
                    (payload.clone(), kind.to_owned())
                })
                .collect();
            prop_assert_eq!(read(&chunks, max), expected);
        }
    }

    #[test]
    fn what_is_cut_at_the_end_is_told() {
        let one = |stream: &[u8]| read(&[stream], 100);
        assert_eq!(one(b"\0\0"), [(b"\0\0".to_vec(), "Truncated".into())]);
        assert_eq!(one(b"\0\0\0\x05ab"), [(b"ab".to_vec(), "Truncated".into())]);
        assert_eq!(
            one(b"\xff\xff\xff\xffab"),
            [(b"ab".to_vec(), "Truncated".into())]
        );
        assert_eq!(one(b""), []);
    }
}
