//! Cross-checks against Google's package `protobuf`: one process per test, `peer.py` at the other end of its pipes.
//!
//! `NERODIA_TEST_PYTHON` names the interpreter; the default is `python3`. If it has no `protobuf` or `grpcio-tools`, the
//! tests pass with a message, unless `NERODIA_TEST_PROTOBUF` is set. That is the number of documents, or 1 for the usual
//! few hundred.

use std::env;
use std::io::{BufReader, BufWriter, Read, Write};
use std::process::{Command, Stdio};

use super::*;

/// Answers the questions of `peer.py` until it has no more.
fn serve(args: &[&str]) {
    let python = env::var("NERODIA_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let found = Command::new(&python)
        .args([
            "-c",
            "import google.protobuf.json_format, grpc_tools.protoc",
        ])
        .stderr(Stdio::null())
        .status();
    if !found.is_ok_and(|status| status.success()) {
        assert!(
            env::var_os("NERODIA_TEST_PROTOBUF").is_none(),
            "{python} has no protobuf and grpcio-tools"
        );
        eprintln!("skipped: {python} has no protobuf and grpcio-tools");
        return;
    }
    let mut child = Command::new(python)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/format/protobuf/tests/peer.py"
        ))
        .args(args)
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
    let mut of = None;
    let mut encoder = Encoder::new(MAX_DEPTH);
    loop {
        let answer = match &*read() {
            b"" => break,
            b"S" => {
                let (name, text, imported) = (read(), read(), read());
                let texts = [&name, &text, &imported].map(|text| str::from_utf8(text).unwrap());
                let schema = ProtobufSchema::parse(texts[1], &[("imported.proto", texts[2])]);
                match schema {
                    Ok(schema) => {
                        let id = schema.message_named(texts[0]).expect("the message");
                        of = Some((schema, id));
                        Vec::new()
                    }
                    Err(error) => error.into_bytes(),
                }
            }
            question => {
                let (schema, id) = of.as_ref().expect("a schema comes first");
                let content = read();
                let answer = match question {
                    b"D" => decode(schema, *id, &content, &mut encoder),
                    _ => with_tree(&content, |value| {
                        let mut out = Vec::new();
                        let written = schema.write(*id, value, &mut out);
                        written.map(|()| out).map_err(|error| error.to_string())
                    }),
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

fn decode(
    schema: &ProtobufSchema,
    id: MessageId,
    bytes: &[u8],
    encoder: &mut Encoder,
) -> Result<Vec<u8>, String> {
    encoder.clear();
    // A document before must not matter.
    encoder.tuple(2);
    let mark = encoder.mark();
    let decoded = schema.decode(id, bytes, encoder);
    if decoded.is_err() {
        encoder.take_back(mark);
    }
    decoded.map_err(|error| error.to_string())?;
    Ok(encoder.as_bytes()[2..].to_vec())
}

#[test]
fn every_type_is_as_in_googles_package() {
    serve(&["table"]);
}

#[test]
fn random_schemas_and_messages_are_as_in_googles_package() {
    let documents = env::var("NERODIA_TEST_PROTOBUF").ok();
    let documents = documents
        .and_then(|number| number.parse().ok())
        .unwrap_or(1_u32);
    let seed = env::var("NERODIA_TEST_SEED").unwrap_or_else(|_| "1".into());
    serve(&["random", &seed, &documents.max(800).to_string()]);
}
