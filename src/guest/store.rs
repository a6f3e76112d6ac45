//! Wasmtime engine for all guests, and the store of each guest, with its contents and limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use wasmtime::error::Context as _;
use wasmtime::{Config, Engine, ResourceLimiter, Store};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{WasiCtxBuilder, WasiCtxView, WasiView};

use super::deadline::{Deadline, Lent, PagePointer};
use super::embedded;
use super::rewrite;
use super::stdio::{Port, Stdin, Stdio, Stdout};

/// Size of the WebAssembly stack. C code inside CPython recurses: `repr` and `json` on nested values. Unused stack
/// costs nothing.
const WASM_STACK: usize = 8 << 20;
/// Size of the fiber's stack, which holds the WebAssembly stack and the host functions called from it.
const FIBER_STACK: usize = WASM_STACK + (2 << 20);

/// Creates the engine that compiles and runs guests, with all that this processor can do.
///
/// # Errors
/// If Wasmtime cannot work on this machine.
pub(crate) fn engine() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

/// Creates the engine that compiles for any processor of this architecture that has the features of
/// [`embedded::FEATURES`].
///
/// # Errors
/// If Wasmtime cannot work on this machine, or it lacks one of the features.
pub(crate) fn portable_engine() -> wasmtime::Result<Engine> {
    let mut config = config();
    // A target that is named has only the features that are enabled.
    config.target(embedded::TARGET)?;
    for feature in embedded::FEATURES {
        // SAFETY: code that uses a feature must not run on a processor without it. The features are in the header of what
        // is compiled, and Wasmtime compares them with the processor's before it loads that, in this process too.
        unsafe { config.cranelift_flag_enable(feature) };
    }
    Engine::new(&config)
}

/// Creates the engine that runs embedded code.
///
/// # Errors
/// If Wasmtime cannot work on this machine.
pub(crate) fn embedded_engine() -> wasmtime::Result<Engine> {
    let mut config = config();
    config.with_custom_code_memory(Some(embedded::code_memory()));
    Engine::new(&config)
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(FIBER_STACK)
        // Frames of the interpreter are of no use to users, nor are the tables that only backtraces use.
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .memory_init_cow(true);
    config
}

/// Contents of a guest's store.
pub(crate) struct StoreState {
    wasi: WasiP1Ctx,
    limiter: MemoryLimiter,
    deadline: Deadline,
    /// Page that the guest polls, as soon as it is known.
    page: Option<PagePointer>,
}

impl StoreState {
    /// Remembers the page that the guest polls.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn found_page(&mut self, page: Option<PagePointer>) -> wasmtime::Result<()> {
        self.page = Some(page.context("its page has another size")?);
        Ok(())
    }

    /// Gives the guest's page to the watchdog, so that the guest can be ended. The result must be dropped before the
    /// store.
    ///
    /// # Errors
    /// If the guest has no such page, or nobody can watch it.
    pub(crate) fn lend_page(&self) -> wasmtime::Result<Lent> {
        let page = self.page.context("it has no page to poll")?;
        // SAFETY: the page is a memory of this store: only `found_page`'s callers know such memories, and take them from
        // the store's own instances. The caller drops the result before the store. Nothing else reads that memory, which
        // the artifact got for this purpose.
        let lent = unsafe { self.deadline.lend(page) };
        lent.context("the system gives no thread to watch its time")
    }

    /// Returns the WASI context of a preview-1 command.
    pub(crate) fn wasi_p1(&mut self) -> &mut WasiP1Ctx {
        &mut self.wasi
    }
}

impl WasiView for StoreState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

/// Creates a store for one guest: the three streams of `stdio`, the real clocks and randomness, `arguments`, and
/// nothing else: no environment, no directories, no sockets, no name look-up.
pub(crate) fn store(
    engine: &Engine,
    stdio: &Stdio,
    memory: &Memory,
    deadline: &Deadline,
    arguments: &[String],
) -> Store<StoreState> {
    let wasi = WasiCtxBuilder::new()
        .stdin(Stdin(stdio.clone()))
        .stdout(Stdout(stdio.clone(), Port::Reply))
        .stderr(Stdout(stdio.clone(), Port::Log))
        .args(arguments)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build_p1();
    let limiter = MemoryLimiter(memory.clone());
    let deadline = deadline.clone();
    let state = StoreState {
        wasi,
        limiter,
        deadline,
        page: None,
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    store
}

/// Facts about a guest's memory that can be read outside its store. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Memory(Arc<MemoryUse>);

#[derive(Debug)]
struct MemoryUse {
    limit: u64,
    bytes: AtomicU64,
    refused: AtomicBool,
}

impl Memory {
    /// Creates the facts for a guest that may have `limit` bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Self(Arc::new(MemoryUse {
            limit,
            bytes: AtomicU64::new(0),
            refused: AtomicBool::new(false),
        }))
    }

    /// Returns the bytes that the guest has; WebAssembly memory never shrinks.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Returns the most bytes that the guest may have.
    pub(crate) fn limit(&self) -> u64 {
        self.0.limit
    }

    /// Returns whether the guest was refused more memory since the last call.
    pub(crate) fn take_refused(&self) -> bool {
        self.0.refused.swap(false, Ordering::Relaxed)
    }
}

struct MemoryLimiter(Memory);

impl ResourceLimiter for MemoryLimiter {
    // Growth is refused with `Ok(false)`, not a trap: Python sees `MemoryError` and may recover.
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum == Some(rewrite::PAGE_BYTES) {
            return Ok(true); // the page that the guest polls: no memory that a script could use
        }
        let memory = &self.0.0;
        let allowed =
            desired as u64 <= memory.limit && maximum.is_none_or(|maximum| desired <= maximum);
        if allowed {
            memory.bytes.store(desired as u64, Ordering::Relaxed);
        } else {
            memory.refused.store(true, Ordering::Relaxed);
        }
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        /// Far above what CPython's function table needs; a table entry costs the host 16 bytes.
        const MOST_TABLE_ENTRIES: usize = 1 << 20;
        Ok(desired <= MOST_TABLE_ENTRIES && maximum.is_none_or(|maximum| desired <= maximum))
    }
}
