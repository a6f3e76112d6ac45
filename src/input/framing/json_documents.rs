//! JSON documents one after the other, as `jq` reads them: `{…} {…}`, also over several lines.
//!
//! Only brackets and quotes are looked at: whether a document is JSON is decided where it becomes a value. What is no JSON
//! ends where that shows (at a bracket that does not fit, at a line break within a string), and is a message of its own, so
//! that it becomes a dead letter and the documents after it are read.

use bytes::Bytes;

use super::{KEPT, Stream, take, too_long};
use crate::message::Message;

/// Cuts a stream into JSON documents.
pub(crate) struct JsonDocuments {
    pub(super) stream: Stream,
    max: usize,
    /// Bytes at the buffer's start that have been looked at.
    searched: usize,
    state: State,
    /// Brackets that are open in the current document.
    open: Vec<u8>,
    /// Whether nothing has come yet but a byte order mark.
    fresh: bool,
    /// Beginning of the current document, and the number of its bytes that have been discarded, if it is too long.
    overlong: Option<(Bytes, usize)>,
}

/// What the next byte is a part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// White space between documents.
    Between,
    /// A number, a name or anything else that white space ends.
    Word,
    /// The inside of an object or a list.
    Inside,
    /// A string.
    String,
    /// A string, after a backslash.
    Escape,
}

/// What a byte means for the document.
enum Step {
    Goes(State),
    /// The document ends after this byte.
    EndsAfter,
    /// The document ends before this byte, which is looked at again.
    EndsBefore,
}

impl JsonDocuments {
    pub(super) fn new(max: usize) -> Self {
        Self {
            stream: Stream::default(),
            max,
            searched: 0,
            state: State::Between,
            open: Vec::new(),
            fresh: true,
            overlong: None,
        }
    }

    pub(super) fn cut(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        let mut ends = Vec::new();
        let mut start = 0;
        let mut at = self.searched;
        while let Some(&byte) = self.stream.buffer.get(at) {
            match self.step(byte) {
                Step::Goes(state) => {
                    self.state = state;
                    at += 1;
                    if state == State::Between {
                        start = at;
                    }
                }
                Step::EndsAfter => {
                    at += 1;
                    ends.push((start, at));
                    self.end();
                    start = at;
                }
                Step::EndsBefore => {
                    ends.push((start, at));
                    self.end();
                    start = at;
                }
            }
        }
        self.searched = at;
        // A document that is too long may end before the first byte that is still here.
        if start > 0 || !ends.is_empty() {
            let whole = take(&mut self.stream.buffer, start);
            self.searched -= start;
            messages.reserve_exact(ends.len());
            for (start, end) in ends {
                messages.push(self.document(whole.slice(start..end)));
            }
        }
        self.limit();
        messages
    }

    pub(super) fn finish(&mut self) -> Vec<Message> {
        let left = std::mem::take(&mut self.stream.buffer);
        self.searched = 0;
        self.end();
        if left.is_empty() && self.overlong.is_none() {
            return Vec::new();
        }
        vec![self.document(left.into())]
    }

    pub(super) fn unfinished(&self) -> usize {
        let thrown = self.overlong.as_ref().map_or(0, |(_, thrown)| *thrown);
        thrown + self.stream.buffer.len()
    }

    fn end(&mut self) {
        self.state = State::Between;
        self.open.clear();
    }

    fn step(&mut self, byte: u8) -> Step {
        if self.fresh && matches!(byte, 0xef | 0xbb | 0xbf) {
            return Step::Goes(State::Between);
        }
        self.fresh = false;
        match (self.state, byte) {
            (State::String, b'\\') => Step::Goes(State::Escape),
            (State::String, b'"') if self.open.is_empty() => Step::EndsAfter,
            (State::String, b'"') => Step::Goes(State::Inside),
            // No JSON, so it ends here.
            (State::String | State::Escape, b'\n') => Step::EndsAfter,
            (State::String | State::Escape, _) => Step::Goes(State::String),
            (State::Word, b'{' | b'[' | b'"') => Step::EndsBefore,
            (State::Between | State::Inside, b'{' | b'[') => {
                self.open.push(byte);
                Step::Goes(State::Inside)
            }
            (State::Inside, b'}' | b']') => {
                let fits = self.open.pop() == Some(if byte == b'}' { b'{' } else { b'[' });
                if fits && !self.open.is_empty() {
                    Step::Goes(State::Inside)
                } else {
                    Step::EndsAfter
                }
            }
            (State::Between | State::Inside, b'"') => Step::Goes(State::String),
            (State::Inside, _) => Step::Goes(State::Inside),
            (State::Between, byte) if byte.is_ascii_whitespace() => Step::Goes(State::Between),
            (State::Word, byte) if byte.is_ascii_whitespace() => Step::EndsBefore,
            (State::Between | State::Word, _) => Step::Goes(State::Word),
        }
    }

    /// Discards the beginning of a document that is too long.
    fn limit(&mut self) {
        // The brackets are bounded too: a document of brackets alone is too long soon.
        if self.overlong.is_none() && self.stream.buffer.len() <= self.max {
            return;
        }
        let buffer = &mut self.stream.buffer;
        let kept = buffer.len().min(KEPT);
        let (_, thrown) = self
            .overlong
            .get_or_insert_with(|| (Bytes::copy_from_slice(&buffer[..kept]), 0));
        *thrown += self.searched;
        buffer.drain(..self.searched);
        self.searched = 0;
    }

