//! A command's C stack.

use wasm_encoder::{
    CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, Instruction, MemArg, MemorySection, MemoryType,
    Module, TypeSection, ValType,
};

use super::*;

/// What each call takes of the stack.
const FRAME: i32 = 4096;
/// The stack that was linked: a page. Memory is two pages.
const LINKED: i32 = 1 << 16;

/// A command that calls itself for ever, with a frame each, and counts its calls.
fn recursing() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    types.ty().function([], []);
    let mut imports = ImportSection::new();
    let yielding = EntityType::Function(0);
    imports.import("wasi_snapshot_preview1", "sched_yield", yielding);
    let mut functions = FunctionSection::new();
    functions.function(1);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 2,
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
    globals.global(global, &ConstExpr::i32_const(LINKED));
    globals.global(global, &ConstExpr::i32_const(0));
    let mut exports = ExportSection::new();
    exports.export("_start", ExportKind::Func, 1);
    exports.export("stack", ExportKind::Global, 0);
    exports.export("calls", ExportKind::Global, 1);
    exports.export("memory", ExportKind::Memory, 0);
    let at = MemArg {
        offset: 0,
        align: 2,
        memory_index: 0,
    };
    let mut start = Function::new([]);
    for instruction in [
        Instruction::GlobalGet(1),
        Instruction::I32Const(1),
        Instruction::I32Add,
        Instruction::GlobalSet(1),
        Instruction::GlobalGet(0),
        Instruction::I32Const(FRAME),
        Instruction::I32Sub,
        Instruction::GlobalSet(0),
        Instruction::GlobalGet(0),
        Instruction::I32Const(-1),
        Instruction::I32Store(at),
        Instruction::Call(1),
        Instruction::End,
    ] {
        start.instruction(&instruction);
    }
    let mut code = CodeSection::new();
    code.function(&start);
    let mut module = Module::new();
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

#[test]
fn it_is_larger_and_ends_before_the_heap() {
    let metered = module(&recursing()).expect("it has sched_yield");
    let engine = wasmtime::Engine::default();
    let compiled = wasmtime::Module::new(&engine, &metered).expect("it is valid");
    let mut store = wasmtime::Store::new(&engine, ());
    let mut linker = wasmtime::Linker::new(&engine);
    linker
        .func_wrap("wasi_snapshot_preview1", "sched_yield", || 0)
        .expect("once");
    let instance = linker
        .instantiate(&mut store, &compiled)
        .expect("it imports no more");
    let start = instance
        .get_typed_func::<(), ()>(&mut store, "_start")
        .expect("it is there");
    let memory = instance.get_memory(&mut store, "memory").expect("there");
    let heap = memory.data(&store)[..2 * LINKED as usize].to_vec();
    let error = start.call(&mut store, ()).expect_err("it never returns");
    assert_eq!(
        error.downcast_ref(),
        Some(&wasmtime::Trap::MemoryOutOfBounds)
    );
    let mut global = |name| {
        let global = instance.get_global(&mut store, name).expect("it is there");
        global.get(&mut store).i32().expect("a number")
    };
    assert!(global("stack") >= 2 * LINKED, "it ended in its last frame");
    let calls = global("calls");
    let size = memory.data_size(&store) as i32 - 2 * LINKED;
    assert!(size >= 4 << 20, "some MiB: {size}");
    assert_eq!(calls, size / FRAME, "all of it could be used");
    assert!(
        heap == memory.data(&store)[..heap.len()],
        "nothing beside it"
    );
}
