//! Makes a runtime interruptible: the interpreter itself asks now and then whether its time is over.
//!
//! Wasmtime's own way, epochs, checks at the entry of each function and at each loop. CPython is many small
//! functions, and that costs it 15 % (docs/decisions.md has the figures). Its code is known, and calls alone,
//! without a loop, end by themselves: the interpreter runs scripts in a loop. So this adds a counter to the
//! artifact before it is compiled: each pass of a loop takes one off, bulk memory operations take one off for
//! each `BYTES_A_TICK` bytes, and when it is used up a function of the host is called, where
//! [`Deadline`] ends the guest with a trap. Sleeping guests wait in the host and need no counter.
//!
//! The function called must be one that the module has already: a component's modules cannot be given
//! further imports without building it anew. It is one whose result may be thrown away, see `TARGETS`.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use wasm_encoder::reencode::{self, Reencode, ReencodeComponent, utils};
use wasm_encoder::{
    BlockType, CodeSection, Component, ConstExpr, Function, GlobalSection, GlobalType, Instruction,
    Module, ValType,
};
use wasmparser::{ExternalKind, FunctionBody, Operator, Parser, Payload, TypeRef};

/// To be changed with whatever this file does to an artifact: what was compiled before is compiled anew.
pub const VERSION: u32 = 3;

/// Ticks between two looks at the clock: some microseconds of the interpreter's time.
const TICKS: i32 = 4096;
/// C code that calls nothing keeps its locals below the stack pointer, this far down, and does not move the pointer
/// (`RedZoneSize` in LLVM's WebAssemblyFrameLowering.cpp). A call put in there must leave those bytes alone.
const RED_ZONE: i32 = 128;
/// So many bytes that are copied or filled at once count as one pass of a loop.
const BYTES_A_TICK: u32 = 1 << 10;

/// Functions that the counter may call when it is used up.
static TARGETS: [Target; 3] = [
    // libpython in a component: `time(NULL)` of its C library, which asks the host for the time.
    Target::Import("env", "time"),
    // That C library itself.
    Target::Export("time"),
    // A command.
    Target::Import("wasi_snapshot_preview1", "sched_yield"),
];

enum Target {
    Import(&'static str, &'static str),
    Export(&'static str),
}

impl Target {
    fn takes_null(&self) -> bool {
        !matches!(self, Target::Import("wasi_snapshot_preview1", _))
    }

    /// Whether the module is the C library: each of its loops ends with what it was given.
    fn is_library(&self) -> bool {
        matches!(self, Target::Export(_))
    }
}

/// Why an artifact cannot be made interruptible.
#[derive(Debug, thiserror::Error)]
pub enum MeterError {
    /// It is no WebAssembly.
    #[error("{0}")]
    Malformed(#[from] reencode::Error<Infallible>),
    /// It has no function to call: a script that burns could not be ended.
    #[error("it is no CPython for WASI that can be interrupted")]
    NoTarget,
}

/// The component `wasm`, interruptible.
///
/// # Errors
/// [`MeterError`]
pub fn component(wasm: &[u8]) -> Result<Vec<u8>, MeterError> {
    let mut meter = Meter::default();
    let mut component = Component::new();
    meter.parse_component(&mut component, Parser::new(0), wasm)?;
    meter.finish(component.finish())
}

/// The core module `wasm`, interruptible.
///
/// # Errors
/// [`MeterError`]
pub fn module(wasm: &[u8]) -> Result<Vec<u8>, MeterError> {
    let mut meter = Meter::default();
    let mut module = Module::new();
    meter.parse_core_module(&mut module, Parser::new(0), wasm)?;
    meter.finish(module.finish())
}

/// What is known of the module that is being written.
#[derive(Default)]
struct Meter {
    module: Facts,
    /// Modules that have a counter.
    metered: usize,
}

#[derive(Default)]
struct Facts {
    functions_imported: u32,
    globals_imported: u32,
    globals_defined: u32,
    /// The global that is C's stack pointer, if the module has a use for it.
    stack_pointer: Option<u32>,
    /// The function to call: its index, and which it is.
    target: Option<(u32, &'static Target)>,
}

impl Facts {
    fn of(parser: Parser, data: &[u8]) -> Result<Self, wasmparser::Error> {
        let mut facts = Self::default();
        for payload in parser.parse_all(data) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import?;
                        match import.ty {
                            TypeRef::Func(_) => {
                                let is_it = |target: &Target| {
                                    matches!(target, Target::Import(module, name)
                                        if (*module, *name) == (import.module, import.name))
                                };
                                facts.found(is_it, facts.functions_imported);
                                facts.functions_imported += 1;
                            }
                            TypeRef::Global(_) => {
                                if import.name == "__stack_pointer" {
                                    facts.stack_pointer = Some(facts.globals_imported);
                                }
                                facts.globals_imported += 1;
                            }
                            _ => {}
                        }
                    }
                }
                Payload::GlobalSection(globals) => facts.globals_defined = globals.count(),
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            let is_it = |target: &Target| matches!(target, Target::Export(name) if *name == export.name);
                            facts.found(is_it, export.index);
                        }
                    }
                }
                _ => {}
            }
        }
        // The counter goes behind the module's own globals.
        facts.target = facts.target.filter(|_| facts.globals_defined > 0);
        Ok(facts)
    }

    fn found(&mut self, is_it: impl Fn(&Target) -> bool, function: u32) {
        if let Some(target) = TARGETS.iter().find(|target| is_it(target)) {
            self.target.get_or_insert((function, target));
        }
    }

    fn counter(&self) -> u32 {
        self.globals_imported + self.globals_defined
    }
}

