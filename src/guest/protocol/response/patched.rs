//! Results that are the message's own document with members set.

use std::ops::Range;

use super::{Response, Value, invalid};
use nerodia_codec::{FrameError, MOST_SET, write_patched};

impl Response<'_, '_> {
    /// Reads a patch of the document of message `index`, and appends the document with the patch to the data.
    /// Returns `None` if the document has to be sent whole for that.
    pub(super) fn patched(
        &mut self,
        index: usize,
        members: usize,
    ) -> Result<Option<Value>, FrameError> {
        let document = self.documents.get(index);
        let document = document.ok_or_else(|| invalid("a patch of no document"))?;
        let values = &mut self.values;
        values.clear();
        if members > MOST_SET {
            for _ in 0..2 * members {
                self.reader.skip()?;
            }
            return Ok(None);
        }
        let (mut keys, mut texts) = (Vec::new(), 0);
        for number in 0..members {
            let key = self.reader.str()?;
            let start = values.len();
            texts += key.len();
            let is_read = self.reader.member(values, self.max_output)?.is_ok();
            if !is_read || values.len() + texts > self.max_output {
                // What the whole document fails with may be another member, which comes first.
                for _ in 0..2 * (members - number - 1) {
                    self.reader.skip()?;
                }
                return Ok(None);
            }
            keys.push((key, start..values.len()));
        }
        let range = |range: &Range<usize>| &values[range.clone()];
        let set: Vec<_> = keys.iter().map(|(key, at)| (&**key, range(at))).collect();
        let data = &mut self.outcomes.data;
        let start = data.len();
        if !write_patched(&document.payload, &set, data) {
            return Ok(None);
        }
        let written = data.len() - start;
        if written > self.max_output {
            data.truncate(start);
            return Ok(None);
        }
        self.spent += written;
        Ok(Some(Ok(Some(self.payload_from(start)?))))
    }
}
