use super::count::{BYTES_A_TICK, RED_ZONE, TICKS};
use super::*;
use crate::guest::deadline::Over;

mod library;

/// Returns a command with a loop that fills `length` bytes each time, and counts calls to `sched_yield` down.
fn command(length: i32) -> Vec<u8> {
    use wasm_encoder::*;
    let mut module = Module::new();
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    types.ty().function([], []);
    let mut imports = ImportSection::new();
    imports.import(
        "wasi_snapshot_preview1",
        "sched_yield",
        EntityType::Function(0),
    );
    let mut functions = FunctionSection::new();
    functions.function(1);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1024,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut globals = GlobalSection::new();
    let mutable = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    globals.global(mutable, &ConstExpr::i32_const(0));
    let mut exports = ExportSection::new();
    exports.export("_start", ExportKind::Func, 1);
    exports.export("passes", ExportKind::Global, 0);
    let mut start = wasm_encoder::Function::new([]);
    start.instruction(&Instruction::Loop(BlockType::Empty));
    start.instruction(&Instruction::GlobalGet(0));
    start.instruction(&Instruction::I32Const(1));
    start.instruction(&Instruction::I32Add);
    start.instruction(&Instruction::GlobalSet(0));
    for operand in [0, 0, length] {
        start.instruction(&Instruction::I32Const(operand));
    }
    start.instruction(&Instruction::MemoryFill(0));
    start.instruction(&Instruction::Br(0));
    start.instruction(&Instruction::End);
    start.instruction(&Instruction::End);
    let mut code = CodeSection::new();
    code.function(&start);
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&memories)
        .section(&globals)
        .section(&exports)
        .section(&code);
    module.finish()
}

/// Returns the number of passes of the loop until the counter has called `sched_yield` ten times.
fn passes(length: i32) -> i32 {
    let metered = module(&command(length)).expect("it has sched_yield");
    let engine = wasmtime::Engine::default();
    let compiled = wasmtime::Module::new(&engine, &metered).expect("it is valid");
    let mut store = wasmtime::Store::new(&engine, 0u64);
    let mut linker = wasmtime::Linker::new(&engine);
    let calls = |mut caller: wasmtime::Caller<'_, u64>| -> wasmtime::Result<i32> {
        *caller.data_mut() += 1;
        if *caller.data() < 10 {
            Ok(0)
        } else {
            Err(wasmtime::Error::new(Over))
        }
    };
    linker
        .func_wrap("wasi_snapshot_preview1", "sched_yield", calls)
        .expect("once");
    let instance = linker
        .instantiate(&mut store, &compiled)
        .expect("it imports no more");
    let start = instance
        .get_typed_func::<(), ()>(&mut store, "_start")
        .expect("it is there");
    let error = start.call(&mut store, ()).expect_err("it never returns");
    assert_eq!(error.downcast_ref(), Some(&Over));
    let passes = instance
        .get_global(&mut store, "passes")
        .expect("it is there");
    passes.get(&mut store).i32().expect("it is an i32")
}

#[test]
fn a_loop_is_interrupted_the_sooner_the_more_it_does() {
    assert_eq!(passes(0), 10 * TICKS - 1);
    assert_eq!(passes(100), 10 * TICKS - 1, "too few bytes to count");
    // A pass of 1 MiB costs one tick, and one more for each KiB; the last pass ends at its beginning.
    let ticks = 1 + (1 << 20) / BYTES_A_TICK as i32;
    assert_eq!(passes(1 << 20) / 10, (TICKS + ticks - 1) / ticks);
    assert_eq!(passes(60 << 20), 10, "each pass");
}

