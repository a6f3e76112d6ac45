//! Writing: from a script's result to the bytes of a record.

use std::sync::Arc;

use super::Refused;
use super::targets::{Chosen, SchemaWrites};
use nerodia_codec::{JsonForm, Value};

/// Formats of an output.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writes {
    /// Format of the payload.
    pub value: WriteFormat,
    /// Format of the key, if the script sets it.
    pub key: WriteFormat,
}

/// Format of a payload or of a key.
#[derive(Debug, Clone)]
pub(crate) enum WriteFormat {
    /// `bytes` as they are, all else as JSON. A key is text or bytes.
    Auto(JsonForm),
    /// JSON.
    Json(JsonForm),
    /// Text in UTF-8, of a `str`.
    Text,
    /// The bytes of a `bytes`.
    Bytes,
    /// What a schema says.
    Schema(Arc<SchemaWrites>),
    /// JSON for people, of what would be written with a schema: it is checked whether that is possible.
    Shown(Arc<SchemaWrites>),
}

impl Default for WriteFormat {
    fn default() -> Self {
        Self::Auto(JsonForm::default())
    }
}

impl Writes {
    pub(super) fn are_typed(&self) -> bool {
        self.value.is_typed() || self.keys_are_values()
    }

    /// Returns whether a script may set `meta["key"]` to any value, and not only to text or bytes.
    pub(crate) fn keys_are_values(&self) -> bool {
        !matches!(self.key, WriteFormat::Auto(_))
    }
}

impl WriteFormat {
    /// Returns the format in which people see what this one writes.
    #[must_use]
    pub(super) fn shown(self) -> Self {
        match self {
            Self::Schema(schemas) => Self::Shown(schemas),
            other => other,
        }
    }

    /// Returns whether results are written as JSON, except perhaps for `bytes`.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self, Self::Auto(_) | Self::Json(_))
    }

    fn is_typed(&self) -> bool {
        match self {
            Self::Auto(form) | Self::Json(form) => *form != JsonForm::default(),
            Self::Text | Self::Bytes => false,
            Self::Schema(_) | Self::Shown(_) => true,
        }
    }

    /// Returns the form of values that JSON has no type for, if this is JSON.
    pub(crate) fn json_form(&self) -> JsonForm {
        match self {
            Self::Auto(form) | Self::Json(form) => *form,
            Self::Text | Self::Bytes | Self::Schema(_) | Self::Shown(_) => JsonForm::default(),
        }
    }

    /// Appends `value` to `out`, for the formats that are not [JSON](Self::is_json). `chosen` is what
    /// the script chose for it.
    ///
    /// # Errors
    ///
    /// If the format has no form for the value; `out` is then unchanged.
    pub(crate) fn write(
        &self,
        value: &Value<'_>,
        chosen: Chosen<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        let refused = |name: &str, wanted: &str| {
            let text = format!(
                "the format of the output is `{name}`: the result must be {wanted}, not {}",
                value.type_name()
            );
            Err(Refused::new("TypeError", text))
        };
        match (self, value) {
            (Self::Text, Value::Str(text)) => out.extend_from_slice(text.as_bytes()),
            (Self::Bytes, Value::Bytes(bytes)) => out.extend_from_slice(bytes),
            (Self::Schema(schemas), value) => schemas.write(value, chosen, out)?,
            (Self::Shown(schemas), value) => {
                schemas.write(value, chosen, &mut Vec::new())?;
                value.show(out);
            }
            (Self::Text, _) => return refused("text", "str"),
            (Self::Bytes, _) => return refused("bytes", "bytes"),
            (Self::Auto(_) | Self::Json(_), _) => {
                unreachable!("JSON is written from the frame, without a tree")
            }
        }
        Ok(())
    }
}
