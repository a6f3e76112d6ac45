//! A script that is Bloblang through and through: one run of `lint` tells of each line.

use support::{nerodia, on_each_runtime, written};

use super::config;

/// A mapping as somebody copies it: each line that has Bloblang in it, and a part of its help.
const MAPPING: [(&str, Option<&str>); 24] = [
    (
        "let x = this.a.b",
        Some("`let x = 1` is `x = 1`; `this.a.b` is `this[\"a\"][\"b\"]`"),
    ),
    ("root = {}", None),
    (
        "root.name = this.name.uppercase()",
        Some("`.uppercase()` is `.upper()`; `root.name` is `root[\"name\"]`"),
    ),
    (
        "root.kind = if this.n > 4 { 1 } else { 2 }",
        Some("is `b if a else c`"),
    ),
    (
        "root.items = this.items",
        Some("`root.items` is `root[\"items\"]`; `this.items` is"),
    ),
    (
        "  .filter(i -> i.qty > 0)",
        Some("`.filter()` is `[i for i in value if i[\"qty\"] > 0]`"),
    ),
    (
        "root.t = match this.type {",
        Some("`match x { \"a\" => 1 }` is"),
    ),
    ("  \"a\" => 1", Some("`match x { \"a\" => 1 }` is")),
    ("}", None),
    ("meta k = \"v\"", Some("is `meta[\"headers\"] = {**meta")),
    (
        "meta k = deleted()",
        Some("is `meta[\"headers\"].pop(\"k\", None)`"),
    ),
    (
        "root.k = @kafka_key",
        Some("`@kafka_key` is `meta[\"key\"]`"),
    ),
    ("root.\"a b\" = this.(a | b)", Some("is `root[\"a b\"]`")),
    ("if this.x > 1 {", Some("is `if a:`, with")),
    (
        "  root.id = uuid_v4()",
        Some("for `uuid_v4`: write `str(uuid.uuid4())`"),
    ),
    ("} else {", Some("is `else:`")),
    ("  root = \"${a} => this.x\" # root.y = if this.z {", None),
    ("root = {} if x in {1, 2} else {}", None),
    (
        "for i in this[\"items\"]: root.append({**i, \"if\": i})",
        None,
    ),
    (
        "root.j = this.c.format_json(no_indent: true)",
        Some("`f(a: 1)` is `f(a=1)`"),
    ),
    ("import \"./x.blobl\"", Some("`from maps import f`")),
    ("map f {", Some("is `def f(value): …` in `setup`")),
    (
        "root.r = this.with(\"a\").or({})",
        Some("`.with(…)` is `{k: v for k, v"),
    ),
    ("root.s = !$x", Some("Python has `and`, `or` and `not`")),
];

on_each_runtime!(a_mapping_is_told_of_every_line_at_once);
fn a_mapping_is_told_of_every_line_at_once(runtime: &str) {
    let script = MAPPING.map(|(line, _)| line).join("\n");
    let folder = written(&[("a.yaml", &*config(&[&script]))]);
    let set = format!("guests.runtime={runtime}");
    let ran = nerodia(["lint", "a.yaml"])
        .dir(folder.path())
        .set(set)
        .run()
        .expect(2);
    let told: Vec<&str> = ran.stderr.split("error: ").collect();
    for (number, (line, help)) in MAPPING.iter().enumerate() {
        let place = format!("a.yaml:{}:", number + 5);
        let found = told.iter().find(|one| one.contains(&place));
        match (help, found) {
            (Some(help), Some(found)) => {
                assert!(found.contains(help), "{line}: no {help:?} in\n{found}")
            }
            (Some(_), None) => panic!("nothing of {line:?} in\n{}", ran.stderr),
            (None, Some(found)) => panic!("{line:?} is right, but:\n{found}"),
            (None, None) => {}
        }
    }
    // A script that only has a mistake of Python's is told of that alone.
    let yaml = config(&["root = (this['a']\nroot.a = this.b"]);
    let folder = written(&[("a.yaml", &*yaml)]);
    let ran = nerodia(["lint", "a.yaml"])
        .dir(folder.path())
        .run()
        .expect(2);
    assert_eq!(ran.stderr.matches("error: ").count(), 1, "{}", ran.stderr);
}
