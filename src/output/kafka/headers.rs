//! Headers in librdkafka's form, and their size.

use bytes::Bytes;
use rdkafka::message::{Header, OwnedHeaders};

use super::size;
use crate::format::Part;
use crate::message::earlier::is_of_error;

/// Parts of the input's message that are not those of the record any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replaced {
    /// The payload is written in a format of its own.
    pub payload: bool,
    /// The key is another one.
    pub key: bool,
}

/// Headers of a record that is being made.
#[derive(Default)]
pub(super) struct Headers {
    /// Headers in librdkafka's form; `None` if there are none.
    pub headers: Option<OwnedHeaders>,
    /// Number of headers.
    pub count: usize,
    /// Bytes that the headers take in a request.
    pub bytes: usize,
}

impl Headers {
    /// Adds a header.
    pub(super) fn add(&mut self, name: &str, value: Option<&[u8]>) {
        let headers = self.headers.take().unwrap_or_default();
        self.headers = Some(headers.insert(Header { key: name, value }));
        self.count += 1;
        self.bytes += size::header(name.len(), value.map(<[u8]>::len));
    }

    /// Adds several headers.
    pub(super) fn extend<'a>(
        &mut self,
        headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
    ) {
        headers.for_each(|(name, value)| self.add(name, value));
    }
}

/// Removes the headers that describe a failure: on a result, a reader of dead letters would believe them.
pub(super) fn without_errors(
    headers: &[(String, Option<Bytes>)],
) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
    let others = headers.iter().filter(|(name, _)| !is_of_error(name));
    others.map(|(name, value)| (name.as_str(), value.as_deref()))
}

/// Removes the headers that describe a failure. Also removes
/// those that name the schema of the input's payload or key, if that is `replaced`.
pub(super) fn of_result(
    headers: &[(String, Option<Bytes>)],
    replaced: Replaced,
) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
    let others = headers.iter().filter(move |(name, _)| {
        let is_replaced = (replaced.payload && name == Part::Value.header())
            || (replaced.key && name == Part::Key.header());
        !is_of_error(name) && !is_replaced
    });
    others.map(|(name, value)| (name.as_str(), value.as_deref()))
}

/// Returns headers of the config as a record has them.
pub(super) fn of_config(
    headers: &[(String, String)],
) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
    let headers = headers.iter();
    headers.map(|(name, value)| (name.as_str(), Some(value.as_bytes())))
}
