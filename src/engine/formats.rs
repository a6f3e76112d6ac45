//! Formats of a pipeline, from its config; with the schemas that must be there before the first message.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};

use super::schema_registry;
use crate::codec::{DatetimeForm, DecimalForm, JsonForm};
use crate::config::{
    Config, DatetimeText, DecimalText, Format, InputFormat, KeyFormat, Numbers, OutputConfig,
    OutputFormat, SchemaFraming, SubjectNameStrategy,
};
use crate::format::{
    Formats, Part, ReadFormat, Reads, Registry, Schema, SchemaSource, SchemaWrites, Target, Wanted,
    WriteFormat, Writes,
};
use crate::registry::{NewSchema, Question, SchemaKind};

/// Returns the formats of `config`. If there is a schema registry, asks it for what the output needs, for at most
/// `timeout`.
///
/// # Errors
/// If a schema cannot be used, or the registry does not answer.
pub(crate) fn open(config: &Config, timeout: Duration) -> anyhow::Result<Formats> {
    let (input, input_key) = config.input.formats();
    let (output, output_key) = config.output.formats();
    let registry = match &config.schema_registry {
        Some(of) => Some(schema_registry::connect(of, &input, &output)?),
        None => None,
    };
    let opening = Opening {
        config,
        registry: registry.as_ref(),
        deadline: Instant::now() + timeout,
    };
    let reads = Reads {
        value: read(input.kind, || fixed(&input))?,
        key: read(input_key.kind, || Ok(None))?,
        exact: input.numbers == Numbers::Exact,
    };
    let writes = Writes {
        value: opening.write(&output, Part::Value)?,
        key: opening.write(&key(output_key), Part::Key)?,
    };
    if reads.name_schemas() {
        opening.probe()?;
    }
    Ok(Formats {
        reads,
        writes,
        registry,
    })
}

/// Returns the formats of `config` for tests: values that have a schema are given as JSON, and shown as JSON.
///
/// # Errors
/// If a schema in a file cannot be used.
pub(crate) fn offline(config: &Config) -> anyhow::Result<Formats> {
    let (input, input_key) = config.input.formats();
    let (output, output_key) = config.output.formats();
    let given = |format| {
        anyhow::Ok(match read(format, || Ok(None))? {
            ReadFormat::Schema(_) => ReadFormat::Json,
            other => other,
        })
    };
    let opening = Opening {
        config,
        registry: None,
        deadline: Instant::now(),
    };
    let shown = |format: &OutputFormat, part| match (format.kind, format.framing) {
        (Format::Avro | Format::Protobuf | Format::JsonSchema, SchemaFraming::Registry) => {
            Ok(WriteFormat::Shown(None))
        }
        _ => opening.write(format, part),
    };
    let formats = Formats {
        reads: Reads {
            value: given(input.kind)?,
            key: given(input_key.kind)?,
            exact: input.numbers == Numbers::Exact,
        },
        writes: Writes {
            value: shown(&output, Part::Value)?,
            key: shown(&key(output_key), Part::Key)?,
        },
        registry: None,
    };
    Ok(formats.shown())
}

/// Returns the schema of all messages of an input, if they do not name their own.
fn fixed(input: &InputFormat) -> anyhow::Result<Option<Arc<Schema>>> {
    let (Some(text), SchemaFraming::None) = (&input.schema_text, input.framing) else {
        return Ok(None);
    };
    let file = file(input.schema_file.as_deref());
    let schema = Schema::of_file(kind(input.kind), text, input.message.as_ref())
        .map_err(|why| anyhow!("{file}: {why}"))?;
    Ok(Some(Arc::new(schema)))
}

/// Returns the name of a schema's file, for messages.
pub(super) fn file(name: Option<&str>) -> &str {
    name.unwrap_or("schema_file")
}

fn read(
    format: Format,
    fixed: impl FnOnce() -> anyhow::Result<Option<Arc<Schema>>>,
) -> anyhow::Result<ReadFormat> {
    Ok(match format {
        Format::Auto => ReadFormat::Auto,
        Format::Json => ReadFormat::Json,
        Format::Text => ReadFormat::Text,
        Format::Bytes => ReadFormat::Bytes,
        Format::Avro | Format::Protobuf | Format::JsonSchema => {
            ReadFormat::Schema(match fixed()? {
                Some(schema) => SchemaSource::Fixed(schema),
                None => SchemaSource::Named(kind(format)),
            })
        }
    })
}

/// Returns the format of an output's keys, which has no more settings.
fn key(format: KeyFormat) -> OutputFormat {
    OutputFormat {
        kind: format.kind,
        ..OutputFormat::default()
    }
}

/// Returns the schema in the file of an output, which is no registry's.
fn of_file(format: &OutputFormat) -> anyhow::Result<Schema> {
    let text = format.schema_text.as_deref().unwrap_or_default();
    let file = file(format.schema_file.as_deref());
    Schema::of_file(kind(format.kind), text, format.message.as_ref())
        .map_err(|why| anyhow!("{file}: {why}"))
}

