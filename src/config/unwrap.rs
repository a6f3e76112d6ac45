//! Components of Bento that have outputs or processors within them. The config is checked as if these stood in the place of
//! the component, so that one run reports what is wrong with them too.

use super::diagnostics::Diagnostics;
use super::foreign;
use super::tree::{Data, Entry, FieldPath, Node};

/// Limit on components within each other.
const DEEPEST: usize = 8;

/// Config that is to be checked, and where its processors are written.
pub(super) struct Unwrapped {
    pub root: Node,
    /// Path at which each processor is written, if one of them is written elsewhere.
    written: Vec<FieldPath>,
}

impl Unwrapped {
    /// Names processors in the problems from index `first` on as they are written.
    pub(super) fn name(&self, problems: &mut Diagnostics, first: usize) {
        if !self.written.is_empty() {
            problems.rewrite(first, &|text| self.named(text));
        }
    }

    /// Puts the path at which a processor is written for each `pipeline.processors[N]` in a text.
    fn named(&self, text: &str) -> String {
        let mut parts = text.split("pipeline.processors[");
        let mut named = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (index, rest) = part.split_once(']').unwrap_or((part, ""));
            let index = index.parse::<usize>().ok();
            match index.and_then(|index| self.written.get(index)) {
                Some(path) => named += &format!("{path}{rest}"),
                None => named += &format!("pipeline.processors[{part}"),
            }
        }
        named
    }
}

/// Reports each component that has others within it, and puts these into its place: the first output, all processors.
///
/// Returns the config, and configs of what has no place in it, whose shape is to be checked too: each further output, and
/// the processors of inputs and outputs.
pub(super) fn unwrap(mut root: Node, problems: &mut Diagnostics) -> (Unwrapped, Vec<Unwrapped>) {
    let mut others = Vec::new();
    for section in ["input", "output", "dead_letter"] {
        if let Some(node) = child(&mut root, section) {
            if let Some(processors) = child(node, "processors") {
                let processors = in_section("processors", processors.clone());
                let at = FieldPath::of(section).field("processors");
                others.push((in_section("pipeline", processors), at));
            }
            let mut further = Vec::new();
            unwrap_stream(section, node, problems, &mut further, DEEPEST);
            let at = || FieldPath::of("pipeline.processors");
            others.extend(further.into_iter().map(|node| (node, at())));
        }
    }
    let main = with_processors(root, &FieldPath::of("pipeline.processors"), problems);
    let others = others.into_iter();
    let others = others.map(|(root, at)| with_processors(root, &at, problems));
    (main, others.collect())
}

/// Unwraps the processors of a config, which are written at the path `at`.
fn with_processors(mut root: Node, at: &FieldPath, problems: &mut Diagnostics) -> Unwrapped {
    let pipeline = child(&mut root, "pipeline");
    let processors = pipeline.and_then(|pipeline| child(pipeline, "processors"));
    let mut written = Vec::new();
    if let Some(Data::List(items)) = processors.map(|processors| &mut processors.data) {
        let found = std::mem::take(items).into_iter().enumerate();
        let found = found.map(|(index, node)| (at.item(index), node)).collect();
        (written, *items) = unwrap_processors(found, problems, DEEPEST)
            .into_iter()
            .unzip();
        let is_moved = |(index, path): (usize, &FieldPath)| {
            *path != FieldPath::of("pipeline.processors").item(index)
        };
        if !written.iter().enumerate().any(is_moved) {
            written.clear();
        }
    }
    Unwrapped { root, written }
}

/// Returns a mapping in which `node` is the value of `name`.
fn in_section(name: &str, node: Node) -> Node {
    let at = node.at.clone();
    let entry = Entry {
        key: name.to_owned(),
        key_at: at.clone(),
        value: node,
    };
    Node {
        at,
        data: Data::Map(vec![entry]),
    }
}

fn child<'a>(node: &'a mut Node, name: &str) -> Option<&'a mut Node> {
    let Data::Map(entries) = &mut node.data else {
        return None;
    };
    let found = entries.iter_mut().find(|entry| entry.key == name)?;
    Some(&mut found.value)
}

