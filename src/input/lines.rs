//! Splitting of input into lines. No I/O, so that it can be tested byte by byte.

use bytes::Bytes;
use memchr::memmem::Finder;
use rustix::buffer::SpareCapacity;

use super::framing::{self, KEPT, READ, too_long};
use crate::config::LinesConfig;
use crate::message::Message;

/// Buffer for reads, and how far it has been cut into lines.
pub(crate) struct LineReader {
    config: LinesConfig,
    delimiter: Finder<'static>,
    /// Beginning of a line whose end has not been read yet, followed by free space.
    buffer: Vec<u8>,
    /// Bytes at the buffer's start in which no delimiter begins.
    searched: usize,
    /// Set while the line is too long: everything up to its end is discarded.
    overlong: Option<Overlong>,
    /// Number of the next line.
    offset: i64,
}

/// Facts about a line that is too long to be kept.
struct Overlong {
    /// Beginning of the line.
    kept: Bytes,
    /// Number of its bytes that have been discarded.
    thrown: usize,
}

impl LineReader {
    pub(crate) fn new(config: LinesConfig) -> Self {
        let delimiter = config.delimiter.as_deref().unwrap_or(b"\n");
        Self {
            delimiter: Finder::new(delimiter).into_owned(),
            config,
            buffer: Vec::new(),
            searched: 0,
            overlong: None,
            offset: 0,
        }
    }

    /// Returns the space into which the next read may write.
    pub(crate) fn room(&mut self) -> SpareCapacity<'_, u8> {
        framing::room(&mut self.buffer)
    }

    /// Adds `bytes` as a read would.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn bring(&mut self, bytes: &[u8]) {
        let _ = self.room();
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the lines that are complete after the last read.
    pub(crate) fn cut(&mut self) -> Vec<Message> {
        let delimiter = self.delimiter.needle().len();
        let mut messages = Vec::new();
        let unsearched = &self.buffer[self.searched..];
        let ends: Vec<usize> = self
            .delimiter
            .find_iter(unsearched)
            .map(|end| self.searched + end)
            .collect();
        if let Some(last) = ends.last() {
            let whole = framing::take(&mut self.buffer, last + delimiter);
            messages.reserve_exact(ends.len());
            let mut start = 0;
            for end in ends {
                self.push(whole.slice(start..end), &mut messages);
                start = end + delimiter;
            }
        }
        // The end of what was read may cut a delimiter.
        self.searched = self.buffer.len().saturating_sub(delimiter - 1);
        self.limit();
        messages
    }

    /// Returns the last line at the end of the input, which needs no delimiter.
    pub(crate) fn finish(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        if self.unfinished() > 0 {
            let last = Bytes::from(std::mem::take(&mut self.buffer));
            self.push(last, &mut messages);
        }
        messages
    }

    /// Returns the offset of the next line.
    pub(crate) fn offset(&self) -> i64 {
        self.offset
    }

    /// Returns whether a line is what editors call one.
    pub(crate) fn ends_at_newlines(&self) -> bool {
        self.delimiter.needle() == b"\n"
    }

    /// Returns how many bytes were read of a line whose end has not been read.
    pub(crate) fn unfinished(&self) -> usize {
        let thrown = self.overlong.as_ref().map_or(0, |line| line.thrown);
        thrown + self.buffer.len()
    }

    /// Discards the beginning of an overlong line, so that no line takes more memory than its limit.
    fn limit(&mut self) {
        // Bytes that may turn out to belong to the line's end do not count.
        let end = match &self.config.delimiter {
            None => 1, // a carriage return
            Some(delimiter) => delimiter.len() - 1,
        };
        if self.overlong.is_none() && self.buffer.len() <= self.config.max_line + end {
            return;
        }
        let kept = self.buffer.len().min(KEPT);
        let overlong = self.overlong.get_or_insert_with(|| Overlong {
            kept: Bytes::copy_from_slice(&self.buffer[..kept]),
            thrown: 0,
        });
        overlong.thrown += self.searched;
        self.buffer.drain(..self.searched);
        self.buffer.shrink_to(READ);
        self.searched = 0;
    }

    fn push(&mut self, line: Bytes, messages: &mut Vec<Message>) {
        let line = match line.last() {
            Some(b'\r') if self.config.delimiter.is_none() => line.slice(..line.len() - 1),
            _ => line,
        };
        if let Some(Overlong { kept, thrown }) = self.overlong.take() {
            messages.push(self.rejected(kept, thrown + line.len()));
        } else if line.len() > self.config.max_line {
            let kept = Bytes::copy_from_slice(&line[..line.len().min(KEPT)]);
            messages.push(self.rejected(kept, line.len()));
        } else if !(line.is_empty() && self.config.omit_empty) {
            messages.push(Message::new(line, self.offset));
        }
        self.offset += 1;
    }

    fn rejected(&self, kept: Bytes, length: usize) -> Message {
        let failure = too_long("line", length, self.config.max_line);
        Message {
            rejected: Some(Box::new(failure)),
            ..Message::new(kept, self.offset)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config(delimiter: Option<&str>, max_line: usize, omit_empty: bool) -> LinesConfig {
        LinesConfig {
            max_line,
            delimiter: delimiter.map(|text| text.as_bytes().to_vec()),
            omit_empty,
        }
    }

    proptest! {
        #[test]
        fn any_cut_of_any_text_gives_the_same_lines(
            chunks in prop::collection::vec("[ab\r\n]{0,7}", 0..12),
            delimiter in prop::sample::select(vec![None, Some("\n"), Some("ab"), Some("aa"), Some("aba")]),
            max_line in 1usize..9,
            omit_empty: bool,
        ) {
            let chunks: Vec<&[u8]> = chunks.iter().map(|chunk| chunk.as_bytes()).collect();
            crate::fuzzing::check_lines(&config(delimiter, max_line, omit_empty), &chunks);
        }
    }

    #[test]
    fn an_overlong_line_takes_no_more_than_its_limit() {
        let mut lines = LineReader::new(config(None, 1000, false));
        for _ in 0..1000 {
            lines.buffer.extend_from_slice(&[b'x'; 10_000]);
            assert!(lines.cut().is_empty());
            assert!(lines.buffer.capacity() <= 2 * READ, "it is thrown away");
        }
        lines.buffer.extend_from_slice(b"\nnext\n");
        let messages = lines.cut();
        let rejected = messages[0].rejected.as_ref().expect("it is too long");
        assert!(
            rejected.message.contains("10000000 bytes"),
            "{}",
            rejected.message
        );
        assert_eq!(messages[0].payload.len(), KEPT);
        assert_eq!(messages[1].payload, "next");
    }

    #[test]
    fn a_short_line_does_not_keep_its_buffer_alive() {
        let mut lines = LineReader::new(config(None, 1000, false));
        let _ = lines.room();
        lines.buffer.extend_from_slice(b"short\n");
        let before = lines.buffer.as_ptr();
        let messages = lines.cut();
        assert_eq!(messages[0].payload, "short");
        assert_eq!(
            lines.buffer.as_ptr(),
            before,
            "the buffer is read into again"
        );
    }
}
