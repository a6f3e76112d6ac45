//! What an output needs of the schema registry before the first message.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, anyhow};

use super::{file, json_form, of_file};
use crate::config::{Config, OutputConfig, OutputFormat, SchemaFraming, SubjectNameStrategy};
use crate::format::{Part, Registry, Schema, SchemaWrites, Target, Wanted};
use crate::registry::{NewSchema, Question, SchemaKind};
use crate::telemetry::health::{Health, SCHEMA_REGISTRY};

/// Why there is no schema.
pub(super) enum Asked {
    /// The registry says that there is none.
    Missing(anyhow::Error),
    /// The registry did not answer in time.
    Silent(anyhow::Error),
}

impl From<Asked> for anyhow::Error {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Missing(error) | Asked::Silent(error) => error,
        }
    }
}

/// Payloads or keys of an output, in a format with schemas.
pub(super) struct Output<'a> {
    pub(super) format: &'a OutputFormat,
    /// Language of the format's schemas.
    pub(super) kind: SchemaKind,
    pub(super) part: Part,
}

impl Output<'_> {
    /// Returns the subject of a topic's schema, which the config does not name.
    fn subject(&self, topic: &str) -> anyhow::Result<String> {
        let Self { format, kind, part } = *self;
        let record = || {
            let name = of_file(format, kind)?.name().map(str::to_owned);
            let file = file(format.schema_file.as_deref());
            name.with_context(|| format!("{file}: it has no name, of which the subject could be"))
        };
        Ok(match format.subject_name_strategy {
            SubjectNameStrategy::Topic => format!("{topic}-{}", part.suffix()),
            SubjectNameStrategy::Record => record()?,
            SubjectNameStrategy::TopicRecord => format!("{topic}-{}", record()?),
        })
    }

    /// Returns what the schemas must be.
    fn wanted(&self) -> Wanted {
        Wanted {
            kind: self.kind,
            message: self.format.message.clone(),
        }
    }
}

/// Returns what the user can do if the registry has no answer to a question.
fn help_without(question: &Question) -> &'static str {
    match question {
        Question::Lookup { .. } => {
            ". With `register: true` beside `schema_file`, the engine adds the schema to the subject when it starts"
        }
        Question::Latest { .. } => {
            ". With `schema_file` and `register: true` in the output's format, the engine adds a schema when it starts"
        }
        Question::Id(_) | Question::Guid(_) | Question::Register { .. } => "",
    }
}

/// Start of a pipeline, which asks the registry.
pub(super) struct Opening<'a> {
    pub(super) config: &'a Config,
    pub(super) registry: Option<&'a Registry>,
    pub(super) deadline: Instant,
    /// Health of the pipeline, which is told of the registry's trouble.
    pub(super) health: &'a Health,
}

