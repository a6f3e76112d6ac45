//! Questions to a schema registry, and what it answers.

use std::fmt;
use std::sync::Arc;

/// Language in which a schema is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SchemaKind {
    /// Apache Avro, in JSON. What the registry means if it names no kind.
    Avro,
    /// A `.proto` file.
    Protobuf,
    /// JSON Schema.
    JsonSchema,
}

impl SchemaKind {
    /// Returns the name that the registry uses.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Protobuf => "PROTOBUF",
            Self::JsonSchema => "JSON",
        }
    }

    /// Returns the kind with this name, or `None` for one that Nerodia does not know.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Avro, Self::Protobuf, Self::JsonSchema]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

impl fmt::Display for SchemaKind {
    /// Writes the name that people use.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avro => "Avro",
            Self::Protobuf => "Protobuf",
            Self::JsonSchema => "JSON Schema",
        })
    }
}

/// Schema as the registry has it, with all that it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawSchema {
    /// Number of the schema in the registry. `None` only in the answer to [`Question::Guid`], because registries do not
    /// say it there.
    pub id: Option<u32>,
    /// GUID of the schema, if the registry says it. Older ones, and Apicurio, do not.
    pub guid: Option<[u8; 16]>,
    /// Language of the text, and of the texts of the references.
    pub kind: SchemaKind,
    /// The schema. For [`Question::Lookup`] and [`Question::Register`] it is the text of the question.
    pub text: String,
    /// All schemas that this one needs, directly or not: each before those that use it, and each name once.
    pub references: Vec<Reference>,
}

impl RawSchema {
    /// Returns the bytes of all texts.
    pub(super) fn size(&self) -> usize {
        let sizes = self
            .references
            .iter()
            .map(|reference| reference.name.len() + reference.subject.len() + reference.text.len());
        self.text.len() + sizes.sum::<usize>()
    }
}

/// Schema that another one refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Name by which other schemas refer to it: a full name in Avro, the path of an import in Protobuf, a URI in JSON
    /// Schema.
    pub name: String,
    /// Subject under which it is registered.
    pub subject: String,
    /// Version in that subject.
    pub version: u32,
    /// The schema.
    pub text: String,
}

/// Schema of the user, for [`Question::Lookup`] and [`Question::Register`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct NewSchema {
    /// Language of the text.
    pub kind: SchemaKind,
    /// The schema.
    pub text: String,
    /// Registered schemas to which the text refers directly.
    pub references: Vec<ReferenceTo>,
}

/// Place of a schema that another one refers to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ReferenceTo {
    /// Name by which the other schema refers to it.
    pub name: String,
    /// Subject under which it is registered.
    pub subject: String,
    /// Version in that subject.
    pub version: u32,
}

/// Question to a schema registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// Asks for the schema with this number.
    Id(u32),
    /// Asks for the schema with this GUID.
    Guid([u8; 16]),
    /// Asks for the newest version in a subject. The answer changes, so it is asked again from time to time.
    Latest {
        /// The subject.
        subject: String,
    },
    /// Asks under which number the subject has this schema.
    Lookup {
        /// The subject.
        subject: String,
        /// The schema.
        schema: Arc<NewSchema>,
    },
    /// Adds the schema to the subject, if it is not there yet, and asks for its number.
    Register {
        /// The subject.
        subject: String,
        /// The schema.
        schema: Arc<NewSchema>,
    },
}

impl Question {
    /// Returns the bytes of text that the question itself holds.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Id(_) | Self::Guid(_) => 0,
            Self::Latest { subject } => subject.len(),
            Self::Lookup { subject, schema } | Self::Register { subject, schema } => {
                subject.len() + schema.text.len()
            }
        }
    }
}

/// Reason why there is no schema that can be used. It does not pass by itself: asking again is of use only after
/// somebody has changed something in the registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Missing {
    /// What is wrong, for the user: what was asked, and what the registry answered.
    pub text: Arc<str>,
}

impl Missing {
    pub(super) fn new(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into() }
    }
}

/// Answer of a registry: what the user of the client made of the schema, or why there is none.
pub(crate) type Answer<T> = Result<Arc<T>, Missing>;

/// Writes a GUID as registries do.
pub(super) fn guid_text(guid: [u8; 16]) -> String {
    let mut text = format!("{:032x}", u128::from_be_bytes(guid));
    for place in [20, 16, 12, 8] {
        text.insert(place, '-');
    }
    text
}

/// Reads a GUID as registries write it.
pub(super) fn guid_of(text: &str) -> Option<[u8; 16]> {
    let digits = text.replace('-', "");
    let is_hex = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then_some(())?;
    u128::from_str_radix(&digits, 16)
        .ok()
        .map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_written_as_it_is_read() {
        let text = "89791762-2336-4186-9674-299b90a802e2";
        let guid = guid_of(text).unwrap();
        assert_eq!(guid[..4], [0x89, 0x79, 0x17, 0x62]);
        assert_eq!(guid_text(guid), text);
        assert_eq!(guid_text([0; 16]), "00000000-0000-0000-0000-000000000000");
        for wrong in [
            "",
            "8979",
            "+9791762-2336-4186-9674-299b90a802e2",
            &text[1..],
        ] {
            assert_eq!(guid_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn kinds_have_the_names_of_the_registry() {
        for kind in [
            SchemaKind::Avro,
            SchemaKind::Protobuf,
            SchemaKind::JsonSchema,
        ] {
            assert_eq!(SchemaKind::named(kind.name()), Some(kind));
        }
        assert_eq!(SchemaKind::named("THRIFT"), None);
    }
}
