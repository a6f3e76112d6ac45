//! Checks the shape of the tree against the schema: unknown fields, wrong types, unknown choices.
//!
//! All at once, which serde cannot: it ends at the first.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use super::diagnostics::Diagnostic;
use super::foreign;
use super::schema::SCHEMA;
use super::suggest::{list, nearest};
use super::tree::{Node, dotted, segments};
use super::units::{DURATION_HELP, SIZE_HELP};

/// A field that does not have its shape, by its JSON pointer.
pub(super) struct Misshapen {
    pub pointer: String,
    pub problem: Diagnostic,
}

/// Every way in which the data does not have the shape of a config.
pub(super) fn check(root: &Node, data: &Value) -> Vec<Misshapen> {
    let validator = match jsonschema::validator_for(&SCHEMA) {
        Ok(validator) => validator,
        // A bug of ours; a test holds that it does not happen.
        Err(error) => {
            return vec![Misshapen {
                pointer: String::new(),
                problem: Diagnostic::error(format!("the schema is broken: {error}")),
            }];
        }
    };
    validator
        .iter_errors(data)
        .flat_map(|error| tell(root, &error))
        .collect()
}

fn tell(root: &Node, error: &ValidationError<'_>) -> Vec<Misshapen> {
    let pointer = error.instance_path().as_str();
    let schema = schema_of(error.schema_path().as_str());
    let node = root.find(pointer).map(|child| child.node);
    let found = node.map_or_else(|| "something else".into(), Node::describe);
    let name = if pointer.is_empty() {
        "the config".into()
    } else {
        format!("`{}`", dotted(pointer))
    };
    let one = match error.kind() {
        Kind::AdditionalProperties { unexpected } => {
            return unexpected
                .iter()
                .map(|field| unknown_field(root, pointer, field, schema))
                .collect();
        }
        Kind::Type { .. } => {
            let problem =
                Diagnostic::error(format!("{name} must be {}, not {found}", expected(schema)));
            match help_for(schema, node, pointer) {
                Some(help) => problem.help(help),
                None => problem,
            }
        }
        Kind::Enum { options } => {
            let options: Vec<_> = options
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let written = node
                .and_then(Node::scalar)
                .map_or("", |scalar| &scalar.text);
            let meant = nearest(written, options.iter().copied());
            let help = match (foreign::choice(pointer, written), meant) {
                (Some(help), _) => help.into(),
                (None, Some(meant)) => format!("did you mean `{meant}`?"),
                (None, None) => format!("choose {}", list(options.iter().copied(), "or")),
            };
            Diagnostic::error(format!("{name} cannot be {found}")).help(help)
        }
        Kind::Minimum { limit } => {
            Diagnostic::error(format!("{name} must be at least {limit}, not {found}"))
        }
        Kind::Maximum { limit } => {
            Diagnostic::error(format!("{name} must be at most {limit}, not {found}"))
        }
        _ => Diagnostic::error(format!("{name}: {}", error.masked())),
    };
    vec![Misshapen {
        pointer: pointer.to_owned(),
        problem: one.at(root.place(pointer)),
    }]
}

fn unknown_field(root: &Node, pointer: &str, field: &str, schema: &Value) -> Misshapen {
    let below = format!("{pointer}/{}", field.replace('~', "~0").replace('/', "~1"));
    let at = root
        .find(&below)
        .and_then(|child| child.key_at.cloned())
        .unwrap_or_else(|| root.place(pointer));
    let known = || {
        schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
    };
    if let Some(problem) = foreign::explain(pointer, field) {
        let problem = problem.at(at);
        return Misshapen {
            pointer: below,
            problem,
        };
    }
    let message = match foreign::component(pointer) {
        Some(component) => format!("unknown {component} `{field}`"),
        None if pointer.is_empty() => format!("unknown field `{field}`"),
        None => format!("unknown field `{field}` in `{}`", dotted(pointer)),
    };
    let all = known().filter(|name| !is_without_effect(&schema["properties"][*name]));
    let choices = match foreign::component(pointer) {
        Some(component) => {
            let all = list(all.filter(|name| *name != "label"), "and");
            format!("the {component}s there are: {all}")
        }
        None => match list(all, "and") {
            none if none.is_empty() => "it has no fields".into(),
            all if pointer.is_empty() => format!("the fields of a config are {all}"),
            all => format!("its fields are {all}"),
        },
    };
    let help = match nearest(field, known()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => choices,
    };
    Misshapen {
        pointer: below,
        problem: Diagnostic::error(message).at(at).help(help),
    }
}

/// The schema that a keyword's path (`/properties/guests/type`) is in.
fn schema_of(keyword_path: &str) -> &'static Value {
    let parent = keyword_path
        .rsplit_once('/')
        .map_or("", |(parent, _)| parent);
    SCHEMA.pointer(parent).unwrap_or(&Value::Null)
}

/// Whether a field is there for Bento's configs alone.
pub(super) fn is_without_effect(field: &Value) -> bool {
    field["description"]
        .as_str()
        .is_some_and(|text| text.contains("Accepted, without effect"))
}

/// What a field takes, in words: "a duration", "a list of text".
pub(super) fn expected(schema: &Value) -> String {
    match schema["x-type"].as_str() {
        Some("duration") => return "a duration".into(),
        Some("size") => return "a size".into(),
        _ => {}
    }
    let types: Vec<_> = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        several => several
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect(),
    };
    let words: Vec<_> = types
        .into_iter()
        .filter(|one| *one != "null")
        .map(|one| match one {
            "string" => "a text",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "`true` or `false`",
            "array" => "a list",
            _ => "a mapping",
        })
        .collect();
    if words.is_empty() {
        return "any value".into();
    }
    words.join(" or ")
}

fn help_for(schema: &Value, node: Option<&Node>, pointer: &str) -> Option<String> {
    let field = segments(pointer).last()?;
    match schema["x-type"].as_str() {
        Some("duration") => return Some(DURATION_HELP.into()),
        Some("size") => return Some(SIZE_HELP.into()),
        _ => {}
    }
    let types = schema["type"].to_string();
    let scalar = node.and_then(Node::scalar).filter(|scalar| !scalar.secret);
    if types.contains("\"string\"")
        && let Some(scalar) = scalar
    {
        return Some(format!("quote it: `{field}: \"{}\"`", scalar.written()));
    }
    if types.contains("\"array\"")
        && let Some(scalar) = scalar
    {
        return Some(format!("write a list: `{field}: [{}]`", scalar.written()));
    }
    if types.contains("\"boolean\"") && !types.contains("\"string\"") {
        return Some(
            "YAML 1.2 has `true` and `false`; `yes`, `no`, `on` and `off` are text".into(),
        );
    }
    if types.contains("\"array\"") {
        return Some("write each item on a line of its own, beginning with `- `".into());
    }
    if types.contains("\"object\"") {
        let known = schema["properties"].as_object()?;
        let fields = known
            .iter()
            .filter(|(_, field)| !is_without_effect(field))
            .map(|(name, _)| name.as_str());
        let fields = list(fields, "and");
        return (!fields.is_empty()).then(|| format!("its fields, each on a line below: {fields}"));
    }
    None
}
