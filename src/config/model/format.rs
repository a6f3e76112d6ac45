//! Sections `format` and `key_format` of inputs and outputs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::section::section;
use crate::registry::SchemaKind;

section! {
    /// What a payload is, and what a script gets of it. `format: json` is short for `format: { type: json }`.
    #[schemars(extend("x-short" = "type"))]
    pub(crate) struct InputFormat {
        /// `auto`: JSON if it is JSON, else text if it is UTF-8, else bytes. `json`: what is no JSON becomes a dead letter
        /// (`NotJson`), which says why. `text`: a `str`, whatever is in it; what is not UTF-8 becomes a dead letter
        /// (`NotText`). `bytes`: a `bytes`. `avro`: what `fastavro` makes of it, with the schema that the message names; what
        /// cannot be read becomes a dead letter (`NotAvro`, `UnknownSchema`). `protobuf`: what Protobuf's mapping to JSON makes of
        /// it, in the same way (`NotProtobuf`). `json_schema`: JSON that fits the schema that the
        /// message names (else `SchemaMismatch`). A record without payload (a tombstone) is
        /// `None` in every format.
        #[serde(rename = "type")]
        kind: Format = Format::Auto,
        /// What a number with a fraction or an exponent is: `float`, or with `exact` a `Decimal` with all its digits. With
        /// `exact`, a number that the script does not change leaves as it came. For JSON alone.
        numbers: Numbers = Numbers::Float,
        /// How a message names its schema, for formats with a schema.
        framing: SchemaFraming = SchemaFraming::Registry,
        /// A file with a schema, by its path from the config file, for formats with a schema. With `framing: registry` it is the schema in
        /// which the script sees all messages, whatever schema they were written with (Avro's reader's schema; only there); with
        /// `framing: none` it is the schema with which they were written.
        #[schemars(example = &"order.avsc")]
        schema_file: Option<String>,
        /// What is in that file.
        #[serde(skip)]
        schema_text: Option<String>,
        /// The message of the schema that payloads are, for `protobuf` with `framing: none`. Without it: the first.
        #[schemars(example = &"shop.Order")]
        message: Option<String>,
    }

    /// What a key is. `key_format: text` is short for `key_format: { type: text }`.
    #[schemars(extend("x-short" = "type"))]
    pub(crate) struct KeyFormat {
        /// `auto`: text if it is UTF-8, else bytes. The others are as for payloads: `meta["key"]` is the value. A schema
        /// comes from the registry; for a key that a script sets, it is the latest of the subject `TOPIC-key`.
        #[serde(rename = "type")]
        kind: Format = Format::Auto,
    }

    /// What becomes of a result. `format: text` is short for `format: { type: text }`.
    #[schemars(extend("x-short" = "type"))]
    pub(crate) struct OutputFormat {
        /// `auto`: a `bytes` as it is, all else as JSON. `json`: JSON. `text`: the text of a `str`, without quotes. `bytes`:
        /// a `bytes` as it is. `avro` and `protobuf`: with a schema from the registry or from a file. `json_schema`: JSON that fits such a
        /// schema. A result of another type becomes
        /// a dead letter, and so does one that does not fit the schema (`SchemaMismatch`). `tombstone()` is a record without
        /// payload in every format.
        #[serde(rename = "type")]
        kind: Format = Format::Auto,
        /// What a `Decimal` is in JSON: a text, or a number with all its digits. Without it: it cannot be in a result.
        decimal: Option<DecimalText>,
        /// What a `datetime` and a `date` are in JSON: `iso`, as `isoformat()` writes them; or `millis`, the milliseconds
        /// since 1970 (without a time zone: in UTC). A `time` is its `isoformat()`. Without it: they cannot be in a result.
        datetime: Option<DatetimeText>,
        /// How a message names its schema, for formats with a schema.
        framing: SchemaFraming = SchemaFraming::Registry,
        /// The subject under which the registry has the schema. Without it: `TOPIC-value`, for each topic its own.
        #[schemars(example = &"orders-value")]
        subject: Option<String>,
        /// Which subject that is, if `subject` does not name it: `topic_name` for `TOPIC-value`; with a `schema_file` also
        /// `record_name` for the full name of its record, or `topic_record_name` for `TOPIC-RECORD`.
        subject_name_strategy: SubjectNameStrategy = SubjectNameStrategy::Topic,
        /// The subjects of which a script may choose the latest schema, by `meta["schema"]` or `emit(…, schema=…)`.
        #[schemars(extend("examples" = [["orders-value", "refunds-value"]]))]
        subjects_allowed: Vec<String>,
        /// A file with the schema, by its path from the config file. The subject must have this schema, or `register` must be
        /// `true`. Without it, and without `schema_id`: the latest schema of the subject, also if there is a newer one later.
        #[schemars(example = &"order.avsc")]
        schema_file: Option<String>,
        /// What is in that file.
        #[serde(skip)]
        schema_text: Option<String>,
        /// The message of the schema that is written, for `protobuf`. Without it: the first.
        #[schemars(example = &"shop.Order")]
        message: Option<String>,
        /// The number of the schema in the registry.
        #[schemars(range(min = 1), example = 42)]
        schema_id: Option<u32>,
        /// Whether the schema in `schema_file` is added to the subject if it is not there.
        register: bool,
    }
}

/// How the subject of a schema is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum SubjectNameStrategy {
    /// By the topic.
    #[serde(rename = "topic_name")]
    Topic,
    /// By the record.
    #[serde(rename = "record_name")]
    Record,
    /// By both.
    #[serde(rename = "topic_record_name")]
    TopicRecord,
}

/// How a message names its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SchemaFraming {
    /// Confluent's: a byte 0 and the number of the schema (four bytes) before the payload; or the schema's GUID in a header.
    Registry,
    /// Not at all: there is one schema for all messages.
    None,
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
    /// Avro's binary encoding.
    Avro,
    /// Protobuf's binary encoding.
    Protobuf,
    /// JSON that a JSON Schema describes.
    JsonSchema,
}

impl Format {
    /// Returns whether messages of this format have schemas. Such messages may contain any byte: JSON too begins with the
    /// number of its schema.
    pub(crate) fn has_schema(self) -> bool {
        self.schema_kind().is_some()
    }

    /// Returns whether the schemas of messages that are framed in this way are those of a registry.
    pub(crate) fn asks_registry(self, framing: SchemaFraming) -> bool {
        self.has_schema() && framing == SchemaFraming::Registry
    }

    /// Returns the language of the schemas of this format, if it has some.
    pub(crate) fn schema_kind(self) -> Option<SchemaKind> {
        match self {
            Self::Avro => Some(SchemaKind::Avro),
            Self::Protobuf => Some(SchemaKind::Protobuf),
            Self::JsonSchema => Some(SchemaKind::JsonSchema),
            Self::Auto | Self::Json | Self::Text | Self::Bytes => None,
        }
    }
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
