//! First line of a guest, in pieces: it is taken when its end has come, unless more bytes follow.

use super::parameter;
use crate::guest::error::StartError;
use crate::guest::handshake::{parse, take_line};

pub fn handshake(mut data: &[u8]) {
    let piece = 1 + parameter(&mut data);
    let mut outbox = Vec::new();
    for piece in data.chunks(piece) {
        outbox.extend_from_slice(piece);
        let all = outbox.clone();
        let end = all.iter().position(|&byte| byte == b'\n');
        match (take_line(&mut outbox), end) {
            (None, None) => assert_eq!(outbox, all),
            (Some(Ok(line)), Some(end)) => {
                assert_eq!((line.as_slice(), end + 1), (&all[..end], all.len()));
                assert!(outbox.is_empty());
                return understood(&line);
            }
            (Some(Err(_)), Some(end)) => {
                assert!(end + 1 < all.len());
                return;
            }
            (taken, end) => panic!("{taken:?}, and the end is at {end:?}"),
        }
    }
}

fn understood(line: &[u8]) {
    match parse(line) {
        Ok(_) => assert!(line.starts_with(b"READY {")),
        Err(StartError::Scripts(_)) => assert!(line.starts_with(b"FAILED ")),
        // The error is shown to people.
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
