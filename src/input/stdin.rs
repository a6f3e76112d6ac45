//! Input that reads lines of standard input.
//!
//! Everything that one read brings is passed on at once: a single line on a terminal or a slow pipe is processed
//! without delay, and a fast pipe, whose reads bring tens of kilobytes, makes large batches. Lines are slices of the
//! buffer into which they were read, if they fill most of it. (One such buffer is read before its permit is taken: its
//! size is not known before.)

pub(crate) mod lines;

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};

use self::lines::LineReader;
use super::{Control, Feed, Source};
use crate::config::StdinConfig;

/// Source that reads standard input.
pub(crate) struct Stdin {
    wake: OwnedFd,
    lines: LineReader,
}

/// Wakes the source and stops it.
pub(crate) struct WakeUp(OwnedFd);

impl Control for WakeUp {
    fn stop(&self) {
        // The pipe is empty, so this fails only if the reader is gone already.
        let _ = rustix::io::write(&self.0, b"!");
    }
}

impl Stdin {
    /// Creates the source, and the handle that stops it.
    ///
    /// # Errors
    /// If the system cannot create a pipe.
    pub(crate) fn new(config: &StdinConfig) -> io::Result<(Self, WakeUp)> {
        let (wake, waker) = rustix::pipe::pipe()?;
        let lines = LineReader::new(config.clone());
        Ok((Self { wake, lines }, WakeUp(waker)))
    }

    /// Waits for input. Returns false if the source was stopped.
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
                let bytes = self.lines.unfinished();
                if bytes > 0 {
                    tracing::warn!(bytes, "stopped in the middle of a line, which is left out");
                }
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
                self.lines.cut()
            };
            feed.send(messages);
            if end {
                return Ok(());
            }
        }
    }
}
