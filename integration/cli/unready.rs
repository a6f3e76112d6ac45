//! A runtime whose guests never become ready ends the engine, and nothing leaves unprocessed.

use std::path::Path;

use support::{Ran, nerodia};

/// Returns a command that, as a guest, runs `body`. When asked to compile the program of its guests, which is one more
/// argument, it writes `compiled`.
fn module(compiled: &str, body: &str) -> Vec<u8> {
    // At 0 the number of arguments; at 8 the address and length of the bytes to write, which are at 16.
    let text = format!(
        "(module
          (import \"wasi_snapshot_preview1\" \"args_sizes_get\"
            (func $arguments (param i32 i32) (result i32)))
          (import \"wasi_snapshot_preview1\" \"fd_write\"
            (func $write (param i32 i32 i32 i32) (result i32)))
          (memory (export \"memory\") 1)
          (data (i32.const 8) \"\\10\\00\\00\\00\\{:02x}\\00\\00\\00\")
          (data (i32.const 16) \"{compiled}\")
          (func (export \"_start\")
            (drop (call $arguments (i32.const 0) (i32.const 4)))
            (if (i32.eq (i32.load (i32.const 0)) (i32.const 6))
              (then
                (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 4)))
                return))
            {body}))",
        compiled.len()
    );
    wat::parse_str(text).unwrap()
}

fn with_runtime(directory: &Path, wasm: &[u8]) -> Ran {
    use sha2::Digest;
    let sum: String = sha2::Sha256::digest(wasm)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    std::fs::write(directory.join("cpython-3.12.wasm"), wasm).unwrap();
    std::fs::write(
        directory.join("cpython-3.12.wasm.sha256sum"),
        format!("{sum}  x\n"),
    )
    .unwrap();
    nerodia(["eval", "root = this"])
        .set("logger.level=info")
        .set("guests.runtime=cpython-3.12")
        .set("guests.start_timeout=200ms")
        .env("NERODIA_RUNTIME_DIR", directory)
        .stdin("1\n2\n")
        .run()
}

#[test]
fn never_ready() {
    let directory = tempfile::tempdir().unwrap();
    let cases = [
        ("(loop (br 0))", "no READY within 200ms"),
        ("unreachable", "unreachable"),
        ("", "exited with code 0"),
    ];
    for (body, why) in cases {
        let ran = with_runtime(directory.path(), &module("c", body)).expect(1);
        assert!(ran.stderr.contains("guests cannot start"), "{}", ran.stderr);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
        assert_eq!(ran.text(), "", "nothing leaves unprocessed");
        assert_eq!(
            ran.logged("guest did not start").len(),
            3,
            "tried again, with back-off, then gave up"
        );
    }
}

#[test]
fn a_runtime_that_cannot_compile_what_guests_run() {
    let directory = tempfile::tempdir().unwrap();
    for compiled in ["", "Traceback"] {
        let ran = with_runtime(directory.path(), &module(compiled, "")).expect(2);
        for part in [
            "cpython-3.12.wasm does not compile the program that guests run",
            &format!("{} bytes that are no bytecode", compiled.len()),
            "install it again (scripts/install.sh of the repository)",
        ] {
            assert!(ran.stderr.contains(part), "no {part:?} in:\n{}", ran.stderr);
        }
        assert_eq!(ran.text(), "", "nothing leaves unprocessed");
    }
}
