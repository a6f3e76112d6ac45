//! The JSON Schema of the config, made from the raw shape.
//!
//! The engine checks configs against the very schema that editors get, so the two cannot differ.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::{Value, json};

use super::raw;

/// The schema without what only editors need.
pub(super) static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    // Inlined: our types are small, and a message about a field finds its schema by its path.
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<raw::Config>();
    RecursiveTransform(tidy).transform(&mut schema);
    schema.into()
});

/// The JSON Schema for editors: every field with its manual, its default and examples.
///
/// In a YAML file, `# yaml-language-server: $schema=nerodia.schema.json` on the first line makes
/// editors use it.
pub fn schema() -> Value {
    let mut schema = SCHEMA.clone();
    loosen(&mut schema);
    schema
}

fn tidy(schema: &mut schemars::Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    // `uint64` and the like are no formats of JSON Schema.
    object.remove("format");
    // Nor has it a bound on integers, which ours have.
    if object
        .get("type")
        .is_some_and(|kind| kind.to_string().contains("integer"))
    {
        object.entry("maximum").or_insert(json!(i64::MAX));
    }
    // A field left out is told by leaving it out.
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    // Doc comments are wrapped for this code's width, not the reader's.
    if let Some(Value::String(text)) = object.get_mut("description") {
        let paragraphs: Vec<_> = text
            .split("\n\n")
            .map(|one| one.replace('\n', " "))
            .collect();
        *text = paragraphs.join("\n\n");
    }
}

/// Allows what the engine makes fit before it checks: a `null` for anything (a field left out), and
/// `${NAME}` for anything but a mapping or a list.
fn loosen(schema: &mut Value) {
    let Value::Object(object) = schema else {
        return;
    };
    for key in ["properties", "items"] {
        match object.get_mut(key) {
            Some(Value::Object(fields)) if key == "properties" => {
                for field in fields.values_mut() {
                    loosen(field);
                    allow_null_and_variables(field);
                }
            }
            Some(items) => loosen(items),
            None => {}
        }
    }
    // A mapping with names of the user's own.
    if let Some(values) = object.get_mut("additionalProperties") {
        allow_null_and_variables(values);
    }
}

fn allow_null_and_variables(field: &mut Value) {
    let Value::Object(object) = field else {
        return;
    };
    let mut types: Vec<String> = match object.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => several
            .iter()
            .filter_map(|one| Some(one.as_str()?.to_owned()))
            .collect(),
        _ => return,
    };
    let scalar = !types.iter().any(|one| one == "object" || one == "array");
    let text = types.iter().any(|one| one == "string");
    if !types.iter().any(|one| one == "null") {
        types.push("null".into());
    }
    object.insert("type".into(), json!(types));
    if !scalar || (text && !object.contains_key("enum")) {
        return;
    }
    // The strict half moves into an alternative; what explains the field stays beside it.
    let mut strict = serde_json::Map::new();
    for key in ["type", "enum", "minimum", "maximum"] {
        if let Some(value) = object.shift_remove(key) {
            strict.insert(key.into(), value);
        }
    }
    if let Some(Value::Array(options)) = strict.get_mut("enum") {
        options.push(Value::Null);
    }
    let variable = json!({ "type": "string", "pattern": r"\$\{" });
    object.insert("anyOf".into(), json!([strict, variable]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_schema_in_which_every_field_is_described() {
        jsonschema::meta::validate(&SCHEMA).unwrap();
        jsonschema::meta::validate(&schema()).unwrap();
        fn described(schema: &Value, path: &str) {
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                let path = format!("{path}/{name}");
                assert!(field["description"].is_string(), "{path}");
                described(field, &path);
                described(&field["items"], &path);
            }
        }
        described(&SCHEMA, "");
    }

    #[test]
    fn editors_accept_what_the_engine_makes_fit() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let accepted = json!({
            "input": { "stdin": null },
            "pipeline": { "threads": "${N:4}", "processors": [{ "python": { "script": "root = 1" } }] },
            "guests": { "runtime": "${RUNTIME}", "min": null },
            "logger": null,
            "output": { "kafka": { "properties": { "linger.ms": null, "batch.size": "${SIZE}" } } },
        });
        assert!(
            validator.is_valid(&accepted),
            "{:?}",
            validator.iter_errors(&accepted).collect::<Vec<_>>()
        );
        for refused in [
            json!({ "pipeline": { "threads": "four" } }),
            json!({ "guests": { "runtime": "cpython" } }),
        ] {
            assert!(!validator.is_valid(&refused), "{refused}");
        }
    }
}
