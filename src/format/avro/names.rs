//! Names of types: full names, namespaces, aliases.

use std::fmt;

use crate::format::error::brief;

/// Name of a record, an enum or a fixed.
#[derive(Debug)]
pub(super) struct Name {
    /// Name with its namespace: `com.example.Order`.
    pub(super) full: Box<str>,
    /// Other names that it has had, as they are in the schema.
    pub(super) aliases: Box<[Box<str>]>,
}

impl Name {
    /// Returns the namespace, which may be empty.
    pub(super) fn namespace(&self) -> &str {
        self.full.rsplit_once('.').map_or("", |(space, _)| space)
    }

    /// Returns the name without its namespace.
    pub(super) fn simple(&self) -> &str {
        simple(&self.full)
    }

    /// Returns whether what a writer calls `other` is what this name stands for in a reader's schema. As in the
    /// specification, namespaces do not count, except those of aliases.
    pub(super) fn stands_for(&self, other: &Self) -> bool {
        let (full, short) = (&*other.full, other.simple());
        self.simple() == short
            || self.aliases.iter().any(|alias| {
                let alias = &**alias;
                let space = self.namespace();
                alias == full
                    || alias == short
                    || full.strip_prefix(space).and_then(|of| of.strip_prefix('.')) == Some(alias)
            })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&brief(&self.full))
    }
}

/// Returns a name without its namespace.
fn simple(full: &str) -> &str {
    full.rsplit('.').next().unwrap_or(full)
}

/// Returns whether a text is a name and nothing else.
pub(super) fn is_word(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    !text.is_empty() && text.bytes().all(is_part)
}

/// Returns the full name for a name and the namespace that applies to it.
pub(super) fn full(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(full: &str, aliases: &[&str]) -> Name {
        let aliases = aliases.iter().map(|alias| (*alias).into()).collect();
        Name {
            full: full.into(),
            aliases,
        }
    }

    #[test]
    fn a_name_stands_for_its_aliases() {
        let order = name("shop.Order", &["Purchase", "old.Deal"]);
        for other in [
            "shop.Order",
            "Order",
            "b.Order",
            "shop.Purchase",
            "Purchase",
            "old.Deal",
        ] {
            assert!(order.stands_for(&name(other, &[])), "{other}");
        }
        for other in ["Deal", "shop.Deal", "shop.old.Deals", "shopOrder"] {
            assert!(!order.stands_for(&name(other, &[])), "{other}");
        }
        assert_eq!(full("a", ""), "a");
        assert_eq!(full("a", "b.c"), "b.c.a");
        assert_eq!(full("d.a", "b.c"), "d.a");
    }
}
