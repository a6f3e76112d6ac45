//! Copies of objects with members set.

use super::scan::{Scanner, Sink as _};
use super::{Check, Copier, Unsure, check_text};
use crate::patch::Set;
use crate::text;

/// Most members that can be set in a document: as many as a mask has bits.
pub const MOST_SET: usize = 64;

/// Appends the object `json` in canonical form to `out`, with the members in `set`: at the place of the member with the
/// same key, else at the end.
///
/// # Errors
///
/// See [`Unsure`]; also for a key with an escape, and for more than 64 members. `out` may then have a part of it.
pub(crate) fn copy_patched(json: &[u8], set: &[Set<'_>], out: &mut Vec<u8>) -> Result<(), Unsure> {
    if set.len() > MOST_SET {
        return Err(Unsure);
    }
    check_text(json)?;
    out.reserve(json.len());
    let mut scanner = Scanner::new(json, Copier::new(json, out));
    let mut placed = 0u64;
    let mut is_empty = true;
    scanner.members(|scanner, key| {
        is_empty = false;
        let key = &json[key];
        let Some(index) = set.iter().position(|(name, _)| name.as_bytes() == key) else {
            return scanner.value(1);
        };
        placed |= 1 << index;
        let start = scanner.pos;
        let mut old = Scanner::new(json, Check);
        old.pos = start;
        old.value(1)?;
        scanner.pos = old.pos;
        scanner.sink.omit(start..old.pos);
        scanner.sink.out.extend_from_slice(set[index].1);
        Ok(())
    })?;
    let end = scanner.pos;
    scanner.sink.omit(end..end);
    let out = &mut *scanner.sink.out;
    for (index, (name, json)) in set.iter().enumerate() {
        if placed & 1 << index != 0 {
            continue;
        }
        if !is_empty {
            out.push(b',');
        }
        is_empty = false;
        text::write_utf8(out, name.as_bytes()).map_err(|text::Malformed| Unsure)?;
        out.push(b':');
        out.extend_from_slice(json);
    }
    scanner.end()?;
    scanner.sink.flush(json.len());
    Ok(())
}
