//! Schemas to which a schema refers, and those to which they refer, in an order in which each can be read.

use super::client::Client;
use super::fetch::{Found, NoSchema, find_reference, missing};
use super::question::{Missing, RawSchema, Reference, ReferenceTo};

/// Most schemas that one schema may need.
const MOST_REFERENCES: usize = 500;
/// Most steps from a schema to one that it needs.
const MOST_LEVELS: usize = 64;
/// Most bytes of a schema with all that it needs. The answers with each of them have the same limit.
const MOST_BYTES: usize = 16 << 20;

/// Fetches what a schema refers to. `about` names the schema.
///
/// # Errors
/// If a reference is missing, the references are too many or form a circle, or the registry does not answer.
pub(super) fn resolve(client: &Client, found: Found, about: &str) -> Result<RawSchema, NoSchema> {
    resolve_with(found, about, |to| find_reference(client, to))
}

fn resolve_with(
    found: Found,
    about: &str,
    find: impl FnMut(&ReferenceTo) -> Result<Found, NoSchema>,
) -> Result<RawSchema, NoSchema> {
    let mut walk = Walk {
        about,
        find,
        bytes: found.text.len(),
        done: Vec::new(),
        open: Vec::new(),
    };
    for to in &found.references {
        walk.visit(to)?;
    }
    Ok(RawSchema {
        id: found.id,
        guid: found.guid,
        kind: found.kind,
        text: found.text,
        references: walk.done,
    })
}

struct Walk<'a, F> {
    about: &'a str,
    find: F,
    bytes: usize,
    /// What was found, with all that it needs.
    done: Vec<Reference>,
    /// The way from the schema to the current reference.
    open: Vec<ReferenceTo>,
}

