//! Cross-checks against `fastavro`: one process per test, `peer.py` at the other end of its pipes.
//!
//! `NERODIA_TEST_PYTHON` names the interpreter; the default is `python3`. If it has no `fastavro`, the tests pass with a
//! message, unless `NERODIA_TEST_FASTAVRO` is set. That is the number of documents, or 1 for the usual few hundred.

use std::env;
use std::io::{BufReader, BufWriter, Read, Write};
use std::process::{Command, Stdio};

use super::*;

/// Decoder and writer of the schemas that were given last.
struct Pair {
    decoder: Decoder,
    writer: Writer,
}

/// Answers the questions of `peer.py` until it has no more.
fn serve(args: &[&str]) {
    let python = env::var("NERODIA_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let found = Command::new(&python)
        .args(["-c", "import fastavro"])
        .stderr(Stdio::null())
        .status();
    if !found.is_ok_and(|status| status.success()) {
        assert!(
            env::var_os("NERODIA_TEST_FASTAVRO").is_none(),
            "{python} has no fastavro"
        );
        eprintln!("skipped: {python} has no fastavro");
        return;
    }
    let mut child = Command::new(python)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/format/avro/tests/peer.py"
        ))
        .args(args)
        // Times without a zone are those of guests.
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = BufWriter::new(child.stdin.take().unwrap());
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut read = || {
        let mut len = [0; 4];
        output
            .read_exact(&mut len)
            .expect("Python says what is wrong");
        let mut bytes = vec![0; u32::from_le_bytes(len) as usize];
        output.read_exact(&mut bytes).unwrap();
        bytes
    };
    let mut pair = None;
    let mut encoder = Encoder::new(MAX_DEPTH);
    loop {
        let answer = match &*read() {
            b"" => break,
            b"S" => {
                let (writer, reader) = (read(), read());
                match begin(&writer, &reader) {
                    Ok(begun) => {
                        pair = Some(begun);
                        Vec::new()
                    }
                    Err(error) => error.into_bytes(),
                }
            }
            question => {
                let pair = pair.as_ref().expect("schemas come first");
                let answer = match question {
                    b"D" => read_datum(pair, &read(), &mut encoder),
                    _ => write_frame(pair, &read()),
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

fn begin(writer: &[u8], reader: &[u8]) -> Result<Pair, String> {
    let parse = |text| AvroSchema::parse(str::from_utf8(text).unwrap(), &[]).map(Arc::new);
    let writer = parse(writer)?;
    let reader = if reader.is_empty() {
        None
    } else {
        Some(parse(reader)?)
    };
    Ok(Pair {
        decoder: Decoder::new(writer.clone(), reader)?,
        writer: Writer::new(writer),
    })
}

fn read_datum(pair: &Pair, datum: &[u8], encoder: &mut Encoder) -> Result<Vec<u8>, String> {
    encoder.clear();
    // A document before must not matter.
    encoder.tuple(2);
    let mark = encoder.mark();
    let decoded = pair.decoder.decode(datum, encoder);
    if decoded.is_err() {
        encoder.take_back(mark);
    }
    decoded.map_err(|error| error.to_string())?;
    Ok(encoder.as_bytes()[2..].to_vec())
}

fn write_frame(pair: &Pair, frame: &[u8]) -> Result<Vec<u8>, String> {
    with_tree(frame, |value| {
        let mut out = Vec::new();
        let written = pair.writer.write(value, &mut out);
        written.map(|()| out).map_err(|error| error.to_string())
    })
}

#[test]
fn every_type_is_as_in_fastavro() {
    serve(&["table"]);
}

#[test]
fn random_schemas_and_values_are_as_in_fastavro() {
    let documents = env::var("NERODIA_TEST_FASTAVRO").ok();
    let documents = documents
        .and_then(|number| number.parse().ok())
        .unwrap_or(1_u32);
    let seed = env::var("NERODIA_TEST_SEED").unwrap_or_else(|_| "1".into());
    serve(&["random", &seed, &documents.max(800).to_string()]);
}
