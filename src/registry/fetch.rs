//! From a question to the schema: which requests it takes, and how their answers are read.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::client::Client;
use super::failure::{Failure, Reply, shown};
use super::question::{Missing, NewSchema, Question, ReferenceTo, SchemaKind, guid_of, guid_text};
use super::wire::{WireId, WireNew, WireReference, WireSchema};

/// Bytes of a path segment that are written as `%XX`: all but those that no URL ever changes.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Schema without the texts of what it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub id: Option<u32>,
    pub guid: Option<[u8; 16]>,
    pub kind: SchemaKind,
    pub text: String,
    pub references: Vec<ReferenceTo>,
}

/// Reason why there is no schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoSchema {
    /// The registry has none. Asking again is of no use.
    Missing(Missing),
    /// The registry gave no answer. It is asked again.
    Failed(Failure),
}

impl From<Failure> for NoSchema {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Asks the registry. The texts of references are not fetched.
///
/// # Errors
/// If there is no such schema, or no answer.
pub(super) fn find(client: &Client, question: &Question) -> Result<Found, NoSchema> {
    let about = described(question);
    match question {
        // The number has 4 bytes in a message, but a sign in all registries; they would not even understand others.
        Question::Id(id) if i32::try_from(*id).is_err() => Err(missing(format!(
            "{about}: registries give no numbers beyond {}",
            i32::MAX
        ))),
        Question::Id(id) => {
            let mut found = schema(client, client.get(&format!("/schemas/ids/{id}"))?, &about)?;
            found.id = Some(*id);
            Ok(found)
        }
        Question::Guid(guid) => {
            let mut found = by_guid(client, *guid, &about)?;
            found.guid = Some(*guid);
            Ok(found)
        }
        Question::Latest { subject } => {
            let path = format!("/subjects/{}/versions/latest", segment(subject)?);
            let found = schema(client, client.get(&path)?, &about)?;
            if found.id.is_none() {
                return Err(client.malformed("its answer names no id".into()).into());
            }
            Ok(found)
        }
        Question::Lookup { subject, schema } => {
            let path = format!("/subjects/{}", segment(subject)?);
            numbered(client, &path, schema, &about)
        }
        Question::Register { subject, schema } => {
            let path = format!("/subjects/{}/versions", segment(subject)?);
            numbered(client, &path, schema, &about)
        }
    }
}

/// Asks for the schema to which another one refers.
///
/// # Errors
/// If there is no such schema, or no answer.
pub(super) fn find_reference(client: &Client, to: &ReferenceTo) -> Result<Found, NoSchema> {
    // A reference keeps its meaning when the version to which it refers is deleted.
    let path = format!(
        "/subjects/{}/versions/{}?deleted=true",
        segment(&to.subject)?,
        to.version
    );
    let about = format!("version {} of subject '{}'", to.version, shown(&to.subject));
    schema(client, client.get(&path)?, &about)
}

/// Names what a question asks for.
pub(super) fn described(question: &Question) -> String {
    match question {
        Question::Id(id) => format!("schema {id}"),
        Question::Guid(guid) => format!("schema {}", guid_text(*guid)),
        Question::Latest { subject } => {
            format!("the latest schema of subject '{}'", shown(subject))
        }
        Question::Lookup { subject, .. } => format!("this schema in subject '{}'", shown(subject)),
        Question::Register { subject, .. } => {
            format!("registration in subject '{}'", shown(subject))
        }
    }
}

pub(super) fn missing(text: String) -> NoSchema {
    NoSchema::Missing(Missing::new(text))
}

/// Asks for a GUID. Only recent registries know the path. The others answer as to any unknown path, which would look
/// like a wrong URL; one that does know its kinds of schemas has the right one.
fn by_guid(client: &Client, guid: [u8; 16], about: &str) -> Result<Found, NoSchema> {
    let failure = match client.get(&format!("/schemas/guids/{}", guid_text(guid))) {
        Ok(reply) => return schema(client, reply, about),
        Err(failure) => failure,
    };
    let is_unknown = matches!(failure.status, Some(404 | 405 | 501));
    if is_unknown && let Ok(Reply::Found(body)) = client.get("/schemas/types") {
        let kinds = serde_json::from_slice::<Vec<String>>(&body);
        if kinds.is_ok_and(|kinds| kinds.iter().any(|kind| kind == SchemaKind::Avro.name())) {
            return Err(missing(format!(
                "{about}: the registry has none, or knows no GUIDs"
            )));
        }
    }
    Err(failure.into())
}

/// Reads an answer that contains a schema.
fn schema(client: &Client, reply: Reply, about: &str) -> Result<Found, NoSchema> {
    let wire: WireSchema = read(client, reply, about)?;
    let kind = match wire.kind.as_deref() {
        None => SchemaKind::Avro,
        Some(name) => SchemaKind::named(name)
            .ok_or_else(|| missing(format!("{about} is of the unknown type {}", shown(name))))?,
    };
    let references: Option<Vec<WireReference>> = serde_json::from_value(wire.references)
        .map_err(|error| missing(format!("{about} has malformed references: {error}")))?;
    let references = references.unwrap_or_default().into_iter();
    Ok(Found {
        id: wire.id,
        guid: wire.guid.as_deref().and_then(guid_of),
        kind,
        text: wire.schema,
        references: references.map(WireReference::into_place).collect(),
    })
}

/// Gives a schema to the registry and reads its number.
fn numbered(
    client: &Client,
    path: &str,
    schema: &NewSchema,
    about: &str,
) -> Result<Found, NoSchema> {
    let new = WireNew {
        schema: &schema.text,
        kind: (schema.kind != SchemaKind::Avro).then(|| schema.kind.name()),
        references: schema
            .references
            .iter()
            .map(WireReference::from_place)
            .collect(),
    };
    let document = serde_json::to_vec(&new).expect("strings and numbers have a form in JSON");
    let wire: WireId = read(client, client.post(path, &document)?, about)?;
    Ok(Found {
        id: Some(wire.id),
        guid: wire.guid.as_deref().and_then(guid_of),
        kind: schema.kind,
        text: schema.text.clone(),
        references: schema.references.clone(),
    })
}

fn read<T: for<'a> Deserialize<'a>>(
    client: &Client,
    reply: Reply,
    about: &str,
) -> Result<T, NoSchema> {
    match reply {
        Reply::Nothing(why) => Err(missing(format!("{about}: {why}"))),
        Reply::Found(body) => serde_json::from_slice(&body).map_err(|error| {
            client
                .malformed(format!("its answer is not a registry's ({error})"))
                .into()
        }),
    }
}

/// Writes a subject as one segment of a path.
///
/// # Errors
/// If it is empty. Without the segment the path would be another one, which registries do not know.
fn segment(subject: &str) -> Result<String, NoSchema> {
    Ok(match subject {
        "" => return Err(missing("a subject has an empty name".into())),
        // Servers and proxies take these two for directories, even when they are written as `%2E`. No registry has such
        // a subject, so it does not matter which one it is asked for instead.
        "." | ".." => subject.replace('.', "%252E"),
        _ => utf8_percent_encode(subject, SEGMENT).to_string(),
    })
}

impl NoSchema {
    /// Returns the failure of a request whose work panicked: a defect of Nerodia, or of a library.
    pub(super) fn panicked(client: &Client) -> Self {
        Self::Failed(client.malformed("the request panicked".into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_subject_is_one_segment(subject in any::<String>()) {
            prop_assume!(!subject.is_empty());
            let segment = segment(&subject).unwrap();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
            prop_assert!(segment.bytes().all(plain), "{segment}");
            prop_assume!(subject != "." && subject != "..");
            let decoded = percent_encoding::percent_decode_str(&segment).decode_utf8().unwrap();
            prop_assert_eq!(decoded, subject);
        }
    }

    #[test]
    fn a_subject_is_no_directory() {
        let written = |subject| segment(subject).unwrap();
        assert_eq!(written("a/../b c?d#é%"), "a%2F..%2Fb%20c%3Fd%23%C3%A9%25");
        assert_eq!(written(".."), "%252E%252E");
        assert_eq!(written("..."), "...");
        assert!(segment("").is_err());
    }
}