/// Puts the first component within an input or an output into its place, and the further ones into `others`.
fn unwrap_stream(
    section: &str,
    node: &mut Node,
    problems: &mut Diagnostics,
    others: &mut Vec<Node>,
    deepest: usize,
) {
    let Data::Map(entries) = &mut node.data else {
        return;
    };
    for entry in entries.iter_mut().filter(|entry| entry.key != "processors") {
        let Some(problem) = foreign::explain(&FieldPath::of(section), entry) else {
            continue;
        };
        if foreign::is_client_of_kafka(&entry.key) {
            problems.push(problem.at(entry.key_at.clone()));
            entry.key = "kafka".into();
            continue;
        }
        let inner = within(&FieldPath::default(), &entry.key, &entry.value);
        let mut inner = inner.into_iter().map(|(_, node)| node);
        let Some(first) = inner.next().filter(|_| deepest > 0) else {
            continue;
        };
        problems.push(problem.at(entry.key_at.clone()));
        for mut further in inner {
            unwrap_stream(section, &mut further, problems, others, deepest - 1);
            others.push(in_section(section, further));
        }
        *node = first;
        return unwrap_stream(section, node, problems, others, deepest - 1);
    }
}

/// Returns `processors` with those within others in the place of these, each with the path at which it is written.
fn unwrap_processors(
    processors: Vec<Placed>,
    problems: &mut Diagnostics,
    deepest: usize,
) -> Vec<Placed> {
    let any = FieldPath::of("pipeline.processors.0");
    let mut unwrapped = Vec::new();
    for (path, node) in processors {
        let inner = match &node.data {
            Data::Map(entries) if deepest > 0 => entries.iter().find_map(|entry| {
                let inner = within(&path, &entry.key, &entry.value);
                let problem = foreign::explain(&any, entry).filter(|_| !inner.is_empty())?;
                Some((problem.at(entry.key_at.clone()), inner))
            }),
            _ => None,
        };
        match inner {
            Some((problem, inner)) => {
                problems.push(problem);
                unwrapped.extend(unwrap_processors(inner, problems, deepest - 1));
            }
            None => unwrapped.push((path, node)),
        }
    }
    unwrapped
}

/// Component with its path.
type Placed = (FieldPath, Node);

/// Returns the components within the field `name` of the component at `path`, from its value.
fn within(path: &FieldPath, name: &str, value: &Node) -> Vec<Placed> {
    let path = path.field(name);
    match &value.data {
        Data::Map(_) if name == "reject_errored" => vec![(path, value.clone())],
        Data::Map(_) => fields_within(&path, value),
        Data::List(items) => {
            let items = items.iter().enumerate();
            let maps = items.filter(|(_, item)| matches!(item.data, Data::Map(_)));
            let of_item = |(index, item): (usize, &Node)| {
                let path = path.item(index);
                // A case without any processors is no component itself.
                match fields_within(&path, item) {
                    found if found.is_empty() && !has_fields(item) => vec![(path, item.clone())],
                    found => found,
                }
            };
            maps.flat_map(of_item).collect()
        }
        Data::Scalar(_) => Vec::new(),
    }
}

/// Fields in which Bento's components have others.
const WITHIN: [&str; 6] = [
    "output",
    "input",
    "outputs",
    "inputs",
    "cases",
    "processors",
];

fn has_fields(node: &Node) -> bool {
    matches!(&node.data, Data::Map(entries) if entries.iter().any(|entry| WITHIN.contains(&&*entry.key)))
}

