//! Outputs of a message that has several, or whose attributes the script chose.

use bytes::Bytes;

use super::values::{Content, Pending};
use super::{ATTRIBUTES, Response, Value, invalid, too_large};
use crate::format::Chosen;
use crate::message::{Failure, Headers, Outcome, Overrides, Record};
use nerodia_codec::FrameError;

/// Name and value of a header, as they are kept.
type Header = (String, Option<Bytes>);

/// Outputs of one message: they are written all together or not at all.
struct Outputs {
    /// Length of the data before them.
    start: usize,
    records: Vec<Record>,
    /// Bytes of their attributes.
    attributes: usize,
    failed: Option<Box<Failure>>,
}

/// Attributes that a script chose for an output.
#[derive(Default)]
struct ChosenAttributes {
    overrides: Option<Box<Overrides>>,
    /// Subject of the schema with which the output is written.
    schema: Option<String>,
}

impl ChosenAttributes {
    fn target(&self) -> Chosen<'_> {
        let overrides = self.overrides.as_deref();
        Chosen {
            topic: overrides.and_then(|of| of.topic.as_ref()?.as_deref()),
            subject: self.schema.as_deref(),
        }
    }
}

impl<'a> Response<'a, '_> {
    /// Reads the extra `[(form, bytes, None | [(name, value)])]`.
    pub(super) fn outputs(&mut self) -> Result<Outcome, FrameError> {
        let mut outputs = self.no_outputs();
        for _ in 0..self.reader.list()? {
            if outputs.failed.is_some() {
                self.reader.skip()?;
                continue;
            }
            self.tuple(3)?;
            let payload = self.formed()?;
            self.add(&mut outputs, payload)?;
        }
        Ok(self.all_or_none(outputs))
    }

    /// Reads `count` outputs of message `index`, which stand among the results: each a value, a patch, or a code and
    /// `(form, bytes)`; and then `None | [(name, value)]`. Returns `None` if the document has to be sent whole.
    pub(super) fn several(
        &mut self,
        index: usize,
        count: usize,
    ) -> Result<Option<Outcome>, FrameError> {
        let mut outputs = self.no_outputs();
        for number in 0..count {
            if outputs.failed.is_some() {
                self.reader.skip_output()?;
                continue;
            }
            let payload = if self.reader.is_formed() {
                self.tuple(2)?;
                self.formed()?
            } else if let Some(members) = self.reader.patch()? {
                let Some(value) = self.patched(index, members)? else {
                    self.reader.skip()?;
                    for _ in number + 1..count {
                        self.reader.skip_output()?;
                    }
                    self.outcomes.data.truncate(outputs.start);
                    return Ok(None);
                };
                self.payload(value)?
            } else if self.awaits_topic() {
                self.tree()?
            } else {
                let value = self.value()?;
                self.payload(value)?
            };
            self.add(&mut outputs, payload)?;
        }
        let outcome = self.all_or_none(outputs);
        self.spent += outcome.cost();
        Ok(Some(outcome))
    }

    fn no_outputs(&self) -> Outputs {
        Outputs {
            start: self.outcomes.data.len(),
            records: Vec::new(),
            attributes: 0,
            failed: None,
        }
    }

    /// Reads the attributes of an output, and adds it.
    fn add(&mut self, outputs: &mut Outputs, content: Content<'a>) -> Result<(), FrameError> {
        let chosen = self.chosen()?;
        let payload = match content {
            Ok(Pending::Written(payload, tombstone)) => Ok((payload, tombstone)),
            Ok(Pending::Value(value)) => {
                let target = chosen
                    .as_ref()
                    .map_or(Chosen::default(), ChosenAttributes::target);
                self.written(&value, target)?
                    .map(|payload| (payload, false))
            }
            Err(failure) => Err(failure),
        };
        let overrides = chosen.map(|chosen| chosen.overrides);
        match payload.and_then(|payload| Ok((payload, overrides?))) {
            Ok(((payload, tombstone), overrides)) => {
                let record = Record {
                    payload,
                    tombstone,
                    overrides,
                };
                outputs.attributes += size_of::<Record>() + record.cost();
                outputs.records.push(record);
            }
            Err(failure) => outputs.failed = Some(failure),
        }
        // The outputs of a message count together, including their keys and headers.
        if self.outcomes.data.len() - outputs.start + outputs.attributes > self.max_output {
            outputs
                .failed
                .get_or_insert_with(|| too_large(self.max_output));
        }
        Ok(())
    }

    fn all_or_none(&mut self, outputs: Outputs) -> Outcome {
        match outputs.failed {
            None => Outcome::Records(outputs.records),
            Some(failure) => {
                self.outcomes.data.truncate(outputs.start);
                self.spent += outputs.attributes;
                Outcome::Failed(failure)
            }
        }
    }

    /// Reads `form, bytes`; forms: 0 marshal, 1 JSON, 2 a tombstone.
    fn formed(&mut self) -> Result<Content<'a>, FrameError> {
        let form = self.reader.int()?;
        let data = self.reader.bytes()?;
        let payload = match form {
            0 if self.awaits_topic() => return self.nested_tree(data),
            0 => self.nested(data)?,
            1 => self.json(data)?,
            2 => Ok(self.append(b"")?),
            _ => return Err(invalid("an output of no known form")),
        };
        Ok(payload.map(|payload| Pending::Written(payload, form == 2)))
    }

    /// Returns the payload of a value; Python's `None` is null here.
    fn payload(&mut self, value: Value) -> Result<Content<'a>, FrameError> {
        Ok(match value {
            Ok(Some(payload)) => Ok(Pending::Written(payload, false)),
            Ok(None) => self.null()?.map(|payload| Pending::Written(payload, false)),
            Err(failure) => Err(failure),
        })
    }

    /// Reads `None | [(name, value)]`.
    fn chosen(&mut self) -> Result<Result<ChosenAttributes, Box<Failure>>, FrameError> {
        if self.absent()? {
            return Ok(Ok(ChosenAttributes::default()));
        }
        let mut schema = None;
        let mut overrides = Overrides::default();
        let count = self.reader.list()?;
        if count > ATTRIBUTES {
            return Err(invalid("more attributes than there are"));
        }
        let (mut too_many, mut refused) = (false, None);
        for _ in 0..count {
            self.tuple(2)?;
            match &*self.reader.str()? {
                "key" => match self.key()? {
                    Ok(key) => overrides.key = Some(key),
                    Err(failure) => refused = Some(failure),
                },
                "schema" => schema = self.optional_str()?,
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
        Ok(match refused {
            None => Ok(ChosenAttributes {
                overrides: Some(Box::new(overrides)),
                schema,
            }),
            Some(failure) => Err(failure),
        })
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
