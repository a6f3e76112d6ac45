//! Runtimes: CPython-for-WASI artifacts from which guests are made.
//!
//! A runtime is a file `<name>.wasm` in the runtime directory, with its SHA-256 in another file. It is checked,
//! compiled to machine code once (see [`cache`](super::cache)) and linked once; each guest is then an instance, which
//! takes milliseconds. The default runtime may be in the program instead (see [`super::embedded`]).

mod error;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

use bytes::Bytes;
use wasmtime::component::{self, Component, WasmList};
use wasmtime::{Engine, InstancePre, Module, Store, StoreContextMut};
use wasmtime_wasi::I32Exit;

pub(crate) use self::error::RuntimeError;
use super::artifact::Artifact;
use super::bytecode;
use super::cache::{Cache, Key};
use super::command::{self, Command};
use super::deadline::PagePointer;
use super::embedded::{self, Embedded};
use super::error::ComponentFailed;
use super::instance::Call;
use super::rewrite;
use super::store::{self, StoreState};

/// Name of the function that a component runs for its whole life.
const RUN: &str = "run";

/// Names of the runtimes that `scripts/install.sh` knows, the default one first.
pub(crate) const KNOWN: [&str; 2] = ["cpython-3.14", "cpython-3.12"];

/// Runtime from which guests can be made. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Runtime {
    engine: Engine,
    program: Program,
}

#[derive(Clone)]
enum Program {
    /// Component with world `export run: func()`, made by componentize-py.
    Component(component::InstancePre<StoreState>),
    /// WASI preview-1 command.
    Command(Command),
}

impl Runtime {
    /// Opens runtime `name`: the one in the program, or that of directory `directory`, which is checked. Its machine code
    /// comes from `cache`, or `compiling` is called and it is compiled. The bytecode for a command comes from `cache` as
    /// well, or is made.
    ///
    /// # Errors
    /// [`RuntimeError`]; then nothing is loaded.
    pub(crate) fn open(
        directory: &Path,
        name: &str,
        cache: &Cache,
        compiling: impl FnOnce(),
    ) -> Result<Self, RuntimeError> {
        if let Some(embedded) = embedded::find(name) {
            return Self::of_program(embedded).map_err(|error| RuntimeError::NotEmbedded {
                name: name.to_owned(),
                reason: format!("{error:#}"),
            });
        }
        let artifact = Artifact::find(directory, name)?;
        let engine = store::engine().map_err(|error| artifact.unusable(&error))?;
        let key = Key::of_machine_code(name, artifact.sha256(), &engine);
        // Hashing both files takes most of a warm start, so they are read in parallel.
        let (verified, cached) = thread::scope(|scope| {
            let verified = scope.spawn(|| artifact.verify());
            let cached = cache.find(&key);
            (
                verified.join().expect("hashing a file does not panic"),
                cached,
            )
        });
        verified?;
        let is_component = artifact.is_component()?;
        let compiled = match cached? {
            Some(path) => path,
            None => {
                compiling();
                let wasm = artifact.read()?;
                let code = compile(&engine, &wasm, is_component);
                let code = code.map_err(|error| artifact.unusable(&error))?;
                cache.store(&key, &code)?
            }
        };
        let program = if is_component {
            let component = load_component(&engine, &compiled)?;
            let program = link_component(&engine, &component);
            Program::Component(program.map_err(|error| artifact.unusable(&error))?)
        } else {
            let module = load_command(&engine, &compiled)?;
            let program = command::link(&engine, &module);
            let program = program.map_err(|error| artifact.unusable(&error))?;
            let bytecode = bytecode_of(name, &artifact, &engine, &program, cache)?;
            Program::Command(Command::new(program, bytecode))
        };
        Ok(Self { engine, program })
    }

