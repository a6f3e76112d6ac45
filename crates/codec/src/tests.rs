//! Tests of the codec: by hand, against CPython, and with hostile bytes.

mod canonical;
mod decode;
mod encode;
mod hostile;
mod python;

use super::{Encoder, OutputErrorKind, Payload, Reader, Scratch, Top};

const MAX_DEPTH: usize = 200;

/// Returns the frame of one payload.
fn encode(payload: impl AsRef<[u8]>) -> (Payload, Vec<u8>) {
    let mut encoder = Encoder::new(MAX_DEPTH);
    let kind = encoder.payload(payload.as_ref());
    (kind, encoder.as_bytes().to_vec())
}

/// Returns the only value of a frame.
fn decode(frame: &[u8]) -> Result<(Top, String), (OutputErrorKind, String)> {
    let mut scratch = Scratch::default();
    let mut reader = Reader::new(frame, &mut scratch, MAX_DEPTH);
    let mut out = Vec::new();
    let top = reader.value(&mut out, 1 << 20).expect("sound frame");
    reader.finish().expect("one value");
    match top {
        Ok(top) => Ok((top, String::from_utf8(out).expect("UTF-8"))),
        Err(error) => {
            assert!(out.is_empty());
            Err((error.kind, error.message.into_owned()))
        }
    }
}

fn json(frame: &[u8]) -> String {
    decode(frame).expect("JSON").1
}
