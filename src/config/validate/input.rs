//! Checks of `input`.

use super::pipeline::stage;
use super::{Check, format, kafka};
use crate::config::model::{
    FileInputConfig, Framing, GenerateConfig, GenerateSource, InputConfig, KafkaInputConfig,
    LinesConfig, StreamInput,
};
use crate::config::raw;
use crate::config::texts::show_size;
use crate::config::tree::FieldPath;

/// Default limit on a line: long enough for anything that a person would call a line, and bounded because a whole line
/// is held in memory.
const MAX_LINE: u64 = 8 << 20;

/// Input as it is written.
enum Written {
    Stdin(raw::Stream),
    File(raw::FileInput),
    Kafka(Box<raw::Kafka<KafkaInputConfig>>),
    Generate(raw::Generate),
}

/// Checks the input. Without one, standard input is read.
pub(super) fn input(check: &mut Check<'_>, raw: raw::Input, max_in_flight: u64) -> InputConfig {
    let at = FieldPath::of("input");
    // Without `..`, so that a new input does not compile until it is among the components.
    let raw::Input {
        label: _,
        stdin: lines,
        file,
        kafka,
        generate: made,
    } = raw;
    let components = [
        ("stdin", lines.map(Written::Stdin)),
        ("file", file.map(Written::File)),
        ("kafka", kafka.map(Box::new).map(Written::Kafka)),
        ("generate", made.map(Written::Generate)),
    ];
    let chosen = check.chosen(&at, components, "there are two inputs");
    match chosen.unwrap_or_else(|| Written::Stdin(raw::Stream::default())) {
        Written::Stdin(raw) => {
            let at = FieldPath::of("input.stdin");
            InputConfig::Stdin(stream(check, &at, raw, max_in_flight))
        }
        Written::File(raw) => InputConfig::File(file_input(check, raw, max_in_flight)),
        Written::Kafka(raw) => InputConfig::Kafka(Box::new(kafka::input(check, *raw))),
        Written::Generate(raw) => InputConfig::Generate(generate(check, raw)),
    }
}

fn file_input(check: &mut Check<'_>, raw: raw::FileInput, max_in_flight: u64) -> FileInputConfig {
    let at = FieldPath::of("input.file");
    let raw::FileInput {
        paths,
        follow,
        stream: bytes,
    } = raw;
    if paths.is_empty() {
        check.missing(
            &at,
            "paths",
            "write the files, for example `paths: [orders.jsonl]`",
        );
    }
    for (place, path) in paths.iter().enumerate() {
        if let Err(error) = glob::Pattern::new(path) {
            let message = format!("`{path}` is not a pattern of paths: {}", error.msg);
            let help = "a bracket that belongs to the name is written `[[]`";
            check.error(&at.field("paths").item(place), message, help);
        }
    }
    let is_pattern = |path: &String| path.contains(['*', '?', '[']);
    if follow && let Some(place) = paths.iter().position(is_pattern) {
        let help = "write the path of one file; it may appear later";
        let message = "a file that is followed has a path, not a pattern";
        check.error(&at.field("paths").item(place), message, help);
    }
    if follow && paths.len() > 1 {
        let help = "write one path; a pipeline for each file can be started";
        check.error(&at.field("follow"), "only one file can be followed", help);
    }
    FileInputConfig {
        paths,
        follow,
        stream: stream(check, &at, bytes, max_in_flight),
    }
}

/// Checks an input that is a stream of bytes.
fn stream(
    check: &mut Check<'_>,
    at: &FieldPath,
    mut raw: raw::Stream,
    max_in_flight: u64,
) -> StreamInput {
    format::input(check, &at.field("format"), &mut raw.format);
    let format = raw.format.clone();
    let framing = framing(check, at, raw, max_in_flight);
    if format.kind.has_schema() && !matches!(framing, Framing::LengthDelimited { .. }) {
        let help = "write `scanner: { length_delimited: {} }`: each message after its length";
        let message = "messages of this format may contain any byte, so nothing can end them";
        check.error(&at.field("format"), message, help);
    }
    StreamInput { framing, format }
}

/// Framing as it is written.
enum Scanner {
    Lines(raw::Lines),
    JsonDocuments(raw::JsonDocuments),
    LengthDelimited(raw::LengthDelimited),
}

