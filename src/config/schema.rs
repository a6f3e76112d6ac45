//! JSON Schema of the config, made from its types.
//!
//! The engine checks configs against the schema from which that of the editors is made, so the two agree. What only the
//! engine knows about a field is in the schema as well, under names that begin with `x-`, which JSON Schema ignores:
//!
//! | name | meaning |
//! | --- | --- |
//! | `x-type` | a `duration` or a `size`; `x-above-zero` and `x-pause` say more about a duration |
//! | `x-reads` | what the text of the field is read as: a log `level`, a `codec` |
//! | `x-as-written` | any scalar is accepted, and is taken as the text that is written |
//! | `x-component` | the fields are the possible `input`s, `output`s or `scanner`s |
//! | `x-ignored` | the field exists only for Bento's configs: `true` warns about it, `"quietly"` does not |
//! | `x-short` | the section may be written as the value of this field alone |
//! | `x-alias-of` | the field is Bento's name for another field of the same section |

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::raw;

/// Schema of the config without what only editors need.
pub(super) static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    // Subschemas are inlined: our types are small, and a field is found by its path.
    let mut schema = inlined::<raw::Config>();
    RecursiveTransform(tidy).transform(&mut schema);
    schema.into()
});

fn inlined<T: JsonSchema>() -> Schema {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>()
}

/// Adds to a section the fields of `T`, which Bento has and the model has not.
pub(super) fn bento<T: JsonSchema>(section: &mut Schema) {
    let mut more = inlined::<T>();
    let (Some(Value::Object(fields)), Some(Value::Object(more))) =
        (section.get_mut("properties"), more.get_mut("properties"))
    else {
        return;
    };
    for (name, mut field) in std::mem::take(more) {
        if field["x-alias-of"].is_null() && field["x-ignored"].is_null() {
            field["x-ignored"] = json!(true);
        }
        fields.insert(name, field);
    }
}

/// Returns the types that a value may have, by JSON Schema's names. An empty list means any type.
pub(super) fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Returns the JSON Schema for editors: every field with its manual, its default and examples.
///
/// In a YAML file, `# yaml-language-server: $schema=nerodia.schema.json` on the first line makes
/// editors use it.
pub(crate) fn schema() -> Value {
    let mut schema = SCHEMA.clone();
    loosen(&mut schema);
    schema
}

fn tidy(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    // `uint64` and the like are not formats of JSON Schema.
    object.remove("format");
    // JSON Schema has no bound on integers either, and ours have one.
    if object
        .get("type")
        .is_some_and(|kind| kind.to_string().contains("integer"))
    {
        object.entry("maximum").or_insert(json!(i64::MAX));
    }
    // An optional field is left out of the config, not written as `null`.
    if let Some(Value::Array(mut either)) = object.remove("anyOf")
        && let Value::Object(some) = either.swap_remove(0)
    {
        for (key, value) in some {
            object.entry(key).or_insert(value);
        }
    }
    // The meanings of choices are for readers of this code; users get the description of the field.
    if let Some(Value::Array(choices)) = object.remove("oneOf") {
        let choices: Vec<_> = choices.iter().map(|one| one["const"].clone()).collect();
        object.insert("type".into(), json!("string"));
        object.entry("enum").or_insert(json!(choices));
    }
    if let Some(Value::Object(fields)) = object.get_mut("properties") {
        // Fields that only Bento has come after those that work, also where two structs make one section.
        let (ours, bentos): (Vec<_>, Vec<_>) = std::mem::take(fields)
            .into_iter()
            .partition(|(_, field)| field["x-ignored"] != true && field["x-alias-of"].is_null());
        fields.extend(ours.into_iter().chain(bentos));
        object.insert("additionalProperties".into(), json!(false));
        object.remove("unevaluatedProperties");
    }
    // A default of `null` says only that the field may be left out.
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    // Doc comments are wrapped for the width of this code, not for the reader's.
    if let Some(Value::String(text)) = object.get_mut("description") {
        let paragraphs: Vec<_> = text
            .split("\n\n")
            .map(|one| one.replace('\n', " "))
            .collect();
        *text = paragraphs.join("\n\n");
    }
}

/// Allows what the engine converts before it checks: `null` for anything (a field left out), and `${NAME}` for anything
/// except a mapping or a list.
fn loosen(schema: &mut Value) {
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (_, field) in fields.into_iter().flatten() {
        loosen(field);
        allow_null_and_variables(field);
    }
    if let Some(items) = schema.get_mut("items") {
        loosen(items);
    }
    // The names in this mapping are the user's own.
    if let Some(values) = schema.get_mut("additionalProperties") {
        allow_null_and_variables(values);
    }
}

