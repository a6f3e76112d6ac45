//! Headers in librdkafka's form, and what they take.

use bytes::Bytes;
use rdkafka::message::{Header, OwnedHeaders};

use super::size;
use crate::message::earlier::is_of_error;

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

/// Headers without those that tell of a failure, whoever set them: on a result they would be believed by who reads
/// dead letters.
pub fn without_errors(
    headers: &[(String, Option<Bytes>)],
) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
    let others = headers.iter().filter(|(name, _)| !is_of_error(name));
    others.map(|(name, value)| (name.as_str(), value.as_deref()))
}
