//! What the tests of the formats with a schema share: the tree of a frame, and cross-checks against a package for Python.

use std::env;
use std::io::{BufReader, BufWriter, Read, Write};
use std::process::{Child, Command, Stdio};

use super::MAX_DEPTH;
use super::error::{DecodeError, EncodeError};
use nerodia_codec::{Encoder, Reader, Scratch, Value};

/// Gives the value of a frame to `give`.
pub(super) fn with_tree<T>(frame: &[u8], give: impl FnOnce(&Value<'_>) -> T) -> T {
    let mut scratch = Scratch::default();
    let mut reader = Reader::new(frame, &mut scratch, MAX_DEPTH);
    let tree = reader.tree(usize::MAX).expect("a sound frame");
    reader.finish().expect("one value");
    give(&tree.expect("a value"))
}

/// Gives the document that people see of a value to `give`, as tests of scripts read it.
pub(super) fn with_shown<T>(value: &Value<'_>, give: impl FnOnce(&Value<'_>) -> T) -> T {
    let mut text = Vec::new();
    value.show(&mut text);
    let mut encoder = Encoder::new(MAX_DEPTH).exact(true);
    encoder.json(&text).expect("what people see is JSON");
    with_tree(encoder.as_bytes(), give)
}

/// Codec that a package for Python checks: it asks what this codec makes of bytes and values, one process per test.
///
/// `NERODIA_TEST_PYTHON` names the interpreter; the default is `python3`. If it has no such package, the tests pass with
/// a message, unless the environment variable [`REQUIRED`](Self::REQUIRED) is set. That is the number of documents, or 1
/// for the usual few hundred.
pub(super) trait CrossChecked: Sized {
    /// Name of the package.
    const PACKAGE: &str;
    /// Statement that fails without the package.
    const IMPORT: &str;
    /// Environment variable that requires the package.
    const REQUIRED: &str;
    /// Script that asks, as its path in the repository.
    const SCRIPT: &str;

    /// Parses the schemas, whose parts `next` returns.
    fn parse(next: &mut dyn FnMut() -> Vec<u8>) -> Result<Self, String>;

    fn decode(&self, bytes: &[u8], encoder: &mut Encoder) -> Result<(), DecodeError>;

    fn write(&self, value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// Checks every type with values written by hand.
    fn check_table() {
        answer::<Self>(&["table"]);
    }

    /// Checks random schemas and values.
    fn check_random() {
        let documents = env::var(Self::REQUIRED).ok();
        let documents = documents
            .and_then(|number| number.parse().ok())
            .unwrap_or(1_u32);
        let seed = env::var("NERODIA_TEST_SEED").unwrap_or_else(|_| "1".into());
        let documents = documents.max(800).to_string();
        answer::<Self>(&["random", &seed, &documents]);
    }
}

/// Starts the script of a codec, unless the package is missing and not required.
fn start<C: CrossChecked>(args: &[&str]) -> Option<Child> {
    let python = env::var("NERODIA_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let found = Command::new(&python)
        .args(["-c", C::IMPORT])
        .stderr(Stdio::null())
        .status();
    if !found.is_ok_and(|status| status.success()) {
        let package = C::PACKAGE;
        assert!(
            env::var_os(C::REQUIRED).is_none(),
            "{python} has no {package}"
        );
        eprintln!("skipped: {python} has no {package}");
        return None;
    }
    let child = Command::new(python)
        .arg(format!("{}/{}", env!("CARGO_MANIFEST_DIR"), C::SCRIPT))
        .args(args)
        // Times without a zone are those of guests.
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    Some(child.unwrap())
}

/// Answers the questions of the script until it has no more.
fn answer<C: CrossChecked>(args: &[&str]) {
    let Some(mut child) = start::<C>(args) else {
        return;
    };
    let mut input = BufWriter::new(child.stdin.take().unwrap());
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut next = || {
        let mut len = [0; 4];
        output
            .read_exact(&mut len)
            .expect("Python says what is wrong");
        let mut bytes = vec![0; u32::from_le_bytes(len) as usize];
        output.read_exact(&mut bytes).unwrap();
        bytes
    };
    let mut codec = None;
    let mut encoder = Encoder::new(MAX_DEPTH);
    loop {
        let answer = match &*next() {
            b"" => break,
            b"S" => match C::parse(&mut next) {
                Ok(parsed) => {
                    codec = Some(parsed);
                    Vec::new()
                }
                Err(error) => error.into_bytes(),
            },
            question => {
                let codec = codec.as_ref().expect("a schema comes first");
                let answer = match question {
                    b"D" => decode(codec, &next(), &mut encoder),
                    _ => write(codec, &next()),
                };
                match answer {
                    Ok(bytes) => [b"+", &*bytes].concat(),
                    Err(error) => format!("E{error}").into_bytes(),
                }
            }
        };
        input
            .write_all(&(answer.len() as u32).to_le_bytes())
            .unwrap();
        input.write_all(&answer).unwrap();
        input.flush().unwrap();
    }
    assert!(child.wait().unwrap().success());
}

fn decode<C: CrossChecked>(
    codec: &C,
    bytes: &[u8],
    encoder: &mut Encoder,
) -> Result<Vec<u8>, String> {
    encoder.clear();
    // A document before must not matter.
    encoder.tuple(2);
    let mark = encoder.mark();
    let decoded = codec.decode(bytes, encoder);
    if decoded.is_err() {
        encoder.take_back(mark);
    }
    decoded.map_err(|error| error.to_string())?;
    Ok(encoder.as_bytes()[2..].to_vec())
}

fn write<C: CrossChecked>(codec: &C, frame: &[u8]) -> Result<Vec<u8>, String> {
    with_tree(frame, |value| {
        let mut out = Vec::new();
        let written = codec.write(value, &mut out);
        written.map(|()| out).map_err(|error| error.to_string())
    })
}
