//! Sections `format` and `key_format` of inputs and outputs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::section::section;

section! {
    /// What a payload is, and what a script gets of it. `format: json` is short for `format: { type: json }`.
    #[schemars(extend("x-short" = "type"))]
    pub(crate) struct InputFormat {
        /// `auto`: JSON if it is JSON, else text if it is UTF-8, else bytes. `json`: what is no JSON becomes a dead letter
        /// (`NotJson`), which says why. `text`: a `str`, whatever is in it; what is not UTF-8 becomes a dead letter
        /// (`NotText`). `bytes`: a `bytes`. A record without payload (a tombstone) is `None` in every format.
        #[serde(rename = "type")]
        kind: Format = Format::Auto,
        /// What a number with a fraction or an exponent is: `float`, or with `exact` a `Decimal` with all its digits. With
        /// `exact`, a number that the script does not change leaves as it came. For `auto` and `json` alone.
        numbers: Numbers = Numbers::Float,
    }

    /// What a key is. `key_format: text` is short for `key_format: { type: text }`.
    #[schemars(extend("x-short" = "type"))]
    pub(crate) struct KeyFormat {
        /// `auto`: text if it is UTF-8, else bytes. The others are as for payloads: `meta["key"]` is the value.
        #[serde(rename = "type")]
        kind: Format = Format::Auto,
    }

    /// What becomes of a result. `format: text` is short for `format: { type: text }`.
    #[schemars(extend("x-short" = "type"))]
    pub(crate) struct OutputFormat {
        /// `auto`: a `bytes` as it is, all else as JSON. `json`: JSON. `text`: the text of a `str`, without quotes. `bytes`:
        /// a `bytes` as it is. A result of another type becomes a dead letter. `tombstone()` is a record without payload in
        /// every format.
        #[serde(rename = "type")]
        kind: Format = Format::Auto,
        /// What a `Decimal` is in JSON: a text, or a number with all its digits. Without it: it cannot be in a result.
        decimal: Option<DecimalText>,
        /// What a `datetime` and a `date` are in JSON: `iso`, as `isoformat()` writes them; or `millis`, the milliseconds
        /// since 1970 (without a time zone: in UTC). A `time` is its `isoformat()`. Without it: they cannot be in a result.
        datetime: Option<DatetimeText>,
    }
}

/// Format of payloads or keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Whatever it turns out to be.
    Auto,
    /// JSON.
    Json,
    /// Text in UTF-8.
    Text,
    /// Bytes.
    Bytes,
}

/// Type of numbers that are not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Numbers {
    /// `float`.
    Float,
    /// `Decimal`.
    Exact,
}

/// Form of a `Decimal` in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecimalText {
    /// Text.
    String,
    /// Number.
    Number,
}

/// Form of a `datetime` or a `date` in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DatetimeText {
    /// Text in the form of ISO 8601.
    Iso,
    /// Milliseconds since the Unix epoch.
    Millis,
}
