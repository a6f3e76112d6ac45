//! Short form of fuzzing: the corpus, and mutations of it. The long form is `scripts/fuzz.sh`.

mod frames;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestRunner};

/// Function of a target.
type Target = fn(&[u8]);

/// Returns the inputs that libFuzzer kept for a target.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| fs::read(file).expect("a readable file"))
        .collect()
}

/// Change of an input: position, byte, kind, and another input to take from.
#[derive(Debug, Clone)]
struct Change {
    at: Index,
    byte: u8,
    how: u8,
    other: Vec<u8>,
    from: Index,
}

fn change(corpus: &[Vec<u8>]) -> impl Strategy<Value = Change> + use<> {
    let other = prop::sample::select(corpus.to_vec());
    (any::<Index>(), any::<u8>(), 0..7_u8, other, any::<Index>()).prop_map(
        |(at, byte, how, other, from)| Change {
            at,
            byte,
            how,
            other,
            from,
        },
    )
}

fn changed(mut input: Vec<u8>, changes: Vec<Change>) -> Vec<u8> {
    for change in changes {
        let at = change.at.index(input.len() + 1);
        let from = change.from.index(change.other.len() + 1);
        match change.how {
            0 if at < input.len() => input[at] = change.byte,
            1 if at < input.len() => input[at] &= 3,
            2 if at < input.len() => input[at] ^= 1 << (change.byte % 8),
            3 if at < input.len() => drop(input.remove(at)),
            4 => input.truncate(at),
            // Replaces the rest by the end of another input.
            5 => {
                input.truncate(at);
                input.extend_from_slice(&change.other[from..]);
            }
            // Inserts a piece of another input.
            6 => {
                let end = change.other.len().min(from + usize::from(change.byte));
                drop(input.splice(at..at, change.other[from..end].iter().copied()));
            }
            _ => input.insert(at, change.byte),
        }
    }
    input
}

fn run(name: &'static str, target: Target, mutations: u32) {
    let corpus = corpus(name);
    assert!(!corpus.is_empty());
    corpus.iter().for_each(|input| target(input));
    let mut runner = TestRunner::new(Config {
        cases: mutations,
        source_file: Some(file!()),
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        // The same inputs each time, because a test must not fail at random. `scripts/fuzz.sh` tries new ones.
        rng_seed: RngSeed::Fixed(17),
        ..Config::default()
    });
    let inputs = (
        prop::sample::select(corpus.clone()),
        prop::collection::vec(change(&corpus), 1..6),
    );
    let mutated = inputs.prop_map(|(input, changes)| changed(input, changes));
    runner
        .run(&mutated, |input| {
            target(&input);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{name}: {failure}"));
}

#[test]
fn avro() {
    run("avro", super::avro, 10_000);
}

#[test]
fn json() {
    run("json", super::json, 10_000);
}

#[test]
fn marshal() {
    run("marshal", super::marshal, 10_000);
}

#[test]
fn response() {
    run("response", super::response, 10_000);
}

#[test]
fn handshake() {
    run("handshake", super::handshake, 10_000);
}

#[test]
fn lines() {
    run("lines", super::lines, 10_000);
}

#[test]
fn config() {
    run("config", super::config, 1000);
}

#[test]
fn protobuf() {
    run("protobuf", super::protobuf, 10_000);
}