    fn document(&mut self, document: Bytes) -> Message {
        let (kept, length) = match self.overlong.take() {
            Some((kept, thrown)) => (kept, thrown + document.len()),
            None if document.len() > self.max => {
                let kept = Bytes::copy_from_slice(&document[..document.len().min(KEPT)]);
                (kept, document.len())
            }
            None => return self.stream.message(document),
        };
        self.stream
            .rejected(kept, too_long("document", length, self.max))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the documents of a stream that comes in `chunks`: each as text, or `!` if it is too long.
    fn documents(chunks: &[&[u8]], max: usize) -> Vec<String> {
        let mut documents = JsonDocuments::new(max);
        let mut messages = Vec::new();
        for chunk in chunks {
            documents.stream.bring(chunk);
            messages.extend(documents.cut());
        }
        messages.extend(documents.finish());
        for (number, message) in (0..).zip(&messages) {
            assert_eq!(message.offset, number);
        }
        let shown = |message: &Message| match &message.rejected {
            Some(_) => "!".into(),
            None => String::from_utf8_lossy(&message.payload).into_owned(),
        };
        messages.iter().map(shown).collect()
    }

    #[test]
    fn documents_are_cut_where_jq_cuts_them() {
        for (stream, expected) in [
            ("", &[][..]),
            (" \n\t", &[]),
            (
                "{\n  \"a\": [1,\n 2]\n}\n{}",
                &["{\n  \"a\": [1,\n 2]\n}", "{}"],
            ),
            ("1 2\n3", &["1", "2", "3"]),
            ("\u{feff}{} 1", &["{}", "1"]),
            (
                "[1][2]{\"a\":\"]}\"}\"x\"true",
                &["[1]", "[2]", "{\"a\":\"]}\"}", "\"x\"", "true"],
            ),
            ("1[2]null\"a\\\"b\"", &["1", "[2]", "null", "\"a\\\"b\""]),
            ("{\"a\": \"\\\\\"} {}", &["{\"a\": \"\\\\\"}", "{}"]),
        ] {
            assert_eq!(documents(&[stream.as_bytes()], 100), expected, "{stream}");
        }
    }

    #[test]
    fn what_is_no_json_ends_where_that_shows() {
        for (stream, expected) in [
            (
                "{\"a\": \"b\n}\n{\"c\": 1}\n",
                &["{\"a\": \"b\n", "}", "{\"c\": 1}"][..],
            ),
            ("[1} [2]", &["[1}", "[2]"]),
            ("] [2]", &["]", "[2]"]),
            ("hello world {}", &["hello", "world", "{}"]),
            ("[1, 2", &["[1, 2"]),
        ] {
            assert_eq!(documents(&[stream.as_bytes()], 100), expected, "{stream}");
        }
    }

    #[test]
    fn a_document_that_is_too_long_is_rejected_alone() {
        let long = format!("[{}] [2]", "1,".repeat(100));
        assert_eq!(
            documents(&[b"[1] ", long.as_bytes()], 20),
            ["[1]", "!", "[2]"]
        );
        let pieces: Vec<&[u8]> = long.as_bytes().chunks(7).collect();
        assert_eq!(documents(&pieces, 20), ["!", "[2]"]);
        let mut documents = JsonDocuments::new(1000);
        documents.stream.bring(b"[");
        for _ in 0..1000 {
            documents.stream.bring(&[b' '; 10_000]);
            assert!(documents.cut().is_empty());
            assert!(documents.stream.buffer.len() <= 1000);
        }
    }

    proptest! {
        #[test]
        fn any_cut_of_a_stream_gives_the_same_documents(
            text in "[\\[\\]{}\"\\\\ 1a\n,:]{0,60}",
            cuts in prop::collection::vec(1usize..9, 0..30),
            max in 1usize..40,
        ) {
            let whole = documents(&[text.as_bytes()], max);
            let mut rest = text.as_bytes();
            let mut chunks = Vec::new();
            for cut in cuts {
                let (chunk, behind) = rest.split_at(cut.min(rest.len()));
                chunks.push(chunk);
                rest = behind;
            }
            chunks.push(rest);
            prop_assert_eq!(documents(&chunks, max), whole);
        }

        #[test]
        fn documents_of_json_are_cut_as_serde_does(
            values in prop::collection::vec("(\\[1, \"a b\"\\]|\\{\"a\": \\[\\{\\}\\]\\}|12|null|\"x\\\\\"\\]\")[ \n]", 0..9),
        ) {
            let text = values.concat();
            let expected: Vec<_> = serde_json::Deserializer::from_str(&text)
                .into_iter::<serde_json::Value>()
                .map(|value| value.expect("it is JSON"))
                .collect();
            let seen: Vec<serde_json::Value> = documents(&[text.as_bytes()], 1000)
                .iter()
                .map(|one| serde_json::from_str(one).expect("it is JSON"))
                .collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
