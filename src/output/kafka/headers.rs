//! Headers in librdkafka's form, and what they take.

use bytes::Bytes;
use rdkafka::message::{Header, OwnedHeaders};

use super::size;
use crate::message::Attributes;

/// What the headers that tell of a failure begin with.
pub const ERROR_PREFIX: &str = "nerodia-error-";

/// Headers of a record that is being made.
#[derive(Default)]
pub struct Headers {
    /// In librdkafka's form; `None` for none.
    pub headers: Option<OwnedHeaders>,
    /// How many there are.
    pub count: usize,
    /// What they take on their way.
    pub bytes: usize,
}

impl Headers {
    /// Adds one.
    pub fn add(&mut self, name: &str, value: Option<&[u8]>) {
        let headers = self.headers.take().unwrap_or_default();
        self.headers = Some(headers.insert(Header { key: name, value }));
        self.count += 1;
        self.bytes += size::header(name.len(), value.map(<[u8]>::len));
    }

    /// Adds several.
    pub fn extend<'a>(&mut self, headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>) {
        headers.for_each(|(name, value)| self.add(name, value));
    }
}

/// A message's header, as it is added.
pub fn borrow((name, value): &(String, Option<Bytes>)) -> (&str, Option<&[u8]>) {
    (name, value.as_deref())
}

/// The input's headers without those that tell of a failure before.
pub fn original(input: &Attributes) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
    let headers = input.headers.iter().map(borrow);
    headers.filter(|(name, _)| !name.starts_with(ERROR_PREFIX))
}