/// Returns a C function that calls nothing: it keeps a number below the stack pointer, loops for long, and returns it.
fn leaf() -> Vec<u8> {
    use wasm_encoder::*;
    let mutable = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I64]);
    types.ty().function([], [ValType::I32]);
    let mut imports = ImportSection::new();
    imports.import("env", "time", EntityType::Function(0));
    imports.import(
        "env",
        "__memory_base",
        EntityType::Global(GlobalType {
            mutable: false,
            ..mutable
        }),
    );
    imports.import("env", "__stack_pointer", EntityType::Global(mutable));
    imports.import(
        "env",
        "memory",
        EntityType::Memory(MemoryType {
            minimum: 1,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        }),
    );
    let mut functions = FunctionSection::new();
    functions.function(1);
    let mut globals = GlobalSection::new();
    globals.global(mutable, &ConstExpr::i32_const(0));
    let mut exports = ExportSection::new();
    exports.export("leaf", ExportKind::Func, 1);
    let at = MemArg {
        offset: 0,
        align: 2,
        memory_index: 0,
    };
    let mut leaf = Function::new([(2, ValType::I32)]);
    for instruction in [
        Instruction::GlobalGet(1),
        Instruction::I32Const(RED_ZONE),
        Instruction::I32Sub,
        Instruction::LocalTee(0),
        Instruction::I32Const(42),
        Instruction::I32Store(at),
        Instruction::Loop(BlockType::Empty),
        Instruction::LocalGet(1),
        Instruction::I32Const(1),
        Instruction::I32Add,
        Instruction::LocalTee(1),
        Instruction::I32Const(3 * TICKS),
        Instruction::I32LtS,
        Instruction::BrIf(0),
        Instruction::End,
        Instruction::LocalGet(0),
        Instruction::I32Load(at),
        Instruction::End,
    ] {
        leaf.instruction(&instruction);
    }
    let mut code = CodeSection::new();
    code.function(&leaf);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&globals)
        .section(&exports)
        .section(&code);
    module.finish()
}

#[test]
fn what_c_keeps_below_its_stack_pointer_stays() {
    use wasmtime::{Caller, Global, GlobalType, Memory, MemoryType, Mutability, Val, ValType};
    let metered = module(&leaf()).expect("it has time");
    let engine = wasmtime::Engine::default();
    let compiled = wasmtime::Module::new(&engine, &metered).expect("it is valid");
    let mut store = wasmtime::Store::new(&engine, 0u32);
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).expect("a page");
    let mut global = |mutability| {
        let kind = GlobalType::new(ValType::I32, mutability);
        Global::new(&mut store, kind, Val::I32(1024)).expect("a number")
    };
    let (base, stack_pointer) = (global(Mutability::Const), global(Mutability::Var));
    // Like C's own `time`, it uses the bytes below the stack pointer.
    let time = move |mut caller: Caller<'_, u32>, _: i32| -> i64 {
        *caller.data_mut() += 1;
        let top = stack_pointer.get(&mut caller).i32().expect("an i32") as usize;
        memory.data_mut(&mut caller)[top - 512..top].fill(0xff);
        0
    };
    let mut linker = wasmtime::Linker::new(&engine);
    linker.func_wrap("env", "time", time).expect("once");
    linker
        .define(&store, "env", "memory", memory)
        .expect("once");
    linker
        .define(&store, "env", "__memory_base", base)
        .expect("once");
    linker
        .define(&store, "env", "__stack_pointer", stack_pointer)
        .expect("once");
    let instance = linker
        .instantiate(&mut store, &compiled)
        .expect("it imports no more");
    let leaf = instance
        .get_typed_func::<(), i32>(&mut store, "leaf")
        .expect("it is there");
    assert_eq!(leaf.call(&mut store, ()).expect("it returns"), 42);
    assert!(*store.data() >= 2, "it was interrupted");
    assert_eq!(stack_pointer.get(&mut store).i32(), Some(1024), "as it was");
}

#[test]
fn what_cannot_be_interrupted_is_refused() {
    for wasm in [&b"\0asm\x01\0\0\0"[..], b"\0asm\x0d\0\x01\0"] {
        let made = if wasm[6] == 1 {
            component(wasm)
        } else {
            module(wasm)
        };
        assert!(matches!(made, Err(MeterError::NoTarget)));
    }
    assert!(matches!(module(b"rubbish"), Err(MeterError::Malformed(_))));
}
