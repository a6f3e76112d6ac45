//! Section `input`.

use std::time::Duration;

use serde_json::Value;

use super::Kafka;
use crate::config::model::{InputFormat, KafkaInputConfig};
use crate::config::section::section;
use crate::config::texts::{Size, Span};

section! {
    /// Where messages come from: one of the fields below.
    #[schemars(extend("x-component" = "input"))]
    pub(in crate::config) struct Input {
        /// A name of yours for it. Accepted, without effect.
        #[schemars(extend("x-ignored" = "quietly"))]
        label: Option<String>,
        /// Standard input, a message a line.
        stdin: Option<Stream>,
        /// Files, a message a line.
        file: Option<FileInput>,
        /// Kafka topics, read as a member of a consumer group.
        kafka: Option<Kafka<KafkaInputConfig>>,
        /// Messages made by a script, or copies of one value: for trying out and for load tests.
        generate: Option<Generate>,
    }

    /// Stream of bytes: standard input, or a file.
    pub(in crate::config) struct Stream {
        /// The longest line, in bytes; a longer one becomes a dead letter, and the next line is read.
        /// Without it: `8MiB`, or `pipeline.max_in_flight` where that is less.
        #[serde(with = "Size")]
        #[schemars(example = &"1MiB")]
        max_line: Option<u64>,
        /// What the messages are.
        format: InputFormat,
        /// How the stream is cut into messages.
        scanner: Option<Scanner>,
        /// Bento's older word for `scanner`: `lines`, or `delim:X` for lines that end in X.
        #[schemars(example = &"lines", example = &"delim:;")]
        codec: Option<String>,
    }
    + Replay {
        /// Bento's switch for reading failed messages again. Accepted, without effect: what failed is
        /// always run again or becomes a dead letter.
        auto_replay_nacks: bool,
    }

    /// Files, read one after the other to their ends.
    pub(in crate::config) struct FileInput {
        /// The files, by their paths from the folder in which the program was started. `*`, `?` and `[…]` stand for parts of names,
        /// `**` for folders; such files come in the order of their names.
        #[schemars(length(min = 1), extend("examples" = [["orders-*.jsonl"]]))]
        paths: Vec<String>,
        /// Whether to wait at the end of the file for what is appended, as `tail -F` does: also when it is moved away and a
        /// new one takes its place, and if it is not there yet. Where reading has come is not kept: each start begins with the first message.
        follow: bool,
        #[serde(flatten)]
        stream: Stream,
    }

    /// How a stream is cut into messages.
    #[schemars(extend("x-component" = "scanner"))]
    pub(in crate::config) struct Scanner {
        /// A message a line.
        lines: Option<Lines>,
        /// JSON documents one after the other, each over any number of lines, as `jq` reads them.
        json_documents: Option<JsonDocuments>,
        /// Messages of any bytes, each after its length in four bytes (big-endian).
        length_delimited: Option<LengthDelimited>,
    }

    /// JSON documents one after the other.
    pub(in crate::config) struct JsonDocuments {}

    /// Messages after their lengths.
    pub(in crate::config) struct LengthDelimited {}

    /// A message a line.
    pub(in crate::config) struct Lines {
        /// What ends a line in place of a newline (`\n` or `\r\n`). In YAML, `"\0"` is the byte 0.
        #[schemars(example = &";")]
        custom_delimiter: Option<String>,
        /// Bento's word for `max_line`.
        #[serde(with = "Size")]
        max_buffer_size: Option<u64>,
        /// Leave out empty lines. Otherwise an empty line is a message whose `this` is `None`.
        omit_empty: bool,
    }

    /// Messages made by a script, or copies of one value.
    pub(in crate::config) struct Generate {
        /// Python that sets `root` to the message; `this` is `None`. In place of Bento's `mapping`.
        #[schemars(example = &"root = {\"id\": str(uuid.uuid4())}")]
        script: Option<String>,
        /// Python that runs once in each guest, before the first message. In a `file`, it is what stands above a line
        /// `# %% message`.
        setup: Option<String>,
        /// A file with that Python, by its path from the config file.
        #[schemars(example = &"generate.py")]
        file: Option<String>,
        /// Modules the script may use by name.
        #[schemars(extend("examples" = [["uuid"]]))]
        imports: Vec<String>,
        /// The message itself, the same each time: any value.
        #[schemars(with = "Value", extend("examples" = [[11, 6, 20, 5]]))]
        value: Option<String>,
        /// The time between two batches. `0s` or an empty text: as fast as the pipeline takes them.
        #[serde(with = "Span")]
        #[schemars(example = &"100ms", extend("x-pause" = true))]
        interval: Duration = Duration::from_secs(1),
        /// How many messages in all; 0 for no end.
        count: u64,
        /// How many messages at each interval.
        #[schemars(range(min = 1))]
        batch_size: usize = 1,
    }
    + Remaking {
        /// Bento's switch for making failed messages again. Accepted, without effect.
        auto_replay_nacks: bool,
    }
}
