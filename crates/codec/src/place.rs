//! Place in a value at which the writer of JSON stopped, from the text that it has written so far: no path has to be kept
//! while values are written.

use std::fmt::Write as _;

/// Most characters of a place.
const MOST: usize = 200;

/// Container whose end is not written.
enum Open<'a> {
    /// List, with the index of its current item.
    List(usize),
    /// Dict, with the text of its current key, if that is written.
    Dict(Option<&'a [u8]>),
}

/// Returns the path to what follows the beginning `json` of a JSON text, such as `user.names[1]`; empty for the whole value.
pub(super) fn place_after(json: &[u8]) -> String {
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'[' => open.push(Open::List(0)),
            b'{' => open.push(Open::Dict(None)),
            b']' | b'}' => drop(open.pop()),
            b',' => match open.last_mut() {
                Some(Open::List(index)) => *index += 1,
                Some(Open::Dict(key)) => *key = None,
                None => {}
            },
            b'"' => {
                let Some(end) = end_of_text(json, at) else {
                    break; // a key of a type that JSON lacks is in quotes
                };
                if let Some(Open::Dict(key @ None)) = open.last_mut() {
                    *key = Some(&json[at..end]);
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    let mut path = String::new();
    for container in open {
        match container {
            Open::List(index) => {
                // Writing to a text cannot fail.
                let _ = write!(path, "[{index}]");
            }
            Open::Dict(Some(key)) => add_key(&mut path, key),
            Open::Dict(None) => {}
        }
    }
    if let Some((end, _)) = path.char_indices().nth(MOST) {
        path.truncate(end);
        path.push('…');
    }
    path
}

/// Returns the end of the text whose opening quote is at `start`, behind its closing quote.
fn end_of_text(json: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match json.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Adds a key, which is in quotes: as a name if it is one.
fn add_key(path: &mut String, quoted: &[u8]) {
    let quoted = String::from_utf8_lossy(quoted);
    let name = quoted.trim_matches('"');
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    if name.chars().all(is_name) && !name.starts_with(|c: char| c.is_numeric()) && !name.is_empty()
    {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
    } else {
        let _ = write!(path, "[{quoted}]");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_leads_to_what_was_not_written() {
        for (json, path) in [
            ("", ""),
            ("{\"user\":{\"a\":[1,{}],\"when\":", "user.when"),
            ("[[],[\"a,b\",{\"x\":", "[1][1].x"),
            ("{\"a b\":{\"c\\\"[\":[", "[\"a b\"][\"c\\\"[\"][0]"),
            // A key that is none.
            ("{\"a\":{\"b\":1,", "a"),
            ("{\"a\":{\"b\":1,\"", "a"),
        ] {
            assert_eq!(place_after(json.as_bytes()), path, "{json}");
        }
        let deep = "{\"key\":".repeat(900);
        let path = place_after(deep.as_bytes());
        assert_eq!(path.chars().count(), MOST + 1);
        assert!(
            path.starts_with("key.key.") && path.ends_with('…'),
            "{path}"
        );
    }
}
