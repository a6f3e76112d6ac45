//! Lines of standard input.
//!
//! Whatever one read brings is handed on at once: a lone line on a terminal or a slow pipe is answered
//! without delay, and a fast pipe, whose reads bring tens of kilobytes, travels in large batches. Lines are
//! slices of the buffer they were read into, if they fill most of it. (One such buffer is read before its permit
//! is taken: how much there is to read cannot be known before.)

pub(crate) mod lines;

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};

use self::lines::Lines;
use super::{Control, Feed, Source};
use crate::config::StdinConfig;

/// The source.
pub struct Stdin {
    wake: OwnedFd,
    lines: Lines,
}

/// Ends the source's wait.
pub struct WakeUp(OwnedFd);

impl Control for WakeUp {
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