impl Opening<'_> {
    /// Returns the schemas of an output. Those of a registry are asked for.
    pub(super) fn schemas(&self, output: &Output<'_>) -> anyhow::Result<SchemaWrites> {
        let format = output.format;
        if format.framing == SchemaFraming::None {
            return Ok(SchemaWrites {
                framed: false,
                form: json_form(format),
                own: Target::fixed(Arc::new(of_file(format, output.kind)?)),
                topics: HashMap::new(),
                subjects: HashMap::new(),
            });
        }
        let by_topic = format.subject.is_none() && format.schema_id.is_none();
        let kafka = match &self.config.output {
            OutputConfig::Kafka(kafka) => Some(kafka),
            OutputConfig::Stdout(_) | OutputConfig::File(_) | OutputConfig::Drop => None,
        };
        let own = kafka.map_or("", |kafka| &kafka.topic);
        let mut topics = HashMap::new();
        if let (true, Some(kafka)) = (by_topic, kafka) {
            for topic in &kafka.topics_allowed {
                topics.insert(topic.clone(), self.target(output, topic)?);
            }
        }
        let mut subjects = HashMap::new();
        for subject in &format.subjects_allowed {
            let question = Question::Latest {
                subject: subject.clone(),
            };
            subjects.insert(subject.clone(), self.latest(output, question, subject)?);
        }
        Ok(SchemaWrites {
            framed: true,
            subjects,
            form: json_form(format),
            own: self.target(output, own)?,
            topics,
        })
    }

    /// Returns the schema for a topic.
    fn target(&self, output: &Output<'_>, topic: &str) -> anyhow::Result<Target> {
        let format = output.format;
        let subject = match &format.subject {
            Some(subject) => subject.clone(),
            None => output.subject(topic)?,
        };
        let (question, what) = match (format.schema_id, &format.schema_text) {
            (Some(id), _) => (Question::Id(id), "`schema_id`".to_owned()),
            (None, Some(text)) => {
                let schema = Arc::new(NewSchema {
                    kind: output.kind,
                    text: text.clone(),
                    references: Vec::new(),
                });
                let what = format!("subject `{subject}`");
                let question = if format.register {
                    Question::Register { subject, schema }
                } else {
                    Question::Lookup { subject, schema }
                };
                (question, what)
            }
            (None, None) => {
                let question = Question::Latest {
                    subject: subject.clone(),
                };
                return self.latest(output, question, &subject);
            }
        };
        let schema = self.usable(&output.wanted(), question, &what)?;
        Ok(Target::fixed(schema))
    }

    /// Returns a target with the latest schema of a subject.
    fn latest(
        &self,
        output: &Output<'_>,
        question: Question,
        subject: &str,
    ) -> anyhow::Result<Target> {
        let registry = self.registry.context("there is no `schema_registry`")?;
        let wanted = output.wanted();
        let first = self.usable(&wanted, question.clone(), &format!("subject `{subject}`"))?;
        Ok(Target::latest(question, registry.clone(), wanted, first))
    }

    /// Asks the registry for a schema with which results can be written.
    fn usable(
        &self,
        wanted: &Wanted,
        question: Question,
        what: &str,
    ) -> anyhow::Result<Arc<Schema>> {
        let help = help_without(&question);
        let schema = self.ask(question, what).map_err(|asked| match asked {
            Asked::Missing(error) => anyhow!("{error:#}{help}"),
            Asked::Silent(error) => error,
        })?;
        wanted.check(&schema).with_context(|| what.to_owned())?;
        Ok(schema)
    }

    /// Checks that the registry is there. Any answer shows it.
    pub(super) fn probe(&self) -> anyhow::Result<()> {
        const ANY: Question = Question::Id(1);
        match self.ask(ANY, "input") {
            Ok(_) => Ok(()),
            Err(Asked::Silent(error)) => Err(error),
            Err(Asked::Missing(_)) => {
                // In a new registry the first schema gets this number, and messages may have it a moment later.
                if let Some(registry) = self.registry {
                    registry.forget_missing(&ANY);
                }
                Ok(())
            }
        }
    }

    /// Asks the registry, and waits for its answer.
    fn ask(&self, question: Question, what: &str) -> Result<Arc<Schema>, Asked> {
        let Some(registry) = self.registry else {
            return Err(Asked::Missing(anyhow!("there is no `schema_registry`")));
        };
        let mut trouble = None;
        let answer = registry.wait(question, || {
            // Only as long as somebody waits.
            if let Some(why) = registry.trouble() {
                self.health.set_ill(SCHEMA_REGISTRY, why.clone());
                trouble = Some(why);
            }
            Instant::now() >= self.deadline
        });
        self.health.set_well(SCHEMA_REGISTRY);
        match answer {
            Some(Ok(schema)) => Ok(schema),
            Some(Err(missing)) => Err(Asked::Missing(anyhow!("{what}: {}", missing.text))),
            None => {
                let why = trouble.unwrap_or_else(|| "the schema registry did not answer".into());
                Err(Asked::Silent(anyhow!("{why}")))
            }
        }
    }
}