impl Meter {
    fn finish(self, wasm: Vec<u8>) -> Result<Vec<u8>, MeterError> {
        if self.metered > 0 {
            Ok(wasm)
        } else {
            Err(MeterError::NoTarget)
        }
    }
}

type Reencoded<T> = Result<T, reencode::Error<Infallible>>;

impl Reencode for Meter {
    type Error = Infallible;

    fn parse_core_module(
        &mut self,
        module: &mut Module,
        parser: Parser,
        data: &[u8],
    ) -> Reencoded<()> {
        self.module = Facts::of(parser.clone(), data)?;
        self.metered += usize::from(self.module.target.is_some());
        utils::parse_core_module(self, module, parser, data)
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Reencoded<()> {
        utils::parse_global_section(self, globals, section)?;
        if self.module.target.is_some() {
            let counter = GlobalType {
                val_type: ValType::I32,
                mutable: true,
                shared: false,
            };
            globals.global(counter, &ConstExpr::i32_const(TICKS));
            globals.global(counter, &ConstExpr::i32_const(0)); // scratch
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Reencoded<()> {
        let Some((function_to_call, target)) = self.module.target else {
            return utils::parse_function_body(self, code, body);
        };
        let counter = self.module.counter();
        let stack_pointer = self.module.stack_pointer;
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            let is_loop = matches!(operator, Operator::Loop { .. });
            let is_bulk = matches!(
                operator,
                Operator::MemoryCopy { .. } | Operator::MemoryFill { .. }
            );
            if is_bulk {
                charge_length(&mut function, counter);
            }
            function.instruction(&self.instruction(operator)?);
            if (is_loop && !target.is_library()) || (is_bulk && target.is_library()) {
                tick(&mut function, counter, |function| {
                    if target.takes_null() {
                        call_c(function, function_to_call, stack_pointer);
                    } else {
                        function.instruction(&Instruction::Call(function_to_call));
                        function.instruction(&Instruction::Drop);
                    }
                });
            }
        }
        code.function(&function);
        Ok(())
    }
}

impl ReencodeComponent for Meter {
    // The library's own goes past `parse_core_module` above.
    fn parse_component_submodule(
        &mut self,
        component: &mut Component,
        parser: Parser,
        data: &[u8],
    ) -> Reencoded<()> {
        let mut module = Module::new();
        self.parse_core_module(&mut module, parser, data)?;
        component.section(&wasm_encoder::ModuleSection(&module));
        Ok(())
    }
}

/// Takes the length that is on the stack off the counter, and leaves it there.
fn charge_length(function: &mut Function, counter: u32) {
    let scratch = counter + 1; // a global: the function's own locals stay as they are
    for instruction in [
        Instruction::GlobalSet(scratch),
        Instruction::GlobalGet(counter),
        Instruction::GlobalGet(scratch),
        Instruction::I32Const(BYTES_A_TICK.ilog2() as i32),
        Instruction::I32ShrU,
        Instruction::I32Sub,
        Instruction::GlobalSet(counter),
        Instruction::GlobalGet(scratch),
    ] {
        function.instruction(&instruction);
    }
}

/// Calls the C function `target(NULL)` from any place in C code, and throws away what it gives.
fn call_c(function: &mut Function, target: u32, stack_pointer: Option<u32>) {
    let move_stack = |function: &mut Function, by: i32| {
        if let Some(stack_pointer) = stack_pointer {
            function.instruction(&Instruction::GlobalGet(stack_pointer));
            function.instruction(&Instruction::I32Const(by));
            function.instruction(&Instruction::I32Add);
            function.instruction(&Instruction::GlobalSet(stack_pointer));
        }
    };
    move_stack(function, -RED_ZONE);
    function.instruction(&Instruction::I32Const(0));
    function.instruction(&Instruction::Call(target));
    function.instruction(&Instruction::Drop);
    move_stack(function, RED_ZONE);
}

/// Takes one off the counter; where it is used up, fills it and does what `call` writes.
fn tick(function: &mut Function, counter: u32, call: impl FnOnce(&mut Function)) {
    for instruction in [
        Instruction::GlobalGet(counter),
        Instruction::I32Const(1),
        Instruction::I32Sub,
        Instruction::GlobalSet(counter),
        Instruction::GlobalGet(counter),
        Instruction::I32Const(0),
        Instruction::I32LeS,
        Instruction::If(BlockType::Empty),
        Instruction::I32Const(TICKS),
        Instruction::GlobalSet(counter),
    ] {
        function.instruction(&instruction);
    }
    call(function);
    function.instruction(&Instruction::End);
}

/// When a guest's time is over. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Deadline(Arc<AtomicU64>);

/// The trap that ends a guest whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its time is over")]
pub struct Over;

impl Deadline {
    /// Lets the guest run for `limit` from now on.
    pub fn set(&self, limit: Duration) {
        let at = since_start().saturating_add(limit).as_nanos();
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        // Only the guest's own thread sets and reads it.
        self.0.store(at, Ordering::Relaxed);
    }

    /// Looks at the clock.
    ///
    /// # Errors
    /// [`Over`] if the time is over.
    pub fn check(&self) -> Result<(), Over> {
        if since_start().as_nanos() > u128::from(self.0.load(Ordering::Relaxed)) {
            Err(Over)
        } else {
            Ok(())
        }
    }
}

/// Time since the first call: an `Instant` as a number.
fn since_start() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command with a loop that fills `length` bytes each time, and counts calls to `sched_yield` down.
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

    /// How many passes of the loop go by until the counter has called `sched_yield` ten times.
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
        // A pass of 1 MiB is a tick, and one for each KiB; the last pass ends at its beginning.
        let ticks = 1 + (1 << 20) / BYTES_A_TICK as i32;
        assert_eq!(passes(1 << 20) / 10, (TICKS + ticks - 1) / ticks);
        assert_eq!(passes(60 << 20), 10, "each pass");
    }

    /// A C function that calls nothing: it keeps a number below the stack pointer, loops for long, and gives it back.
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
        // As C's own would: it uses what is below the stack pointer.
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

    #[test]
    fn a_deadline_passes() {
        let deadline = Deadline::default();
        deadline.set(Duration::from_secs(3600));
        assert_eq!(deadline.check(), Ok(()));
        deadline.set(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(deadline.clone().check(), Err(Over));
        deadline.set(Duration::MAX);
        assert_eq!(deadline.check(), Ok(()));
    }
}
