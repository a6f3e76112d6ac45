//! Suggestions in error messages: "Did you mean …?"

/// Returns the known name that a misspelled one was probably meant to be.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|known| {
            (
                strsim::damerau_levenshtein(&lower, &known.to_lowercase()),
                known,
            )
        })
        // Allows one slip in three letters. With more, the suggestion would be noise.
        .filter(|(distance, known)| *distance <= known.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Lists names as in "`a`, `b` and `c`", with `word` before the last one.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>, word: &str) -> String {
    let mut names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.pop() {
        None => String::new(),
        Some(only) if names.is_empty() => only,
        Some(last) => format!("{} {word} {last}", names.join(", ")),
    }
}

/// Lists words as in "a, b or c".
pub(super) fn alternatives(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_slips_and_nothing_else() {
        let known = ["script", "file", "imports", "min", "on_error"];
        for (name, meant) in [
            ("scirpt", Some("script")),
            ("Script", Some("script")),
            ("import", Some("imports")),
            ("onerror", Some("on_error")),
            ("mni", Some("min")),
            ("max", None),
            ("threads", None),
        ] {
            assert_eq!(nearest(name, known), meant, "{name}");
        }
        assert_eq!(
            list(known, "and"),
            "`script`, `file`, `imports`, `min` and `on_error`"
        );
    }
}
