//! The config as it takes effect, for `nerodia lint --print`: with all defaults, the variables and `--set` values.
//!
//! The output is YAML that `-c -` takes. It contains no secrets: one that variables bring is shown as these variables,
//! any other as stars.

use serde_json::Value;

use super::env::{self, is_code};
use super::schema::SCHEMA;
use super::tree::{Data, Entry, Node, Scalar, is_plain_text};

/// Value to print.
enum Shown {
    /// Text.
    Text(String),
    /// Any other value without parts, as JSON.
    Json(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

/// Returns the YAML of a config that has no problems.
pub(super) fn print(root: &Node) -> String {
    let mut yaml = of_node(root, &SCHEMA, false).yaml(0);
    yaml.push('\n');
    yaml
}

/// Converts a part of the tree, with the help of its schema. No variables are put into `code`.
fn of_node(node: &Node, schema: &Value, code: bool) -> Shown {
    match &node.data {
        Data::Scalar(scalar) => of_scalar(scalar, schema, code),
        Data::List(items) => {
            let items = items.iter();
            Shown::List(
                items
                    .map(|item| of_node(item, &schema["items"], code))
                    .collect(),
            )
        }
        Data::Map(entries) => Shown::Map(of_map(entries, schema)),
    }
}

/// Returns the fields that are written, in the order of the schema, and the defaults of the others.
fn of_map(entries: &[Entry], schema: &Value) -> Vec<(String, Shown)> {
    let fields = schema["properties"].as_object();
    let written = |name: &str| {
        let entry = entries.iter().find(|entry| entry.key == name)?;
        (!entry.value.is_null()).then_some(&entry.value)
    };
    let is_aliased = |name: &str| {
        let mut fields = fields.into_iter().flatten();
        fields.any(|(alias, field)| field["x-alias-of"] == name && written(alias).is_some())
    };
    let mut shown = Vec::new();
    for (name, field) in fields.into_iter().flatten() {
        let component = !schema["x-component"].is_null();
        let empty = component && entries.iter().any(|entry| entry.key == *name);
        let value = match written(name) {
            Some(node) => of_node(node, field, is_code(name)),
            // A component without fields has its defaults.
            None if empty => Shown::Map(of_map(&[], field)),
            None if field["default"].is_null() || is_aliased(name) => continue,
            None => of_default(&field["default"]),
        };
        shown.push((name.clone(), value));
    }
    // These names are the user's own. In a section, fields without a schema are Bento's, and say nothing.
    let of_users = &schema["additionalProperties"];
    let is_section = fields.is_some() && !of_users.is_object();
    for entry in entries.iter().filter(|_| !is_section) {
        if fields.is_none_or(|fields| !fields.contains_key(&entry.key)) {
            let node = of_node(&entry.value, of_users, false);
            shown.push((entry.key.clone(), node));
        }
    }
    shown
}

fn of_scalar(scalar: &Scalar, schema: &Value, code: bool) -> Shown {
    if scalar.secret {
        let written = scalar.written();
        let shown = match env::is_variables(written) {
            true => written,
            false if written.is_empty() => "",
            false => "***",
        };
        return Shown::Text(shown.to_owned());
    }
    let as_written = schema["x-as-written"] == true;
    match scalar.to_json(true) {
        Value::String(text) if code => Shown::Text(text),
        Value::String(text) => Shown::Text(env::escape(&text)),
        _ if as_written => Shown::Text(scalar.as_written()),
        other => Shown::Json(scalar.to_json_text().unwrap_or_else(|_| other.to_string())),
    }
}

fn of_default(value: &Value) -> Shown {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter();
            Shown::Map(
                fields
                    .filter(|(_, value)| !value.is_null())
                    .map(|(name, value)| (name.clone(), of_default(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Shown::List(items.iter().map(of_default).collect()),
        Value::String(text) => Shown::Text(text.clone()),
        other => Shown::Json(other.to_string()),
    }
}

impl Shown {
    /// Writes the value as YAML, without a final newline. All lines except the first are indented.
    fn yaml(&self, indent: usize) -> String {
        let line = format!("\n{:indent$}", "");
        match self {
            Self::Json(json) => json.clone(),
            Self::Text(text) => text_of(text, &line),
            Self::List(items) if items.is_empty() => "[]".into(),
            Self::Map(fields) if fields.is_empty() => "{}".into(),
            Self::List(items) => {
                let items = items
                    .iter()
                    .map(|item| format!("- {}", item.yaml(indent + 2)));
                items.collect::<Vec<_>>().join(&line)
            }
            Self::Map(fields) => {
                let fields = fields.iter().map(|(name, value)| {
                    let name = text_of(name, "");
                    let below = match value {
                        Self::List(items) if !items.is_empty() => format!("{line}  "),
                        Self::Map(fields) if !fields.is_empty() => format!("{line}  "),
                        _ => " ".into(),
                    };
                    format!("{name}:{below}{}", value.yaml(indent + 2))
                });
                fields.collect::<Vec<_>>().join(&line)
            }
        }
    }
}

/// Writes a text as YAML: as it is, as a block of lines that each begin with `line`, or in quotes.
fn text_of(text: &str, line: &str) -> String {
    let prints = |c: char| c == '\n' || !c.is_control();
    let is_block =
        text.contains('\n') && !text.starts_with([' ', '\n']) && text.chars().all(prints);
    if is_block && !line.is_empty() && !text.ends_with("\n\n") {
        let chomp = if text.ends_with('\n') { "|" } else { "|-" };
        let lines = text.trim_end_matches('\n').split('\n');
        let lines = lines.map(|text| match text.is_empty() {
            true => "\n".to_owned(),
            false => format!("{line}{text}"),
        });
        return format!("{chomp}{}", lines.collect::<String>());
    }
    if is_plain_text(text) {
        return text.to_owned();
    }
    // YAML's double quotes accept every JSON string, but more characters have to be escaped.
    let json = Value::from(text).to_string();
    json.chars()
        .map(|c| match c.is_control() || c == '\u{feff}' {
            true => format!("\\u{:04x}", u32::from(c)),
            false => c.to_string(),
        })
        .collect()
}
