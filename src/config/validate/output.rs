//! Checks of `output` and `dead_letter`.

use super::{Check, format, kafka};
use crate::config::model::{
    FileConfig, KafkaOutputConfig, KeyFormat, OutputConfig, OutputFormat, StdoutCodec, StreamOutput,
};
use crate::config::raw;
use crate::config::tree::FieldPath;

/// Output as it is written.
enum Written {
    Stdout(StreamOutput),
    File(FileConfig),
    Kafka(Box<raw::Kafka<KafkaOutputConfig>>),
    Drop(raw::DropOutput),
}

/// Checks the output at the path `at`.
pub(super) fn output(check: &mut Check<'_>, at: &FieldPath, raw: raw::Output) -> OutputConfig {
    // Without `..`, so that a new output does not compile until it is among the components.
    let raw::Output {
        label: _,
        stdout,
        file,
        kafka,
        drop,
    } = raw;
    let components = [
        ("stdout", stdout.map(Written::Stdout)),
        ("file", file.map(Written::File)),
        ("kafka", kafka.map(Box::new).map(Written::Kafka)),
        ("drop", drop.map(Written::Drop)),
    ];
    match check.chosen(at, components, &format!("`{at}` has two outputs")) {
        Some(Written::Stdout(mut stdout)) => {
            stream(check, &at.field("stdout"), &mut stdout);
            OutputConfig::Stdout(stdout)
        }
        Some(Written::File(mut file)) => {
            let at = at.field("file");
            if file.path.is_empty() {
                check.missing(
                    &at,
                    "path",
                    "write the file, for example `path: results.jsonl`",
                );
            }
            whole_files(check, &at.field("codec"));
            stream(check, &at, &mut file.stream);
            OutputConfig::File(file)
        }
        Some(Written::Kafka(mut raw)) => {
            let at = at.field("kafka");
            formats(check, &at, &mut raw.topics.format, &raw.topics.key_format);
            OutputConfig::Kafka(Box::new(kafka::output(check, &at, *raw)))
        }
        Some(Written::Drop(raw::DropOutput {})) => OutputConfig::Drop,
        None if at.last() == "dead_letter" => {
            // Not reported if two are written, because then the section counts as misshapen.
            check.error(
                at,
                format!("`{at}` does not say where to"),
                "write for example `dead_letter: { stdout: {} }`, or leave `dead_letter` out",
            );
            OutputConfig::Drop
        }
        None => OutputConfig::Stdout(StreamOutput::default()),
    }
}

/// Refuses the codec with which Bento replaces the whole file by each message.
fn whole_files(check: &mut Check<'_>, at: &FieldPath) {
    let written = check.root.find(at).and_then(|node| node.scalar());
    if written.is_some_and(|scalar| scalar.text == "all-bytes") {
        let message = format!(
            "`{at}` cannot be `all-bytes`: each message would replace the file, and this engine only appends"
        );
        let help =
            "write `append` for messages with nothing between them, or `lines` for one a line";
        check.error(at, message, help);
    }
}

/// Checks an output that is a stream of bytes.
fn stream(check: &mut Check<'_>, at: &FieldPath, stream: &mut StreamOutput) {
    let is_ended = matches!(stream.codec, StdoutCodec::Lines | StdoutCodec::Delim(_));
    if stream.format.kind.has_schema() && is_ended {
        let help = "write `codec: length_delimited`: each message after its length";
        let message = "messages of this format may contain any byte, so nothing can end them";
        check.error(&at.field("format"), message, help);
    }
    formats(check, at, &mut stream.format, &KeyFormat::default());
}

fn formats(check: &mut Check<'_>, at: &FieldPath, format: &mut OutputFormat, key: &KeyFormat) {
    if at
        .names()
        .first()
        .is_some_and(|name| *name == "dead_letter")
    {
        format::dead_letter(check, at, format, key);
    } else {
        format::output(check, &at.field("format"), format);
    }
}
