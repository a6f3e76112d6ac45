//! Tests with a C library that is a module of its own.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction, Module, TypeSection,
    ValType,
};

use super::super::count::PASSES_AT_ONCE;
use super::*;

/// Returns a function that makes as many passes as its argument says, and then calls `then`.
fn looping(then: Option<u32>) -> Function {
    let mut function = Function::new([(1, ValType::I32)]);
    for instruction in [
        Instruction::Loop(BlockType::Empty),
        Instruction::LocalGet(1),
        Instruction::I32Const(1),
        Instruction::I32Add,
        Instruction::LocalTee(1),
        Instruction::LocalGet(0),
        Instruction::I32LtS,
        Instruction::BrIf(0),
        Instruction::End,
        Instruction::LocalGet(0),
    ] {
        function.instruction(&instruction);
    }
    if let Some(then) = then {
        function.instruction(&Instruction::Call(then));
    }
    function.instruction(&Instruction::End);
    function
}

/// Returns a library: `memchr` loops; `malloc` loops and calls two more functions that loop, one by its index, one by
/// the import that stands for the module's own `sbrk`. `time` asks the host.
fn library() -> Vec<u8> {
    let (host, sbrk_import, memchr, malloc, inner, sbrk, time) = (0, 1, 2, 3, 4, 5, 6);
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I64]);
    types.ty().function([ValType::I32], [ValType::I32]);
    let mut imports = ImportSection::new();
    imports.import("host", "now", EntityType::Function(0));
    imports.import("env", "sbrk", EntityType::Function(1));
    let mut functions = FunctionSection::new();
    for kind in [1, 1, 1, 1, 0] {
        functions.function(kind);
    }
    let mut globals = GlobalSection::new();
    let global = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    globals.global(global, &ConstExpr::i32_const(0));
    let mut exports = ExportSection::new();
    for (name, function) in [
        ("memchr", memchr),
        ("malloc", malloc),
        ("sbrk", sbrk),
        ("time", time),
    ] {
        exports.export(name, ExportKind::Func, function);
    }
    let mut now = Function::new([]);
    for instruction in [
        Instruction::LocalGet(0),
        Instruction::Call(host),
        Instruction::End,
    ] {
        now.instruction(&instruction);
    }
    let mut code = CodeSection::new();
    for function in [
        looping(None),
        looping(Some(inner)),
        looping(Some(sbrk_import)),
        looping(None),
        now,
    ] {
        code.function(&function);
    }
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

/// Returns how often the host is asked during `calls` calls of `name` with this number of passes.
fn asked(name: &str, calls: i32, passes: i32) -> i32 {
    let metered = module(&library()).expect("it has time");
    let engine = wasmtime::Engine::default();
    let compiled = wasmtime::Module::new(&engine, &metered).expect("it is valid");
    let mut store = wasmtime::Store::new(&engine, 0);
    let mut linker = wasmtime::Linker::new(&engine);
    let now = |mut caller: wasmtime::Caller<'_, i32>, null: i32| -> i64 {
        assert_eq!(null, 0);
        *caller.data_mut() += 1;
        0
    };
    linker.func_wrap("host", "now", now).expect("once");
    let identity = |passes: i32| passes;
    linker.func_wrap("env", "sbrk", identity).expect("once");
    let instance = linker
        .instantiate(&mut store, &compiled)
        .expect("it imports no more");
    let function = instance
        .get_typed_func::<i32, i32>(&mut store, name)
        .expect("it is there");
    for _ in 0..calls {
        let given = function.call(&mut store, passes);
        assert_eq!(given.expect("it returns"), passes, "it does what it did");
    }
    *store.data()
}

#[test]
fn long_loops_of_the_library_ask_the_host() {
    assert_eq!(asked("memchr", 1, 10 * TICKS), 10);
    // The callers' loops count the calls.
    assert_eq!(asked("memchr", 100_000, PASSES_AT_ONCE - 1), 0);
    assert_eq!(asked("memchr", TICKS, PASSES_AT_ONCE), PASSES_AT_ONCE);
}

#[test]
fn the_allocator_never_asks_whatever_it_calls() {
    assert_eq!(asked("malloc", 10, 100 * TICKS), 0);
    assert_eq!(asked("sbrk", 10, 100 * TICKS), 0);
}
