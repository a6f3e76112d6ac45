//! Reading: from the bytes of a record to what the guest gets.

use super::Refused;
use crate::codec::{Encoder, MAX_INT_DIGITS, NotJson, Payload};

/// Formats of an input.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reads {
    /// Format of the payload.
    pub value: ReadFormat,
    /// Format of the key.
    pub key: ReadFormat,
    /// Whether numbers of JSON keep all their digits, as `Decimal`.
    pub exact: bool,
}

/// Format of a payload or of a key.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum ReadFormat {
    /// JSON if it is JSON, else text if it is UTF-8, else bytes. A key is text or bytes.
    #[default]
    Auto,
    /// JSON and nothing else.
    Json,
    /// Text in UTF-8.
    Text,
    /// The bytes as they are.
    Bytes,
}

impl Reads {
    pub(super) fn are_typed(&self) -> bool {
        self.exact
    }

    pub(super) fn allow_parts(&self) -> bool {
        matches!(self.value, ReadFormat::Auto | ReadFormat::Json)
    }

    /// Returns whether a guest gets keys as they were read, and does not make text of them.
    pub(crate) fn keys_are_values(&self) -> bool {
        self.key != ReadFormat::Auto
    }

    /// Writes the value of a message; `None` for a tombstone, whatever the format. The nesting of a document has the limit
    /// of `encoder`.
    ///
    /// # Errors
    ///
    /// If the payload is not of this format, or exceeds a limit of documents.
    pub(crate) fn write_value(
        &self,
        encoder: &mut Encoder,
        payload: &[u8],
        tombstone: bool,
    ) -> Result<Payload, Refused> {
        if tombstone {
            encoder.none();
            return Ok(Payload::Empty);
        }
        let sent = match self.value {
            ReadFormat::Auto => encoder.payload(payload),
            ReadFormat::Json => json(encoder, payload)?,
            ReadFormat::Text => text(encoder, payload)?,
            ReadFormat::Bytes => {
                encoder.bytes(payload);
                Payload::Bytes
            }
        };
        within_limits(sent)
    }

    /// Writes the key of a message.
    ///
    /// # Errors
    ///
    /// As [`write_value`](Self::write_value).
    pub(crate) fn write_key(
        &self,
        encoder: &mut Encoder,
        key: Option<&[u8]>,
    ) -> Result<(), Refused> {
        let Some(key) = key else {
            encoder.none();
            return Ok(());
        };
        let of_key = |refused: Refused| Refused {
            text: format!("the key: {}", refused.text),
            ..refused
        };
        match self.key {
            ReadFormat::Auto | ReadFormat::Bytes => encoder.bytes(key),
            ReadFormat::Text => text(encoder, key).map(drop).map_err(of_key)?,
            ReadFormat::Json => match json(encoder, key).and_then(within_limits) {
                Ok(Payload::Deferred) => {
                    let text = "the key: it has a lone surrogate, which is no character";
                    return Err(Refused::new("NotJson", text));
                }
                sent => sent.map(drop).map_err(of_key)?,
            },
        }
        Ok(())
    }
}

fn json(encoder: &mut Encoder, payload: &[u8]) -> Result<Payload, Refused> {
    encoder
        .json(payload)
        .map_err(|error| Refused::new("NotJson", not_json(&error, payload)))
}

fn text(encoder: &mut Encoder, payload: &[u8]) -> Result<Payload, Refused> {
    match str::from_utf8(payload) {
        Ok(text) => {
            encoder.str(text);
            Ok(Payload::Text)
        }
        Err(error) => {
            let at = error.valid_up_to();
            let byte = payload.get(at).copied().unwrap_or_default();
            let text = format!("it is not text in UTF-8: byte 0x{byte:02x} at byte {at}");
            Err(Refused::new("NotText", text))
        }
    }
}

