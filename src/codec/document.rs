//! Conversion of one JSON document to one marshal object.
//!
//! `jiter` returns the document piece by piece, and each piece is written at once, so no tree is built. A list's length
//! precedes its items: it is filled in when the list ends.

use std::mem;

use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, NumberAny, NumberInt, Peek};

use super::encode::Encoder;
use super::number;
use super::objects::{write_float, write_head, write_key, write_str};
use super::wire::{DICT, FALSE, LIST, NONE, NULL, TRUE};

/// Container that has not ended yet.
#[derive(Debug, Clone, Copy)]
pub(super) enum Open {
    List {
        /// Position at which the list's length is written.
        at: usize,
        items: u32,
    },
    Dict,
}

/// Reasons why a valid JSON document must not reach the guest.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Excess {
    pub(super) deep: bool,
    pub(super) big: bool,
}

impl Encoder {
    /// Writes the document. If it exceeds a limit, this is noted and reading continues: whether the document is JSON at
    /// all is known only at its end.
    pub(super) fn walk<'j>(
        &mut self,
        data: &'j [u8],
        json: &mut Jiter<'j>,
    ) -> Result<Excess, JiterError> {
        let Self {
            out,
            keys,
            open,
            max_depth,
            ..
        } = self;
        open.clear();
        let mut excess = Excess::default();
        // Start of `json` within `data`; see `unusual_number`.
        let mut base = 0;
        let mut peek = json.peek()?;
        loop {
            match peek {
                Peek::String => write_str(out, json.known_str()?, 0),
                Peek::Object => {
                    excess.deep |= open.len() >= *max_depth;
                    out.push(DICT);
                    if let Some(key) = json.known_object()? {
                        write_key(out, keys, key);
                        peek = json.peek()?;
                        open.push(Open::Dict);
                        continue;
                    }
                    out.push(NULL);
                }
                Peek::Array => {
                    excess.deep |= open.len() >= *max_depth;
                    write_head(out, LIST, 0);
                    if let Some(first) = json.known_array()? {
                        peek = first;
                        open.push(Open::List {
                            at: out.len() - 4,
                            items: 1,
                        });
                        continue;
                    }
                }
                Peek::True | Peek::False => {
                    out.push(if json.known_bool(peek)? { TRUE } else { FALSE });
                }
                Peek::Null => {
                    json.known_null()?;
                    out.push(NONE);
                }
                _ => match json.known_number(peek) {
                    Ok(NumberAny::Int(NumberInt::Int(value))) => number::write_int(out, value),
                    Ok(NumberAny::Float(value)) => write_float(out, value),
                    Err(error) => {
                        let number = base + json.current_index();
                        let end =
                            number + unusual_number(out, &data[number..], error, &mut excess)?;
                        let tape = mem::replace(json, Jiter::new(&[])).into_tape();
                        *json = Jiter::with_tape(&data[end..], tape);
                        base = end;
                    }
                },
            }
            // One value is complete: continue with the container around it.
            loop {
                match open.last_mut() {
                    None => {
                        json.finish()?;
                        return Ok(excess);
                    }
                    Some(Open::List { at, items }) => {
                        if let Some(next) = json.array_step()? {
                            *items += 1;
                            peek = next;
                            break;
                        }
                        out[*at..*at + 4].copy_from_slice(&items.to_le_bytes());
                    }
                    Some(Open::Dict) => {
                        if let Some(key) = json.next_key()? {
                            write_key(out, keys, key);
                            peek = json.peek()?;
                            break;
                        }
                        out.push(NULL);
                    }
                }
                open.pop();
            }
        }
    }
}

/// Writes a number that `jiter` refuses although JSON allows it: an integer beyond `i64`, or a number with more than
/// 4300 digits before the point. Returns the number's length. `jiter` cannot skip it, so the caller starts a new
/// `jiter` after it.
#[cold]
fn unusual_number(
    out: &mut Vec<u8>,
    text: &[u8],
    error: JiterError,
    excess: &mut Excess,
) -> Result<usize, JiterError> {
    if !matches!(
        error.error_type,
        JiterErrorType::JsonError(JsonErrorType::NumberOutOfRange)
    ) {
        return Err(error);
    }
    let Some((len, integer)) = number::scan(text) else {
        return Err(error);
    };
    if integer {
        excess.big |= !number::write_decimal(out, &text[..len]);
    } else {
        let float = str::from_utf8(&text[..len])
            .ok()
            .and_then(|text| text.parse().ok());
        write_float(out, float.ok_or(error)?);
    }
    Ok(len)
}

pub(super) fn may_be_lone_surrogate(error: &JiterError) -> bool {
    use JsonErrorType::{LoneLeadingSurrogateInHexEscape, UnexpectedEndOfHexEscape};
    matches!(
        error.error_type,
        JiterErrorType::JsonError(LoneLeadingSurrogateInHexEscape | UnexpectedEndOfHexEscape)
    )
}

/// Copies `json` with each escaped surrogate replaced by an escaped U+FFFD. The copy is JSON exactly if Python accepts
/// the original as JSON.
///
/// Backslashes occur only in strings, so reading them in pairs from the start finds each escape.
pub(super) fn mask_surrogates(json: &[u8]) -> Vec<u8> {
    let mut copy = json.to_vec();
    let mut at = 0;
    while at < copy.len() {
        if copy[at] != b'\\' {
            at += 1;
            continue;
        }
        if let Some(
            [
                b'u',
                b'd' | b'D',
                b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F',
                third,
                fourth,
            ],
        ) = copy.get(at + 1..at + 6)
            && third.is_ascii_hexdigit()
            && fourth.is_ascii_hexdigit()
        {
            copy[at + 2..at + 6].copy_from_slice(b"fffd");
        }
        at += 2;
    }
    copy
}
