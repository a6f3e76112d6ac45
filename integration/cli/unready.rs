//! A runtime whose guests never become ready ends the engine, and nothing leaves unprocessed.

use std::path::Path;

use support::{Ran, nerodia};

/// Returns a command that imports what is needed to make a runtime interruptible. As a guest it runs `instructions`.
/// When asked to compile the program of its guests, which is one more argument, it writes `compiled`.
fn module(compiled: &[u8], instructions: &[wasm_encoder::Instruction<'_>]) -> Vec<u8> {
    use wasm_encoder::*;
    /// Address of the number of arguments, and of a value that is not used.
    const ARGUMENTS: i32 = 0;
    const IGNORED: i32 = 4;
    /// Address of the description of the bytes to write, which follow it.
    const PIECE: i32 = 8;
    const COMPILED: i32 = 16;
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    types.ty().function([], []);
    types.ty().function([ValType::I32; 2], [ValType::I32]);
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    let mut imports = ImportSection::new();
    for (name, of_type) in [("sched_yield", 0), ("args_sizes_get", 2), ("fd_write", 3)] {
        let function = EntityType::Function(of_type);
        imports.import("wasi_snapshot_preview1", name, function);
    }
    let mut functions = FunctionSection::new();
    functions.function(1);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut globals = GlobalSection::new();
    let global = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    globals.global(global, &ConstExpr::i32_const(1 << 15));
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("_start", ExportKind::Func, 3);
    let count = MemArg {
        offset: 0,
        align: 2,
        memory_index: 0,
    };
    let compile = [
        Instruction::I32Const(ARGUMENTS),
        Instruction::I32Const(IGNORED),
        Instruction::Call(1),
        Instruction::Drop,
        Instruction::I32Const(ARGUMENTS),
        Instruction::I32Load(count),
        Instruction::I32Const(6),
        Instruction::I32Eq,
        Instruction::If(BlockType::Empty),
        Instruction::I32Const(1),
        Instruction::I32Const(PIECE),
        Instruction::I32Const(1),
        Instruction::I32Const(IGNORED),
        Instruction::Call(2),
        Instruction::Drop,
        Instruction::Return,
        Instruction::End,
    ];
    let mut start = Function::new([]);
    for instruction in compile.iter().chain(instructions) {
        start.instruction(instruction);
    }
    start.instruction(&Instruction::End);
    let mut code = CodeSection::new();
    code.function(&start);
    let mut data = DataSection::new();
    let length = i32::try_from(compiled.len()).unwrap();
    let piece = [COMPILED.to_le_bytes(), length.to_le_bytes()].concat();
    data.active(0, &ConstExpr::i32_const(PIECE), piece);
    data.active(0, &ConstExpr::i32_const(COMPILED), compiled.iter().copied());
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&memories)
        .section(&globals)
        .section(&exports)
        .section(&code)
        .section(&data);
    module.finish()
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
    use wasm_encoder::{BlockType, Instruction};
    let directory = tempfile::tempdir().unwrap();
    let burning: &[Instruction<'_>] = &[
        Instruction::Loop(BlockType::Empty),
        Instruction::Br(0),
        Instruction::End,
    ];
    let cases: [(&[Instruction<'_>], &str); 3] = [
        (burning, "no READY within 200ms"),
        (&[Instruction::Unreachable], "unreachable"),
        (&[], "exited with code 0"),
    ];
    for (instructions, why) in cases {
        let ran = with_runtime(directory.path(), &module(b"c", instructions)).expect(1);
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
    for compiled in [&b""[..], b"Traceback"] {
        let ran = with_runtime(directory.path(), &module(compiled, &[])).expect(2);
        for part in [
            "cpython-3.12.wasm does not compile the program that guests run",
            &format!("{} bytes that are no bytecode", compiled.len()),
            "run scripts/install.sh",
        ] {
            assert!(ran.stderr.contains(part), "no {part:?} in:\n{}", ran.stderr);
        }
        assert_eq!(ran.text(), "", "nothing leaves unprocessed");
    }
}
