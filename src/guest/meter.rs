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
//!
//! A C library that is a module of its own has a counter of its own. Each of its loops ends with what it was given,
//! but the caller's thousands of passes may each give it megabytes to compare or to search. They are counted by the
//! hundred, so that short calls cost nothing, and not where the host itself may be the caller, see `SPARED`.

use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode, ReencodeComponent, utils};
use wasm_encoder::{
    BlockType, CodeSection, Component, ConstExpr, Function, GlobalSection, GlobalType, Instruction,
    Module, ValType,
};
use wasmparser::{FunctionBody, Operator, OperatorsReader, Parser};

use self::count::{Counter, PASSES_AT_ONCE, TICKS};
use self::facts::{Facts, Loops, branches_without_loop};

mod count;
mod facts;

/// To be changed with whatever this file and those below it do to an artifact: what was compiled before is compiled
/// anew.
pub const VERSION: u32 = 4;

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
    /// The module, if it gets a counter.
    module: Option<Facts>,
    /// Modules that have a counter.
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
        self.module = Facts::of(parser.clone(), data)?;
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
            // Both bodies as they are: a branch to the function's end goes to the block's, which gives the same.
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

/// What is put into a function's body.
struct Writing {
    counter: Counter,
    is_library: bool,
    /// The local that counts passes, if there is one.
    passes: Option<u32>,
}

impl Meter {
    /// Writes a body with what is to be counted, `but_its_end` or all of it.
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
                // The caller's loop, which would take it, may be in another module.
                _ if is_bulk && *is_library => counter.take(function, 1),
                _ => {}
            }
        }
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

#[cfg(test)]
mod tests;
