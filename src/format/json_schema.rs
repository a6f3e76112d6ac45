//! JSON that a JSON Schema describes: it is read and written as JSON, and checked.
//!
//! The checker is `boon` (drafts 4 to 2020-12). It gets each document as a tree of its own, so JSON with a schema costs more
//! than JSON without. A schema can refer to those that come with it from the registry, and to nothing else: no file and no
//! address is looked up.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;

use boon::{Compiler, SchemaIndex, Schemas, UrlLoader};
use serde_json::Value;

/// URL of a schema, below which its references are found.
const ROOT: &str = "schema:///";
/// Most bytes of the description of what is wrong with a document.
const LONGEST: usize = 1000;

/// Schema, compiled.
pub(crate) struct JsonSchema {
    schemas: Schemas,
    root: SchemaIndex,
    title: Option<String>,
}

impl JsonSchema {
    /// Compiles a schema. `references` are the schemas to which it refers, by name.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn parse(text: &str, references: &[(&str, &str)]) -> Result<Self, String> {
        let mut compiler = Compiler::new();
        compiler.use_loader(Box::new(Nowhere));
        compiler.enable_format_assertions();
        let schema = json(text)?;
        // A reference is meant by its name, from the place of this schema or of one that its `$id` gives it; or by the `$id`
        // of its own.
        let base = schema["$id"].as_str().unwrap_or(ROOT);
        for (name, text) in references {
            let wrong = |why: String| format!("the reference `{name}`: {why}");
            let schema = json(text).map_err(wrong)?;
            let own = schema["$id"].as_str().filter(|id| id.contains("://"));
            let places: BTreeSet<String> = [located(ROOT, name), located(base, name)]
                .into_iter()
                .chain(own.map(str::to_owned))
                .collect();
            for place in places {
                compiler
                    .add_resource(&place, schema.clone())
                    .map_err(|error| wrong(error.to_string()))?;
            }
        }
        let location = located(ROOT, "schema.json");
        let title = schema["title"].as_str().map(str::to_owned);
        compiler
            .add_resource(&location, schema)
            .map_err(|error| error.to_string())?;
        let mut schemas = Schemas::new();
        let root = compiler
            .compile(&location, &mut schemas)
            // In full: the short form says only that the schema is not valid.
            .map_err(|error| first_lines(&format!("{error:#}")))?;
        Ok(Self {
            schemas,
            root,
            title,
        })
    }

    /// Returns the schema's title.
    pub(crate) fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// Checks a JSON document.
    ///
    /// # Errors
    ///
    /// What does not fit the schema, and where.
    pub(crate) fn check(&self, document: &[u8]) -> Result<(), String> {
        let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
        let document: Value = serde_json::from_slice(document).map_err(|why| why.to_string())?;
        self.schemas
            .validate(&document, self.root)
            .map_err(|error| {
                let causes: Vec<String> = error.causes.iter().map(ToString::to_string).collect();
                first_lines(&causes.join("; "))
            })
    }
}

impl fmt::Debug for JsonSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonSchema").finish_non_exhaustive()
    }
}

/// Returns the URL under which a schema with this name is found by one that is at `base`.
fn located(base: &str, name: &str) -> String {
    if name.contains("://") {
        return name.to_owned();
    }
    match base.rsplit_once('/') {
        Some((folder, _)) if base.contains("://") => format!("{folder}/{name}"),
        _ => format!("{ROOT}{name}"),
    }
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))
}

fn first_lines(text: &str) -> String {
    text[..text.floor_char_boundary(LONGEST)].to_owned()
}

/// Loader that finds nothing: a schema must not make this process read files or addresses.
struct Nowhere;

impl UrlLoader for Nowhere {
    fn load(&self, url: &str) -> Result<Value, Box<dyn Error>> {
        Err(format!("`{url}` is not among the references of the schema").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = r##"{
        "type": "object", "required": ["id"],
        "properties": {"id": {"type": "integer"}, "at": {"$ref": "time.json"}, "in": {"$ref": "#"}}
    }"##;
    const TIME: (&str, &str) = ("time.json", r#"{"type": "string", "format": "date-time"}"#);

    #[test]
    fn a_document_that_does_not_fit_says_where() {
        let schema = JsonSchema::parse(ORDER, &[TIME]).expect("it is a schema");
        let good = br#"{"id": 1, "at": "2026-11-29T05:13:21Z", "in": {"id": 2}}"#;
        assert_eq!(schema.check(good), Ok(()));
        for (document, place) in [
            (&br#"{"id": 1.5}"#[..], "'/id'"),
            (br#"{"at": "2026-11-29T05:13:21Z"}"#, "''"),
            (br#"{"id": 1, "at": "today"}"#, "'/at'"),
            (br#"{"id": 1, "in": {"id": "x"}}"#, "'/in/id'"),
        ] {
            let why = schema.check(document).expect_err("it does not fit");
            assert!(why.contains(place), "{why}");
        }
    }

    #[test]
    fn a_reference_is_found_from_where_the_schema_says_it_is() {
        let address = r#"{"$id": "http://x/addr.json", "type": "string"}"#;
        for (id, at) in [
            ("http://x/p.json", "addr.json"),
            ("http://y/p.json", "http://x/addr.json"),
        ] {
            let text = format!(r#"{{"$id": "{id}", "properties": {{"a": {{"$ref": "{at}"}}}}}}"#);
            let schema = JsonSchema::parse(&text, &[("addr.json", address)]).expect("it is found");
            assert!(schema.check(br#"{"a": 1}"#).is_err());
            assert_eq!(schema.check(br#"{"a": "x"}"#), Ok(()));
        }
    }

    #[test]
    fn what_is_no_schema_is_refused_and_nothing_is_looked_up() {
        for (text, part) in [
            ("{", "no JSON"),
            (r#"{"type": "text"}"#, "not valid"),
            (r#"{"$ref": "other.json"}"#, "not among the references"),
            (
                r#"{"$ref": "file:///etc/passwd"}"#,
                "not among the references",
            ),
            (
                r#"{"$ref": "http://localhost/x.json"}"#,
                "not among the references",
            ),
        ] {
            let why = JsonSchema::parse(text, &[]).expect_err(text);
            assert!(why.contains(part), "{text}: {why}");
        }
    }

    #[test]
    fn hostile_schemas_and_documents_are_errors() {
        // A schema that is itself, and one that takes exponential time in engines that go back.
        let circle = JsonSchema::parse(r##"{"$ref": "#"}"##, &[]);
        assert!(circle.is_err() || circle.is_ok_and(|schema| schema.check(b"1").is_err()));
        let pattern = JsonSchema::parse(r#"{"pattern": "^(a+)+$"}"#, &[]).expect("it is a schema");
        let text = format!("\"{}!\"", "a".repeat(100_000));
        assert!(pattern.check(text.as_bytes()).is_err());
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(JsonSchema::parse(&deep, &[]).is_err());
        assert!(pattern.check(deep.as_bytes()).is_err());
    }
}
