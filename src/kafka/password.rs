//! Invisible white space at the ends of a password, which a shell or an editor may add when a secret is created.

/// Describes the white space at the ends of a password that was refused, without any other part of it.
pub(super) fn invisible_ends(password: &str) -> Option<String> {
    let first = password.chars().next().filter(|c| c.is_whitespace());
    let last = password.chars().next_back().filter(|c| c.is_whitespace());
    let what = match (first.map(name), last.map(name)) {
        (None, None) => return None,
        (Some(first), None) => format!("begins with {first}"),
        (None, Some(last)) => format!("ends with {last}"),
        (Some(first), Some(last)) => format!("begins with {first} and ends with {last}"),
    };
    Some(format!("the password {what}"))
}

/// Returns the usual name of a white space character.
fn name(white: char) -> &'static str {
    match white {
        ' ' => "a space",
        '\t' => "a tab",
        '\n' => "a line break",
        '\r' => "a carriage return",
        _ => "white space",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_named_and_nothing_else() {
        let told = |password| invisible_ends(password).unwrap_or_default();
        assert_eq!(told("s3sam open\n"), "the password ends with a line break");
        assert_eq!(told("s3sam\r"), "the password ends with a carriage return");
        assert_eq!(
            told("\ts3sam "),
            "the password begins with a tab and ends with a space"
        );
        assert_eq!(
            told("s3sam open\u{a0}"),
            "the password ends with white space"
        );
        assert_eq!(told("s3sam open"), "");
        assert_eq!(told(""), "");
    }
}
