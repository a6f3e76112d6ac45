//! Patches: results that are the message's own document with members set.

use super::canonical;
use super::decode::Reader;
use super::error::{FrameError, ValueError};
use super::value::Top;
use super::wire::{FORMED, OUTPUTS, PATCH, WHOLE};

impl Reader<'_, '_> {
    /// Begins a patch, if the next object is one, and returns its number of members. For each, [`Reader::str`] reads the
    /// key and [`Reader::member`] the value.
    ///
    /// # Errors
    ///
    /// If the frame ends here.
    pub fn patch(&mut self) -> Result<Option<usize>, FrameError> {
        self.counted_by(PATCH)
    }

    /// Appends the value of a patch's member to `out` as JSON, as at most `max_len` bytes. The inner `Err` is as for
    /// [`Reader::value`].
    ///
    /// # Errors
    ///
    /// If no valid value follows.
    pub fn member(
        &mut self,
        out: &mut Vec<u8>,
        max_len: usize,
    ) -> Result<Result<(), ValueError>, FrameError> {
        Ok(self.document(out, max_len)?.map(|_: Top| ()))
    }

    /// Begins the outputs of a message, if they are next, and returns their number.
    ///
    /// # Errors
    ///
    /// If the frame ends here.
    pub fn outputs(&mut self) -> Result<Option<usize>, FrameError> {
        self.counted_by(OUTPUTS)
    }

    /// Takes the code of a value that is a tuple of a form and bytes, if it is next. Returns whether it was.
    pub fn is_formed(&mut self) -> bool {
        self.takes(FORMED)
    }

    /// Takes the answer that the document has to be sent whole, if it is next. Returns whether it was.
    pub fn wants_whole(&mut self) -> bool {
        self.takes(WHOLE)
    }

    fn takes(&mut self, code: u8) -> bool {
        let takes = self.frame.get(self.pos) == Some(&code);
        self.pos += usize::from(takes);
        takes
    }

    fn counted_by(&mut self, code: u8) -> Result<Option<usize>, FrameError> {
        if self.takes(code) {
            self.length().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Skips a result of any kind.
    ///
    /// # Errors
    ///
    /// If no valid result follows.
    pub fn skip_result(&mut self) -> Result<(), FrameError> {
        if self.wants_whole() {
            return Ok(());
        }
        let Some(outputs) = self.outputs()? else {
            return self.skip_value();
        };
        for _ in 0..outputs {
            self.skip_output()?;
        }
        Ok(())
    }

    /// Skips an output and its attributes.
    ///
    /// # Errors
    ///
    /// If no valid output follows.
    pub fn skip_output(&mut self) -> Result<(), FrameError> {
        self.is_formed();
        self.skip_value()?;
        self.skip()
    }

    /// Skips a patch, or one object.
    fn skip_value(&mut self) -> Result<(), FrameError> {
        let Some(members) = self.patch()? else {
            return self.skip();
        };
        for _ in 0..members {
            self.skip()?;
            self.skip()?;
        }
        Ok(())
    }
}

/// Member that is set: its key, and its value as JSON.
pub type Set<'a> = (&'a str, &'a [u8]);

/// Appends `document`, which is a JSON object, to `out` in the form that results have, with the members in `set`: at the
/// place of the member with the same key, else at the end. Returns false if that is left to the guest, which has to get
/// the whole document; `out` is then unchanged.
pub fn write_patched(document: &[u8], set: &[Set<'_>], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let written = canonical::copy_patched(document, set, out).is_ok();
    if !written {
        out.truncate(start);
    }
    written
}
