//! Encoding of one JSON document as one marshal object.
//!
//! `jiter` returns the document piece by piece and each piece is written at once, so no tree is built. A list's length
//! is written before its items, so it is filled in when the list ends.

use std::mem;

use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, NumberAny, NumberInt, Peek};

use super::MAX_INT_DIGITS;
use super::encode::Encoder;
use super::number;
use super::objects::{write_float, write_head, write_key, write_str};
use super::typed::{self, Typed};
use super::wire::{DICT, FALSE, LIST, NONE, NULL, TRUE};

/// Container that has not ended yet.
#[derive(Debug, Clone, Copy)]
pub(super) enum Open {
    List {
        /// Position of the list's length.
        at: usize,
        items: u32,
    },
    Dict,
}

/// Limits that a JSON document exceeds, so that it must not reach the guest.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Excess {
    pub(super) deep: bool,
    pub(super) big: bool,
}

impl Encoder {
    /// Writes the document. If it exceeds a limit, that is noted and reading continues: only the end shows whether it
    /// is JSON at all.
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
            exact,
            base,
            ..
        } = self;
        open.clear();
        let mut excess = Excess::default();
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
                _ if *exact => {
                    let number = *base + json.current_index();
                    let Some(length) = exact_number(out, &data[number..], &mut excess) else {
                        json.known_number(peek)?; // for its error
                        return Err(no_number(json));
                    };
                    *base = restart(json, data, number + length);
                }
                _ => match json.known_number(peek) {
                    Ok(NumberAny::Int(NumberInt::Int(value))) => number::write_int(out, value),
                    Ok(NumberAny::Float(value)) => write_float(out, value),
                    Err(error) => {
                        let number = *base + json.current_index();
                        let end =
                            number + unusual_number(out, &data[number..], error, &mut excess)?;
                        *base = restart(json, data, end);
                    }
                },
            }
            // One value is complete: continue with its container.
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

/// Makes `json` read on from `end` of the document, which it returns.
fn restart<'j>(json: &mut Jiter<'j>, data: &'j [u8], end: usize) -> usize {
    let tape = mem::replace(json, Jiter::new(&[])).into_tape();
    *json = Jiter::with_tape(&data[end..], tape);
    end
}

fn no_number(json: &Jiter<'_>) -> JiterError {
    JiterError {
        error_type: JiterErrorType::JsonError(JsonErrorType::InvalidNumber),
        index: json.current_index(),
    }
}

/// Writes a number so that none of its digits is lost, and returns its length; `None` if it is no number.
fn exact_number(out: &mut Vec<u8>, text: &[u8], excess: &mut Excess) -> Option<usize> {
    let (len, integer) = number::scan(text)?;
    let text = &text[..len];
    let plain = integer && text != b"-0";
    if plain && let Some(value) = str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
        number::write_int(out, value);
    } else if plain {
        excess.big |= !number::write_decimal(out, text);
    } else if len > MAX_INT_DIGITS || number::exponent_is_huge(text) {
        // Python's `Decimal` has no such number, or arithmetic with it would take all memory.
        excess.big = true;
    } else {
        let text = String::from_utf8_lossy(text);
        typed::write(out, &Typed::Number(text));
    }
    Some(len)
}

/// Writes a number that `jiter` refuses although JSON allows it: an integer that does not fit `i64`, or a number with
/// more than 4300 digits before the point. Returns its length. `jiter` cannot skip it, so the caller starts a new
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

/// Returns a copy in which each escaped surrogate is an escaped U+FFFD. The copy is JSON exactly if the original is
/// JSON for Python.
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
