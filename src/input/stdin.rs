//! Lines of standard input.
//!
//! Whatever one read brings is handed on at once: a lone line on a terminal or a slow pipe is answered
//! without delay, and a fast pipe, whose reads bring tens of kilobytes, travels in large batches. Lines are
//! slices of the buffer they were read into. (One such buffer is read before its permit is taken: how much
//! there is to read cannot be known before.)

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, poll};

use super::{Feed, Source, Stop};
use crate::config::StdinConfig;
use crate::message::gate::Closed;
use crate::message::{Failure, Message};

/// Bytes asked for at once: what a Linux pipe holds.
const READ: usize = 64 << 10;
/// Most lines in a batch. Beyond this, larger batches save nothing and only make results wait.
const BATCH: usize = 1024;
/// How much of an overlong line its dead letter shows.
const KEPT_OF_OVERLONG: usize = 4096;

/// The source.
pub struct Stdin {
    wake: OwnedFd,
    lines: Lines,
}

/// Ends the source's wait.
pub struct WakeUp(OwnedFd);

impl Stop for WakeUp {
    fn stop(&self) {
        // The pipe is empty, so this cannot fail but by the reader's being gone already.
        let _ = rustix::io::write(&self.0, b"!");
    }
}

impl Stdin {
    /// Standard input, and what ends its reading.
    ///
    /// # Errors
    /// If the system has no pipe to spare.
    pub fn new(config: &StdinConfig) -> io::Result<(Self, WakeUp)> {
        let (wake, waker) = rustix::pipe::pipe()?;
        let lines = Lines::new(config.clone());
        Ok((Self { wake, lines }, WakeUp(waker)))
    }

    /// Waits for input; `false` if woken to stop.
    fn wait(&self, stdin: &impl AsFd) -> io::Result<bool> {
        let mut waits = [
            PollFd::new(stdin, PollFlags::IN),
            PollFd::new(&self.wake, PollFlags::IN),
        ];
        loop {
            match poll(&mut waits, None) {
                Ok(_) => return Ok(waits[1].revents().is_empty()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Source for Stdin {
    const NAME: &'static str = "stdin";

    fn run(mut self, mut feed: Feed) -> anyhow::Result<()> {
        let stdin = io::stdin();
        loop {
            if !self.wait(&stdin)? {
                return Ok(());
            }
            let read = match rustix::io::read(&stdin, self.lines.room()) {
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
                Err(error) => {
                    return Err(anyhow::Error::new(error).context("cannot read standard input"));
                }
                Ok(read) => read,
            };
            let end = read == 0;
            let messages = if end {
                self.lines.finish()
            } else {
                self.lines.cut(read)
            };
            if send(&mut feed, messages).is_err() || end {
                return Ok(());
            }
        }
    }
}

fn send(feed: &mut Feed, mut messages: Vec<Message>) -> Result<(), Closed> {
    while messages.len() > BATCH {
        let rest = messages.split_off(BATCH);
        feed.send(std::mem::replace(&mut messages, rest))?;
    }
    feed.send(messages)
}

/// Cuts what is read into lines; pure but for the buffer it owns.
struct Lines {
    config: StdinConfig,
    /// The beginning of a line whose end has not been read yet, and then room.
    buffer: Vec<u8>,
    /// Bytes at the buffer's start that are known to hold no end of line.
    searched: usize,
    /// The line is too long: what is read is thrown away until its end.
    overlong: Option<(Bytes, usize)>,
    offset: i64,
}

impl Lines {
    fn new(config: StdinConfig) -> Self {
        Self {
            config,
            buffer: Vec::new(),
            searched: 0,
            overlong: None,
            offset: 0,
        }
    }

    /// Where the next read may write.
    fn room(&mut self) -> rustix::buffer::SpareCapacity<'_, u8> {
        // Long lines double the buffer, so that reading one takes linear time.
        self.buffer.reserve(READ.max(self.buffer.len()));
        rustix::buffer::spare_capacity(&mut self.buffer)
    }

    /// `read` more bytes are in the buffer: the messages that are complete now.
    fn cut(&mut self, read: usize) -> Vec<Message> {
        debug_assert!(self.buffer.len() >= read);
        let delimiter = self
            .config
            .delimiter
            .clone()
            .unwrap_or_else(|| b"\n".to_vec());
        let finder = memchr::memmem::Finder::new(&delimiter);
        let last = self.buffer[self.searched..].iter().rposition(|_| true);
        debug_assert!(last.is_some() || read == 0);
        let Some(end) = memchr::memmem::rfind(&self.buffer[self.searched..], &delimiter) else {
            self.search_on(delimiter.len());
            return self.limit();
        };
        let end = self.searched + end + delimiter.len();
        let rest = self.buffer[end..].to_vec();
        self.buffer.truncate(end);
        let whole = Bytes::from(std::mem::replace(&mut self.buffer, rest));
        let mut messages = Vec::with_capacity(whole.len() / 32 + 1);
        let mut start = 0;
        let mut from = self.searched;
        while let Some(at) = finder.find(&whole[from..]) {
            let at = from + at;
            self.push(whole.slice(start..at), &mut messages);
            start = at + delimiter.len();
            from = start;
        }
        self.searched = 0;
        self.search_on(delimiter.len());
        messages.extend(self.limit());
        messages
    }

    /// The input is at its end: a last line without an end is a line.
    fn finish(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        if !self.buffer.is_empty() || self.overlong.is_some() {
            let last = Bytes::from(std::mem::take(&mut self.buffer));
            self.push(last, &mut messages);
        }
        messages
    }

    /// An end of line may be cut by the end of the buffer.
    fn search_on(&mut self, delimiter: usize) {
        self.searched = self.buffer.len().saturating_sub(delimiter - 1);
    }

    /// Throws an overlong beginning away, so that no line takes more than its limit in memory.
    fn limit(&mut self) -> Vec<Message> {
        if self.buffer.len() > self.config.max_line || self.overlong.is_some() {
            let keep = self.buffer.len().min(KEPT_OF_OVERLONG);
            let tail = self.buffer.len() - self.searched;
            let length = self.searched;
            match &mut self.overlong {
                Some((_, before)) => *before += length,
                None => {
                    let kept = Bytes::copy_from_slice(&self.buffer[..keep]);
                    self.overlong = Some((kept, length));
                }
            }
            self.buffer = self.buffer[self.buffer.len() - tail..].to_vec();
            self.searched = 0;
        }
        Vec::new()
    }

    fn push(&mut self, line: Bytes, messages: &mut Vec<Message>) {
        let offset = self.offset;
        if let Some((kept, before)) = self.overlong.take() {
            messages.push(self.rejected(kept, before + line.len()));
        } else if line.len() > self.config.max_line {
            let kept = Bytes::copy_from_slice(&line[..line.len().min(KEPT_OF_OVERLONG)]);
            messages.push(self.rejected(kept, line.len()));
        } else {
            let newlines = self.config.delimiter.is_none();
            let line = match line.last() {
                Some(b'\r') if newlines => line.slice(..line.len() - 1),
                _ => line,
            };
            if !(line.is_empty() && self.config.omit_empty) {
                messages.push(Message::new(line, offset));
            }
        }
        self.offset += 1;
    }

    fn rejected(&self, kept: Bytes, length: usize) -> Message {
        let limit = self.config.max_line;
        let text = format!(
            "the line has {length} bytes, more than max_line ({limit}); its payload here is cut"
        );
        Message {
            rejected: Some(Box::new(Failure::new("LineTooLong", text))),
            ..Message::new(kept, self.offset)
        }
    }
}
