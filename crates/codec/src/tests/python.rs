//! Cross-checks against CPython: one process per test, `peer.py` at the other end of its pipes.
//!
//! `NERODIA_TEST_PYTHON` names the interpreter; the default is `python3`.

use std::io::{BufReader, BufWriter, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;

pub(super) struct Peer {
    child: Child,
    input: BufWriter<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    pub(super) fn start(args: &[&str]) -> Self {
        let python = std::env::var("NERODIA_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
        let mut child = Command::new(python)
            .args(["-c", include_str!("peer.py")])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 on PATH");
        let input = BufWriter::new(child.stdin.take().unwrap());
        let output = BufReader::with_capacity(1 << 16, child.stdout.take().unwrap());
        Self {
            child,
            input,
            output,
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.input
            .write_all(&(bytes.len() as u32).to_le_bytes())
            .unwrap();
        self.input.write_all(bytes).unwrap();
    }

    pub(super) fn read(&mut self) -> Vec<u8> {
        self.input.flush().unwrap();
        let mut len = [0; 4];
        self.output
            .read_exact(&mut len)
            .expect("an answer from Python");
        let mut bytes = vec![0; u32::from_le_bytes(len) as usize];
        self.output.read_exact(&mut bytes).unwrap();
        bytes
    }

    pub(super) fn end(mut self) {
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}

fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => "[a-zA-Z0-9 _.-]{0,12}",
        1 => "[a-z]{250,270}",
        2 => "[^\"\\\\\u{0}-\u{1f}]{0,6}",
        2 => prop::sample::select(vec![
            "\\n", "\\\"", "\\\\", "\\/", "\\u0000", "\\u00e9", "\\u20AC", "\\ud83d\\ude00", "é", "🐍",
        ]).prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i32>().prop_map(|n| n.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<i128>().prop_map(|n| n.to_string()),
        "-?[1-9][0-9]{0,400}",
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?",
        any::<f64>()
            .prop_filter("finite", |f| f.is_finite())
            .prop_map(|f| format!("{f:e}")),
        (-1_000_000..1_000_000).prop_map(|n| format!("{:.2}", f64::from(n) / 100.0)),
    ]
}

/// Generates JSON text. `wild` adds text that only Python accepts as JSON, or that is not JSON at all.
pub(super) fn document(wild: bool) -> BoxedStrategy<String> {
    let word = prop::sample::select(vec![
        "null", "true", "false", "\"\"", "[]", "{}", "-0", "-0.0", "1e400",
    ]);
    let odd = prop::sample::select(vec![
        "\"\\ud800\"",
        "\"\\udfff\\n\"",
        "NaN",
        "-Infinity",
        "01",
        "\"\\x\"",
        "nul",
        "\"\t\"",
    ]);
    let leaf = prop_oneof![
        4 => string(), 4 => number(), 2 => word.prop_map(String::from),
        u32::from(wild) => odd.prop_map(String::from),
    ];
    let space = || prop::sample::select(vec!["", "", "", " ", "\r\n\t "]);
    let key = prop_oneof![
        prop::sample::select(vec!["\"id\"", "\"name\"", "\"é\"", "\"\"", "\"a\\nb\""])
            .prop_map(String::from),
        string(),
    ];
    leaf.prop_recursive(12, 60, 8, move |inner| {
        let list =
            (prop::collection::vec(inner.clone(), 0..8), space()).prop_map(|(items, space)| {
                format!("[{space}{}{space}]", items.join(&format!("{space},")))
            });
        let pair = (key.clone(), inner.clone(), space())
            .prop_map(|(key, value, space)| format!("{space}{key}{space}:{space}{value}{space}"));
        let dict =
            prop::collection::vec(pair, 0..8).prop_map(|pairs| format!("{{{}}}", pairs.join(",")));
        // Deep nesting.
        let tower = (inner, 1..30usize)
            .prop_map(|(value, n)| format!("{}{value}{}", "[".repeat(n), "]".repeat(n)));
        prop_oneof![3 => list, 4 => dict, 1 => tower]
    })
    .boxed()
}

/// Generates a document, or one with something broken.
pub(super) fn payload() -> impl Strategy<Value = Vec<u8>> {
    let clean = document(false).prop_map(String::into_bytes);
    let wild = document(true).prop_map(String::into_bytes);
    let noise = prop::sample::select(b"{}[]\",:\\ue+-.09 \xff\xc3\n".to_vec());
    let broken = (document(true), any::<prop::sample::Index>(), noise, 0..4u8).prop_map(
        |(text, at, byte, how)| {
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
            bytes
        },
    );
    let marked = document(false).prop_map(|text| format!("\u{feff}{text}").into_bytes());
    prop_oneof![4 => clean, 3 => wild, 4 => broken, 1 => marked]
}

#[test]
fn what_the_encoder_writes_is_what_json_loads_makes() {
    let mut runner = TestRunner::deterministic();
    let mut peer = Peer::start(&["encoder"]);
    let mut encoder = Encoder::new(1000);
    let (frames, per_frame) = (120, 25);
    let mut kinds = std::collections::HashMap::new();
    for _ in 0..frames {
        let batch = prop::collection::vec(payload(), per_frame)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        peer.write(batch.len().to_string().as_bytes());
        encoder.clear();
        encoder.list(batch.len());
        for payload in &batch {
            let kind = encoder.payload(payload);
            *kinds.entry(format!("{kind:?}")).or_insert(0) += 1;
            peer.write(payload);
            peer.write(if kind == Payload::Deferred {
                b"D"
            } else {
                b"-"
            });
        }
        peer.write(encoder.as_bytes());
        let wrong = peer.read();
        assert!(wrong.is_empty(), "{}", String::from_utf8_lossy(&wrong));
    }
    peer.write(b"");
    peer.end();
    for kind in ["Json", "Text", "Bytes", "Deferred", "Empty"] {
        assert!(kinds.contains_key(kind), "{kinds:?}");
    }
}

#[test]
fn what_the_reader_writes_is_what_json_dumps_makes() {
    let mut peer = Peer::start(&["decoder", "7", "150"]);
    let mut scratch = Scratch::default();
    let mut out = Vec::new();
    loop {
        let frame = peer.read();
        if frame.is_empty() {
            break;
        }
        let mut reader = Reader::new(&frame, &mut scratch, 1000);
        for _ in 0..reader.list().unwrap() {
            out.clear();
            match reader.value(&mut out, usize::MAX).unwrap() {
                Ok(top) => {
                    peer.write(match top {
                        Top::None => b"N",
                        Top::Json => b"J",
                        Top::Bytes => b"B",
                    });
                    peer.write(&out);
                }
                Err(error) => {
                    peer.write(b"E");
                    peer.write(error.to_string().as_bytes());
                }
            }
        }
        reader.finish().unwrap();
    }
    peer.end();
}