/// Describes why a payload is no JSON.
fn not_json(error: &NotJson, payload: &[u8]) -> String {
    if payload.is_empty() {
        return "it is no JSON: it is empty".into();
    }
    format!("it is no JSON: {error}")
}

/// Refuses what was too large to be sent.
fn within_limits(sent: Payload) -> Result<Payload, Refused> {
    match sent {
        Payload::TooDeep => {
            let text = "the document is nested deeper than 900 levels";
            Err(Refused::new("TooDeep", text))
        }
        Payload::TooBig => {
            let text = format!(
                "the document has a number of more than {MAX_INT_DIGITS} digits, or 2 GiB and more"
            );
            Err(Refused::new("TooBig", text))
        }
        sent => Ok(sent),
    }
}

/// Returns why `payload` is no JSON, if it begins like an object or a list of JSON.
pub(crate) fn begins_like_json(payload: &[u8]) -> Option<String> {
    let first = payload.trim_ascii_start().first()?;
    if !matches!(first, b'{' | b'[') {
        return None;
    }
    let error = Encoder::new(usize::MAX).json(payload).err()?;
    Some(not_json(&error, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(format: ReadFormat, payload: &[u8]) -> Result<(Payload, Vec<u8>), Refused> {
        let reads = Reads {
            value: format,
            ..Reads::default()
        };
        let mut encoder = Encoder::new(900);
        let sent = reads.write_value(&mut encoder, payload, false)?;
        Ok((sent, encoder.as_bytes().to_vec()))
    }

    fn refused(format: ReadFormat, payload: &[u8]) -> String {
        let Refused { kind, text } = value(format, payload).expect_err("it is not of the format");
        format!("{kind}: {text}")
    }

    #[test]
    fn each_format_reads_its_own_and_says_what_is_wrong_with_the_rest() {
        use ReadFormat::{Bytes, Json, Text};
        assert_eq!(value(Text, b"1e5").map(|(sent, _)| sent), Ok(Payload::Text));
        assert_eq!(value(Text, b""), Ok((Payload::Text, b"z\0".to_vec())));
        assert_eq!(
            value(Bytes, b"\xff"),
            Ok((Payload::Bytes, b"s\x01\0\0\0\xff".to_vec()))
        );
        assert_eq!(value(Json, b" null"), Ok((Payload::Json, b"N".to_vec())));
        assert_eq!(
            refused(Text, b"caf\xe9"),
            "NotText: it is not text in UTF-8: byte 0xe9 at byte 3"
        );
        assert_eq!(refused(Json, b""), "NotJson: it is no JSON: it is empty");
        for (payload, at) in [
            (&b"{\"a\": NaN}"[..], 6),
            (b"[1, 2", 5),
            (b"\xef\xbb\xbf[1,]", 6),
            (b"[123456789012345678901234567890, x]", 33),
            (b"{'a': 1}", 1),
            (b"[\"caf\xe9\"]", 5),
        ] {
            let said = refused(Json, payload);
            assert!(
                said.ends_with(&format!("at byte {at}")),
                "{payload:?}: {said}"
            );
        }
    }

    #[test]
    fn a_tombstone_is_none_in_every_format() {
        for format in [
            ReadFormat::Auto,
            ReadFormat::Json,
            ReadFormat::Text,
            ReadFormat::Bytes,
        ] {
            let reads = Reads {
                value: format,
                ..Reads::default()
            };
            let mut encoder = Encoder::new(900);
            assert_eq!(
                reads.write_value(&mut encoder, b"", true),
                Ok(Payload::Empty)
            );
            assert_eq!(encoder.as_bytes(), b"N");
        }
    }

    #[test]
    fn only_what_begins_like_json_is_explained() {
        assert!(begins_like_json(b" {\"a\": NaN}").is_some());
        assert_eq!(begins_like_json(b"[1]"), None);
        assert_eq!(begins_like_json(b"hello"), None);
        assert_eq!(begins_like_json(b""), None);
    }
}
