//! Output that writes records as lines to standard output, to standard error, or to a file.

use std::io::{self, Write};
use std::sync::Arc;

use actix::prelude::*;

use super::dead_letter::LetterForm;
use crate::config::StdoutCodec;
use crate::control::{Notice, OutputError};
use crate::message::{Outcome, Processed, Record};
use crate::output::{Deliver, Settle};
use crate::telemetry::metrics::Metrics;

/// Destination of lines, and their form.
pub(crate) struct Destination<W> {
    /// Where lines are written.
    pub writer: W,
    /// Its name, in messages.
    pub name: String,
    /// What tells messages apart.
    pub codec: StdoutCodec,
    /// Form of failures.
    pub letters: LetterForm,
}

/// Actor that writes lines to `W`.
pub(crate) struct Lines<W> {
    to: Destination<W>,
    engine: Recipient<Notice>,
    metrics: Arc<Metrics>,
    buffer: Vec<u8>,
    /// Whether nothing can be written any more.
    ended: bool,
}

impl<W: Write + Unpin + 'static> Lines<W> {
    /// Creates an output that writes to `to`.
    pub(crate) fn new(
        to: Destination<W>,
        engine: Recipient<Notice>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            to,
            engine,
            metrics,
            buffer: Vec::new(),
            ended: false,
        }
    }

    /// Begins a message, and returns its place in the buffer.
    fn begin(&mut self) -> usize {
        if self.to.codec == StdoutCodec::LengthDelimited {
            self.buffer.extend_from_slice(&[0; 4]);
        }
        self.buffer.len()
    }

    /// Ends the message that begins at `start`.
    fn end(&mut self, start: usize) {
        if self.to.codec == StdoutCodec::LengthDelimited {
            // No result has 4 GiB: `guests.max_output` is 1 GiB at most.
            let length = u32::try_from(self.buffer.len() - start).unwrap_or(u32::MAX);
            self.buffer[start - 4..start].copy_from_slice(&length.to_be_bytes());
        }
        self.buffer.extend_from_slice(self.to.codec.terminator());
    }

    /// Writes all records of a slice with one call, so that a batch costs one system call and the reader at the other
    /// end of a pipe gets whole lines.
    fn write(&mut self, processed: &Processed) -> io::Result<()> {
        /// Capacity above which the buffer is released after a write; such large slices are rare.
        const KEEP: usize = 1 << 20;
        self.buffer.clear();
        let messages = processed.messages().iter();
        for (message, outcome) in messages.zip(&processed.outcomes.items) {
            let mut write = |record: &Record| {
                let start = self.begin();
                self.buffer
                    .extend_from_slice(processed.outcomes.payload(record));
                self.end(start);
            };
            match outcome {
                Outcome::Dropped => {}
                Outcome::Record(record) => write(record),
                Outcome::Records(records) => records.iter().for_each(write),
                Outcome::Failed(failure) => {
                    let start = self.begin();
                    let letters = self.to.letters;
                    letters.write(&mut self.buffer, &processed.batch, message, failure);
                    self.end(start);
                }
            }
        }
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.to.writer.write_all(&self.buffer)?;
        self.to.writer.flush()?;
        Metrics::add(&self.metrics.bytes_written, self.buffer.len() as u64);
        if self.buffer.capacity() > KEEP {
            self.buffer = Vec::new();
        }
        Ok(())
    }
}

impl<W: Write + Unpin + 'static> Actor for Lines<W> {
    type Context = Context<Self>;
}

impl<W: Write + Unpin + 'static> Handler<Settle> for Lines<W> {
    type Result = ();

    /// Answers at once, because each `Deliver` before was written when it was handled.
    fn handle(&mut self, Settle: Settle, _: &mut Self::Context) {}
}

impl<W: Write + Unpin + 'static> Handler<Deliver> for Lines<W> {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, _: &mut Self::Context) {
        if self.ended {
            return; // the ack is dropped, and the slice counts as lost
        }
        let Deliver { processed, ack } = deliver;
        match self.write(&processed) {
            Ok(()) => ack.done(),
            Err(error) => {
                self.ended = true;
                let to = self.to.name.clone();
                self.engine
                    .do_send(Notice::OutputEnded(OutputError::Write { to, error }));
            }
        }
    }
}