/// Returns the language of a format's schemas. (Formats without one do not ask.)
fn kind(format: Format) -> SchemaKind {
    format.schema_kind().unwrap_or(SchemaKind::Avro)
}

/// Why there is no schema.
enum Asked {
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

struct Opening<'a> {
    config: &'a Config,
    registry: Option<&'a Registry>,
    deadline: Instant,
}

impl Opening<'_> {
    fn write(&self, format: &OutputFormat, part: Part) -> anyhow::Result<WriteFormat> {
        Ok(match format.kind {
            Format::Auto => WriteFormat::Auto(json_form(format)),
            Format::Json => WriteFormat::Json(json_form(format)),
            Format::Text => WriteFormat::Text,
            Format::Bytes => WriteFormat::Bytes,
            Format::Avro | Format::Protobuf | Format::JsonSchema => {
                WriteFormat::Schema(Arc::new(self.schemas(format, part)?))
            }
        })
    }

    /// Returns the schemas of an output. Those of a registry are asked for.
    fn schemas(&self, format: &OutputFormat, part: Part) -> anyhow::Result<SchemaWrites> {
        if format.framing == SchemaFraming::None {
            return Ok(SchemaWrites {
                framed: false,
                form: json_form(format),
                own: Target::fixed(Arc::new(of_file(format)?)),
                topics: HashMap::new(),
                subjects: HashMap::new(),
            });
        }
        let by_topic = format.subject.is_none() && format.schema_id.is_none();
        let kafka = match &self.config.output {
            OutputConfig::Kafka(kafka) => Some(kafka),
            OutputConfig::Stdout(_) | OutputConfig::Drop => None,
        };
        let own = kafka.map_or("", |kafka| &kafka.topic);
        let mut topics = HashMap::new();
        if let (true, Some(kafka)) = (by_topic, kafka) {
            for topic in &kafka.topics_allowed {
                topics.insert(topic.clone(), self.target(format, topic, part)?);
            }
        }
        let mut subjects = HashMap::new();
        for subject in &format.subjects_allowed {
            let question = Question::Latest {
                subject: subject.clone(),
            };
            subjects.insert(subject.clone(), self.latest(format, question, subject)?);
        }
        Ok(SchemaWrites {
            framed: true,
            subjects,
            form: json_form(format),
            own: self.target(format, own, part)?,
            topics,
        })
    }

    /// Returns the schema for a topic.
    fn target(&self, format: &OutputFormat, topic: &str, part: Part) -> anyhow::Result<Target> {
        let subject = match &format.subject {
            Some(subject) => subject.clone(),
            None => named_by(format, topic, part)?,
        };
        let (question, what) = match (format.schema_id, &format.schema_text) {
            (Some(id), _) => (Question::Id(id), "`schema_id`".to_owned()),
            (None, Some(text)) => {
                let schema = Arc::new(NewSchema {
                    kind: kind(format.kind),
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
                return self.latest(format, question, &subject);
            }
        };
        Ok(Target::fixed(self.usable(
            &wanted(format),
            question,
            &what,
        )?))
    }

    /// Returns a target with the latest schema of a subject.
    fn latest(
        &self,
        format: &OutputFormat,
        question: Question,
        subject: &str,
    ) -> anyhow::Result<Target> {
        let registry = self.registry.context("there is no `schema_registry`")?;
        let wanted = wanted(format);
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
        let schema = self.ask(question, what)?;
        wanted.check(&schema).with_context(|| what.to_owned())?;
        Ok(schema)
    }

    /// Checks that the registry is there. Any answer shows it.
    fn probe(&self) -> anyhow::Result<()> {
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
            trouble = registry.trouble().or(trouble.take());
            Instant::now() >= self.deadline
        });
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

/// Returns the subject of a schema that the config does not name.
fn named_by(format: &OutputFormat, topic: &str, part: Part) -> anyhow::Result<String> {
    let record = || {
        let name = of_file(format)?.name().map(str::to_owned);
        let file = file(format.schema_file.as_deref());
        name.with_context(|| format!("{file}: it has no name, of which the subject could be"))
    };
    Ok(match format.subject_name_strategy {
        SubjectNameStrategy::Topic => format!("{topic}-{}", part.suffix()),
        SubjectNameStrategy::Record => record()?,
        SubjectNameStrategy::TopicRecord => format!("{topic}-{}", record()?),
    })
}

/// Returns what the schemas of an output must be.
fn wanted(format: &OutputFormat) -> Wanted {
    Wanted {
        kind: kind(format.kind),
        message: format.message.clone(),
    }
}

fn json_form(format: &OutputFormat) -> JsonForm {
    JsonForm {
        decimal: format.decimal.map(|decimal| match decimal {
            DecimalText::String => DecimalForm::String,
            DecimalText::Number => DecimalForm::Number,
        }),
        datetime: format.datetime.map(|datetime| match datetime {
            DatetimeText::Iso => DatetimeForm::Iso,
            DatetimeText::Millis => DatetimeForm::Millis,
        }),
        // A UUID has one form only, so it is enough that the config says what other types become.
        uuid: format.decimal.is_some() || format.datetime.is_some(),
    }
}
