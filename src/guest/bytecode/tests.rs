//! Tests with commands that are not Python.

use wasmtime::Module;

use super::super::{rewrite, store};
use super::*;

/// Returns the result of `make` for a command that writes `output` and then runs `body`.
fn made(output: &[u8], body: &str) -> Result<Vec<u8>, BytecodeError> {
    // At 0 the address and length of the bytes to write, which are at 16; at 8 the number of bytes that were written.
    let bytes: String = output.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let length = format!("\\{:02x}", output.len());
    let text = format!(
        "(module
          (import \"wasi_snapshot_preview1\" \"fd_write\"
            (func $write (param i32 i32 i32 i32) (result i32)))
          (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
          (memory (export \"memory\") 1)
          (data (i32.const 0) \"\\10\\00\\00\\00{length}\\00\\00\\00\")
          (data (i32.const 16) \"{bytes}\")
          (func (export \"_start\")
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
            {body}))"
    );
    let wasm = rewrite::command(&wat::parse_str(text).unwrap()).unwrap();
    let engine = store::engine().unwrap();
    let module = Module::new(&engine, wasm).unwrap();
    let program = command::link(&engine, &module).unwrap();
    make_within(Duration::from_millis(200), &engine, &program)
}

#[test]
fn what_it_writes_is_the_bytecode() {
    for first in [b'c', b'c' | 0x80] {
        let code = [first, 0, 1, 2];
        assert_eq!(made(&code, "").unwrap(), code);
        let exit = "(call $exit (i32.const 0))";
        assert_eq!(made(&code, exit).unwrap(), code);
    }
}

#[test]
fn what_is_no_bytecode_is_refused() {
    for output in [&b""[..], b"Traceback", b"[\0\0\0\0"] {
        let error = made(output, "").unwrap_err();
        assert!(matches!(error, BytecodeError::Foreign(length) if length == output.len()));
    }
}

#[test]
fn a_run_that_fails_gives_none_whatever_it_has_written() {
    let error = made(b"c", "(call $exit (i32.const 1))").unwrap_err();
    assert!(matches!(error, BytecodeError::Died(Death::Exit(1))));
    let error = made(b"c", "unreachable").unwrap_err();
    assert!(matches!(error, BytecodeError::Died(Death::Trap(_))));
}

#[test]
fn a_run_that_hangs_is_ended() {
    let error = made(b"c", "(loop (br 0))").unwrap_err();
    assert!(matches!(error, BytecodeError::Died(Death::Timeout(_))));
}

#[test]
fn no_guest_is_given_the_text() {
    let guest = command::arguments([loader(1234)]);
    let program = guest.last().unwrap();
    assert!(
        guest.iter().map(String::len).sum::<usize>() < 400,
        "{guest:?}"
    );
    assert!(
        program.contains("1234") && program.ends_with("main()\n"),
        "{program}"
    );
    // The text defines `main`, and leaves the call to the loader and to the snapshot.
    let entrypoint = entrypoint();
    assert!(entrypoint.contains("\ndef main():\n"));
    assert!(!entrypoint.contains("\nmain()") && !entrypoint.contains("__main__\":"));
}
