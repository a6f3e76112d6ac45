//! Bad input of every kind: each problem names file, line and column, shows the line, and says what to do.

use std::fs;
use std::path::Path;

use support::{RUNTIMES, Ran, nerodia, on_each_runtime, root};
use tempfile::TempDir;

/// Returns a folder with a config in it.
fn folder(config: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("bad.yaml"), config).expect("a file");
    folder
}

fn run(folder: &Path) -> Ran {
    nerodia(["run", "-c", "bad.yaml"])
        .dir(folder)
        .stdin("1\n")
        .run()
}

/// Fails unless `run` and `lint` both refuse `config` with exit code 2 and print all of `parts`.
#[track_caller]
fn refused(config: &str, parts: &[&str]) {
    let folder = folder(config);
    let lint = nerodia(["lint", "bad.yaml"]).dir(folder.path()).run();
    for ran in [run(folder.path()), lint] {
        let ran = ran.expect(2);
        assert_eq!(ran.text(), "", "nothing leaves");
        for part in parts {
            assert!(ran.stderr.contains(part), "no {part:?} in:\n{}", ran.stderr);
        }
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
}

fn with_script(script: &str) -> String {
    let script = script.replace('\n', "\n          ");
    format!("pipeline:\n  processors:\n    - python:\n        script: |\n          {script}\n")
}

#[test]
fn malformed_yaml() {
    refused(
        "pipeline:\n  processors:\n    - python:\n        script: \"root = this\n",
        &["bad.yaml:4:17", "script: \"root = this", "close the quote"],
    );
    refused(
        "pipeline:\n\tprocessors: []\n",
        &["bad.yaml:2:1", "a tab in the indentation"],
    );
    refused("a: 1\na: 2\n", &["bad.yaml:2:1", "`a`"]);
    refused("just text\n", &["bad.yaml:1:1"]);
}

#[test]
fn unknown_fields_and_wrong_types_all_at_once() {
    refused(
        "input:\n  stdinn: {}\npipeline:\n  threads: many\n  processers: []\nguests:\n  timeout: soon\n  memory: -1\n",
        &[
            "bad.yaml:2:3",
            "did you mean `stdin`?",
            "bad.yaml:4:12",
            "must be a whole number, not the text `many`",
            "bad.yaml:5:3",
            "did you mean `processors`?",
            "bad.yaml:7:12",
            "bad.yaml:8:11",
        ],
    );
}

#[test]
fn a_script_file_that_is_not_there() {
    refused(
        "pipeline:\n  processors:\n    - python:\n        file: transform.py\n",
        &[
            "bad.yaml:4:15",
            "transform.py",
            "no such file",
            "relative to the folder",
        ],
    );
}

/// Returns a config with a correct script and a Kafka input with `fields`.
fn with_kafka(fields: &str) -> String {
    with_script("root = this")
        + &format!("input:\n  kafka:\n    addresses: [localhost]\n    topics: [t]\n    {fields}\n")
}

#[test]
fn fields_of_kafka_that_are_missing_or_wrong() {
    refused(
        &with_kafka("properties: { linger.mss: 5, group.id: g }"),
        &[
            "`input.kafka` has no `consumer_group`",
            "bad.yaml:7:3",
            "librdkafka has no property `linger.mss`",
            "did you mean `linger.ms`?",
            "write `consumer_group`",
            "bad.yaml:10:44",
        ],
    );
}

#[test]
fn no_message_shows_a_password() {
    for fields in [
        "sasl: { mechanism: PLIAN, user: u, password: hunter2 }",
        "sasl: { mechanism: PLAIN, user: [, password: hunter2 }",
        "properties: { no.such.password: hunter2 }",
        "sasl: { password: \"${NO_SUCH_VARIABLE}hunter2\" }",
    ] {
        let folder = folder(&with_kafka(fields));
        let lint = nerodia([
            "lint",
            "bad.yaml",
            "--set",
            "output.kafka.sasl.pasword=hunter2",
        ])
        .dir(folder.path())
        .run();
        for ran in [run(folder.path()), lint] {
            let ran = ran.expect(2);
            assert!(ran.stderr.contains("bad.yaml:10:"), "{}", ran.stderr);
            assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
        }
    }
}

on_each_runtime!(a_syntax_error_stands_at_its_place_in_the_yaml);
fn a_syntax_error_stands_at_its_place_in_the_yaml(runtime: &str) {
    let config = with_script("x = 1\nroot = this[0") + &format!("guests: {{runtime: {runtime}}}\n");
    refused(
        &config,
        &["bad.yaml:6:22", "root = this[0", "'[' was never closed"],
    );
}

#[test]
fn a_return_stands_outside_of_a_function() {
    refused(
        &with_script("return 1"),
        &["bad.yaml:5:11", "'return' outside function"],
    );
}

#[test]
fn a_syntax_error_in_a_file_stands_at_its_place_there() {
    let folder = folder("pipeline:\n  processors:\n    - python:\n        file: transform.py\n");
    fs::write(folder.path().join("transform.py"), "x = 1\nroot = = this\n").expect("a file");
    let ran = run(folder.path()).expect(2);
    assert!(ran.stderr.contains("transform.py:2:8"), "{}", ran.stderr);
}

on_each_runtime!(unknown_imports_are_all_told);
fn unknown_imports_are_all_told(runtime: &str) {
    let config = format!(
        "pipeline:\n  processors:\n    - python:\n        imports: [math, numpy]\n        script: |\n          \
         import pandas\n          root = this\n    - python:\n        script: import ssl\nguests:\n  runtime: {runtime}\n"
    );
    refused(
        &config,
        &[
            "No module named 'numpy'",
            "bad.yaml:4:25",
            "No module named 'pandas'",
            "bad.yaml:6:18",
            "ssl",
            "bad.yaml:9:24",
            &format!("the standard library of {runtime}, from `packages`"),
        ],
    );
}

#[test]
fn nothing_is_read_before_the_scripts_can_start() {
    let folder = folder(&with_script("import numpy"));
    let ran = run(folder.path()).expect(2);
    assert_eq!(ran.logged("pipeline ended")[0]["received"], 0);
}

#[test]
fn lint_tells_of_every_file() {
    let folder = folder(&with_script("root = = 1"));
    fs::write(folder.path().join("worse.yaml"), "pipelin: {}\n").expect("a file");
    fs::write(folder.path().join("good.yaml"), with_script("root = 1")).expect("a file");
    let ran = nerodia(["lint", "bad.yaml", "good.yaml", "worse.yaml", "none.yaml"])
        .dir(folder.path())
        .run()
        .expect(2);
    for part in ["bad.yaml:5:18", "worse.yaml:1:1", "none.yaml"] {
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
    assert!(!ran.stderr.contains("good.yaml"), "{}", ran.stderr);
}

#[test]
fn wrong_usage() {
    for (arguments, part) in [
        (vec!["run"], "<FILE>"),
        (vec!["run", "-c", "none.yaml"], "none.yaml"),
        (vec!["rum"], "run"),
        (
            vec!["eval", "root = 1", "--set", "guests.memry=1MiB"],
            "did you mean `memory`?",
        ),
        (
            vec!["eval", "root = 1", "--set", "guests.memory"],
            "guests.memory",
        ),
        (vec!["eval", "root ="], "<eval>:1:7"),
        (
            vec!["eval", "-i", "numpy", "root = 1"],
            "No module named 'numpy'",
        ),
        (vec!["runtime", "compile", "cpython-2.7"], "cpython-3.14"),
    ] {
        let ran = nerodia(&arguments).stdin("1\n").run().expect(2);
        assert!(ran.stderr.contains(part), "{arguments:?}\n{}", ran.stderr);
        assert_eq!(ran.text(), "", "{arguments:?}");
    }
}

/// Returns a runtime directory with a link to the default runtime, and a cache of its own.
fn runtime_folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["cpython-3.14.wasm", "cpython-3.14.wasm.sha256sum"] {
        let from = root().join("runtime").join(name);
        std::os::unix::fs::symlink(from, folder.path().join(name)).expect("a link");
    }
    folder
}

fn eval_with(runtimes: &Path, cache: &Path) -> Ran {
    nerodia(["eval", "root = this"])
        .env("NERODIA_RUNTIME_DIR", runtimes)
        .env("NERODIA_CACHE_DIR", cache)
        .stdin("1\n")
        .run()
}

#[test]
fn a_runtime_that_is_missing_or_corrupt() {
    let folder = runtime_folder();
    let artifact = folder.path().join("cpython-3.14.wasm");
    let sums = folder.path().join("cpython-3.14.wasm.sha256sum");
    let told = |parts: &[&str]| {
        let ran = eval_with(folder.path(), folder.path()).expect(2);
        for part in parts {
            assert!(ran.stderr.contains(part), "no {part:?} in:\n{}", ran.stderr);
        }
        assert_eq!(ran.text(), "");
    };
    // With one bit changed.
    let mut bytes = fs::read(&artifact).expect("it is installed");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(&artifact).expect("a link");
    fs::write(&artifact, &bytes).expect("a file");
    told(&[
        "cpython-3.14.wasm is corrupt",
        "SHA-256",
        "scripts/install.sh",
    ]);
    // Truncated.
    fs::write(&artifact, &bytes[..1000]).expect("a file");
    told(&["cpython-3.14.wasm is corrupt", "scripts/install.sh"]);
    fs::remove_file(&sums).expect("a link");
    told(&["has no checksum", "scripts/install.sh cpython-3.14"]);
    fs::remove_file(&artifact).expect("a file");
    told(&[
        "is not installed",
        "scripts/install.sh cpython-3.14",
        "NERODIA_RUNTIME_DIR",
    ]);
}

#[test]
fn a_file_that_is_no_runtime() {
    use sha2::Digest;
    let folder = tempfile::tempdir().expect("a temporary folder");
    for bytes in [
        &b"hi"[..],
        b"\0asm\x01\0\0\0",
        b"\0asm\x0d\0\x01\0rubbish",
        b"no WebAssembly at all",
    ] {
        let sum: String = sha2::Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        fs::write(folder.path().join("cpython-3.14.wasm"), bytes).expect("a file");
        fs::write(folder.path().join("cpython-3.14.wasm.sha256sum"), sum).expect("a file");
        let ran = eval_with(folder.path(), folder.path()).expect(2);
        assert!(ran.stderr.contains("cpython-3.14.wasm"), "{}", ran.stderr);
        assert!(ran.stderr.contains("scripts/install.sh"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
}

#[test]
fn a_cache_that_is_corrupt_or_half_written_or_read_only() {
    let runtimes = runtime_folder();
    let cache = tempfile::tempdir().expect("a temporary folder");
    let compile = |arguments: &[&str]| {
        nerodia(["runtime", "compile"].iter().chain(arguments))
            .env("NERODIA_RUNTIME_DIR", runtimes.path())
            .env("NERODIA_CACHE_DIR", cache.path())
            .run()
            .expect(0)
    };
    compile(&[]);
    assert_eq!(
        eval_with(runtimes.path(), cache.path()).expect(0).text(),
        "1\n"
    );
    let file = |extension: &str| {
        let entries = fs::read_dir(cache.path()).expect("it was made");
        entries
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|found| found == extension))
            .expect("one entry was made")
    };
    let code = file("cwasm");
    let mut bytes = fs::read(&code).expect("it was made");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&code, &bytes).expect("a file");
    let ran = eval_with(runtimes.path(), cache.path()).expect(2);
    for part in [
        "is corrupt",
        code.to_str().expect("UTF-8"),
        "nerodia runtime compile --force",
    ] {
        assert!(ran.stderr.contains(part), "no {part:?} in:\n{}", ran.stderr);
    }
    compile(&["--force"]);
    assert_eq!(
        eval_with(runtimes.path(), cache.path()).expect(0).text(),
        "1\n"
    );
    // An entry that was never finished is made again.
    fs::remove_file(file("sha256")).expect("it was made");
    fs::write(file("cwasm"), b"half").expect("a file");
    let ran = eval_with(runtimes.path(), cache.path()).expect(0);
    assert_eq!(ran.text(), "1\n");
    assert!(
        ran.stderr.contains("compiling cpython-3.14"),
        "{}",
        ran.stderr
    );
    // A file in the place of the folder: nothing can be kept there.
    let blocked = runtimes.path().join("blocked");
    fs::write(&blocked, "").expect("a file");
    let ran = eval_with(runtimes.path(), &blocked).expect(2);
    assert!(ran.stderr.contains("NERODIA_CACHE_DIR"), "{}", ran.stderr);
}

#[test]
fn bytecode_in_the_cache_that_is_corrupt_or_missing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let with = |arguments: &[&str]| {
        nerodia(arguments)
            .env("NERODIA_RUNTIME_DIR", root().join("runtime"))
            .env("NERODIA_CACHE_DIR", folder.path())
            .stdin("1\n")
            .run()
    };
    let eval = || {
        let runtime = "guests.runtime=cpython-3.12";
        with(&["eval", "--set", runtime, "root = this"])
    };
    let listed = || {
        let list = with(&["runtime", "list"]).expect(0);
        let mut lines = list.text().lines();
        let line = lines.find(|line| line.starts_with("cpython-3.12"));
        line.expect("it is installed").to_owned()
    };
    with(&["runtime", "compile", "cpython-3.12"]).expect(0);
    let entries = fs::read_dir(folder.path()).expect("it was made");
    let code = entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "marshal"))
        .expect("bytecode was made");
    let made = fs::read(&code).expect("it was made");
    assert_eq!(eval().expect(0).text(), "1\n");
    assert!(listed().contains("  compiled"), "{}", listed());
    fs::write(&code, &made[1..]).expect("a file");
    let ran = eval().expect(2);
    for part in ["is corrupt", code.to_str().expect("UTF-8"), "delete "] {
        assert!(ran.stderr.contains(part), "no {part:?} in:\n{}", ran.stderr);
    }
    assert!(listed().contains("corrupt"), "{}", listed());
    // As the help says: the bytecode is made again, and the machine code is not.
    fs::remove_file(&code).expect("it was made");
    assert!(listed().contains("not compiled yet"), "{}", listed());
    let ran = eval().expect(0);
    assert_eq!(ran.text(), "1\n");
    assert!(!ran.stderr.contains("compiling"), "{}", ran.stderr);
    assert!(fs::metadata(&code).expect("it was made again").len() > 0);
}

#[test]
fn runtimes_are_listed_and_verified() {
    let list = nerodia(["runtime", "list"]).run().expect(0);
    let verified = nerodia(["runtime", "verify"]).run().expect(0);
    for runtime in RUNTIMES {
        assert!(list.text().contains(runtime), "{}", list.text());
        let told = format!("{runtime}: ");
        assert!(verified.text().contains(&told), "{}", verified.text());
    }
    let folder = runtime_folder();
    let sums = folder.path().join("cpython-3.14.wasm.sha256sum");
    fs::remove_file(&sums).expect("a link");
    fs::write(&sums, "0".repeat(64)).expect("a file");
    let ran = nerodia(["runtime", "verify"])
        .env("NERODIA_RUNTIME_DIR", folder.path())
        .run()
        .expect(2);
    assert!(ran.stderr.contains("is corrupt"), "{}", ran.stderr);
}
