//! Messages about fields of the wrong shape.

use serde_json::Value;

use super::diagnostics::Diagnostic;
use super::foreign;
use super::model::{LogLevel, StdoutCodec};
use super::schema::types;
use super::suggest::{list, nearest};
use super::texts::{self, DURATION_HELP, SIZE_HELP};
use super::tree::Entry;
use super::walk::Field;

/// Returns the problem with a value that has the wrong type, is not one of the choices, or is a number out of bounds.
pub(super) fn of_type(field: &Field<'_>, value: Option<&Value>) -> Option<Diagnostic> {
    let schema = field.schema;
    let name = match field.path.to_string() {
        root if root.is_empty() => "the config".into(),
        path => format!("`{path}`"),
    };
    let found = field.node.describe();
    if let Some(options) = schema["enum"].as_array()
        && value.is_none_or(|value| !options.contains(value))
    {
        let options = options.iter().filter_map(Value::as_str);
        let written = field.node.scalar().map_or("", |scalar| &scalar.text);
        let help = match (
            foreign::choice(field.path.last(), written),
            nearest(written, options.clone()),
        ) {
            (Some(help), _) => help.into(),
            (None, Some(meant)) => format!("did you mean `{meant}`?"),
            (None, None) => format!("choose {}", list(options, "or")),
        };
        return Some(Diagnostic::error(format!("{name} cannot be {found}")).help(help));
    }
    let Some(value) = value.filter(|value| fits(schema, value)) else {
        let message = format!("{name} must be {}, not {found}", expected(schema));
        let problem = Diagnostic::error(message);
        return Some(match help_for(field) {
            Some(help) => problem.help(help),
            None => problem,
        });
    };
    let (least, most) = (&schema["minimum"], &schema["maximum"]);
    let number = value.as_f64()?;
    if least.as_f64().is_some_and(|least| number < least) {
        let message = format!("{name} must be at least {least}, not {found}");
        return Some(Diagnostic::error(message));
    }
    // Every bound fits into an `i64`, so a positive whole number that does not fit is above it.
    let beyond = value.as_i64().is_none() && number > 0.0 && number.fract() == 0.0;
    let above = |most: f64| beyond || number > most;
    most.as_f64()
        .is_some_and(above)
        .then(|| Diagnostic::error(format!("{name} must be at most {most}, not {found}")))
}

fn fits(schema: &Value, value: &Value) -> bool {
    let of: &[_] = match value {
        Value::Bool(_) => &["boolean"],
        Value::String(_) => &["string"],
        Value::Number(number) if number.as_f64().is_some_and(|one| one.fract() != 0.0) => {
            &["number"]
        }
        Value::Number(_) => &["number", "integer"],
        _ => &[],
    };
    types(schema).iter().any(|one| of.contains(one))
}

/// Returns the problem with a text that has a meaning (such as a duration or a size) and cannot be read.
pub(super) fn of_text(field: &Field<'_>, value: &Value) -> Option<Diagnostic> {
    let Field { path, schema, .. } = field;
    let text = value.as_str().unwrap_or_default();
    let (read, help) = match schema["x-type"].as_str() {
        Some("duration") => {
            let pause = schema["x-pause"] == true;
            if pause && let Some(problem) = foreign::cron(text) {
                return Some(problem);
            }
            let read = if pause { texts::pause } else { texts::duration };
            let may_be_zero = schema["x-above-zero"] != true;
            let read = read(text).map(|time| may_be_zero || !time.is_zero());
            (read, DURATION_HELP)
        }
        Some("size") => (texts::size(value).map(|bytes| bytes > 0), SIZE_HELP),
        _ => {
            let help = match schema["x-reads"].as_str()? {
                "level" => text.parse::<LogLevel>().err(),
                _ => text.parse::<StdoutCodec>().err(),
            };
            return Some(Diagnostic::error(format!("`{path}` cannot be `{text}`")).help(help?));
        }
    };
    let message = match read {
        Ok(true) => return None,
        Ok(false) => format!("`{path}` must be more than nothing"),
        Err(why) => format!("`{path}`: {why}"),
    };
    Some(Diagnostic::error(message).help(help))
}

/// Returns the problem with a mapping that was written in the place of one of its fields: `- a: 1` for `- value: { a: 1 }`.
pub(super) fn unwrapped(map: &Field<'_>, entries: &[Entry]) -> Option<Diagnostic> {
    let wraps = map.schema["x-wraps"].as_str()?;
    let fields = map.schema["properties"].as_object()?;
    let is_meant = |entry: &Entry| {
        nearest(&entry.key, fields.keys().map(String::as_str)).is_some()
            && (entry.key == wraps || !fields.contains_key(&entry.key))
    };
    let is_foreign = |entry: &Entry| !fields.contains_key(&entry.key);
    let is_bentos = |entry: &Entry| foreign::explain(map.path, entry).is_some();
    let bare = entries.iter().any(is_foreign)
        && !entries
            .iter()
            .any(|entry| is_meant(entry) || is_bentos(entry));
    bare.then(|| {
        let message = format!("`{}` must be a mapping with `{wraps}`", map.path);
        Diagnostic::error(message).help(wrapping(map, wraps))
    })
}

