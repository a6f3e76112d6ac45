//! Rewriting of an artifact before it is compiled: it becomes interruptible, and cheaper to run.
//!
//! # Interruptible
//!
//! Each loop of the code [polls](polling): it reads a page of memory, and the host ends a guest by taking this page away:
//! the next read traps. Wasmtime's own way, epochs, compares a number at the entry of each function and in each loop.
//! CPython consists of many small functions, and that costs it 15 % (docs/decisions.md has the figures). CPython's code
//! is known: it runs scripts in a loop, and functions without a loop end by themselves. So it is enough to poll in
//! loops, with one exception, `polling::branches_without_loop`. And a read is cheaper than a comparison: no branch and
//! no call stand in the loop, for which the compiler would have to keep registers free.
//!
//! The page is a memory of its own, which neither the guest's code nor the host's functions use for anything else. A
//! fault there can only be a poll of WebAssembly code, which Wasmtime turns into a trap like any other access out of
//! bounds. The guest's main memory could not be taken away: a function of the host that copies from it would fault.
//!
//! The read is an atomic one. Cranelift removes or merges plain reads whose value is not used, and moves them out of
//! loops; atomic ones stay where they are.
//!
//! [`Deadline`](super::deadline::Deadline) holds the page while a guest lives; the watchdog takes it away. A command gets
//! the memory as an export, and a component as a [module](page) of its own.
//!
//! # Cheaper
//!
//! A component's libraries are linked when it starts, so they read their addresses from [globals], and the compiler
//! that built `cpython-3.14` put no constants into the [offsets](fold) of loads and stores. All that is known here. A
//! command is linked, and has its offsets.

use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode, ReencodeComponent, utils};
use wasm_encoder::{
    CodeSection, Component, EntityType, ExportKind, ExportSection, Function, ImportSection,
    InstanceSection, Instruction, MemArg, MemorySection, MemoryType, Module, ModuleArg,
    ModuleSection,
};
use wasmparser::{FunctionBody, Operator, Parser};

use self::fold::Change;
use self::globals::Constants;
use self::page::Counts;
use self::polling::{Polling, branches_without_loop};

mod fold;
mod globals;
pub(crate) mod page;
mod polling;

/// Version of the rewriting, to be changed with everything that this file and its submodules do to an artifact, so that
/// artifacts are compiled again.
pub(crate) const VERSION: u32 = 6;

/// Name of the module from which a component's modules import the page.
const MODULE: &str = "nerodia";
/// Name of the page, as an import of a component's modules and as an export of a command.
pub(crate) const PAGE: &str = "nerodia:poll";
/// The page: a memory that never grows. It is the second memory of a module, after the module's own.
const MEMORY: MemoryType = MemoryType {
    minimum: 1,
    maximum: Some(1),
    memory64: false,
    shared: false,
    page_size_log2: None,
};
/// Index of the page among a module's memories.
const MEMORY_INDEX: u32 = 1;
/// Bytes of the page.
pub(crate) const PAGE_BYTES: usize = 64 << 10;

/// Reason why an artifact cannot be rewritten.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RewriteError {
    /// The artifact is not WebAssembly.
    #[error("{0}")]
    Malformed(#[from] reencode::Error<Infallible>),
    /// No module of the artifact has the memory that C code has: it is no CPython, and a script that computes for ever
    /// could not be ended.
    #[error("it is no CPython for WASI that can be interrupted")]
    NotInterruptible,
}

impl From<wasmparser::BinaryReaderError> for RewriteError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Malformed(error.into())
    }
}

/// Returns the component `wasm` rewritten. It calls [`page::REGISTER`] with the page when it is instantiated.
///
/// # Errors
/// [`RewriteError`]
pub(crate) fn component(wasm: &[u8]) -> Result<Vec<u8>, RewriteError> {
    let counts = Counts::of(wasm)?;
    let mut rewriter = Rewriter {
        depth: Some(0),
        constants: globals::constants(wasm)?,
        ..Rewriter::default()
    };
    let mut component = Component::new();
    page::define(&mut component);
    rewriter.parse_component(&mut component, Parser::new(0), wasm)?;
    page::register(&mut component, &counts);
    rewriter.finish(component.finish())
}

/// Returns the core module `wasm`, a command, rewritten. It exports the page as [`PAGE`].
///
/// # Errors
/// [`RewriteError`]
pub(crate) fn command(wasm: &[u8]) -> Result<Vec<u8>, RewriteError> {
    let mut rewriter = Rewriter::default();
    let mut module = Module::new();
    rewriter.parse_core_module(&mut module, Parser::new(0), wasm)?;
    rewriter.finish(module.finish())
}

/// State of the rewriting.
#[derive(Default)]
struct Rewriter {
    /// Number of components around the place that is being read, less one; `None` in a command.
    depth: Option<u32>,
    /// How the module that is being read gets the page, if it does.
    polling: Option<Polling>,
    /// For each module of the outermost component so far, whether it imports the page.
    importing: Vec<bool>,
    /// For each module of the outermost component, the globals whose values are known.
    constants: Vec<Constants>,
    /// Whether any module polls.
    polls: bool,
}

type Reencoded<T> = Result<T, reencode::Error<Infallible>>;

