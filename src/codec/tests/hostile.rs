//! Tests with arbitrary bytes from a guest: nothing panics, hangs or grows without bound.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::fuzzing::read_all;

/// Frames written by CPython's marshal, version 4.
const SEEDS: [&[u8]; 4] = [
    // [("ok", {"id": 1, "n": 2**70, "f": 1.5, "t": "é"}), the same, ("ok", b"x", None)]
    b"[\x03\0\0\0\xa9\x02\xda\x02ok\xfb\xda\x02id\xe9\x01\0\0\0\xda\x01n\xec\x05\0\0\0\0\0\0\0\0\0\0\0\0\x04\xda\x01f\xe7\0\0\0\0\0\0\xf8?\xda\x01t\xf5\x02\0\0\0\xc3\xa90r\0\0\0\0)\x03r\x01\0\0\0\xf3\x01\0\0\0xN",
    // A circle, a set, a frozenset, a complex, a slice, True.
    b"[\x06\0\0\0\xdb\x01\0\0\0r\0\0\0\0<\x02\0\0\0i\x01\0\0\0z\x01a\xbe\x01\0\0\0Ny\0\0\0\0\0\0\xf0?\0\0\0\0\0\0\0\0:NNNT",
    // Lists of references to the list before.
    b"[\x04\0\0\0\xdb\x03\0\0\0NTF\xdb\x03\0\0\0r\0\0\0\0r\0\0\0\0r\0\0\0\0\xdb\x02\0\0\0r\x01\0\0\0r\x01\0\0\0{r\x02\0\0\0N0",
    // The outline of a code object.
    b"[\x02\0\0\0\xe3\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0s\0\0\0\0)\0)\0)\0s\0\0\0\0z\0z\0z\0\x01\0\0\0s\0\0\0\0s\0\0\0\0i\x01\0\0\0",
];

#[test]
fn the_seeds_are_sound() {
    let made: Vec<_> = SEEDS.iter().map(|seed| read_all(seed, 1000)).collect();
    assert!(made.iter().all(|&len| len > 0), "{made:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn random_bytes(frame in prop::collection::vec(any::<u8>(), 0..80)) {
        read_all(&frame, 500);
    }

    /// Random bytes that are mostly valid codes.
    #[test]
    fn random_codes(
        codes in prop::collection::vec(prop::sample::select(b"0NTFS.iilgyszZaAut)([[{{<>:cr\x80\xdb\xfb\xa9\xda\xe9\0\0\0\0\0\0\x01\x02\x03".to_vec()), 0..120),
    ) {
        read_all(&codes, 500);
    }

    #[test]
    fn mutated_frames(
        seed in prop::sample::select(SEEDS.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6),
    ) {
        let mut frame = seed.to_vec();
        for (at, byte, how) in changes {
            let at = at.index(frame.len());
            match how {
                0 => frame[at] = byte,
                1 => frame[at] = byte & 3,
                2 => frame.insert(at, byte),
                _ if frame.len() > 1 => drop(frame.remove(at)),
                _ => {}
            }
        }
        read_all(&frame, 2000);
    }

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
    // passes over all of them.
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