impl<F: FnMut(&ReferenceTo) -> Result<Found, NoSchema>> Walk<'_, F> {
    fn visit(&mut self, to: &ReferenceTo) -> Result<(), NoSchema> {
        // A name has one meaning in a schema. If two schemas mean different versions by it, the first counts, as in
        // Confluent's clients.
        if self.done.iter().any(|done| done.name == to.name) {
            return Ok(());
        }
        let is_place =
            |open: &ReferenceTo| (&open.subject, open.version) == (&to.subject, to.version);
        if self
            .open
            .iter()
            .any(|open| open.name == to.name || is_place(open))
        {
            return Err(self.wrong("its references form a circle"));
        }
        if self.open.len() == MOST_LEVELS {
            return Err(self.wrong(&format!(
                "its references are deeper than {MOST_LEVELS} levels"
            )));
        }
        if self.done.len() + self.open.len() == MOST_REFERENCES {
            return Err(self.wrong(&format!("it has more than {MOST_REFERENCES} references")));
        }
        let found = (self.find)(to).map_err(|error| match error {
            NoSchema::Missing(Missing { text }) => self.wrong(&format!("it refers to {text}")),
            failed @ NoSchema::Failed(_) => failed,
        })?;
        self.bytes += found.text.len();
        if self.bytes > MOST_BYTES {
            let most = bytesize::ByteSize(MOST_BYTES as u64);
            return Err(self.wrong(&format!("with its references it is larger than {most}")));
        }
        self.open.push(to.clone());
        for next in &found.references {
            self.visit(next)?;
        }
        self.open.pop();
        self.done.push(Reference {
            name: to.name.clone(),
            subject: to.subject.clone(),
            version: to.version,
            text: found.text,
        });
        Ok(())
    }

    fn wrong(&self, what: &str) -> NoSchema {
        missing(format!("{}: {what}", self.about))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::super::question::SchemaKind;
    use super::*;

    fn found(text: &str, references: &[&str]) -> Found {
        Found {
            id: None,
            guid: None,
            kind: SchemaKind::Avro,
            text: text.to_owned(),
            references: references.iter().map(|name| to(name)).collect(),
        }
    }

    fn to(name: &str) -> ReferenceTo {
        ReferenceTo {
            name: name.to_owned(),
            subject: format!("subject of {name}"),
            version: 1,
        }
    }

    /// Resolves a schema that needs `direct`, where `others` gives what each of the others needs.
    fn names(direct: &[&str], others: &[(&str, &[&str])]) -> Result<Vec<String>, String> {
        let others: HashMap<_, _> = others.iter().copied().collect();
        let resolved = resolve_with(found("root", direct), "schema 7", |to| {
            let references = others
                .get(to.name.as_str())
                .ok_or_else(|| missing("nothing".into()))?;
            Ok(found(&to.name, references))
        });
        match resolved {
            Ok(schema) => Ok(schema.references.into_iter().map(|one| one.name).collect()),
            Err(NoSchema::Missing(missing)) => Err(missing.to_string()),
            Err(NoSchema::Failed(failure)) => panic!("{failure:?}"),
        }
    }

    #[test]
    fn each_comes_once_and_before_those_that_need_it() {
        let diamond = names(&["a", "b"], &[("a", &["c"]), ("b", &["c"]), ("c", &[])]);
        assert_eq!(diamond.unwrap(), ["c", "a", "b"]);
        assert_eq!(names(&[], &[]).unwrap(), [""; 0]);
    }

    #[test]
    fn circles_and_gaps_are_told() {
        let circle = names(&["a"], &[("a", &["b"]), ("b", &["a"])]);
        assert_eq!(
            circle.unwrap_err(),
            "schema 7: its references form a circle"
        );
        let own = names(&["a"], &[("a", &["a"])]);
        assert_eq!(own.unwrap_err(), "schema 7: its references form a circle");
        let gap = names(&["a"], &[("a", &["b"])]);
        assert_eq!(gap.unwrap_err(), "schema 7: it refers to nothing");
    }

    #[test]
    fn one_place_under_ever_new_names_is_a_circle() {
        let mut count = 0;
        let resolved = resolve_with(found("root", &["x"]), "schema 7", |_| {
            count += 1;
            let mut found = found("text", &["x"]);
            found.references[0].name = format!("x{count}");
            Ok(found)
        });
        assert!(
            matches!(resolved, Err(NoSchema::Missing(_))),
            "{resolved:?}"
        );
        assert_eq!(count, 1);
    }

    /// Resolves a schema with `width` references, each of them the first of a chain with `depth` members.
    fn grid(width: usize, depth: usize) -> Result<RawSchema, NoSchema> {
        let name = |column: usize, row: usize| format!("{column}/{row}");
        let direct: Vec<_> = (0..width).map(|column| name(column, 1)).collect();
        let direct: Vec<_> = direct.iter().map(String::as_str).collect();
        resolve_with(found("root", &direct), "schema 7", |to| {
            let (column, row) = to.name.split_once('/').unwrap();
            let row: usize = row.parse().unwrap();
            let next = name(column.parse().unwrap(), row + 1);
            let next: &[&str] = if row == depth { &[] } else { &[&next] };
            Ok(found("", next))
        })
    }

    #[test]
    fn depth_and_number_have_limits() {
        assert_eq!(grid(1, MOST_LEVELS).unwrap().references.len(), MOST_LEVELS);
        assert!(grid(1, MOST_LEVELS + 1).is_err());
        assert!(grid(1, usize::MAX).is_err(), "and no end is needed");
        assert_eq!(
            grid(MOST_REFERENCES, 1).unwrap().references.len(),
            MOST_REFERENCES
        );
        assert!(grid(MOST_REFERENCES + 1, 1).is_err());
        assert!(grid(MOST_REFERENCES / 2, 3).is_err());
    }

    #[test]
    fn so_have_all_texts_together() {
        let text = "x".repeat(MOST_BYTES / 4);
        let resolved = |count: usize| {
            let direct: Vec<_> = (0..count).map(|i| i.to_string()).collect();
            let direct: Vec<_> = direct.iter().map(String::as_str).collect();
            resolve_with(found("", &direct), "schema 7", |_| Ok(found(&text, &[])))
        };
        assert!(resolved(4).is_ok());
        assert!(resolved(5).is_err());
    }

    proptest! {
        /// Any graph, of which `edges` are pairs of (who, whom), ends; and if it is in order, so is the answer.
        #[test]
        fn any_graph_ends(edges in prop::collection::vec((0..12_usize, 0..12_usize), 0..40)) {
            let needs = |who: usize| -> Vec<String> {
                let mine = edges.iter().filter(|(from, _)| *from == who);
                mine.map(|(_, whom)| whom.to_string()).collect()
            };
            let of = |text: &str, needed: Vec<String>| {
                found(text, &needed.iter().map(String::as_str).collect::<Vec<_>>())
            };
            let resolved = resolve_with(of("", needs(0)), "schema 7", |to| {
                Ok(of(&to.name, needs(to.name.parse().unwrap())))
            });
            if let Ok(schema) = resolved {
                for (place, reference) in schema.references.iter().enumerate() {
                    for needed in needs(reference.name.parse().unwrap()) {
                        let before = &schema.references[..place];
                        prop_assert!(before.iter().any(|one| one.name == needed));
                    }
                }
            }
        }
    }
}
