//! Shape of JSON values, as the types of Python.

use std::collections::BTreeMap;

use serde_json::Value;

/// Most names of an object that count as fields. One with more is a table.
const MOST_FIELDS: usize = 100;

/// What values were seen in one place.
#[derive(Debug, Default)]
pub(super) struct Shape {
    none: bool,
    boolean: bool,
    whole: bool,
    fraction: bool,
    text: bool,
    list: Option<Box<Shape>>,
    dict: Option<Dict>,
}

/// Objects that were seen in one place.
#[derive(Debug, Default)]
struct Dict {
    seen: usize,
    /// Shape of each member, and in how many objects it was.
    members: BTreeMap<String, (usize, Shape)>,
}

/// Class of an object.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) name: String,
    pub(super) fields: Vec<Field>,
}

/// Member of an object.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) annotation: String,
    /// Whether all objects had it.
    pub(super) is_required: bool,
}

impl Shape {
    /// Adds a value that was seen.
    pub(super) fn add(&mut self, value: &Value) {
        match value {
            Value::Null => self.none = true,
            Value::Bool(_) => self.boolean = true,
            Value::Number(number) if number.is_f64() => self.fraction = true,
            Value::Number(_) => self.whole = true,
            Value::String(_) => self.text = true,
            Value::Array(items) => {
                let list = self.list.get_or_insert_default();
                items.iter().for_each(|item| list.add(item));
            }
            Value::Object(members) => {
                let dict = self.dict.get_or_insert_default();
                dict.seen += 1;
                for (name, value) in members {
                    let (seen, shape) = dict.members.entry(name.clone()).or_default();
                    *seen += 1;
                    shape.add(value);
                }
            }
        }
    }

    /// Adds a text that is not JSON.
    pub(super) fn add_text(&mut self) {
        self.text = true;
    }

    /// Adds all that another shape has seen.
    fn join(&mut self, other: Self) {
        self.none |= other.none;
        self.boolean |= other.boolean;
        self.whole |= other.whole;
        self.fraction |= other.fraction;
        self.text |= other.text;
        if let Some(list) = other.list {
            self.list.get_or_insert_default().join(*list);
        }
        if let Some(dict) = other.dict {
            let ours = self.dict.get_or_insert_default();
            ours.seen += dict.seen;
            for (name, (seen, shape)) in dict.members {
                let (total, member) = ours.members.entry(name).or_default();
                *total += seen;
                member.join(shape);
            }
        }
    }

    /// Returns whether any value was seen.
    pub(super) fn is_known(&self) -> bool {
        let plain = [
            self.none,
            self.boolean,
            self.whole,
            self.fraction,
            self.text,
        ];
        plain.contains(&true) || self.list.is_some() || self.dict.is_some()
    }

    /// Returns the annotation, and adds the classes that it needs; `name` is that of the first.
    pub(super) fn annotation(self, name: &str, classes: &mut Vec<Class>) -> String {
        if !self.is_known() {
            return "Any".into();
        }
        let mut kinds = Vec::new();
        if let Some(dict) = self.dict {
            kinds.push(dict.annotation(name, classes));
        }
        if let Some(list) = self.list {
            kinds.push(format!(
                "list[{}]",
                list.annotation(&format!("{name}Item"), classes)
            ));
        }
        let plain = [
            (self.boolean, "bool"),
            // To a type checker, `float` has `int` in it.
            (self.whole && !self.fraction, "int"),
            (self.fraction, "float"),
            (self.text, "str"),
            (self.none, "None"),
        ];
        let plain = plain.into_iter().filter(|(seen, _)| *seen);
        kinds.extend(plain.map(|(_, kind)| kind.to_owned()));
        kinds.join(" | ")
    }
}

impl Dict {
    fn annotation(self, name: &str, classes: &mut Vec<Class>) -> String {
        if self.members.len() > MOST_FIELDS {
            let mut all = Shape::default();
            for (_, shape) in self.members.into_values() {
                all.join(shape);
            }
            return format!(
                "dict[str, {}]",
                all.annotation(&format!("{name}Value"), classes)
            );
        }
        let mut fields = Vec::new();
        for (member, (seen, shape)) in self.members {
            let class = format!("{name}{}", capitalized(&member));
            fields.push(Field {
                annotation: shape.annotation(&class, classes),
                name: member,
                is_required: seen == self.seen,
            });
        }
        let is_free = |name: &String| classes.iter().all(|class| class.name != *name);
        let mut names = (2..).map(|number| format!("{name}{number}"));
        let name = Some(name.to_owned()).filter(is_free);
        let name = name.or_else(|| names.find(is_free)).unwrap_or_default();
        classes.push(Class {
            name: name.clone(),
            fields,
        });
        name
    }
}

/// Returns the words of a name, each with a capital: `first-seen` is `FirstSeen`.
fn capitalized(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .filter_map(|word| {
            let first = word.chars().next()?;
            Some(format!("{}{}", first.to_ascii_uppercase(), &word[1..]))
        })
        .collect()
}
