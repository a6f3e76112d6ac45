//! The help for each method of Bloblang: `lint` gives it, and who follows it gets what Bento 1.20 made of the same value.

use support::{eval, on_each_runtime};

use super::{config, lint};

/// Methods, with the Python of their help, a value, and Bento's result.
const METHODS: [(&str, &str, &str, &str); 57] = [
    ("abs", "abs(value)", "-3", "3"),
    ("append", r#"[*value, "x"]"#, "[1]", r#"[1,"x"]"#),
    (
        "array",
        "value if isinstance(value, list) else [value]",
        "1",
        "[1]",
    ),
    (
        "capitalize",
        r#"string.capwords(value, " ")"#,
        r#""the FOO don't""#,
        r#""The Foo Don't""#,
    ),
    ("ceil", "math.ceil(value)", "1.2", "2"),
    ("contains", r#""x" in value"#, r#"["x"]"#, "true"),
    (
        "decode",
        "base64.b64decode(value).decode()",
        r#""w6k=""#,
        r#""é""#,
    ),
    (
        "decode",
        "bytes.fromhex(value).decode()",
        r#""c3a9""#,
        r#""é""#,
    ),
    (
        "encode",
        "base64.b64encode(value.encode()).decode()",
        r#""é?""#,
        r#""w6k/""#,
    ),
    ("encode", "value.encode().hex()", r#""é""#, r#""c3a9""#),
    (
        "enumerated",
        r#"[{"index": n, "value": i} for n, i in enumerate(value)]"#,
        r#"["a"]"#,
        r#"[{"index":0,"value":"a"}]"#,
    ),
    (
        "escape_html",
        "html.escape(value)",
        r#""<a>&""#,
        r#""&lt;a&gt;&amp;""#,
    ),
    (
        "escape_url_query",
        "urllib.parse.quote_plus(value)",
        r#""a b&c""#,
        r#""a+b%26c""#,
    ),
    ("exists", r#""a" in value"#, r#"{"a":null}"#, "true"),
    (
        "explode",
        r#"[{**value, "items": i} for i in value["items"]]"#,
        r#"{"id":1,"items":[1,2]}"#,
        r#"[{"id":1,"items":1},{"id":1,"items":2}]"#,
    ),
    (
        "filter",
        r#"[i for i in value if i["qty"] > 0]"#,
        r#"[{"qty":1},{"qty":0}]"#,
        r#"[{"qty":1}]"#,
    ),
    (
        "all",
        r#"all(i["qty"] > 0 for i in value)"#,
        r#"[{"qty":1},{"qty":0}]"#,
        "false",
    ),
    (
        "any",
        r#"any(i["qty"] > 0 for i in value)"#,
        r#"[{"qty":1},{"qty":0}]"#,
        "true",
    ),
    (
        "find_by",
        r#"next((n for n, i in enumerate(value) if i["qty"] > 0), -1)"#,
        r#"[{"qty":0},{"qty":1}]"#,
        "1",
    ),
    (
        "flatten",
        "[i for v in value for i in (v if isinstance(v, list) else [v])]",
        r#"[[1],2,["ab"]]"#,
        r#"[1,2,"ab"]"#,
    ),
    ("floor", "math.floor(value)", "1.7", "1"),
    (
        "format_json",
        "json.dumps(value, indent=4, sort_keys=True, ensure_ascii=False)",
        r#"{"b":"é","a":[]}"#,
        r#""{\n    \"a\": [],\n    \"b\": \"é\"\n}""#,
    ),
    (
        "hash",
        "hashlib.sha256(value.encode()).digest()",
        r#""a""#,
        "bytes.fromhex('ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb')",
    ),
    ("index", "value[-1]", "[1,2]", "2"),
    ("index_of", r#"value.find("x")"#, r#""abx""#, "2"),
    ("join", r#"",".join(value)"#, r#"["a","b"]"#, r#""a,b""#),
    (
        "key_values",
        r#"[{"key": k, "value": v} for k, v in value.items()]"#,
        r#"{"a":1}"#,
        r#"[{"key":"a","value":1}]"#,
    ),
    ("keys", "sorted(value)", r#"{"b":1,"a":2}"#, r#"["a","b"]"#),
    ("length", "len(value)", "[1,2]", "2"),
    ("length", "len(value.encode())", r#""é€""#, "5"),
    (
        "map_each",
        r#"[i["price"] for i in value]"#,
        r#"[{"price":1}]"#,
        "[1]",
    ),
    (
        "map_each",
        "{k: v * 2 for k, v in value.items()}",
        r#"{"a":1}"#,
        r#"{"a":2}"#,
    ),
    (
        "map_each_key",
        "{k.upper(): v for k, v in value.items()}",
        r#"{"a":1}"#,
        r#"{"A":1}"#,
    ),
    ("max", "max(value)", "[1,3]", "3"),
    ("number", "json.loads(value)", r#""5""#, "5"),
    (
        "parse_csv",
        "list(csv.DictReader(io.StringIO(value)))",
        r#""a,b\n1,2\n""#,
        r#"[{"a":"1","b":"2"}]"#,
    ),
    (
        "parse_url",
        "urllib.parse.urlsplit(value)",
        r#""https://h/p?q""#,
        r#"("https","h","/p","q","")"#,
    ),
    ("pow", "value ** 2", "3", "9"),
    (
        "re_match",
        "re.search(…, value) is not None",
        r#""…1""#,
        "true",
    ),
    (
        "re_replace_all",
        r#"re.sub("(a)(b)", r"\2\1", value)"#,
        r#""ab""#,
        r#""ba""#,
    ),
    ("reverse", "value[::-1]", r#""ab""#, r#""ba""#),
    (
        "round",
        "int(value + math.copysign(0.5, value))",
        "-2.5",
        "-3",
    ),
    (
        "round",
        "int(value + math.copysign(0.5, value))",
        "2.5",
        "3",
    ),
    ("slice", "value[1:3]", "[1,2,3,4]", "[2,3]"),
    ("sort", "sorted(value)", "[3,1]", "[1,3]"),
    (
        "sort_by",
        r#"sorted(value, key=lambda i: i["n"])"#,
        r#"[{"n":2},{"n":1}]"#,
        r#"[{"n":1},{"n":2}]"#,
    ),
    (
        "squash",
        "{k: v for i in value for k, v in i.items()}",
        r#"[{"a":1},{"b":2}]"#,
        r#"{"a":1,"b":2}"#,
    ),
    (
        "string",
        r#"value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)"#,
        r#"{"b":[1,"é"],"a":null}"#,
        r#""{\"a\":null,\"b\":[1,\"é\"]}""#,
    ),
    ("trim_prefix", r#".removeprefix("x")"#, r#""xa""#, r#""a""#),
    ("trim_suffix", r#".removesuffix("x")"#, r#""ax""#, r#""a""#),
    (
        "ts_format",
        r#"datetime.datetime.fromisoformat(value).strftime("%Y-%m-%d")"#,
        r#""2024-01-31T10:00:00Z""#,
        r#""2024-01-31""#,
    ),
    (
        "ts_parse",
        r#"datetime.datetime.strptime(value, "%Y-%m-%d")"#,
        r#""2024-01-31""#,
        "datetime.datetime(2024, 1, 31)",
    ),
    (
        "ts_unix",
        "int(datetime.datetime.fromisoformat(value).timestamp())",
        r#""2024-01-31T10:00:00Z""#,
        "1706695200",
    ),
    (
        "ts_unix_milli",
        "round(datetime.datetime.fromisoformat(value).timestamp() * 1000)",
        r#""2024-01-31T10:00:00.123Z""#,
        "1706695200123",
    ),
    (
        "unique",
        "list(dict.fromkeys(value))",
        r#"[1,1,"1"]"#,
        r#"[1,"1"]"#,
    ),
    ("values", "list(value.values())", r#"{"a":1}"#, "[1]"),
    (
        "without",
        r#"{k: v for k, v in value.items() if k not in ("a", "b")}"#,
        r#"{"a":1,"b":2,"c":3}"#,
        r#"{"c":3}"#,
    ),
];
const MODULES: &str = "base64 csv datetime hashlib html io json math re string urllib.parse";

on_each_runtime!(who_follows_a_help_gets_what_bloblang_gave);
fn who_follows_a_help_gets_what_bloblang_gave(runtime: &str) {
    for some in METHODS.chunks(18) {
        let lines: Vec<String> = some
            .iter()
            .map(|(method, ..)| format!("root['a'] = this.a.{method}()"))
            .collect();
        let ran = lint(&config(&[&lines.join("\n")]), runtime);
        let told: Vec<&str> = ran.stderr.split("warning: ").collect();
        for (number, (method, python, ..)) in some.iter().enumerate() {
            let place = format!("a.yaml:{}:", number + 5);
            let found = told.iter().find(|one| one.contains(&place)).expect(method);
            assert!(
                found.contains(python),
                "{method}: no {python:?} in\n{found}"
            );
        }
    }
    let mut script = String::from("null, true, false = None, True, False\nroot = []\n");
    for (method, python, value, expected) in METHODS {
        let python = if python.starts_with('.') {
            format!("value{python}")
        } else {
            python.replace('…', "\"[0-9]\"")
        };
        script += &format!(
            "value = {value}\ngot = {python}\nif got != {expected}: root.append([{method:?}, repr(got)])\n"
        );
    }
    let imports = MODULES.split(' ').map(|name| format!("import {name}\n"));
    let script = imports.collect::<String>() + &script;
    let ran = eval(runtime, &script).stdin("1\n").run().expect(0);
    assert_eq!(ran.text(), "[]\n", "{}", ran.stderr);
}