/// Says how to write a value as the field `wraps` of a mapping.
fn wrapping(field: &Field<'_>, wraps: &str) -> String {
    const LONGEST: usize = 60;
    let of_list = match field.path.last().bytes().all(|byte| byte.is_ascii_digit()) {
        true => "- ",
        false => "",
    };
    let written = match field.node.to_json_text() {
        Ok(json) if json.chars().count() <= LONGEST && !field.node.is_secret() => json,
        _ => "{ … }".into(),
    };
    format!("write `{of_list}{wraps}: {written}`")
}

/// Returns the problem with an entry that is not a field of its mapping.
pub(super) fn unknown(map: &Field<'_>, entry: &Entry) -> Diagnostic {
    let (path, field, at) = (map.path, &entry.key, entry.key_at.clone());
    if let Some(problem) = foreign::explain(path, entry) {
        return problem.at(at);
    }
    let component = map.schema["x-component"].as_str();
    let root = path.names().is_empty();
    let message = match component {
        Some(component) => format!("unknown {component} `{field}`"),
        None if root => format!("unknown field `{field}`"),
        None => format!("unknown field `{field}` in `{path}`"),
    };
    let all = map.schema["properties"].as_object().into_iter().flatten();
    let meant = nearest(field, all.map(|(name, _)| name.as_str()));
    let help = match (meant, component, fields(map.schema)) {
        (Some(meant), ..) => format!("did you mean `{meant}`?"),
        (None, Some(component), all) => format!("the {component}s there are: {all}"),
        (None, None, none) if none.is_empty() => "it has no fields".into(),
        (None, None, all) if root => format!("the fields of a config are {all}"),
        (None, None, all) => format!("its fields are {all}"),
    };
    Diagnostic::error(message).at(at).help(help)
}

/// Lists the fields of a section that have an effect.
fn fields(schema: &Value) -> String {
    let fields = schema["properties"].as_object().into_iter().flatten();
    let with_effect = fields.filter(|(_, field)| field["x-ignored"].is_null());
    list(with_effect.map(|(name, _)| name.as_str()), "and")
}

/// Describes the values that a field takes: "a duration", "a text or a list".
pub(super) fn expected(schema: &Value) -> String {
    if let Some(kind @ ("duration" | "size")) = schema["x-type"].as_str() {
        return format!("a {kind}");
    }
    let types = types(schema).into_iter().filter(|one| *one != "null");
    let words: Vec<_> = types
        .map(|one| match one {
            "string" => "a text",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "`true` or `false`",
            "array" => "a list",
            _ => "a mapping",
        })
        .collect();
    match words.is_empty() {
        true => "any value".into(),
        false => words.join(" or "),
    }
}

/// Returns advice about a value of the wrong type.
fn help_for(field: &Field<'_>) -> Option<String> {
    let (schema, name) = (field.schema, field.path.last());
    match schema["x-type"].as_str() {
        Some("duration") => return Some(DURATION_HELP.into()),
        Some("size") => return Some(SIZE_HELP.into()),
        _ if name.is_empty() => return None,
        _ => {}
    }
    if let Some(wraps) = schema["x-wraps"].as_str() {
        return Some(wrapping(field, wraps));
    }
    let types = types(schema);
    let takes = |one| types.contains(&one);
    let scalar = field.node.scalar().filter(|scalar| !scalar.secret);
    Some(match scalar.map(|scalar| scalar.written()) {
        Some(port) if name == "address" && port.parse::<u16>().is_ok() => {
            format!("write the host too: `address: 127.0.0.1:{port}`")
        }
        Some(written) if takes("string") => format!("quote it: `{name}: \"{written}\"`"),
        Some(written) if takes("array") => format!("write a list: `{name}: [{written}]`"),
        _ if takes("boolean") && !takes("string") => {
            "YAML 1.2 has `true` and `false`; `yes`, `no`, `on` and `off` are text".into()
        }
        _ if takes("array") => "write each item on a line of its own, beginning with `- `".into(),
        _ if takes("object") => match fields(schema) {
            none if none.is_empty() => return None,
            all => format!("its fields, each on a line below: {all}"),
        },
        _ => return None,
    })
}