fn allow_null_and_variables(field: &mut Value) {
    let types = types(field);
    let is = |kind| types.contains(&kind);
    let scalar = !is("object") && !is("array");
    let strict = scalar && (!is("string") || !field["enum"].is_null());
    let null = (!is("null")).then_some("null");
    let types = json!(types.iter().copied().chain(null).collect::<Vec<_>>());
    let short = field["x-short"]
        .as_str()
        .map(|name| field["properties"][name].clone());
    let Value::Object(object) = field else {
        return;
    };
    if let Some(short) = short {
        // The section, or the value of its most important field.
        let mut section = serde_json::Map::new();
        for key in ["type", "properties", "additionalProperties"] {
            if let Some(value) = object.shift_remove(key) {
                section.insert(key.into(), value);
            }
        }
        object.insert("anyOf".into(), json!([section, short, { "type": "null" }]));
        return;
    }
    if object.contains_key("type") {
        object.insert("type".into(), types);
    }
    if !strict || !object.contains_key("type") {
        return;
    }
    // The strict keywords move into an alternative; those that explain the field stay beside it.
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
    use crate::config::diagnostics::Diagnostics;
    use crate::config::source::SourceText;
    use crate::config::tree::parse;
    use crate::config::walk::walk;

    struct Validator(boon::Schemas, boon::SchemaIndex);

    impl Validator {
        /// Compiles `schema`, which includes a check against the schema of its dialect.
        fn new(schema: &Value) -> Self {
            let mut schemas = boon::Schemas::new();
            let mut compiler = boon::Compiler::new();
            compiler.add_resource("t.json", schema.clone()).unwrap();
            let index = compiler.compile("t.json", &mut schemas).unwrap();
            Self(schemas, index)
        }

        fn is_valid(&self, value: &Value) -> bool {
            self.0.validate(value, self.1).is_ok()
        }
    }

    #[test]
    fn is_a_schema_in_which_every_field_is_described() {
        Validator::new(&SCHEMA);
        Validator::new(&schema());
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

    /// Checks that the walk over the tree and a validator of JSON Schema accept the same shapes.
    #[test]
    fn editors_refuse_what_the_engine_refuses() {
        let validator = Validator::new(&schema());
        for (fits, yaml) in [
            (true, include_str!("../../configs/kafka.yaml")),
            (true, include_str!("../../configs/generate.yaml")),
            (
                true,
                "input: { stdin: , label: x }\nguests: { min: , memory: 64MiB, timeout: 1s }",
            ),
            (
                true,
                "output: { kafka: { max_msg_bytes: 1, partition: '', properties: { a: 1, b: x, c: true } } }",
            ),
            (
                true,
                "logger: { level: WARN, format: logfmt, static_fields: [1] }\nbuffer: { none: {} }",
            ),
            (
                true,
                "tests: [ { name: a, input: ~, output: [1], outputs: [ { value: 1 } ], meta: { offset: 3 } } ]",
            ),
            (false, "loggr: 1"),
            (false, "input: { nats: {} }"),
            (false, "logger: { level: 1 }"),
            (false, "logger: { format: xml }"),
            (false, "guests: { min: -1 }"),
            (false, "guests: { runtime: cpython-2.7 }"),
            (false, "guests: { timeout: 5 }"),
            (false, "guests: { recycle: [] }"),
            (false, "guests: { recycle: { after_messages: 0 } }"),
            (false, "http: { debug_endpoints: 1 }"),
            (false, "pipeline: { processors: [ python ] }"),
            (
                false,
                "pipeline: { processors: [ { python: { imports: [1] } } ] }",
            ),
            (false, "pipeline: { max_failures: { share: x } }"),
            (false, "input: { kafka: { batching: { count: 1025 } } }"),
            (false, "input: { kafka: { sasl: { mechanism: GSSAPI } } }"),
            (false, "output: { kafka: { partition: -1 } }"),
            (false, "output: { kafka: { headers: { a: 1 } } }"),
            (false, "output: { kafka: { properties: { a: [] } } }"),
        ] {
            let tree = parse(&SourceText::file("t.yaml", yaml)).unwrap().unwrap();
            let walked = walk(&tree, &mut Diagnostics::default());
            assert_eq!(walked.misshapen.is_empty(), fits, "{yaml}");
            let json = serde_json::from_str(&tree.to_json_text().unwrap()).unwrap();
            assert_eq!(validator.is_valid(&json), fits, "{yaml}");
        }
    }

    #[test]
    fn editors_accept_what_the_engine_makes_fit() {
        let validator = Validator::new(&schema());
        let accepted = json!({
            "input": { "stdin": null },
            "pipeline": { "threads": "${N:4}", "processors": [{ "python": { "script": "root = 1" } }] },
            "guests": { "runtime": "${RUNTIME}", "min": null },
            "logger": null,
            "output": { "kafka": { "properties": { "linger.ms": null, "batch.size": "${SIZE}" } } },
        });
        assert!(validator.is_valid(&accepted));
        for refused in [
            json!({ "pipeline": { "threads": "four" } }),
            json!({ "guests": { "runtime": "cpython" } }),
        ] {
            assert!(!validator.is_valid(&refused), "{refused}");
        }
    }
}
