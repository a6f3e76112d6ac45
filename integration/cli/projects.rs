//! `nerodia init`, stubs of scripts, and `nerodia debug`.

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{nerodia, program, root, written};

/// Returns a folder with the project `orders`.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = nerodia(["init", "orders"])
        .dir(folder.path())
        .run()
        .expect(0);
    assert!(
        ran.text()
            .ends_with("next: cd orders && nerodia try orders.yaml --from-file samples.jsonl\n"),
        "{}",
        ran.text()
    );
    folder
}

#[test]
fn a_new_project_passes_its_own_checks() {
    let folder = project();
    let folder = folder.path().join("orders");
    let path = std::env::var("PATH").unwrap_or_default();
    let bin = program().parent().map(Path::to_owned).expect("a folder");
    let checked = Command::new("sh")
        .arg("check.sh")
        .current_dir(&folder)
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("NERODIA_RUNTIME_DIR", root().join("runtime"))
        .output()
        .expect("sh is there");
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(
        checked.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    assert!(said.contains("3 passed, 0 failed"), "{said}");
    assert!(
        said.contains("3 messages: 2 came through, 1 dropped, 0 failed"),
        "{said}"
    );
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("it is there");
    assert!(
        read("orders.yaml").starts_with("# yaml-language-server: $schema=nerodia.schema.json\n")
    );
    assert!(read("__builtins__.pyi").ends_with("\nthis: This\n"));
    let schema: serde_json::Value =
        serde_json::from_str(&read("nerodia.schema.json")).expect("a schema");
    assert_eq!(schema["title"], "Nerodia pipeline");
}

/// `set -e` does not see a command that fails left of `&&`.
#[test]
fn a_check_that_fails_fails_the_checks() {
    use std::os::unix::fs::PermissionsExt as _;
    for (tool, fails_at) in [("ruff", "check"), ("ruff", "format"), ("pyright", "")] {
        let folder = project();
        let script = format!("#!/bin/sh\n[ \"$1\" != '{fails_at}' ]\n");
        let file = folder.path().join(tool);
        fs::write(&file, script).expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("its owner may");
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = program().parent().map(Path::to_owned).expect("a folder");
        let status = Command::new("sh")
            .arg("check.sh")
            .current_dir(folder.path().join("orders"))
            .env(
                "PATH",
                format!("{}:{}:{path}", folder.path().display(), bin.display()),
            )
            .env("NERODIA_RUNTIME_DIR", root().join("runtime"))
            .output()
            .expect("sh is there")
            .status;
        assert!(!status.success(), "{tool} {fails_at}");
    }
}

#[test]
fn a_new_project_overwrites_nothing() {
    let folder = project();
    let again = nerodia(["init", "orders"])
        .dir(folder.path())
        .run()
        .expect(2);
    assert!(
        again.stderr.contains("error: orders is there already"),
        "{}",
        again.stderr
    );
    let wrong = nerodia(["init", "or ders"])
        .dir(folder.path())
        .run()
        .expect(2);
    assert!(
        wrong.stderr.contains("`or ders` cannot name a pipeline"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn stubs_need_samples_that_can_be_read() {
    let ran = nerodia(["schema", "--stubs", "--from-file", "/nonexistent"])
        .run()
        .expect(2);
    assert!(
        ran.stderr.contains("error: cannot read /nonexistent"),
        "{}",
        ran.stderr
    );
    let ran = nerodia(["schema", "--stubs"]).run().expect(0);
    assert!(ran.text().ends_with("this: Any\n"), "{}", ran.text());
}

#[test]
fn a_script_stops_in_the_debugger_with_its_lines_and_names() {
    let files = written(&[
        (
            "p.yaml",
            "pipeline:\n  processors:\n    - python:\n        setup: |\n          def half(n):\n            return n / 2\n        script: |\n          found = half(this)\n          emit([found])\n          root[\"all\"] = 1 / this\n    - python: { file: last.py }\n",
        ),
        ("last.py", "root = this if this != [1.0] else None\n"),
        ("samples.jsonl", "2\n0\n4\n"),
    ]);
    let debug = |commands: &str| {
        nerodia(["debug", "p.yaml", "--from-file", "samples.jsonl"])
            .dir(files.path())
            .stdin(commands)
            .run()
            .expect(0)
            .text()
            .to_owned()
    };
    // The first script stops at its first line, the second for each value that it gets.
    let said = debug("p this\nn\np found\nc\nc\nc\nc\np this\nq\n");
    assert!(said.contains("p.yaml(8)<module>()"), "{said}");
    assert!(
        said.contains("(Pdb) 2\n") && said.contains("(Pdb) 1.0\n"),
        "{said}"
    );
    assert!(said.contains("last.py(1)<module>()"), "{said}");
    assert!(said.contains("  {\"all\": 0.5}\n"), "{said}");
    assert!(
        said.contains("  failed: ZeroDivisionError: division by zero\n"),
        "{said}"
    );
    assert!(said.contains("p.yaml(10)<module>()"), "{said}");
}

#[test]
fn a_debugger_without_a_python_says_which_option_names_one() {
    let files = written(&[
        (
            "p.yaml",
            "pipeline:\n  processors:\n    - python: { script: root = this }\n",
        ),
        ("samples.jsonl", "1\n"),
    ]);
    let ran = nerodia([
        "debug",
        "p.yaml",
        "--from-file",
        "samples.jsonl",
        "--python",
        "nopython",
    ])
    .dir(files.path())
    .run()
    .expect(2);
    assert!(
        ran.stderr.contains("help: name a Python 3 with --python"),
        "{}",
        ran.stderr
    );
}