fn framing(check: &mut Check<'_>, at: &FieldPath, raw: raw::Stream, max_in_flight: u64) -> Framing {
    let (scanner, codec) = (at.field("scanner"), at.field("codec"));
    if check.is_written(&scanner) && check.is_written(&codec) {
        let message = "`codec` and `scanner` say the same";
        check.either(message, &codec, &scanner, "`scanner`, the newer one");
    }
    // Without `..`, so that a new scanner does not compile until it is among the components.
    let raw::Scanner {
        lines,
        json_documents,
        length_delimited,
    } = raw.scanner.unwrap_or_default();
    let components = [
        ("lines", lines.map(Scanner::Lines)),
        ("json_documents", json_documents.map(Scanner::JsonDocuments)),
        (
            "length_delimited",
            length_delimited.map(Scanner::LengthDelimited),
        ),
    ];
    let chosen = check.chosen(&scanner, components, "there are two scanners");
    let scanned = chosen.unwrap_or_else(|| Scanner::Lines(raw::Lines::default()));
    let lines = match &scanned {
        Scanner::Lines(lines) => lines.clone(),
        Scanner::JsonDocuments(_) | Scanner::LengthDelimited(_) => raw::Lines::default(),
    };
    let ours = at.field("max_line");
    let bentos = scanner.field("lines").field("max_buffer_size");
    if check.is_written(&ours) && check.is_written(&bentos) {
        let message = "`max_buffer_size` and `max_line` say the same";
        check.either(message, &bentos, &ours, "`max_line`");
    }
    let (at, max_line) = match lines.max_buffer_size {
        None => (ours, raw.max_line),
        size => (bentos, size),
    };
    // A whole line is in flight at once, so it cannot be longer than all messages in flight may be.
    let longest = max_line.unwrap_or(MAX_LINE.min(max_in_flight));
    if longest > max_in_flight && !check.is_doubtful(&FieldPath::of("pipeline.max_in_flight")) {
        check.error(
            &at,
            format!(
                "a line of {} does not fit into `pipeline.max_in_flight`, which is {}",
                show_size(longest),
                show_size(max_in_flight)
            ),
            "raise `pipeline.max_in_flight`, or allow shorter lines only",
        );
    }
    let delimiter = match raw.codec.as_deref() {
        // In Bento, an empty text means "none".
        None => lines
            .custom_delimiter
            .filter(|text| !text.is_empty() && text != "\n"),
        Some("lines") => None,
        Some(text) => {
            let delimiter = text.strip_prefix("delim:").filter(|text| !text.is_empty());
            if delimiter.is_none() {
                check.error(
                    &codec,
                    format!("`{codec}` cannot be `{text}`"),
                    "choose `lines`, or `delim:X` for lines that end in X",
                );
            }
            delimiter.map(str::to_owned)
        }
    };
    let max = usize::try_from(longest).unwrap_or(usize::MAX);
    match scanned {
        Scanner::Lines(_) => Framing::Lines(LinesConfig {
            max_line: max,
            delimiter: delimiter.map(String::into_bytes),
            omit_empty: lines.omit_empty,
        }),
        Scanner::JsonDocuments(raw::JsonDocuments {}) => Framing::JsonDocuments { max },
        Scanner::LengthDelimited(raw::LengthDelimited {}) => Framing::LengthDelimited { max },
    }
}

fn generate(check: &mut Check<'_>, raw: raw::Generate) -> GenerateConfig {
    let at = FieldPath::of("input.generate");
    let written = match &raw {
        raw if raw.script.is_some() => Some("script"),
        raw if raw.file.is_some() => Some("file"),
        raw => raw.setup.as_ref().map(|_| "setup"),
    };
    let source = match (written, raw.value) {
        (Some(_), None) => {
            let stage = stage(check, &at, raw.script, raw.setup, raw.file, raw.imports);
            stage.map(GenerateSource::Script)
        }
        (None, Some(json)) => Some(GenerateSource::Value(json)),
        (Some(other), Some(_)) => {
            let message = format!("`{at}` has both `value` and `{other}`");
            check.either(message, &at.field("value"), &at.field(other), "one of them");
            None
        }
        (None, None) => {
            check.error(
                &at,
                format!("`{at}` does not say what to make"),
                "write `script` with Python that sets `root`, or `value` with the message itself",
            );
            None
        }
    };
    GenerateConfig {
        source: source.unwrap_or(GenerateSource::Value(String::new())),
        interval: raw.interval,
        count: raw.count,
        batch_size: raw.batch_size,
    }
}
