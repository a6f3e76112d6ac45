//! Runtimes that are WASI preview-1 commands: a `python` that is started with arguments.

use bytes::Bytes;
use wasmtime::error::Context as _;
use wasmtime::{Engine, InstancePre, Linker, Module, Store};

use super::bytecode;
use super::deadline::PagePointer;
use super::instance::Call;
use super::rewrite;
use super::store::StoreState;

/// Name of the function that a command runs for its whole life.
const START: &str = "_start";

/// Options: isolated (no user site, no environment), no bytecode files; Python's text follows.
const PYTHON: [&str; 4] = ["python", "-I", "-B", "-c"];

/// Command, and the program that it runs as a guest.
#[derive(Clone)]
pub(crate) struct Command {
    program: InstancePre<StoreState>,
    arguments: Vec<String>,
    /// Bytecode of the guests' program, which all guests share.
    bytecode: Bytes,
}

impl Command {
    /// Creates a command that runs `bytecode`.
    pub(crate) fn new(program: InstancePre<StoreState>, bytecode: Bytes) -> Self {
        let arguments = arguments([bytecode::loader(bytecode.len())]);
        Self {
            program,
            arguments,
            bytecode,
        }
    }

    /// Returns a guest's command line.
    pub(crate) fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// Returns what a guest reads from standard input before the first frame.
    pub(crate) fn bytecode(&self) -> &Bytes {
        &self.bytecode
    }

    /// Starts a guest's only call, in `store`.
    pub(crate) fn call(&self, store: Store<StoreState>) -> Call {
        call(&self.program, store)
    }
}

/// Returns the command line of a `python` that runs the first of `rest` with the others as arguments.
pub(crate) fn arguments<const N: usize>(rest: [String; N]) -> Vec<String> {
    PYTHON.map(str::to_owned).into_iter().chain(rest).collect()
}

/// Links `module`.
///
/// # Errors
/// If the module is not such a command.
pub(crate) fn link(engine: &Engine, module: &Module) -> wasmtime::Result<InstancePre<StoreState>> {
    if module.get_export(START).is_none() {
        wasmtime::bail!("it has no function `{START}`");
    }
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_async(&mut linker, StoreState::wasi_p1)?;
    linker.instantiate_pre(module)
}

/// Returns the call that lasts for the whole life of `program`, in `store`.
pub(crate) fn call(program: &InstancePre<StoreState>, mut store: Store<StoreState>) -> Call {
    let program = program.clone();
    Box::pin(async move {
        let instance = program.instantiate_async(&mut store).await?;
        let page = instance.get_memory(&mut store, rewrite::PAGE);
        let page = page.context("it does not export the page that it polls")?;
        let page = PagePointer::of(page.data(&store));
        store.data_mut().found_page(page)?;
        let start = instance.get_typed_func::<(), ()>(&mut store, START)?;
        let _lent = store.data().lend_page()?;
        start.call_async(&mut store, ()).await
    })
}
