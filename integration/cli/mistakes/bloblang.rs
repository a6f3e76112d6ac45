//! Habits that somebody brings from Bloblang, or from Python with files: the help of `lint` and of failures.

use support::{eval, nerodia, on_each_runtime, written};

use super::{config, lint, warned};

/// Lines of Bloblang, or half of it, with the place and the help that they get.
const BLOBLANG: [(&str, &str, &str); 29] = [
    (
        "root = this.a.b",
        "5:18",
        r#"write `this["a"]["b"]`, or `this["a"].get("b")` if"#,
    ),
    ("root.size = 1", "5:11", r#"write `root["size"]`"#),
    ("root = this\nroot.a = 1", "6:11", r#"write `root["a"]`"#),
    (
        "root = meta('k')",
        "5:18",
        r#"write `meta["key"]`, `meta["topic"]` and so on"#,
    ),
    (
        "root = deleted()",
        "5:18",
        "`root = None` drops the message",
    ),
    ("root = uuid_v4()", "5:18", "write `str(uuid.uuid4())`"),
    ("root = throw('x')", "5:18", "write `raise ValueError("),
    (
        "root = @kafka_key",
        "5:18",
        r#"`@kafka_key` is `meta["key"]`"#,
    ),
    (
        "root = if this['a'] > 1 { 1 } else { 2 }",
        "5:18",
        "is `b if a else c`",
    ),
    (
        "root = match this { 'a' => 1 }",
        "5:24",
        r#"`{"a": 1}.get(x)`"#,
    ),
    ("root = this['a'] == null", "5:18", "write `is None`"),
    ("root = this['a'] is true", "5:31", "write `True`"),
    ("root = [false]", "5:19", "write `False`"),
    (
        "root = this.a | 0",
        "5:18",
        r#"write `(0 if (v := this.get("a")) is None else v)`"#,
    ),
    (
        "root = this.a.b | 'x'",
        "5:18",
        r#"`('x' if (v := (this.get("a") or {}).get("b")) is None else v)`"#,
    ),
    (
        "root.a.b.c = 1",
        "5:11",
        r#"write `root.setdefault("a", {}).setdefault("b", {})["c"]`"#,
    ),
    (
        "root = this.name.slice(0, 3)",
        "5:18",
        r#"write `this["name"]`, or `this.get("name")` if it may be missing; `.slice()` is `value[1:3]`"#,
    ),
    (
        "root = this.items[0:2].trim().slug().index(0)",
        "5:18",
        "; `.trim()` is `.strip()`; `.index()` is `value[-1]`; write what `.slug()` did",
    ),
    (
        "root = this.tags.sort()",
        "5:18",
        "; `.sort()` is `sorted(value)`",
    ),
    (
        "root = this.name.uppercase()",
        "5:18",
        r#"write `this["name"]`"#,
    ),
    (
        "root = this.name.uppercase()",
        "5:18",
        "; `.uppercase()` is `.upper()`",
    ),
    ("root = this['name'].trim()", "5:18", "write `.strip()`"),
    ("root = this.length()", "5:18", "write `len(value)`"),
    (
        "root = [i for i in this].map_each(i -> i)",
        "5:4",
        "`.map_each(i -> i.price)` is",
    ),
    ("let x = 1", "5:15", "`let x = 1` is `x = 1`"),
    (
        "meta k = 'v'",
        "5:1",
        r#"is `meta["headers"] = {**meta["headers"], "k": "v"}`"#,
    ),
    (
        "root = this.a.or('x')",
        "5:2",
        r#"is `"x" if (v := this.get("a")) is None else v`"#,
    ),
    (
        "root = this['a'] && this['b']",
        "5:2",
        "Python has `and`, `or` and `not`",
    ),
    ("root = $x", "5:18", "`$x` is `x`"),
];

on_each_runtime!(lint_helps_who_knows_bloblang);
fn lint_helps_who_knows_bloblang(runtime: &str) {
    let yaml: Vec<String> = BLOBLANG.map(|(script, ..)| config(&[script])).into();
    let names: Vec<String> = (0..yaml.len())
        .map(|number| format!("{number}.yaml"))
        .collect();
    let files: Vec<(&str, &str)> = names
        .iter()
        .map(|name| &**name)
        .zip(yaml.iter().map(|text| &**text))
        .collect();
    let folder = written(&files);
    for ((script, place, help), name) in BLOBLANG.iter().zip(&names) {
        let set = format!("guests.runtime={runtime}");
        let ran = nerodia(["lint", name]).dir(folder.path()).set(set).run();
        for part in [&*format!("{name}:{place}"), help] {
            assert!(
                ran.stderr.contains(part),
                "{script}: no {part:?} in:\n{}",
                ran.stderr
            );
        }
    }
}

on_each_runtime!(what_only_looks_like_bloblang_is_left_alone);
fn what_only_looks_like_bloblang_is_left_alone(runtime: &str) {
    let scripts = [
        "root = this['when'].max(1), this['a'].foo(1), this.items().x()",
        "root = this\nthis['tags'].append(1)\nthis['a'] |= 4",
        "root = this['when'].year, this.items(), this.get('a'), this['a'] | 1, this.real",
        "from types import SimpleNamespace\nroot = SimpleNamespace()\nroot.a = 1",
        "this = __import__('types').SimpleNamespace(a=1)\nroot = this.a",
        "import collections\nthis = collections.Counter(this)\nroot = this.total()",
        "true, deleted = 1, lambda: null\nroot = true, deleted()",
        "def meta(k): return k\nroot = meta('k')",
        "root = {}\nroot.update(this)\nroot['a'] = null",
    ];
    for script in scripts {
        warned(&lint(&config(&[script]), runtime), &[], 0);
    }
    // What a script before leaves may be anything.
    let before = "import fractions\nroot = fractions.Fraction(this)";
    warned(
        &lint(&config(&[before, "root = this.limit_denominator"]), runtime),
        &[],
        0,
    );
}

on_each_runtime!(a_failure_tells_it_where_lint_cannot);
fn a_failure_tells_it_where_lint_cannot(runtime: &str) {
    for (script, message) in [
        (
            "x = this\nroot = x.price",
            r#"'dict' object has no attribute 'price' (write `["price"]` for a key)"#,
        ),
        (
            "x = this['a']\nroot = x.uppercase()",
            "'str' object has no attribute 'uppercase' (write `.upper()`)",
        ),
        (
            "root = deleted()",
            "name 'deleted' is not defined (`root = None` drops the message; `root.pop(\"a\", None)` takes one key out)",
        ),
        (
            "root = open('prices.csv').read()",
            "[Errno 44] No such file or directory: 'prices.csv' (guests have no files: put what is read there into a module \
             beside the script)",
        ),
        (
            "root = json.loads(this)",
            "the JSON object must be str, bytes or bytearray, not dict (this is parsed already: it needs no `json.loads`)",
        ),
        (
            "root = this.get('n') | 'x'",
            "unsupported operand type(s) for |: 'NoneType' and 'str' (`|` gives no default in Python: `\"x\" if value is \
             None else value`)",
        ),
        (
            "x = this\nroot = x.type",
            "'dict' object has no attribute 'type' (write `[\"type\"]` for a key, for the method `type(value)`, or \
             `isinstance(value, dict)`)",
        ),
        (
            "x = this\nroot = x.title",
            "'dict' object has no attribute 'title' (write `[\"title\"]` for a key)",
        ),
        (
            "x = this['a']\nroot = x.get('b')",
            "'str' object has no attribute 'get'",
        ),
        (
            "x = this['a']\nroot = x.zzz",
            "'str' object has no attribute 'zzz'",
        ),
    ] {
        let ran = eval(runtime, script)
            .arg("--import=json")
            .stdin("{\"a\": \"b\"}\n")
            .run()
            .expect(1);
        let told = ran.dead_letters()[0]["error"]["message"].clone();
        assert_eq!(told, message, "{script}");
    }
}
