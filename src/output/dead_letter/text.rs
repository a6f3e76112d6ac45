//! Dead letters as text, for a person who reads a terminal.

use std::fmt::Write as _;

use crate::message::{Batch, Failure, Message};

/// Characters of a payload that are shown.
const PREVIEW: usize = 300;

/// Appends the dead letter of `message`, which belongs to `batch`, to `data` as text on several lines.
pub(super) fn write(data: &mut Vec<u8>, batch: &Batch, message: &Message, failure: &Failure) {
    let mut text = String::new();
    // A `String` takes all that is written to it.
    let _ = write_text(&mut text, batch, message, failure);
    data.extend_from_slice(text.trim_end().as_bytes());
}

fn write_text(
    text: &mut String,
    batch: &Batch,
    message: &Message,
    failure: &Failure,
) -> std::fmt::Result {
    let Failure {
        kind,
        message: reason,
        at,
        traceback,
        attempts: _,
        processor: _,
    } = failure;
    let place = message.place(&batch.lane);
    writeln!(
        text,
        "failed: {place}: {}",
        visible(&format!("{kind}: {reason}"))
    )?;
    match at {
        // Its last line has the error again.
        _ if !traceback.is_empty() => {
            let lines = traceback.trim_end().lines();
            lines
                .clone()
                .take(lines.count() - 1)
                .try_for_each(|line| writeln!(text, "  {}", visible(line)))?;
        }
        Some(at) => writeln!(text, "  at {}", visible(at))?,
        None => {}
    }
    let payload = String::from_utf8_lossy(&message.payload);
    match payload.char_indices().nth(PREVIEW) {
        Some((end, _)) => {
            let length = message.payload.len();
            writeln!(
                text,
                "  message: {}… ({length} bytes)",
                visible(&payload[..end])
            )
        }
        None => writeln!(text, "  message: {}", visible(&payload)),
    }
}

/// Returns text in which characters that control a terminal are written out, so that a message cannot control it.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_direction(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Returns whether a character changes the direction of text, by which it can show another order than it has.
fn is_direction(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::message::Lane;
    use crate::message::ack::AckSink;
    use crate::message::budget::MemoryBudget;

    fn shown(payload: &'static [u8], failure: &Failure) -> String {
        let permit = MemoryBudget::new(u64::MAX).acquire(0);
        let message = Message::new(Bytes::from_static(payload), 7);
        let messages = vec![message.clone()];
        let batch = Batch::new(
            Lane::default().into(),
            0,
            messages,
            permit,
            AckSink::unheard(),
        );
        let mut data = Vec::new();
        write(&mut data, &batch, &message, failure);
        String::from_utf8(data).expect("text")
    }

    #[test]
    fn the_error_is_told_once_with_the_lines_of_the_script() {
        let mut failure = Failure::new("ValueError", "no");
        assert_eq!(
            shown(b"{}", &failure),
            "failed: message 7: ValueError: no\n  message: {}"
        );
        failure.at = Some("orders.py:2".into());
        assert_eq!(
            shown(b"{}", &failure),
            "failed: message 7: ValueError: no\n  at orders.py:2\n  message: {}"
        );
        failure.traceback =
            "Traceback:\n  File \"orders.py\", line 2\n    int('no')\nValueError: no\n".into();
        assert_eq!(
            shown(b"{}", &failure),
            "failed: message 7: ValueError: no\n  Traceback:\n    File \"orders.py\", line 2\n      int('no')\n  message: {}"
        );
    }

    #[test]
    fn a_message_cannot_control_the_terminal_or_fill_it() {
        let failure = Failure::new("ValueError", "\x1b[2J");
        let text = shown(b"\x1b]0;title\x07\xff", &failure);
        assert!(!text.contains(['\x1b', '\x07']), "{text}");
        assert!(text.contains(r"\u{1b}[2J"), "{text}");
        let long = shown(&[b'x'; 10_000], &failure);
        assert!(
            long.len() < 500 && long.ends_with("… (10000 bytes)"),
            "{long}"
        );
    }
}
