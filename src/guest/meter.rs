//! Meter: makes a runtime interruptible. The interpreter's own loops call the host regularly, which checks whether the
//! time is over.
//!
//! Wasmtime's own way, epochs, checks at the entry of each function and at each loop. CPython consists of many small
//! functions, and that costs it 15 % (docs/decisions.md has the figures). CPython's code is known: it runs scripts in a
//! loop, and functions without a loop end by themselves. So it is enough to count in loops, with one exception,
//! `facts::branches_without_loop`. This module adds a counter to the artifact before it is compiled: each pass of a
//! loop subtracts one, bulk memory operations subtract one for each `count::BYTES_A_TICK` bytes, and when the counter
//! is used up, it calls a function of the host, where [`Deadline`](super::deadline::Deadline) ends the guest with a
//! trap. A guest that sleeps waits in the host and needs no counter.
//!
//! The function must be one that the module already imports or defines: a component's modules cannot get further
//! imports unless the component is built again. The module must not need its result, see `facts::TARGETS`.
//!
//! A C library that is a module of its own has a counter of its own. Each loop of the library ends when its input does,
//! but the caller may call it thousands of times with megabytes. The passes of its loops are counted 256 at a time
//! (`count::PASSES_AT_ONCE`), so that short calls cost nothing, and not where the host itself may be the caller, see
//! `facts::SPARED`.

use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode, ReencodeComponent, utils};
use wasm_encoder::{
    BlockType, CodeSection, Component, ConstExpr, Function, GlobalSection, GlobalType, Instruction,
    Module, ValType,
};
use wasmparser::{FunctionBody, Operator, OperatorsReader, Parser};

use self::count::{Counter, PASSES_AT_ONCE, TICKS};
use self::facts::{Loops, ModuleFacts, branches_without_loop};

mod count;
mod facts;

/// Version of the meter, to be changed with everything that this file and its submodules do to an artifact, so that
/// artifacts are compiled again.
pub(crate) const VERSION: u32 = 4;

/// Reason why an artifact cannot be made interruptible.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeterError {
    /// The artifact is not WebAssembly.
    #[error("{0}")]
    Malformed(#[from] reencode::Error<Infallible>),
    /// The artifact has no function that the counter may call: a script that computes for ever could not be ended.
    #[error("it is no CPython for WASI that can be interrupted")]
    NoTarget,
}

/// Returns the component `wasm` in interruptible form.
///
/// # Errors
/// [`MeterError`]
pub(crate) fn component(wasm: &[u8]) -> Result<Vec<u8>, MeterError> {
    let mut meter = Meter::default();
    let mut component = Component::new();
    meter.parse_component(&mut component, Parser::new(0), wasm)?;
    meter.finish(component.finish())
}

/// Returns the core module `wasm` in interruptible form.
///
/// # Errors
/// [`MeterError`]
pub(crate) fn module(wasm: &[u8]) -> Result<Vec<u8>, MeterError> {
    let mut meter = Meter::default();
    let mut module = Module::new();
    meter.parse_core_module(&mut module, Parser::new(0), wasm)?;
    meter.finish(module.finish())
}

/// State of the rewriting.
#[derive(Default)]
struct Meter {
    /// Facts about the module, if it gets a counter.
    module: Option<ModuleFacts>,
    /// Number of modules that have a counter.
    metered: usize,
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
        self.module = ModuleFacts::of(parser.clone(), data)?;
        self.metered += usize::from(self.module.is_some());
        utils::parse_core_module(self, module, parser, data)
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Reencoded<()> {
        utils::parse_global_section(self, globals, section)?;
        if self.module.is_none() {
            return Ok(());
        }
        let counter = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        globals.global(counter, &ConstExpr::i32_const(TICKS));
        globals.global(counter, &ConstExpr::i32_const(0)); // scratch
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Reencoded<()> {
        let Some(module) = &mut self.module else {
            return utils::parse_function_body(self, code, body);
        };
        let (loops, counter) = (module.next_loops(), module.counter);
        let is_library = module.library.is_some();
        let mut locals = Vec::new();
        for group in body.get_locals_reader()? {
            let (count, kind) = group?;
            locals.push((count, self.val_type(kind)?));
        }
        let parameters = match loops {
            Loops::NowAndThen(parameters) => Some(parameters),
            Loops::IfLong => Some(3),
            Loops::Each | Loops::Spared => None,
        };
        let passes = parameters.map(|parameters| {
            let sum = |sum: u32, (count, _): &(u32, _)| sum.saturating_add(*count);
            locals.iter().fold(parameters, sum)
        });
        locals.extend(passes.map(|_| (1, ValType::I32)));
        let mut function = Function::new(locals);
        if branches_without_loop(&body)? {
            counter.take(&mut function, 1);
        }
        let writing = Writing {
            counter,
            is_library,
            passes,
        };
        if loops == Loops::IfLong {
            // Both bodies unchanged: a branch to the function's end now goes to the block's end, with the same result.
            function.instruction(&Instruction::LocalGet(2));
            function.instruction(&Instruction::I32Const(PASSES_AT_ONCE));
            function.instruction(&Instruction::I32LtU);
            function.instruction(&Instruction::If(BlockType::Result(ValType::I32)));
            let mut body_of_short = body.get_operators_reader()?;
            self.write(
                &mut function,
                &writing,
                &mut body_of_short,
                Loops::Spared,
                true,
            )?;
            function.instruction(&Instruction::Else);
        }
        let mut operators = body.get_operators_reader()?;
        self.write(&mut function, &writing, &mut operators, loops, false)?;
        if loops == Loops::IfLong {
            function.instruction(&Instruction::End);
        }
        code.function(&function);
        Ok(())
    }
}

/// Instructions to add to a function's body.
struct Writing {
    counter: Counter,
    is_library: bool,
    /// Local that counts passes, if there is one.
    passes: Option<u32>,
}

impl Meter {
    /// Writes a body with its counting instructions; with `but_its_end`, without its last instruction.
    fn write(
        &mut self,
        function: &mut Function,
        writing: &Writing,
        operators: &mut OperatorsReader<'_>,
        loops: Loops,
        but_its_end: bool,
    ) -> Reencoded<()> {
        let Writing {
            counter,
            is_library,
            passes,
        } = writing;
        while !operators.eof() {
            let operator = operators.read()?;
            if but_its_end && operators.eof() {
                break;
            }
            let is_loop = matches!(operator, Operator::Loop { .. });
            let is_bulk = matches!(
                operator,
                Operator::MemoryCopy { .. } | Operator::MemoryFill { .. }
            );
            if is_bulk {
                counter.charge_length(function);
            }
            function.instruction(&self.instruction(operator)?);
            match (loops, passes) {
                (Loops::Each, _) if is_loop => counter.take(function, 1),
                (Loops::NowAndThen(_) | Loops::IfLong, Some(passes)) if is_loop => {
                    counter.take_now_and_then(function, *passes);
                }
                // The loop that would subtract the charged ticks is the caller's, and may be in another module.
                _ if is_bulk && *is_library => counter.take(function, 1),
                _ => {}
            }
        }
        Ok(())
    }
}

impl ReencodeComponent for Meter {
    // `parse_core_module` above would not be called by the library's own version of this function.
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

#[cfg(test)]
mod tests;
