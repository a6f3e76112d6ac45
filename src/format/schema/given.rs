//! Values that tests give: from the JSON in which people see them ([`Value::show`]) to the bytes of a payload.

use super::{Language, Schema};
use crate::format::MAX_DEPTH;
use crate::format::read::{json, whole};
use nerodia_codec::{Encoder, Reader, Scratch, Value};

impl Schema {
    /// Creates a schema that is not known: its values are JSON, and every value fits it.
    pub(crate) fn unknown() -> Self {
        Self {
            id: None,
            parsed: Ok(Language::Unknown),
        }
    }

    /// Returns the payload whose value is `text`, a document of JSON. (That of a JSON Schema is the document itself: it is
    /// checked when it is read.)
    ///
    /// # Errors
    ///
    /// If the schema has no form for the value: names the place in the value.
    pub(crate) fn payload_of(&self, text: &str) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        match self.parsed.as_ref().map_err(String::clone)? {
            Language::JsonSchema(_) | Language::Unknown => out.extend_from_slice(text.as_bytes()),
            Language::Protobuf(of) => {
                with_value(text, |value| of.write(value, false, &mut out))?;
            }
            Language::Avro(avro) => with_value(text, |value| {
                let written = avro.writer.write_shown(value, &mut out);
                written.map_err(|why| why.to_string())
            })?,
        }
        Ok(out)
    }
}

/// Gives the value of a document to `give`, with all digits of its numbers.
fn with_value(
    text: &str,
    give: impl FnOnce(&Value<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let mut encoder = Encoder::new(MAX_DEPTH).exact(true);
    let sent = json(&mut encoder, text.as_bytes());
    whole(sent).map_err(|refused| refused.text)?;
    let mut scratch = Scratch::default();
    let mut reader = Reader::new(encoder.as_bytes(), &mut scratch, MAX_DEPTH);
    let value = reader.tree(usize::MAX).map_err(|why| why.to_string())?;
    give(&value.map_err(|why| why.to_string())?)
}