    /// Loads the runtime in the program, or returns it if it is already loaded.
    fn of_program(embedded: &Embedded) -> wasmtime::Result<Self> {
        static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            return Ok(runtime.clone());
        }
        let engine = store::embedded_engine()?;
        let component = embedded.load(&engine)?;
        let program = Program::Component(link_component(&engine, &component)?);
        Ok(loaded.insert(Self { engine, program }).clone())
    }

    /// Returns the engine that runs the runtime.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns the guest's command line.
    pub(crate) fn arguments(&self) -> &[String] {
        match &self.program {
            Program::Component(_) => &[],
            Program::Command(program) => program.arguments(),
        }
    }

    /// Returns what the guest reads from standard input before the first frame.
    pub(crate) fn preface(&self) -> Bytes {
        match &self.program {
            Program::Component(_) => Bytes::new(),
            Program::Command(program) => program.bytecode().clone(),
        }
    }

    /// Returns the call that lasts for a guest's life, in `store`.
    pub(crate) fn call(&self, mut store: Store<StoreState>) -> Call {
        match &self.program {
            Program::Component(program) => {
                let program = program.clone();
                Box::pin(async move {
                    let instance = program.instantiate_async(&mut store).await?;
                    let run = instance.get_typed_func::<(), ()>(&mut store, RUN)?;
                    let _lent = store.data().lend_page()?;
                    run.call_async(&mut store, ()).await.map_err(|error| {
                        match error.downcast_ref() {
                            Some(I32Exit(1)) => ComponentFailed.into(),
                            _ => error,
                        }
                    })
                })
            }
            Program::Command(program) => program.call(store),
        }
    }
}

/// Returns the keys of the cache entries from which runtime `name` is loaded.
///
/// # Errors
/// If Wasmtime cannot work on this machine, or the artifact cannot be read.
pub(crate) fn entries(name: &str, artifact: &Artifact) -> Result<Vec<Key>, RuntimeError> {
    let engine = store::engine().map_err(|error| artifact.unusable(&error))?;
    let mut keys = vec![Key::of_machine_code(name, artifact.sha256(), &engine)];
    if !artifact.is_component()? {
        keys.push(Key::of_bytecode(name, artifact.sha256(), &engine));
    }
    Ok(keys)
}

/// Takes the bytecode of the guests' program from `cache`, or lets `program` make it.
fn bytecode_of(
    name: &str,
    artifact: &Artifact,
    engine: &Engine,
    program: &InstancePre<StoreState>,
    cache: &Cache,
) -> Result<Bytes, RuntimeError> {
    let key = Key::of_bytecode(name, artifact.sha256(), engine);
    if let Some(code) = cache.read(&key)? {
        return Ok(code.into());
    }
    let code = bytecode::make(engine, program).map_err(|source| RuntimeError::NoBytecode {
        path: artifact.path().to_owned(),
        source,
    })?;
    cache.store(&key, &code)?;
    Ok(code.into())
}

/// Rewrites and compiles an artifact.
///
/// # Errors
/// If the rewriting or Wasmtime refuses it.
pub(super) fn compile(
    engine: &Engine,
    wasm: &[u8],
    is_component: bool,
) -> wasmtime::Result<Vec<u8>> {
    if is_component {
        let wasm = rewrite::component(wasm).map_err(wasmtime::Error::new)?;
        engine.precompile_component(&wasm)
    } else {
        let wasm = rewrite::command(wasm).map_err(wasmtime::Error::new)?;
        engine.precompile_module(&wasm)
    }
}

fn load_component(engine: &Engine, compiled: &Path) -> Result<Component, RuntimeError> {
    // SAFETY: the file was made by this engine's own compiler and is complete and unchanged: `Cache::find` checked its
    // SHA-256, and the key holds the artifact, the Wasmtime version, the engine's settings and the rewriting's version. A
    // user who can replace the file between that check and this map owns the user's files, including this program.
    let component = unsafe { Component::deserialize_file(engine, compiled) };
    component.map_err(|error| not_loaded(compiled, &error))
}

fn load_command(engine: &Engine, compiled: &Path) -> Result<Module, RuntimeError> {
    // SAFETY: as in `load_component`.
    let module = unsafe { Module::deserialize_file(engine, compiled) };
    module.map_err(|error| not_loaded(compiled, &error))
}

fn not_loaded(compiled: &Path, error: &wasmtime::Error) -> RuntimeError {
    RuntimeError::NotLoaded {
        path: compiled.to_owned(),
        reason: format!("{error:#}"),
    }
}

fn link_component(
    engine: &Engine,
    component: &Component,
) -> wasmtime::Result<component::InstancePre<StoreState>> {
    if component.get_export_index(None, RUN).is_none() {
        wasmtime::bail!("it has no function `{RUN}`");
    }
    let mut linker = component::Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    let found = |mut store: StoreContextMut<'_, StoreState>, (page,): (WasmList<u8>,)| {
        let page = PagePointer::of(page.as_le_slice(&store));
        store.data_mut().found_page(page)
    };
    linker.root().func_wrap(rewrite::page::REGISTER, found)?;
    linker.instantiate_pre(component)
}