/// Returns the components in the fields in which Bento's components have others.
fn fields_within(path: &FieldPath, node: &Node) -> Vec<Placed> {
    let Data::Map(entries) = &node.data else {
        return Vec::new();
    };
    let found = entries
        .iter()
        .map(|entry| match (entry.key.as_str(), &entry.value.data) {
            ("output" | "input" | "child", Data::Map(_)) => {
                vec![(path.field(&entry.key), entry.value.clone())]
            }
            ("outputs" | "inputs" | "cases" | "processors", Data::List(_)) => {
                within(path, &entry.key, &entry.value)
            }
            _ => Vec::new(),
        });
    found.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::SourceText;
    use crate::config::tree::parse;

    fn unwrapped(yaml: &str) -> (String, Vec<String>) {
        let tree = parse(&SourceText::file("t.yaml", yaml));
        let root = tree.expect("it is YAML").expect("it has a text");
        let mut problems = Diagnostics::default();
        let (Unwrapped { root, .. }, _) = unwrap(root, &mut problems);
        let messages = problems.iter().map(|problem| problem.message.clone());
        (root.to_json_text().expect("JSON"), messages.collect())
    }

    #[test]
    fn the_first_output_within_others() {
        let yaml = "output: { drop_on: { error: true, output: { switch: { cases: [ { check: x, output: { kafka: { topic: a } } }, \
                    { output: { stdout: {} } } ] } } } }";
        let (left, told) = unwrapped(yaml);
        assert_eq!(left, r#"{"output":{"kafka":{"topic":"a"}}}"#);
        assert_eq!(told.len(), 2, "{told:?}");
        for outputs in [
            "fallback: [ { stdout: {} }, { drop: {} } ]",
            "broker: { outputs: [ { stdout: {} } ] }",
            "reject_errored: { stdout: {} }",
            "retry: { output: { stdout: {} } }",
        ] {
            let (left, told) = unwrapped(&format!("output: {{ {outputs} }}"));
            assert_eq!(left, r#"{"output":{"stdout":{}}}"#);
            assert_eq!(told.len(), 1, "{told:?}");
        }
        let (left, _) = unwrapped("input: { kafka_franz: { topics: [a] } }");
        assert_eq!(left, r#"{"input":{"kafka":{"topics":["a"]}}}"#);
    }

    #[test]
    fn all_processors_within_others() {
        let yaml = "pipeline: { processors: [ { try: [ { python: 1 }, { branch: { processors: [ { http: {} } ] } } ] }, \
                    { switch: [ { check: a, processors: [ { python: 2 } ] } ] }, { label: a, python: 3 }, { log: {} } ] }";
        let (left, told) = unwrapped(yaml);
        let processors =
            r#"{"python":1},{"http":{}},{"python":2},{"label":"a","python":3},{"log":{}}"#;
        assert_eq!(
            left,
            format!(r#"{{"pipeline":{{"processors":[{processors}]}}}}"#)
        );
        assert_eq!(told.len(), 3, "{told:?}");
    }

    #[test]
    fn what_has_no_place_is_given_back() {
        let yaml = "input: { stdin: {}, processors: [ { try: [ { log: {} } ] } ] }\n\
                    output: { switch: { cases: [ { output: { stdout: {} } }, { output: { broker: { outputs: [ { drop: {} }, \
                    { kafka: {} } ] } } } ] } }";
        let tree = parse(&SourceText::file("t.yaml", yaml));
        let root = tree.expect("it is YAML").expect("it has a text");
        let mut problems = Diagnostics::default();
        let (Unwrapped { root, .. }, others) = unwrap(root, &mut problems);
        let others = others
            .iter()
            .map(|other| other.root.to_json_text().expect("JSON"));
        assert_eq!(
            others.collect::<Vec<_>>(),
            [
                r#"{"pipeline":{"processors":[{"log":{}}]}}"#,
                r#"{"output":{"kafka":{}}}"#,
                r#"{"output":{"drop":{}}}"#
            ]
        );
        // `try`, `switch` and `broker`; the walk reports the `processors` of the input.
        assert_eq!(problems.iter().count(), 3);
        let left = root.to_json_text().expect("JSON");
        assert!(left.ends_with(r#""output":{"stdout":{}}}"#), "{left}");
    }

    #[test]
    fn what_is_right_or_only_misspelled_stays() {
        for yaml in [
            "pipeline: { processors: [ { pyhton: { script: a } }, { python: {} }, { imports: [re] }, { try: [] } ] }",
            "output: { stdout: {}, swtch: { cases: [ { output: { drop: {} } } ] } }",
            "output: { switch: { cases: [] } }",
            "pipeline: 1\noutput: [1]",
        ] {
            let (left, told) = unwrapped(yaml);
            let tree = parse(&SourceText::file("t.yaml", yaml))
                .expect("YAML")
                .expect("a text");
            assert_eq!(left, tree.to_json_text().expect("JSON"));
            assert!(told.is_empty(), "{told:?}");
        }
    }
}
