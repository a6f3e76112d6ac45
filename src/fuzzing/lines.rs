//! Lines of standard input against a simple model: however the reads divide the text, the lines are the same.

use super::parameter;
use crate::config::LinesConfig;
use crate::input::lines::LineReader;

const DELIMITERS: [Option<&[u8]>; 6] = [
    None,
    Some(b"\n"),
    Some(b"ab"),
    Some(b"aa"),
    Some(b"aba"),
    Some(b"\r\n"),
];

pub fn lines(mut data: &[u8]) {
    let config = LinesConfig {
        delimiter: DELIMITERS[parameter(&mut data) % DELIMITERS.len()].map(<[u8]>::to_vec),
        max_line: 1 + parameter(&mut data) % 40,
        omit_empty: parameter(&mut data) % 2 == 1,
    };
    // The bytes at the end give the lengths of the pieces.
    let (text, lengths) = data.split_at(data.len() - data.len() / 4);
    let mut chunks = Vec::new();
    let mut rest = text;
    for &length in lengths {
        let (chunk, behind) = rest.split_at(usize::from(length).min(rest.len()));
        chunks.push(chunk);
        rest = behind;
    }
    chunks.push(rest);
    check(&config, &chunks);
}

/// Compares the lines of a text in pieces with the lines of the model.
pub(crate) fn check(config: &LinesConfig, chunks: &[&[u8]]) {
    let expected = expected(config, &chunks.concat());
    let seen = read(config.clone(), chunks);
    assert_eq!(seen.len(), expected.len(), "{seen:?}");
    for (seen, expected) in seen.iter().zip(&expected) {
        assert_eq!((seen.0, seen.2), (expected.0, expected.2));
        // Only a beginning is kept of a line that is too long.
        let same = match seen.2 {
            true => expected.1.starts_with(&seen.1) || seen.1.starts_with(&expected.1),
            false => seen.1 == expected.1,
        };
        assert!(same, "{seen:?} is no {expected:?}");
    }
}

/// Line: its number, its text, and whether it was too long.
type Line = (i64, Vec<u8>, bool);

/// Returns the lines if the reads bring `chunks`.
fn read(config: LinesConfig, chunks: &[&[u8]]) -> Vec<Line> {
    let mut lines = LineReader::new(config);
    let mut messages = Vec::new();
    for chunk in chunks {
        lines.bring(chunk);
        messages.extend(lines.cut());
    }
    messages.extend(lines.finish());
    let shown = messages.into_iter().map(|message| {
        let too_long = message.rejected.is_some();
        (message.offset, message.payload.to_vec(), too_long)
    });
    shown.collect()
}

/// Returns the expected lines, from the whole text at once and without a limit on memory.
fn expected(config: &LinesConfig, text: &[u8]) -> Vec<Line> {
    let delimiter = config.delimiter.as_deref().unwrap_or(b"\n");
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = rest
        .windows(delimiter.len())
        .position(|window| window == delimiter)
    {
        lines.push(&rest[..end]);
        rest = &rest[end + delimiter.len()..];
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    let mut kept = Vec::new();
    for (offset, line) in (0..).zip(lines) {
        let line = match line {
            [line @ .., b'\r'] if config.delimiter.is_none() => line,
            line => line,
        };
        if !(line.is_empty() && config.omit_empty) {
            kept.push((offset, line.to_vec(), line.len() > config.max_line));
        }
    }
    kept
}
