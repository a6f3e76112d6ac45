use super::*;

fn json(yaml: &str) -> String {
    match parse(&SourceText::file("t.yaml", yaml)) {
        Ok(Some(node)) => node.to_json_text().unwrap(),
        Ok(None) => "empty".into(),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn aliases_and_merge_keys() {
    let yaml = "a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3, z: 4}\nd: {<<: [{x: 9}, *a]}\n";
    assert_eq!(
        json(yaml),
        r#"{"a":{"x":1,"y":2},"b":{"x":1,"y":2},"c":{"y":3,"z":4,"x":1},"d":{"x":9,"y":2}}"#
    );
}

#[test]
fn nothing_is_no_document() {
    for yaml in ["", "# only\n", "\n\n"] {
        assert_eq!(json(yaml), "empty", "{yaml:?}");
    }
    assert_eq!(json("---\na: 1\n...\n"), r#"{"a":1}"#);
    assert_eq!(json("a: 1\n---\n# the end\n"), r#"{"a":1}"#);
}

#[test]
fn expressions_need_no_quotes() {
    assert_eq!(
        json("a: [ ${X:b, c}, ${Y} ]\nb: {c: ${Z:http://x #y}}"),
        r#"{"a":["${X:b, c}","${Y}"],"b":{"c":"${Z:http://x #y}"}}"#
    );
}

#[test]
fn problems_are_told_with_their_place() {
    let yaml = "a: 1\nb:\n  c: 1\n  c: 2\na: 2\n[x]: 1\nd: !foo 1\n<<: 3\n";
    insta::assert_snapshot!(json(yaml));
}

#[test]
fn malformed_texts() {
    let all: Vec<_> = [
        "a:\n\tb: 1\n",
        "a: b: c\n",
        "a: *nobody\n",
        "a: 'open\n",
        "a: [1, 2\nb: 3\n",
        "a: @x\n",
        "- a\nb: c\n",
        "a: 1\n---\nb: 2\n",
        "a: &a [*a]\n",
        "a: 1\n b: 2\n",
        "a: {b: 1\n",
    ]
    .into_iter()
    .map(json)
    .collect();
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn aliases_are_bounded() {
    let mut yaml = String::from("a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n");
    for n in 1..9 {
        let alias = format!("*a{},", n - 1).repeat(10);
        yaml.push_str(&format!("a{n}: &a{n} [{alias}]\n"));
    }
    assert!(json(&yaml).contains("aliases bring more than"));
}

#[test]
fn depth_is_bounded() {
    assert!(json(&"[".repeat(100_000)).contains("error"));
    assert!(json(&format!("{}1{}", "[".repeat(80), "]".repeat(80))).contains("nested deeper"));
}

/// Checks the column after a directive, where the parser counts more columns than the line has.
#[test]
fn a_problem_after_a_directive_is_on_its_line() {
    insta::assert_snapshot!(json("%%${ET}\"\0K"), @r#"
    error: malformed YAML: found unprintable character
     --> t.yaml:1:11
      |
    1 | %%${ET}"␀K
      |           ^
      |
      = help: remove the character, or write it as an escape (such as `\u0001`) within double quotes
    "#);
}

#[test]
fn wrong_indentation() {
    let all: Vec<_> = [
        // Deeper than a key that has a value.
        "guests:\n  timeout: 5s\n    memory: 1GiB\n",
        "p:\n  - python:\n      script: root = this\n        imports: [re]\n",
        "input:\n  kafka:\n    addresses: [a]\n      topics: [x]\n",
        // Between two levels.
        "input:\n  kafka:\n    addresses: [a]\n   topics: [x]\n",
        "input:\n    stdin: {}\n  generate: {}\n",
        // Lines of a script are no levels.
        "a:\n  script: |\n      if x:\n        y: 1\n    b: 1\n",
        // Tabs.
        "a:\n  b: 1\n\tc: 1\n",
        "a:\n  b: |\n    x\n\ty\n",
        // It is not the indentation.
        "a:\n  b: c: d\n",
    ]
    .into_iter()
    .map(json)
    .collect();
    insta::assert_snapshot!(all.join("\n\n"));
}
