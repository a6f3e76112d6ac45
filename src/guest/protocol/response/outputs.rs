//! Outputs of a message that has several, or whose attributes the script chose.

use std::ops::Range;

use bytes::Bytes;

use super::{ATTRIBUTES, Response, invalid, too_large};
use crate::codec::{FrameError, Reader, Scratch};
use crate::guest::protocol::MAX_DEPTH;
use crate::message::{Failure, Headers, Outcome, Overrides, Record};

/// Name and value of a header, as they are kept.
type Header = (String, Option<Bytes>);

impl Response<'_, '_> {
    /// Reads `[(form, bytes, None | [(name, value)])]`; forms: 0 marshal, 1 JSON, 2 a tombstone.
    pub(super) fn outputs(&mut self) -> Result<Outcome, FrameError> {
        let start = self.outcomes.data.len();
        let mut records = Vec::new();
        let mut attributes = 0;
        let mut failed = None;
        for _ in 0..self.reader.list()? {
            if failed.is_some() {
                // The outputs of a message are written all together or not at all.
                self.reader.skip()?;
                continue;
            }
            match self.output()? {
                Ok(record) => {
                    attributes += size_of::<Record>() + record.cost();
                    records.push(record);
                }
                Err(failure) => failed = Some(failure),
            }
            // The outputs of a message count together, including their keys and headers.
            if self.outcomes.data.len() - start + attributes > self.max_output {
                failed.get_or_insert_with(|| too_large(self.max_output));
            }
        }
        Ok(match failed {
            None => Outcome::Records(records),
            Some(failure) => {
                self.outcomes.data.truncate(start);
                self.spent += attributes;
                Outcome::Failed(failure)
            }
        })
    }

    fn output(&mut self) -> Result<Result<Record, Box<Failure>>, FrameError> {
        self.tuple(3)?;
        let form = self.reader.int()?;
        let data = self.reader.bytes()?;
        let overrides = match self.overrides()? {
            Ok(overrides) => overrides,
            Err(failure) => return Ok(Err(failure)),
        };
        let payload = match form {
            0 => self.nested(data)?,
            1 => self.json(data)?,
            2 => Ok(self.append(b"")?),
            _ => return Err(invalid("an output of no known form")),
        };
        Ok(payload.map(|payload| Record {
            payload,
            tombstone: form == 2,
            overrides,
        }))
    }

    /// Appends a value from a marshal frame of its own.
    fn nested(&mut self, data: &[u8]) -> Result<Result<Range<u32>, Box<Failure>>, FrameError> {
        let start = self.outcomes.data.len();
        let mut scratch = Scratch::default();
        let mut reader = Reader::new(data, &mut scratch, MAX_DEPTH);
        let value = reader.value(&mut self.outcomes.data, self.max_output)?;
        Ok(match self.made(start, value)? {
            Ok(Some(payload)) => Ok(payload),
            Ok(None) => Ok(self.append(b"null")?),
            Err(failure) => Err(failure),
        })
    }

    fn overrides(&mut self) -> Result<Result<Option<Box<Overrides>>, Box<Failure>>, FrameError> {
        if self.absent()? {
            return Ok(Ok(None));
        }
        let mut overrides = Overrides::default();
        let count = self.reader.list()?;
        if count > ATTRIBUTES {
            return Err(invalid("more attributes than there are"));
        }
        let mut too_many = false;
        for _ in 0..count {
            self.tuple(2)?;
            match &*self.reader.str()? {
                "key" => overrides.key = Some(self.optional_bytes()?),
                "topic" => overrides.topic = Some(self.optional_str()?),
                "timestamp" => overrides.timestamp = Some(self.optional_int()?),
                "headers" => match self.headers()? {
                    Some(headers) => overrides.headers = Some(headers),
                    None => too_many = true,
                },
                _ => return Err(invalid("an attribute of no known name")),
            }
        }
        if too_many {
            return Ok(Err(too_large(self.max_output)));
        }
        Ok(Ok(Some(Box::new(overrides))))
    }

    /// Reads `[(name, value | None)]`. Returns `None` if the headers take more than a message's outputs may.
    fn headers(&mut self) -> Result<Option<Headers>, FrameError> {
        let mut headers = Vec::new();
        let mut bytes = 0;
        for _ in 0..self.reader.list()? {
            if bytes > self.max_output {
                self.reader.skip()?;
                continue;
            }
            self.tuple(2)?;
            let (name, value) = (self.reader.str()?.into_owned(), self.optional_bytes()?);
            // Counted with its place in the list: an empty header has only five bytes in the frame.
            bytes += size_of::<Header>() + name.len() + value.as_ref().map_or(0, Bytes::len);
            headers.push((name, value));
        }
        if bytes > self.max_output {
            self.spent += bytes;
            return Ok(None);
        }
        Ok(Some(headers))
    }
}
