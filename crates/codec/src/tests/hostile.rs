//! Tests with arbitrary bytes from a guest: nothing panics, hangs or grows without bound. Those with random frames are in
//! `src/fuzzing` of the engine, whose fuzzers read frames in the same ways.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Corner cases of the parser: it must return, whatever the number looks like.
    #[test]
    fn random_payloads(payload in "[-+0-9.eE\\[\\],:{}\" \\\\ud8]{0,40}") {
        encode(&payload);
    }
}

/// Returns a frame with `last` after `depth` lists, each of ten references to the one before.
fn laughs(depth: u32, innermost: &[u8], last: &[u8]) -> Vec<u8> {
    let mut frame = b"[".to_vec();
    frame.extend_from_slice(&(depth + 2).to_le_bytes());
    frame.extend_from_slice(innermost);
    for level in 0..depth {
        frame.extend_from_slice(b"\xdb\x0a\0\0\0");
        for _ in 0..10 {
            frame.push(b'r');
            frame.extend_from_slice(&level.to_le_bytes());
        }
    }
    frame.extend_from_slice(last);
    frame
}

#[test]
fn a_billion_laughs_cost_no_more_than_the_output_may() {
    let begun = Instant::now();
    // Values that would grow, values that would grow but fail at their very end, and a reader that skips all of them.
    for innermost in [
        &b"\xdb\0\0\0\0"[..],
        b"\xfb0",
        b"\xda\0",
        b"\xbe\0\0\0\0",
        b"\xf3\0\0\0\0",
    ] {
        let frame = laughs(40, innermost, b"z\x02ok");
        let mut scratch = Scratch::default();
        let mut reader = Reader::new(&frame, &mut scratch, 100);
        let mut out = Vec::new();
        let items = reader.list().unwrap();
        for _ in 1..items {
            out.clear();
            if let Err(error) = reader.value(&mut out, 100_000).unwrap() {
                let kinds = [OutputErrorKind::OutputTooLarge, OutputErrorKind::TypeError];
                assert!(kinds.contains(&error.kind));
            }
        }
        assert_eq!(reader.str().unwrap(), "ok");
        reader.finish().unwrap();
    }
    // Written in full, it would take years; a busy machine takes seconds.
    assert!(begun.elapsed() < Duration::from_secs(120));
}

#[test]
fn a_frame_that_claims_much_gets_little() {
    let mut scratch = Scratch::default();
    for code in b"([<>sautA" {
        let frame = [code, &0xff, &0xff, &0xff, &0x7f].map(|&byte| byte);
        assert!(
            Reader::new(&frame, &mut scratch, 9)
                .value(&mut Vec::new(), 999)
                .is_err()
        );
        assert!(Reader::new(&frame, &mut scratch, 9).list().is_err());
        assert!(Reader::new(&frame, &mut scratch, 9).tuple().is_err());
    }
}
