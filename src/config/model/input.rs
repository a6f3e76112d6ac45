//! Inputs of a pipeline.

use std::time::Duration;

use super::{Extent, InputFormat, KafkaInputConfig, KeyFormat, Stage};

/// Source of messages.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum InputConfig {
    /// Standard input.
    Stdin(StreamInput),
    /// Files.
    File(FileInputConfig),
    /// Messages made by a script or from a literal.
    Generate(GenerateConfig),
    /// Kafka topics.
    Kafka(Box<KafkaInputConfig>),
}

impl InputConfig {
    /// Returns whether the pipeline is a service by default: it runs until it is stopped, and its messages can be read
    /// again. Then it has a web server, and a failed message without a destination stops it.
    pub(crate) fn is_service(&self) -> bool {
        match self {
            Self::Kafka(kafka) => match kafka.extent {
                Extent::Endless => true,
                Extent::ToEnd { .. } => false,
            },
            Self::Stdin(_) | Self::File(_) | Self::Generate(_) => false,
        }
    }

    /// Returns whether the input reads standard input, which then cannot be the source of the config.
    pub(crate) fn reads_stdin(&self) -> bool {
        match self {
            Self::Stdin(_) => true,
            Self::File(_) | Self::Generate(_) | Self::Kafka(_) => false,
        }
    }

    /// Returns the settings of Kafka, if that is the input.
    pub(crate) fn as_kafka(&self) -> Option<&KafkaInputConfig> {
        match self {
            Self::Kafka(kafka) => Some(kafka),
            Self::Stdin(_) | Self::File(_) | Self::Generate(_) => None,
        }
    }

    /// Returns the input as a stream of bytes, if it is one.
    pub(crate) fn stream(&self) -> Option<&StreamInput> {
        match self {
            Self::Stdin(stdin) => Some(stdin),
            Self::File(file) => Some(&file.stream),
            Self::Generate(_) | Self::Kafka(_) => None,
        }
    }

    /// Returns the formats of payloads and keys.
    pub(crate) fn formats(&self) -> (InputFormat, KeyFormat) {
        match self {
            Self::Stdin(stream) | Self::File(FileInputConfig { stream, .. }) => {
                (stream.format.clone(), KeyFormat::default())
            }
            Self::Kafka(kafka) => (kafka.format.clone(), kafka.key_format.clone()),
            Self::Generate(_) => Default::default(),
        }
    }

    /// Returns the script that makes the messages, if a script does.
    pub(crate) fn script(&self) -> Option<&Stage> {
        match self {
            Self::Generate(GenerateConfig {
                source: GenerateSource::Script(stage),
                ..
            }) => Some(stage),
            Self::Generate(_) | Self::Stdin(_) | Self::File(_) | Self::Kafka(_) => None,
        }
    }

    /// Returns the input's type and what it reads, for people.
    pub(crate) fn described(&self) -> (&'static str, String) {
        match self {
            Self::Stdin(_) => ("stdin", String::new()),
            Self::File(file) => ("file", file.paths.join(", ")),
            Self::Generate(_) => ("generate", String::new()),
            Self::Kafka(kafka) => ("kafka", kafka.topics.join(", ")),
        }
    }
}

/// Stream of bytes: standard input, or a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StreamInput {
    /// How the stream is cut into messages.
    pub framing: Framing,
    /// Format of the messages.
    pub format: InputFormat,
}

impl StreamInput {
    /// Creates the description of lines with messages of this format. A longer line than `max_line` bytes fails.
    pub(crate) fn lines(max_line: usize, format: InputFormat) -> Self {
        Self {
            framing: Framing::Lines(LinesConfig {
                max_line,
                delimiter: None,
                omit_empty: false,
            }),
            format,
        }
    }
}

/// Files that are read one after the other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FileInputConfig {
    /// Paths, or patterns of paths; at least one.
    pub paths: Vec<String>,
    /// Whether to wait for what is appended; then there is one path.
    pub follow: bool,
    /// What a file is.
    pub stream: StreamInput,
}

/// How a stream of bytes is cut into messages.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Framing {
    /// Into lines.
    Lines(LinesConfig),
    /// Into JSON documents, which may have several lines.
    JsonDocuments {
        /// Limit on the length of a document in bytes.
        max: usize,
    },
    /// Into messages after their lengths.
    LengthDelimited {
        /// Limit on the length of a message in bytes.
        max: usize,
    },
}

/// How a stream is cut into lines, each of which is a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LinesConfig {
    /// Limit on the length of a line in bytes. A longer line becomes a dead letter.
    pub max_line: usize,
    /// Bytes that end a line; never empty. `None` means a newline, with or without a carriage return before it.
    pub delimiter: Option<Vec<u8>>,
    /// Whether empty lines are left out.
    pub omit_empty: bool,
}

/// Messages made by the engine itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GenerateConfig {
    /// Content of each message.
    pub source: GenerateSource,
    /// Time between two batches; zero means as fast as possible.
    pub interval: Duration,
    /// Number of messages in all; 0 means no end.
    pub count: u64,
    /// Number of messages at each interval; at least 1.
    pub batch_size: usize,
}

/// Content of the messages that `generate` makes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum GenerateSource {
    /// The `root` that a script sets.
    Script(Stage),
    /// Literal as JSON text, with its numbers as they were written.
    Value(String),
}
