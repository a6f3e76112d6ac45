//! The config reference (`docs/config.md`), rendered from the schema.

use std::fmt::Write as _;

use serde_json::Value;

use super::misshapen::expected;
use super::schema::SCHEMA;

const INTRODUCTION: &str = "\
# Config reference

<!-- Made by `nerodia schema --markdown` from the doc comments in src/config; a test holds it up to date. -->

A config is one YAML document. Every field has a default but for the scripts and for those of
Kafka that are called mandatory. Fields and their meaning are Bento's where Bento has them.

- **Durations** are written `1s`, `500ms`, `1m30s`; **sizes** `256MiB` (1024²), `8MB` (1000²) or as a number of bytes.
- **Environment**: `${NAME}` and `${NAME:default}` in any value, the default for a variable that is unset or empty;
  `${{NAME}}` is the text `${NAME}`. Without quotes the result gets its type afterwards (`threads: ${N:4}` is a number).
  Scripts are left alone: `${` is a legal part of Python, and a variable must not become code.
- **`--set path=value`** overrides a field, as in `--set guests.min=0` or
  `--set pipeline.processors.0.python.script='root = this'`. The value is YAML, but for scripts, which are taken as they are.
- **Passwords and keys** are hidden in every message, also where the line is shown on which they stand.
- Anchors, aliases and merge keys (`<<`) work. `yes`, `no`, `on` and `off` are text, as in YAML 1.2.
- A field with an empty value (`level:`) counts as left out; a component without fields (`stdin:`) has its defaults.
";

/// Returns the config reference as Markdown, with a table for each section.
pub(crate) fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    section(&mut page, &mut Vec::new(), &SCHEMA, "");
    page
}

/// Sections that the page already contains, each with its path.
type Told = Vec<(Value, String)>;

fn section(page: &mut String, told: &mut Told, schema: &Value, path: &str) {
    let fields: Vec<_> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .collect();
    if !path.is_empty() {
        let depth = path.matches('.').count().min(3);
        let _ = write!(page, "\n{} `{path}`\n", "#".repeat(depth + 2));
        if let Some(text) = schema["description"].as_str() {
            let _ = write!(page, "\n{text}\n");
        }
    }
    if fields.is_empty() {
        return;
    }
    if let Some((_, other)) = told.iter().find(|(one, _)| *one == schema["properties"]) {
        let _ = write!(
            page,
            "\nIts fields are those of [`{other}`](#{}).\n",
            anchor(other)
        );
        return;
    }
    told.push((schema["properties"].clone(), path.to_owned()));
    page.push_str("\n| field | type | default | meaning |\n| --- | --- | --- | --- |\n");
    for (name, field) in &fields {
        row(page, path, name, field);
    }
    for (name, field) in fields {
        if let Some((below, schema)) = below(path, name, field) {
            section(page, told, schema, &below);
        }
    }
}

/// Returns the section in a field, or in the items of its list, with the path of that section.
fn below<'a>(path: &str, name: &str, field: &'a Value) -> Option<(String, &'a Value)> {
    let dot = if path.is_empty() { "" } else { "." };
    let is_section = |schema: &Value| schema["properties"].is_object();
    let items = &field["items"];
    match (is_section(field), is_section(items)) {
        (true, _) => Some((format!("{path}{dot}{name}"), field)),
        (_, true) => Some((format!("{path}{dot}{name}[]"), items)),
        _ => None,
    }
}

fn row(page: &mut String, path: &str, name: &str, field: &Value) {
    let kind = kind(field);
    let name = match below(path, name, field) {
        Some((target, _)) => format!("[`{name}`](#{})", anchor(&target)),
        None => format!("`{name}`"),
    };
    let default = match &field["default"] {
        Value::Null | Value::Object(_) => String::new(),
        Value::String(text) if text.is_empty() => String::new(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    };
    let mut meaning = field["description"]
        .as_str()
        .unwrap_or_default()
        .replace("\n\n", " ");
    let examples: Vec<_> = match &field["examples"] {
        Value::Array(examples) if field["x-type"].is_null() => {
            let examples = examples.iter();
            examples.map(|one| format!("`{}`", plain(one))).collect()
        }
        _ => Vec::new(),
    };
    if !examples.is_empty() {
        let _ = write!(meaning, " Example: {}.", examples.join(", "));
    }
    // Without the escape, a bar would end the cell.
    let meaning = meaning.replace('|', "\\|");
    let _ = writeln!(page, "| {name} | {kind} | {default} | {meaning} |");
}

/// Returns the anchor that GitHub makes from a heading: letters, digits and underscores stay.
fn anchor(path: &str) -> String {
    path.chars()
        .filter(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// Writes an example as YAML without quotes: the examples need none.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(plain).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields: Vec<_> = fields
                .map(|(name, value)| format!("{name}: {}", plain(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

fn kind(field: &Value) -> String {
    if let Some(options) = field["enum"].as_array() {
        let options: Vec<_> = options
            .iter()
            .filter_map(Value::as_str)
            .map(|one| format!("`{one}`"))
            .collect();
        return options.join(", ");
    }
    let kind = expected(field);
    let kind = kind.strip_prefix("a ").unwrap_or(&kind);
    if kind == "list" {
        let items = expected(&field["items"]);
        let items = items.strip_prefix("a ").unwrap_or(&items);
        let plural = if items == "mapping" { "s" } else { "" };
        return format!("list of {items}{plural}");
    }
    kind.to_owned()
}
