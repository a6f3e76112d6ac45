//! Tests of guests with Python packages: built once, imported, and ready at once.

use std::fs;
use std::path::Path;

use support::{Ran, nerodia, root};

/// Builds the runtime for a requirements file.
fn build(requirements: &Path) -> Ran {
    let build = ["runtime", "build", "-r"].map(AsRef::as_ref);
    nerodia(build.into_iter().chain([requirements.as_os_str()])).run()
}

#[test]
fn well_known_packages_are_there_and_their_files_too() {
    let requirements = root().join("integration/packages/requirements.txt");
    let built = build(&requirements).expect(0);
    println!("{}", built.text());
    assert!(built.text().contains("READY in"), "{}", built.text());
    let again = build(&requirements).expect(0);
    assert!(
        !again.stderr.contains("building"),
        "it is there: {}",
        again.stderr
    );

    let config = root().join("integration/packages/pipeline.yaml");
    let ran = nerodia(["run".as_ref(), "-c".as_ref(), config.as_os_str()])
        .stdin(
            "{\"when\": \"25 November 2026 22:00 UTC\", \"total\": 12}\n{\"when\": \"tomorrow\"}\n",
        )
        .run()
        .expect(1);
    assert_eq!(
        ran.lines(),
        [r#"{"year":2026,"total":12,"easter":"2026-04-05","zone":"CET"}"#]
    );
    let letters = ran.dead_letters();
    assert_eq!(
        letters[0]["error"]["type"], "ValidationError",
        "{letters:?}"
    );
    let list = nerodia(["runtime", "list"]).run().expect(0);
    assert!(list.text().contains("packages-"), "{}", list.text());
    let lint = nerodia(["lint".as_ref(), config.as_os_str()]).run();
    lint.expect(0);
}

/// Makes a wheel whose code makes links to where the runtime could be written, in each folder that it can write to. The
/// links lead out of the folder in which the runtime is built, to the finished runtimes. If a link cannot be made in
/// the folders of `-p`, which are /0 and so on, the build fails: the test would show nothing.
const LINKING: &str = r#"
import sys, zipfile
where, name = sys.argv[1:]
code = f"""import os, sys
outside = '../../../../outside.bin'
for folder in ('/0', '/1', '/2'):
    os.symlink(outside, f'{{folder}}/{name}.wasm')
for folder in sys.path:
    try:
        os.symlink(outside, f'{{folder}}/{name}.wasm')
    except OSError:
        pass  # it is there, or no folder
"""
of = 'nerodia_test_links-1.0.dist-info/'
with zipfile.ZipFile(where + '/nerodia_test_links-1.0-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('nerodia_test_links.py', code)
    wheel.writestr(of + 'METADATA', 'Metadata-Version: 2.1\nName: nerodia-test-links\nVersion: 1.0\n')
    wheel.writestr(of + 'WHEEL', 'Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
    wheel.writestr(of + 'RECORD', ''.join(name + ',,\n' for name in [*wheel.namelist(), of + 'RECORD']))
"#;

/// Returns the name of the runtime for the requirements in `folder`, as the program prints it.
fn runtime_name(folder: &Path) -> String {
    let config = folder.join("pipeline.yaml");
    let text = "pipeline: { processors: [{ python: { script: root = this, packages: requirements.txt } }] }";
    fs::write(&config, text).expect("a file");
    let lint = nerodia(["lint"]).arg(&config).run().expect(2);
    let mut said = lint.stderr.split_whitespace();
    let name = said.find(|word| word.starts_with("packages-"));
    name.unwrap_or_else(|| panic!("{}", lint.stderr)).to_owned()
}

/// A package's code runs while the runtime is built, in the sandbox. It may write to what is mounted there, including
/// links. Checks that the runtime is not written through them.
#[test]
fn a_package_cannot_have_the_runtime_written_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let requirements = folder.path().join("requirements.txt");
    let text = "nerodia-test-links==1.0\n";
    fs::write(&requirements, text).expect("a file");
    let name = runtime_name(folder.path());
    let made = std::process::Command::new("python3")
        .args(["-c", LINKING])
        .arg(folder.path())
        .arg(&name)
        .status();
    assert!(made.expect("python3").success());
    let runtimes = tempfile::tempdir().expect("a folder");
    let args = ["runtime", "build", "-r"].map(AsRef::as_ref);
    let ran = nerodia(args.into_iter().chain([requirements.as_os_str()]))
        .env("NERODIA_RUNTIME_DIR", runtimes.path())
        .env("NERODIA_CACHE_DIR", runtimes.path().join("cache"))
        .env("PIP_FIND_LINKS", folder.path())
        .run();
    let outside = runtimes.path().join("outside.bin");
    assert!(!outside.exists(), "it is written: {}", ran.stderr);
    let ran = ran.expect(0);
    assert!(ran.text().contains("READY in"), "{}", ran.text());
    let built = fs::symlink_metadata(runtimes.path().join(format!("{name}.wasm")));
    assert!(built.expect("it is built").is_file(), "and no link");
    let mut left: Vec<_> = fs::read_dir(runtimes.path())
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("it can be read")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    left.sort();
    let expected = [
        "cache".to_owned(),
        format!("{name}.wasm"),
        format!("{name}.wasm.sha256sum"),
    ];
    assert_eq!(left, expected, "nothing beside it");
}

#[test]
fn native_code_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let requirements = folder.path().join("requirements.txt");
    fs::write(&requirements, "numpy==2.3.1\n").expect("a file");
    let ran = build(&requirements).expect(2);
    assert!(
        ran.stderr.contains("numpy has no wheel of pure Python"),
        "{}",
        ran.stderr
    );
    let ran = build(&folder.path().join("missing.txt")).expect(2);
    assert!(ran.stderr.contains("cannot read"), "{}", ran.stderr);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("pipeline.yaml");
    let lint = |text: &str| {
        fs::write(&config, text).expect("a file");
        let lint = nerodia(["lint".as_ref(), config.as_os_str()]).run();
        lint.expect(2).stderr
    };
    let text =
        "pipeline:\n  processors:\n    - python: { script: root = this, packages: needs.txt }\n";
    let said = lint(text);
    assert!(
        said.contains("pipeline.yaml:3:48") && said.contains("there is no such file"),
        "{said}"
    );
    fs::write(
        folder.path().join("needs.txt"),
        "never-built-of-this-text\n",
    )
    .expect("a file");
    let said = lint(text);
    assert!(said.contains("nerodia runtime build -r"), "{said}");
    let said = lint(&format!("{text}guests: {{ runtime: cpython-3.12 }}\n"));
    assert!(said.contains("cpython-3.12 has no packages"), "{said}");
    let two = format!("{text}    - python: {{ script: root = this, packages: other.txt }}\n");
    let said = lint(&two);
    assert!(said.contains("two files of packages"), "{said}");
    let said = lint(
        "pipeline:\n  processors:\n    - python: { script: root = jmespath, imports: [jmespath] }\n",
    );
    assert!(said.contains("`packages`"), "{said}");
}
