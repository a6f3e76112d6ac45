//! Files of an input, so that the place of a message can be told as people look for it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Files that an input has read, each with the number of its first message.
#[derive(Debug, Default)]
pub(crate) struct Files(Mutex<Vec<Begun>>);

/// File whose reading has begun.
#[derive(Debug)]
struct Begun {
    /// Offset of its first message in the lane.
    first: i64,
    path: Arc<str>,
    unit: Unit,
}

/// What a file consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Lines, which editors number too.
    Line,
    /// Messages that are framed in another way.
    Record,
}

/// Place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InFile {
    /// Path of the file.
    pub path: Arc<str>,
    /// Kind of the number.
    pub unit: Unit,
    /// Number of the line or record, from 1.
    pub number: i64,
}

impl Files {
    /// Notes that the message at offset `first` is the first one of the file `path`.
    pub(crate) fn begin(&self, first: i64, path: &str, unit: Unit) {
        let path = path.into();
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A file without messages is the place of none.
        files.pop_if(|last| last.first == first);
        files.push(Begun { first, path, unit });
    }

    /// Returns the place of the message at `offset`; `None` if the input reads no files.
    pub(crate) fn place(&self, offset: i64) -> Option<InFile> {
        let files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let after = files.partition_point(|file| file.first <= offset);
        let Begun { first, path, unit } = files.get(after.checked_sub(1)?)?;
        Some(InFile {
            path: Arc::clone(path),
            unit: *unit,
            number: offset - first + 1,
        })
    }
}

impl fmt::Display for InFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, unit, number } = self;
        let unit = match unit {
            Unit::Line => "line",
            Unit::Record => "record",
        };
        write!(f, "file `{path}`, {unit} {number}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_in_the_file_that_was_begun_last() {
        let files = Files::default();
        assert_eq!(files.place(0), None);
        files.begin(0, "a", Unit::Line);
        files.begin(2, "empty", Unit::Line);
        files.begin(2, "b", Unit::Record);
        let places = [0, 1, 2, 9].map(|offset| files.place(offset).unwrap().to_string());
        let expected = [
            "file `a`, line 1",
            "file `a`, line 2",
            "file `b`, record 1",
            "file `b`, record 8",
        ];
        assert_eq!(places, expected);
    }
}
