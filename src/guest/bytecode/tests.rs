//! Tests with commands that are not Python.

use wasm_encoder::*;
use wasmtime::Module;

use super::super::store;
use super::*;

/// Returns the result of `make` for a command that writes `output` and then runs `body`.
fn made(output: &[u8], body: &[Instruction<'_>]) -> Result<Vec<u8>, BytecodeError> {
    const MODULE: &str = "wasi_snapshot_preview1";
    const WRITE: u32 = 0;
    /// Address of the description of the bytes to write, which follow it.
    const PIECE: i32 = 0;
    const OUTPUT: i32 = 16;
    const WRITTEN: i32 = 8;
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    types.ty().function([], [ValType::I32]);
    types.ty().function([ValType::I32], []);
    types.ty().function([], []);
    let mut imports = ImportSection::new();
    imports.import(MODULE, "fd_write", EntityType::Function(0));
    imports.import(MODULE, "sched_yield", EntityType::Function(1));
    imports.import(MODULE, "proc_exit", EntityType::Function(2));
    let mut functions = FunctionSection::new();
    functions.function(3);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("_start", ExportKind::Func, 3);
    let mut start = Function::new([]);
    for number in [1, PIECE, 1, WRITTEN] {
        start.instruction(&Instruction::I32Const(number));
    }
    start.instruction(&Instruction::Call(WRITE));
    start.instruction(&Instruction::Drop);
    for instruction in body {
        start.instruction(instruction);
    }
    start.instruction(&Instruction::End);
    let mut code = CodeSection::new();
    code.function(&start);
    let mut data = DataSection::new();
    let length = i32::try_from(output.len()).unwrap();
    let piece = [OUTPUT.to_le_bytes(), length.to_le_bytes()].concat();
    data.active(0, &ConstExpr::i32_const(PIECE), piece);
    data.active(0, &ConstExpr::i32_const(OUTPUT), output.iter().copied());
    let mut module = wasm_encoder::Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&memories)
        .section(&exports)
        .section(&code)
        .section(&data);
    let engine = store::engine().unwrap();
    let module = Module::new(&engine, module.finish()).unwrap();
    let program = command::link(&engine, &module).unwrap();
    make_within(Duration::from_millis(200), &engine, &program)
}

const YIELD: Instruction<'_> = Instruction::Call(1);
const EXIT: Instruction<'_> = Instruction::Call(2);

#[test]
fn what_it_writes_is_the_bytecode() {
    for first in [b'c', b'c' | 0x80] {
        let code = [first, 0, 1, 2];
        assert_eq!(made(&code, &[]).unwrap(), code);
        let exit = [Instruction::I32Const(0), EXIT];
        assert_eq!(made(&code, &exit).unwrap(), code);
    }
}

#[test]
fn what_is_no_bytecode_is_refused() {
    for output in [&b""[..], b"Traceback", b"[\0\0\0\0"] {
        let error = made(output, &[]).unwrap_err();
        assert!(matches!(error, BytecodeError::Foreign(length) if length == output.len()));
    }
}

#[test]
fn a_run_that_fails_gives_none_whatever_it_has_written() {
    let exit = [Instruction::I32Const(1), EXIT];
    let error = made(b"c", &exit).unwrap_err();
    assert!(matches!(error, BytecodeError::Died(Death::Exit(1))));
    let error = made(b"c", &[Instruction::Unreachable]).unwrap_err();
    assert!(matches!(error, BytecodeError::Died(Death::Trap(_))));
}

#[test]
fn a_run_that_hangs_is_ended() {
    let forever = [
        Instruction::Loop(BlockType::Empty),
        YIELD,
        Instruction::Drop,
        Instruction::Br(0),
        Instruction::End,
    ];
    let error = made(b"c", &forever).unwrap_err();
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
