//! Schemas with which results are written: one for each topic, or one for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::schema::{Registry, Schema};
use super::{Refused, schema_ref};
use crate::registry::{Question, SchemaKind};
use nerodia_codec::{JsonForm, Value};

/// Time between two looks whether a subject has a newer schema. They are cheap; the registry itself is asked less often.
const LOOK: Duration = Duration::from_secs(1);

/// Schemas with which results are written.
#[derive(Debug)]
pub(crate) struct SchemaWrites {
    /// Whether a result begins with the number of its schema.
    pub framed: bool,
    /// Form of values that JSON has no type for, for JSON with a schema.
    pub form: JsonForm,
    /// Schema of the output's own topic, or of all topics.
    pub own: Target,
    /// Schemas of the other topics that scripts may choose, if each has its own.
    pub topics: HashMap<String, Target>,
    /// Schemas that scripts may choose by their subjects.
    pub subjects: HashMap<String, Target>,
}

/// What a script chose for a result that decides its schema.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Chosen<'c> {
    /// Topic.
    pub topic: Option<&'c str>,
    /// Subject of the schema.
    pub subject: Option<&'c str>,
}

impl SchemaWrites {
    /// Returns whether what a script chooses can decide the schema.
    pub(crate) fn depend_on_attributes(&self) -> bool {
        !(self.topics.is_empty() && self.subjects.is_empty())
    }

    /// Appends `value` to `out`, in the schema that is `chosen`, or else in that of the topic.
    ///
    /// # Errors
    ///
    /// If the schema has no form for the value; `out` is then unchanged.
    pub(super) fn write(
        &self,
        value: &Value<'_>,
        chosen: Chosen<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Refused> {
        let of_topic = || chosen.topic.and_then(|topic| self.topics.get(topic));
        let schema = match chosen.subject {
            None => of_topic().unwrap_or(&self.own).schema(),
            Some(subject) => match self.subjects.get(subject) {
                Some(target) => target.schema(),
                None => {
                    let text = format!(
                        "the script chose the schema `{subject}`, which is not in `subjects_allowed`"
                    );
                    return Err(Refused::new("UnknownSchema", text));
                }
            },
        };
        let start = out.len();
        if self.framed
            && let Some(id) = schema.id
        {
            schema_ref::put(id, out);
        }
        let written = schema.write(value, self.form, self.framed, out);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }
}

/// Schema that is not one for its output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongSchema {
    /// It cannot be used at all.
    #[error("its schema cannot be used: {0}")]
    Unusable(String),
    /// It is of another language.
    #[error("the schema of the output is {found}, and its format is {kind}")]
    Kind {
        /// Language of the schema.
        found: SchemaKind,
        /// Language of the format.
        kind: SchemaKind,
    },
    /// It lacks a message.
    #[error("the schema of the output has no message `{0}`")]
    Message(String),
}

/// What the schemas of an output must be, also those that are registered while the pipeline runs.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Language of the output's format.
    pub kind: SchemaKind,
    /// Name of the message of Protobuf that the config names.
    pub message: Option<String>,
}

impl Wanted {
    /// Checks that results can be written with a schema.
    ///
    /// # Errors
    ///
    /// What it is, or lacks.
    pub(crate) fn check(&self, schema: &Schema) -> Result<(), WrongSchema> {
        if let Some(why) = schema.unusable() {
            return Err(WrongSchema::Unusable(why.to_owned()));
        }
        let kind = self.kind;
        match (schema.kind(), &self.message) {
            (Some(found), _) if found != kind => Err(WrongSchema::Kind { found, kind }),
            (Some(SchemaKind::Protobuf), Some(name)) if !schema.has_message(name) => {
                Err(WrongSchema::Message(name.clone()))
            }
            _ => Ok(()),
        }
    }
}

/// Schema with which results are written.
#[derive(Debug)]
pub(crate) struct Target {
    refresh: Option<Refresh>,
    current: Mutex<Current>,
}

/// Where a newer schema comes from, and what it must be.
#[derive(Debug)]
struct Refresh {
    question: Question,
    registry: Registry,
    wanted: Wanted,
}

/// Schema in use, and what was seen of newer ones.
#[derive(Debug)]
struct Current {
    schema: Arc<Schema>,
    /// Moment of the last look for a newer one.
    looked: Instant,
    /// Number of the newer schema that was refused last, which is logged once.
    refused: Option<u32>,
}

impl Target {
    /// Creates a target with a schema that stays.
    pub(crate) fn fixed(schema: Arc<Schema>) -> Self {
        Self {
            refresh: None,
            current: Mutex::new(Current {
                schema,
                looked: Instant::now(),
                refused: None,
            }),
        }
    }

    /// Creates a target whose schema is the newest answer to `question` that is as `wanted`; `first` is the one that is
    /// known.
    pub(crate) fn latest(
        question: Question,
        registry: Registry,
        wanted: Wanted,
        first: Arc<Schema>,
    ) -> Self {
        Self {
            refresh: Some(Refresh {
                question,
                registry,
                wanted,
            }),
            ..Self::fixed(first)
        }
    }

    /// Returns the schema to write with now.
    fn schema(&self) -> Arc<Schema> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(refresh) = &self.refresh
            && current.looked.elapsed() >= LOOK
        {
            current.looked = Instant::now();
            if let Some(Ok(newest)) = refresh.registry.cached(&refresh.question) {
                current.renew(newest, &refresh.wanted, &refresh.question);
            }
        }
        Arc::clone(&current.schema)
    }
}

impl Current {
    /// Takes a newer schema. One with which nothing could be written does not replace one that works: the log says why.
    fn renew(&mut self, newest: Arc<Schema>, wanted: &Wanted, question: &Question) {
        match wanted.check(&newest) {
            Ok(()) => self.schema = newest,
            Err(_) if self.refused == newest.id => {}
            Err(why) => {
                tracing::warn!(
                    ?question,
                    id = newest.id,
                    %why,
                    "a newer schema is not used, and the one before it stays"
                );
                self.refused = newest.id;
            }
        }
    }
}

#[cfg(test)]
mod tests;
