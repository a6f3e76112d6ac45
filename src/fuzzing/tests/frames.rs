//! Short form of fuzzing frames from a guest, without the corpus: seeds that CPython wrote, and random codes.

use proptest::prelude::*;

use crate::fuzzing::marshal::read_all;

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
}
