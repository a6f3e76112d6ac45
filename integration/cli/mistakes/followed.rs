//! Help for what is Bento's: whoever follows it gets the result.

use support::{eval, nerodia, on_each_runtime, written};

/// Processor of Bento, and what comes of its help.
struct Followed {
    processor: &'static str,
    /// What the help has.
    given: &'static str,
    script: &'static str,
    message: &'static str,
    /// Formats of input and output.
    formats: [&'static str; 2],
    results: &'static [&'static str],
}

const FOLLOWED: [Followed; 11] = [
    Followed {
        processor: "unarchive: { format: json_array }",
        given: "for item in this: emit(item)",
        script: "for item in this: emit(item)",
        message: "[1,2]",
        formats: ["auto", "auto"],
        results: &["1", "2"],
    },
    Followed {
        processor: "unarchive: { format: lines }",
        given: "for line in this.splitlines(): emit(json.loads(line))",
        script: "for line in this.splitlines(): emit(json.loads(line))",
        message: r#"{"a":1}"#,
        formats: ["text", "auto"],
        results: &[r#"{"a":1}"#],
    },
    Followed {
        processor: "split: {}",
        given: "for item in this: emit(item)",
        script: "for item in this: emit(item)",
        message: "[3]",
        formats: ["auto", "auto"],
        results: &["3"],
    },
    Followed {
        processor: "grok: {}",
        given: r#"root = re.search(r"(?P<ip>\S+) (?P<code>\d+)", this).groupdict()"#,
        script: r#"root = re.search(r"(?P<ip>\S+) (?P<code>\d+)", this).groupdict()"#,
        message: "1.2.3.4 200",
        formats: ["text", "auto"],
        results: &[r#"{"ip":"1.2.3.4","code":"200"}"#],
    },
    Followed {
        processor: "xml: {}",
        given: "xml.etree.ElementTree.fromstring(this)",
        script: "root = xml.etree.ElementTree.fromstring(this).find('b').text",
        message: "<a><b>ok</b></a>",
        formats: ["text", "auto"],
        results: &[r#""ok""#],
    },
    Followed {
        processor: "sleep: {}",
        given: "time.sleep(",
        script: "time.sleep(0.001)\nroot = this",
        message: "1",
        formats: ["auto", "auto"],
        results: &["1"],
    },
    Followed {
        processor: "compress: {}",
        given: "gzip.compress(this)",
        script: "root = gzip.decompress(gzip.compress(this))",
        message: "x",
        formats: ["bytes", "bytes"],
        results: &["x"],
    },
    Followed {
        processor: "jq: {}",
        given: r#"[i["c"] for i in this["a"]]"#,
        script: r#"root = [i["c"] for i in this["a"]]"#,
        message: r#"{"a":[{"c":1}]}"#,
        formats: ["auto", "auto"],
        results: &["[1]"],
    },
    Followed {
        processor: "mutation: root.a = 1",
        given: "root = {**this}",
        script: "root = {**this}\nroot['a'] = 1",
        message: r#"{"b":2}"#,
        formats: ["auto", "auto"],
        results: &[r#"{"b":2,"a":1}"#],
    },
    Followed {
        processor: "branch: {}",
        given: r#"root["key"] = "#,
        script: "root = {**this}\nroot[\"key\"] = this[\"b\"]",
        message: r#"{"b":2}"#,
        formats: ["auto", "auto"],
        results: &[r#"{"b":2,"key":2}"#],
    },
    Followed {
        processor: "noop: {}",
        given: "delete the line",
        script: "root = this",
        message: r#"{"b":2}"#,
        formats: ["auto", "auto"],
        results: &[r#"{"b":2}"#],
    },
];

on_each_runtime!(a_help_that_is_followed_gives_the_result);
fn a_help_that_is_followed_gives_the_result(runtime: &str) {
    for one in FOLLOWED {
        let Followed {
            processor,
            given,
            script,
            message,
            ..
        } = one;
        let yaml = format!("pipeline: {{ processors: [ {{ {processor} }} ] }}");
        let folder = written(&[("a.yaml", &yaml)]);
        let told = nerodia(["lint", "a.yaml"])
            .dir(folder.path())
            .run()
            .expect(2);
        assert!(told.stderr.contains(given), "{given}: {}", told.stderr);
        let mut ran = eval(runtime, script).stdin(format!("{message}\n"));
        for module in ["json", "re", "xml.etree.ElementTree", "time", "gzip"] {
            if told.stderr.contains(&format!("`import {module}`")) {
                ran = ran.arg(format!("--import={module}"));
            }
        }
        let [input, output] = one.formats;
        let ran = ran
            .set(format!("input.stdin.format={input}"))
            .set(format!("output.stdout.format={output}"));
        assert_eq!(ran.run().expect(0).lines(), one.results, "{processor}");
    }
}

/// Checks the script that the help for a pipeline without processors gives.
#[test]
fn a_pipeline_that_changes_nothing() {
    let folder = written(&[("a.yaml", "pipeline: { processors: [] }\n")]);
    let script = r#"root = tombstone() if meta["tombstone"] else this"#;
    let told = nerodia(["lint", "a.yaml"])
        .dir(folder.path())
        .run()
        .expect(2);
    assert!(told.stderr.contains(script), "{}", told.stderr);
    let messages = "{\"a\": 1}\n{\"a\": \nnull\n\n plain text \n";
    let ran = eval("cpython-3.14", script)
        .set("input.stdin.format=bytes")
        .set("output.stdout.format=bytes")
        .stdin(messages);
    assert_eq!(ran.run().expect(0).stdout, messages.as_bytes());
}

#[test]
fn a_line_of_csv_is_a_list_of_cells() {
    let folder = written(&[("a.yaml", "input: { csv: { paths: [a.csv] } }\n")]);
    let told = nerodia(["lint", "a.yaml"])
        .dir(folder.path())
        .run()
        .expect(2);
    let cells = "next(csv.reader([this]))";
    assert!(told.stderr.contains(cells), "{}", told.stderr);
    let ran = eval("cpython-3.14", &format!("root = {cells}"))
        .arg("--import=csv")
        .set("input.stdin.format=text")
        .stdin("1,\"a, b\"\n");
    assert_eq!(ran.run().expect(0).lines(), [r#"["1","a, b"]"#]);
}
