//! What Python runs, but what surely means something else than it seems: `lint` warns of it, and is silent about what only
//! looks like it.

use support::on_each_runtime;

use super::{config, lint, warned};

/// Lines of a script whose `root` is a dict, each with a part of its help.
const TOLD: [(&str, &str); 14] = [
    (
        r#"root["a"] = "%v has".format(this["a"])"#,
        "write `'{} has'.format(…)`",
    ),
    (
        r#"root["a"] = this["tags"].sort()"#,
        "write `sorted(this['tags'])`",
    ),
    (
        r#"root["a"] = {"b": this["tags"].append("x")}"#,
        "write `[*this['tags'], 'x']`",
    ),
    (
        "tags = this.get(\"tags\"); root[\"t\"] = tags.reverse()",
        "write `tags[::-1]`",
    ),
    (
        r#"print(this["a"].update({"b": 1}))"#,
        "write `{**this['a'], **{'b': 1}}`",
    ),
    (
        r#"for i in this["a"].extend([1]): pass"#,
        "write `[*this['a'], *[1]]`",
    ),
    (
        r#"root["a"] = this["a"]["b"] | []"#,
        "write `([] if (v := this['a'].get('b')) is None else v)`",
    ),
    (
        r#"root["a"] = this.get("a") | "x""#,
        "write `('x' if (v := this.get('a')) is None else v)`",
    ),
    (
        r#"root["a"] = this.get("a.b")"#,
        r#"write `(this.get("a") or {}).get("b")` for a path"#,
    ),
    (
        "if this.update: pass",
        r#"write `this["update"]` for the field"#,
    ),
    (
        r#"root["a"] = [this.items]"#,
        r#"write `this["items"]` for the field"#,
    ),
    (
        "root['a'] = this.items[0].price",
        r#"write `this["items"][0]["price"]`"#,
    ),
    ("meta.kafka_key = 'x'", r#"write `meta["key"]`"#),
    (
        r#"root["a"] = float("${RATE:1.5}")"#,
        "`--set pipeline.processors.0.python.setup=",
    ),
];

on_each_runtime!(lint_tells_what_means_something_else);
fn lint_tells_what_means_something_else(runtime: &str) {
    let script = TOLD.map(|(line, _)| line).join("\n");
    let ran = lint(&config(&[&script]), runtime);
    let told: Vec<&str> = ran.stderr.split("warning: ").collect();
    for (number, (line, help)) in TOLD.iter().enumerate() {
        let place = format!("a.yaml:{}:", number + 5);
        let found = told.iter().find(|one| one.contains(&place)).expect(line);
        assert!(found.contains(help), "{line}: no {help:?} in\n{found}");
    }
    warned(&ran, &[], TOLD.len());
}

on_each_runtime!(lint_knows_names_that_meta_never_has);
fn lint_knows_names_that_meta_never_has(runtime: &str) {
    let read = r#"root = meta.get("kafka_key"), meta["kafka_timestamp_unix"], meta["version"], meta["offset"]"#;
    let parts = [
        "`meta` has no \"kafka_key\"",
        "write `meta[\"key\"]`",
        "write `meta[\"timestamp\"] // 1000`",
        "write `meta[\"headers\"].get(\"version\")`",
    ];
    warned(&lint(&config(&[read]), runtime), &parts, 3);
    // A script before may set names of its own, or any.
    let set = "root = this\nmeta['version'] = meta['kafka_key'] = meta['kafka_timestamp_unix'] = 1";
    warned(&lint(&config(&[set, read]), runtime), &[], 0);
    warned(
        &lint(&config(&["root = this\nmeta.update(a=1)", read]), runtime),
        &[],
        0,
    );
    let parts = [
        "`meta` is a dict: a script changes it in place",
        "write `meta[\"headers\"] = {}`",
        "not defined",
    ];
    warned(
        &lint(&config(&["root = this\nmeta = deleted()"]), runtime),
        &parts,
        2,
    );
}

on_each_runtime!(lint_is_silent_about_what_only_looks_like_it);
fn lint_is_silent_about_what_only_looks_like_it(runtime: &str) {
    let lines = [
        "root = this",
        "get = this.get",
        "a = get('a'), sorted(this, key=this.get), [*map(this.get, ['a'])], this['a'] | 2, this['a'] | {'b': 1}, this['a'] | {}, this['a'] | 0",
        "this['tags'].append(1)",
        "seen = set(); a = [i for i in [1] if not (i in seen or seen.add(i))]",
        "_ = this['tags'].sort()",
        "this['tags'].sort() if a else None",
        "a = '%d {}'.format(1), '%s' % 1, '%s'.join('a')",
        "a = this['a.b'], this.get('c.d'), this.get('e.f', 1)",
        "a = this['text'].replace('${NAME}', 'x'), f'${a}', f'${{NAME}}', '${NAME}' in 'x', '${name}', {'${NAME}': 1}",
        "meta['key'] = 'x'",
        "a = meta['key'], meta.get('topic'), meta.items()",
        "def add(tags): return tags.append(1)",
        "a = this.real if a else this.__class__",
    ];
    warned(&lint(&config(&[&lines.join("\n")]), runtime), &[], 0);
    for script in [
        "from string import Template\nroot = Template('${NAME}').substitute(NAME=1)",
        "from types import SimpleNamespace\nthis = SimpleNamespace(items=1, b=set())\nroot = [this.items, this.b.update([1])]",
        "def same(x): return x\nroot = {}\ntags = same(this)\nroot['a'] = tags.append(1)",
        "P = '${NAME}'\nroot = this['text'].replace(P, 'x') if this['x'] == '${UNSET}' else 'echo ${PATH}'",
        "import re\nflags = {'i': re.I}\nsets = {'a': set()}\nroot = [flags['i'] | 0, sets['a'].update([3])]",
        "root = {'w': this.get('user.name')} if 'user.name' in this else {'c.d': this.get('c.d')}",
        "null = object()\nroot = [x for x in this['xs'] if x == null]",
        "def kind(meta): return meta['kind'], meta.kind\nroot = kind({})",
        "from types import SimpleNamespace\nmeta = SimpleNamespace(key=1)\nroot = meta.key",
    ] {
        warned(&lint(&config(&[script]), runtime), &[], 0);
    }
    // What a script before leaves may be anything.
    let second = "root = [this.items, this['a'].update(1), this['a'] | 'x', this.get('a.b')]";
    warned(&lint(&config(&["root = this", second]), runtime), &[], 0);
}

on_each_runtime!(names_of_a_setup_are_its_own);
fn names_of_a_setup_are_its_own(runtime: &str) {
    let yaml = "\
pipeline:
  processors:
    - python:
        setup: |
          import datetime
          def now(): return datetime.datetime.now()
          def count(xs): return datetime.timedelta(len(xs))
        script: |
          root = {'at': now().isoformat(), 'n': count(this).total_seconds()}
";
    warned(&lint(yaml, runtime), &[], 0);
}

/// What is followed word by word is right beside other operators, and rebinds no name of the script.
#[test]
fn a_help_for_a_default_stands_where_the_bar_stood() {
    let script = "for k, v in this['d'].items(): root[k] = [this['n'] | 'd', v]\nroot['e'] = this['s'] | 'a' == 'b'";
    let ran = lint(&config(&[script]), "cpython-3.14");
    let parts = [
        "write `('d' if (got := this.get('n')) is None else got)`",
        "write `('a' if (got := this.get('s')) is None else got)`",
    ];
    warned(&ran, &parts, 2);
}

#[test]
fn a_setup_is_told_of_variables_too() {
    let yaml = "\
pipeline:
  processors:
    - python:
        setup: |
          REGION = '${REGION}'
          def sort(this): return this.items
        script: |
          root = REGION, sort(this)
";
    let parts = ["a.yaml:5:20", "`${REGION}` stays as it is"];
    warned(&lint(yaml, "cpython-3.14"), &parts, 1);
}
