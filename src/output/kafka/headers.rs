//! Headers in librdkafka's form, and their size.

use bytes::Bytes;
use rdkafka::message::{Header, OwnedHeaders};

use super::size;
use crate::message::earlier::is_of_error;

/// Headers of a record that is being made.
#[derive(Default)]
pub struct Headers {
    /// Headers in librdkafka's form; `None` if there are none.
    pub headers: Option<OwnedHeaders>,
    /// Number of headers.
    pub count: usize,
    /// Bytes of the headers as they are sent.
    pub bytes: usize,
}

impl Headers {
    /// Adds a header.
    pub fn add(&mut self, name: &str, value: Option<&[u8]>) {
        let headers = self.headers.take().unwrap_or_default();
        self.headers = Some(headers.insert(Header { key: name, value }));
        self.count += 1;
        self.bytes += size::header(name.len(), value.map(<[u8]>::len));
    }

    /// Adds several headers.
    pub fn extend<'a>(&mut self, headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>) {
        headers.for_each(|(name, value)| self.add(name, value));
    }
}

/// Returns the headers except those that describe a failure, whatever set them: on a result, readers of dead letters
/// would believe them.
pub fn without_errors(
    headers: &[(String, Option<Bytes>)],
) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
    let others = headers.iter().filter(|(name, _)| !is_of_error(name));
    others.map(|(name, value)| (name.as_str(), value.as_deref()))
}
