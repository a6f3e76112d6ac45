//! Input that reads standard input.
//!
//! Everything that one read brings is passed on at once: a single line on a terminal or a slow pipe is processed
//! without delay, and a fast pipe, whose reads bring tens of kilobytes, makes large batches. Lines are slices of the
//! buffer into which they were read, if they fill most of it. (One such buffer is read before its permit is taken: its
//! size is not known before.)

use std::io;

use super::framing::Framer;
use super::wake_up::{Waits, WakeUp};
use super::{Feed, Source};
use crate::config::Framing;

/// Source that reads standard input.
pub(crate) struct Stdin {
    waits: Waits,
    framer: Framer,
}

impl Stdin {
    /// Creates the source, and the handle that stops it.
    ///
    /// # Errors
    /// If the system cannot create a pipe.
    pub(crate) fn new(framing: &Framing) -> io::Result<(Self, WakeUp)> {
        let (waits, wake_up) = Waits::new()?;
        let framer = Framer::new(framing.clone());
        Ok((Self { waits, framer }, wake_up))
    }
}

impl Source for Stdin {
    const NAME: &'static str = "stdin";

    fn run(mut self, mut feed: Feed) -> anyhow::Result<()> {
        let stdin = io::stdin();
        loop {
            if !self.waits.for_input(&stdin)? {
                let bytes = self.framer.unfinished();
                if bytes > 0 {
                    tracing::warn!(
                        bytes,
                        "stopped in the middle of a message, which is left out"
                    );
                }
                return Ok(());
            }
            let read = match rustix::io::read(&stdin, self.framer.room()) {
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
                Err(error) => {
                    return Err(anyhow::Error::new(error).context("cannot read standard input"));
                }
                Ok(read) => read,
            };
            let end = read == 0;
            let messages = if end {
                self.framer.finish()
            } else {
                self.framer.cut()
            };
            feed.send(messages);
            if end {
                return Ok(());
            }
        }
    }
}
