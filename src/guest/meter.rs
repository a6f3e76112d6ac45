//! Makes a runtime interruptible: the interpreter itself asks now and then whether its time is over.
//!
//! Wasmtime's own way, epochs, checks at the entry of each function and at each loop. CPython is many small
//! functions, and that costs it 15 % (docs/decisions.md has the figures). Its code is known, and calls alone,
//! without a loop, end by themselves: the interpreter runs scripts in a loop. So this adds a counter to the
//! artifact before it is compiled: each pass of a loop takes one off, bulk memory operations take one off for
//! each `BYTES_A_TICK` bytes, and when it is used up a function of the host is called, where
//! [`Deadline`](super::deadline::Deadline) ends the guest with a trap. Sleeping guests wait in the host and
//! need no counter.
//!
//! The function called must be one that the module has already: a component's modules cannot be given
//! further imports without building it anew. It is one whose result may be thrown away, see `TARGETS`.

use std::convert::Infallible;

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

#[cfg(test)]
mod tests;
