//! Keeps the line tables in the program small, since they are read only when something panics, and takes the default
//! runtime's machine code into it if the feature `embedded` asks for that.

use std::collections::HashMap;
use std::path::Path;
use std::{env, fs};

/// The runtime that is taken into the program, and the command that makes its machine code.
const NAME: &str = "cpython-3.14";
const MAKE: &str =
    "cargo build --release --locked && target/release/nerodia runtime compile --portable";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Other systems' linkers have no such option. What Rust's backtraces read may be compressed with zlib.
    if variable("CARGO_CFG_TARGET_OS") == "linux" {
        println!("cargo::rustc-link-arg-bins=-Wl,--compress-debug-sections=zlib");
    }
    println!("cargo::rustc-env=NERODIA_TARGET={}", variable("TARGET"));
    println!("cargo::rustc-env=NERODIA_WASMTIME={}", wasmtime());
    if env::var_os("CARGO_FEATURE_EMBEDDED").is_some()
        && let Err(problem) = embed()
    {
        println!(
            "cargo::error=the feature `embedded` has no machine code of {NAME} to take in: {problem}. Make it: {MAKE}"
        );
    }
}

/// Writes what src/guest/embedded.rs includes, or returns why the machine code cannot be taken.
fn embed() -> Result<(), String> {
    let root = variable("CARGO_MANIFEST_DIR");
    let about = format!("{root}/runtime/embedded/{NAME}.txt");
    let code = format!("{root}/runtime/embedded/{NAME}.cwasm");
    let checksum = format!("{root}/runtime/{NAME}.wasm.sha256sum");
    for file in [&about, &code, &checksum] {
        println!("cargo::rerun-if-changed={file}");
    }
    let text = read(&about)?;
    let facts: HashMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    let fact = |name| {
        facts
            .get(name)
            .copied()
            .ok_or_else(|| format!("{about} does not say its {name}"))
    };

    let same = |what, found: &str, wanted: &str| {
        if found == wanted {
            return Ok(());
        }
        Err(format!("{code} was made for {what} {found}, not {wanted}"))
    };
    same("target", fact("target")?, &variable("TARGET"))?;
    same("Wasmtime", fact("wasmtime")?, &wasmtime())?;
    // A checkout may have no runtime but the machine code.
    if let Ok(sums) = fs::read_to_string(&checksum) {
        let installed = sums.split_whitespace().next().unwrap_or_default();
        same("the runtime with SHA-256", fact("runtime")?, installed)?;
    }
    let bytes = fs::metadata(&code)
        .map_err(|error| format!("cannot read {code}: {error}"))?
        .len();
    same("a file of bytes", fact("bytes")?, &bytes.to_string())?;

    let (rewrite, sha256) = (fact("rewrite")?, fact("sha256")?);
    let source = format!(
        "static CODE: Pages<{bytes}> = Pages(*include_bytes!({code:?}));\n\
         static EMBEDDED: Option<Embedded> = Some(Embedded {{ name: {NAME:?}, code: &CODE.0, sha256: {sha256:?} }});\n\
         const _: () = assert!(\n    super::rewrite::VERSION == {rewrite},\n    {:?}\n);\n",
        format!(
            "the embedded machine code was made by another version of the rewriting. Make it again: {MAKE}"
        ),
    );
    let place = Path::new(&variable("OUT_DIR")).join("embedded.rs");
    fs::write(&place, source).map_err(|error| format!("cannot write {}: {error}", place.display()))
}

/// Returns the version of Wasmtime in Cargo.lock.
fn wasmtime() -> String {
    let path = variable("CARGO_MANIFEST_DIR") + "/Cargo.lock";
    println!("cargo::rerun-if-changed={path}");
    let lock = fs::read_to_string(path).unwrap_or_default();
    let after = lock.split("name = \"wasmtime\"\nversion = \"").nth(1);
    let version = after.and_then(|rest| rest.split('"').next());
    version.unwrap_or_default().to_owned()
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))
}

/// Returns a variable that cargo sets for build scripts.
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
