//! Runtimes that are WASI preview-1 commands: a `python` that is started with arguments.

use bytes::Bytes;
use wasmtime::{Caller, Engine, InstancePre, Linker, Module, Store};

use super::bytecode;
use super::instance::Call;
use super::store::State;

/// What a guest's life is called in a command.
const START: &str = "_start";

/// Isolated (no user site, no environment), no bytecode files; what follows is Python's text.
const PYTHON: [&str; 4] = ["python", "-I", "-B", "-c"];

/// A command, and what it runs as a guest.
pub struct Command {
    program: InstancePre<State>,
    arguments: Vec<String>,
    /// The guests' program. All guests share it.
    bytecode: Bytes,
}

impl Command {
    /// A command that runs `bytecode`.
    pub fn new(program: InstancePre<State>, bytecode: Bytes) -> Self {
        let arguments = arguments([bytecode::loader(bytecode.len())]);
        Self {
            program,
            arguments,
            bytecode,
        }
    }

    /// A guest's command line.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// What a guest finds on standard input before the first frame.
    pub fn bytecode(&self) -> &Bytes {
        &self.bytecode
    }

    /// The call that is a guest's life, in `store`.
    pub fn call(&self, store: Store<State>) -> Call {
        call(&self.program, store)
    }
}

/// The command line of a `python` that runs the first of `rest`, to which the others are arguments.
pub fn arguments<const N: usize>(rest: [String; N]) -> Vec<String> {
    PYTHON.map(str::to_owned).into_iter().chain(rest).collect()
}

/// Links `module`.
///
/// # Errors
/// If it is no such command.
pub fn link(engine: &Engine, module: &Module) -> wasmtime::Result<InstancePre<State>> {
    if module.get_export(START).is_none() {
        wasmtime::bail!("it has no function `{START}`");
    }
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_async(&mut linker, State::wasi_p1)?;
    // WASI's does nothing. The meter calls it.
    linker.allow_shadowing(true).func_wrap(
        "wasi_snapshot_preview1",
        "sched_yield",
        |caller: Caller<'_, State>| -> wasmtime::Result<i32> {
            caller.data().deadline().check()?;
            Ok(0)
        },
    )?;
    linker.instantiate_pre(module)
}

/// The call that is the whole life of `program`, in `store`.
pub fn call(program: &InstancePre<State>, mut store: Store<State>) -> Call {
    let program = program.clone();
    Box::pin(async move {
        let instance = program.instantiate_async(&mut store).await?;
        let start = instance.get_typed_func::<(), ()>(&mut store, START)?;
        start.call_async(&mut store, ()).await
    })
}