impl Rewriter {
    fn finish(self, wasm: Vec<u8>) -> Result<Vec<u8>, RewriteError> {
        if self.polls {
            Ok(wasm)
        } else {
            Err(RewriteError::NotInterruptible)
        }
    }

    /// Returns the value of a global of the module that is being read, if it is known.
    fn constant(&self, global: u32) -> Option<i32> {
        let constants =
            (self.constants.get(self.importing.len())).filter(|_| self.is_outermost())?;
        constants.get(&global).copied()
    }

    fn is_outermost(&self) -> bool {
        self.depth == Some(0)
    }
}

/// Adds a read of the page.
fn poll(function: &mut Function) {
    function.instruction(&Instruction::I32Const(0));
    function.instruction(&Instruction::I32AtomicLoad8U(MemArg {
        offset: 0,
        align: 0,
        memory_index: MEMORY_INDEX,
    }));
    function.instruction(&Instruction::Drop);
}

impl Reencode for Rewriter {
    type Error = Infallible;

    fn parse_core_module(
        &mut self,
        module: &mut Module,
        parser: Parser,
        data: &[u8],
    ) -> Reencoded<()> {
        self.polling = match self.depth {
            None => Polling::of_command(parser.clone(), data)?,
            Some(0) => Polling::of_library(parser.clone(), data)?,
            // Inner components only rename what the outermost one has.
            Some(_) => None,
        };
        self.polls |= self.polling.is_some();
        utils::parse_core_module(self, module, parser, data)
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Reencoded<()> {
        utils::parse_import_section(self, imports, section)?;
        if self.polling == Some(Polling::Imports) {
            imports.import(MODULE, PAGE, EntityType::Memory(MEMORY));
        }
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Reencoded<()> {
        utils::parse_memory_section(self, memories, section)?;
        if self.polling == Some(Polling::Defines) {
            memories.memory(MEMORY);
        }
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Reencoded<()> {
        utils::parse_export_section(self, exports, section)?;
        if self.polling == Some(Polling::Defines) {
            exports.export(PAGE, ExportKind::Memory, MEMORY_INDEX);
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Reencoded<()> {
        if self.polling.is_none() {
            return utils::parse_function_body(self, code, body);
        }
        let mut locals = Vec::new();
        for group in body.get_locals_reader()? {
            let (count, kind) = group?;
            locals.push((count, self.val_type(kind)?));
        }
        let mut function = Function::new(locals);
        if branches_without_loop(&body)? {
            poll(&mut function);
        }
        let operators: Vec<_> = body
            .get_operators_reader()?
            .into_iter()
            .collect::<Result<_, _>>()?;
        let in_component = self.polling == Some(Polling::Imports);
        let changes = if in_component {
            fold::changes(&operators)
        } else {
            vec![Change::None; operators.len()]
        };
        for (operator, change) in operators.into_iter().zip(changes) {
            let is_loop = matches!(operator, Operator::Loop { .. });
            let mut instruction = match operator {
                Operator::GlobalGet { global_index }
                    if let Some(value) = self.constant(global_index) =>
                {
                    Instruction::I32Const(value)
                }
                operator => self.instruction(operator)?,
            };
            match change {
                Change::None => {}
                Change::LeaveOut => continue,
                Change::Offset(by) => fold::add_offset(&mut instruction, by),
            }
            function.instruction(&instruction);
            if is_loop {
                poll(&mut function);
            }
        }
        code.function(&function);
        Ok(())
    }
}

impl ReencodeComponent for Rewriter {
    fn push_depth(&mut self) {
        self.depth = self.depth.map(|depth| depth + 1);
    }

    fn pop_depth(&mut self) {
        self.depth = self.depth.map(|depth| depth - 1);
    }

    // The page's module and its instance come before all others of the outermost component.

    fn module_index(&mut self, module: u32) -> u32 {
        module + u32::from(self.is_outermost())
    }

    fn outer_module_index(&mut self, count: u32, module: u32) -> u32 {
        module + u32::from(self.depth == Some(count))
    }

    fn instance_index(&mut self, instance: u32) -> u32 {
        instance + u32::from(self.is_outermost())
    }

    fn parse_instance(
        &mut self,
        instances: &mut InstanceSection,
        instance: wasmparser::Instance<'_>,
    ) -> Reencoded<()> {
        let wasmparser::Instance::Instantiate { module_index, args } = &instance else {
            return reencode::component_utils::parse_instance(self, instances, instance);
        };
        let imports = self.is_outermost()
            && (self.importing.get(*module_index as usize)).is_some_and(|imports| *imports);
        let mut arguments: Vec<_> = args
            .iter()
            .map(|arg| {
                (
                    arg.name,
                    ModuleArg::Instance(self.instance_index(arg.index)),
                )
            })
            .collect();
        arguments.extend(imports.then_some((MODULE, ModuleArg::Instance(page::INSTANCE))));
        instances.instantiate(self.module_index(*module_index), arguments);
        Ok(())
    }

    // The library's own version would not call `parse_core_module` above.
    fn parse_component_submodule(
        &mut self,
        component: &mut Component,
        parser: Parser,
        data: &[u8],
    ) -> Reencoded<()> {
        let mut module = Module::new();
        self.parse_core_module(&mut module, parser, data)?;
        if self.is_outermost() {
            let imports = self.polling.take() == Some(Polling::Imports);
            self.importing.push(imports);
        }
        component.section(&ModuleSection(&module));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
