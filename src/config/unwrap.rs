//! Components of Bento that have outputs or processors within them. The config is checked as if these stood in the place of
//! the component, so that one run reports what is wrong with them too.

use super::diagnostics::Diagnostics;
use super::foreign;
use super::tree::{Data, Entry, FieldPath, Node};

/// Limit on components within each other.
const DEEPEST: usize = 8;

/// Reports each component that has others within it, and puts these into its place: the first output, all processors.
///
/// Returns configs of what has no place in this one, whose shape is to be checked too: each further output, and the
/// processors of inputs and outputs.
pub(super) fn unwrap(root: &mut Node, problems: &mut Diagnostics) -> Vec<Node> {
    let mut others = Vec::new();
    for section in ["input", "output", "dead_letter"] {
        if let Some(node) = child(root, section) {
            if let Some(processors) = child(node, "processors") {
                let processors = in_section("processors", processors.clone());
                others.push(in_section("pipeline", processors));
            }
            unwrap_stream(section, node, problems, &mut others, DEEPEST);
        }
    }
    for config in others.iter_mut().chain([root]) {
        let processors =
            child(config, "pipeline").and_then(|pipeline| child(pipeline, "processors"));
        if let Some(Data::List(items)) = processors.map(|processors| &mut processors.data) {
            *items = unwrap_processors(std::mem::take(items), problems, DEEPEST);
        }
    }
    others
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
        let Some(problem) = foreign::explain(&FieldPath::of(section), &entry.key) else {
            continue;
        };
        if foreign::is_client_of_kafka(&entry.key) {
            problems.push(problem.at(entry.key_at.clone()));
            entry.key = "kafka".into();
            continue;
        }
        let mut inner = within(&entry.key, &entry.value).into_iter();
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

/// Returns `processors` with those within others in the place of these.
fn unwrap_processors(
    processors: Vec<Node>,
    problems: &mut Diagnostics,
    deepest: usize,
) -> Vec<Node> {
    let at = FieldPath::of("pipeline.processors.0");
    let mut unwrapped = Vec::new();
    for node in processors {
        let inner = match &node.data {
            Data::Map(entries) if deepest > 0 => entries.iter().find_map(|entry| {
                let inner = within(&entry.key, &entry.value);
                let problem = foreign::explain(&at, &entry.key).filter(|_| !inner.is_empty())?;
                Some((problem.at(entry.key_at.clone()), inner))
            }),
            _ => None,
        };
        match inner {
            Some((problem, inner)) => {
                problems.push(problem);
                unwrapped.extend(unwrap_processors(inner, problems, deepest - 1));
            }
            None => unwrapped.push(node),
        }
    }
    unwrapped
}

/// Returns the components within one, from its name and its value.
fn within(name: &str, value: &Node) -> Vec<Node> {
    match &value.data {
        Data::Map(_) if name == "reject_errored" => vec![value.clone()],
        Data::Map(_) => fields_within(value),
        Data::List(items) => {
            let maps = items
                .iter()
                .filter(|item| matches!(item.data, Data::Map(_)));
            let of_item = |item: &Node| match fields_within(item) {
                found if found.is_empty() => vec![item.clone()],
                found => found,
            };
            maps.flat_map(of_item).collect()
        }
        Data::Scalar(_) => Vec::new(),
    }
}

/// Returns the components in the fields in which Bento's components have others.
fn fields_within(node: &Node) -> Vec<Node> {
    let Data::Map(entries) = &node.data else {
        return Vec::new();
    };
    let found = entries
        .iter()
        .map(|entry| match (entry.key.as_str(), &entry.value.data) {
            ("output" | "input", Data::Map(_)) => vec![entry.value.clone()],
            ("outputs" | "inputs" | "cases" | "processors", Data::List(_)) => {
                within(&entry.key, &entry.value)
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
        let mut root = tree.expect("it is YAML").expect("it has a text");
        let mut problems = Diagnostics::default();
        unwrap(&mut root, &mut problems);
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
        let mut root = tree.expect("it is YAML").expect("it has a text");
        let mut problems = Diagnostics::default();
        let others = unwrap(&mut root, &mut problems);
        let others = others.iter().map(|node| node.to_json_text().expect("JSON"));
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
