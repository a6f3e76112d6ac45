//! The runtime in the program itself, with the feature `embedded`: machine code for any processor of the architecture,
//! made by `nerodia runtime compile --portable` and taken in by build.rs.
//!
//! It runs from where the system has mapped the program's file. Nothing is written, hashed or compiled at the start.

use std::ptr::NonNull;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::error::Context as _;
use wasmtime::{CustomCodeMemory, Engine};

use super::artifact::hex;
use super::paths::named_runtime_directory;

#[cfg(feature = "embedded")]
include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
#[cfg(not(feature = "embedded"))]
static EMBEDDED: Option<Embedded> = None;

/// Triple that this program was built for.
pub(crate) const TARGET: &str = env!("NERODIA_TARGET");

/// Features that the machine code may use, in Cranelift's words: those of x86-64-v2, which processors have since about
/// 2009. Other architectures' first level has all that matters.
pub(crate) const FEATURES: &[&str] = if cfg!(target_arch = "x86_64") {
    &[
        "has_sse3",
        "has_ssse3",
        "has_sse41",
        "has_sse42",
        "has_popcnt",
    ]
} else {
    &[]
};

/// Bytes that begin where a page does, whatever size of pages the system has.
#[cfg_attr(target_arch = "x86_64", repr(C, align(4096)))]
#[cfg_attr(not(target_arch = "x86_64"), repr(C, align(65536)))]
#[cfg_attr(
    not(any(feature = "embedded", test)),
    expect(dead_code, reason = "there is nothing to embed")
)]
struct Pages<const N: usize>([u8; N]);

/// Machine code of a runtime, in the program.
pub(crate) struct Embedded {
    name: &'static str,
    code: &'static [u8],
    sha256: &'static str,
}

/// Returns the embedded runtime `name`, unless the folder in `NERODIA_RUNTIME_DIR` has one of this name: who sets the
/// variable wants what is there.
pub(crate) fn find(name: &str) -> Option<&'static Embedded> {
    let embedded = EMBEDDED.as_ref().filter(|embedded| embedded.name == name)?;
    let replaced = named_runtime_directory()
        .is_some_and(|directory| directory.join(format!("{name}.wasm")).is_file());
    (!replaced).then_some(embedded)
}

/// Returns the name of the runtime that this program has in it. A program that has none is one of a clone, beside which the
/// scripts are that install runtimes.
pub(crate) fn name() -> Option<&'static str> {
    EMBEDDED.as_ref().map(|embedded| embedded.name)
}

/// Returns how the runtime `name` is installed.
pub(crate) fn how_to_install(name: &str) -> String {
    match self::name() {
        None => {
            format!("run `scripts/install.sh {name}`, or point NERODIA_RUNTIME_DIR to where it is")
        }
        Some(here) => format!(
            "this program has only {here} in it: set `guests.runtime` to that, or run `scripts/install.sh {name}` in a clone \
             of the repository, and point NERODIA_RUNTIME_DIR to its folder `runtime`"
        ),
    }
}

impl Embedded {
    /// Returns the runtime's name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the size of the machine code in bytes.
    pub(crate) fn size(&self) -> usize {
        self.code.len()
    }

    /// Compares the machine code with the checksum of what was taken in. On a difference, returns the checksum of what
    /// is there.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let found = hex(&Sha256::digest(self.code));
        if found == self.sha256 {
            Ok(())
        } else {
            Err(found)
        }
    }

    /// Loads the machine code. May be called once in a process: Wasmtime allows code at an address only once.
    ///
    /// # Errors
    /// If the processor lacks a feature, or the system allows no more executable memory.
    pub(super) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: what `deserialize_raw` asks for is, first, that the bytes are what `Engine::precompile_component` gave.
        // They are a file that this program's own compiler wrote, and which build.rs took in only for the same Wasmtime,
        // target, rewriting and runtime. They are as trusted as the instructions around them: they come from the same
        // build, in the same file. Wasmtime compares the version, the engine's settings and the processor's features
        // again, from their header. Second, that they outlive the component and never change: they are an immutable
        // static, which the system maps read-only, so nobody can write to it.
        unsafe { Component::deserialize_raw(engine, NonNull::from(self.code)) }
    }
}

/// Makes embedded code executable: Wasmtime changes the permissions only of memory that it has mapped itself.
struct InProgram;

/// Returns what an engine that loads embedded code has to be configured with.
pub(super) fn code_memory() -> Arc<dyn CustomCodeMemory> {
    Arc::new(InProgram)
}

impl CustomCodeMemory for InProgram {
    fn required_alignment(&self) -> usize {
        rustix::param::page_size()
    }

    fn publish_executable(&self, start: *const u8, length: usize) -> wasmtime::Result<()> {
        use rustix::mm::{MprotectFlags, mprotect};
        let access = MprotectFlags::READ | MprotectFlags::EXEC;
        // SAFETY: the range is the machine code in `CODE`, the only code that is loaded with this engine. It stays readable,
        // so no reference to it becomes wrong. It was not writable before and is not now, and it has whole pages of its
        // own at the beginning; at the end, at most constants of the same file share its last page.
        unsafe { mprotect(start.cast_mut().cast(), length, access) }
            .context("unable to make memory executable")
    }

    fn unpublish_executable(&self, _: *const u8, _: usize) -> wasmtime::Result<()> {
        // Only ever called at the end of the process, if at all: the code is never writable, so it may stay executable.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::Store;
    use wasmtime::component::Linker;

    use super::*;
    use crate::guest::store;

    const ANSWER: &str = r#"(component
        (core module $m (func (export "f") (result i32) (i32.popcnt (i32.const 7))))
        (core instance $i (instantiate $m))
        (func (export "answer") (result u32) (canon lift (core func $i "f"))))"#;

    /// Puts machine code where a program would have it: at the beginning of a page, for ever.
    fn in_pages(code: &[u8]) -> &'static [u8] {
        const PAGE: usize = align_of::<Pages<0>>();
        let memory = vec![0_u8; code.len() + 2 * PAGE].leak();
        let begin = memory.as_ptr().align_offset(PAGE);
        let memory = &mut memory[begin..][..code.len()];
        memory.copy_from_slice(code);
        memory
    }

    fn embedded() -> Embedded {
        let code = store::portable_engine().unwrap();
        let code = code
            .precompile_component(&wat::parse_str(ANSWER).unwrap())
            .unwrap();
        Embedded {
            name: "answer",
            sha256: hex(&Sha256::digest(&code)).leak(),
            code: in_pages(&code),
        }
    }

    #[test]
    fn portable_code_runs_where_it_lies() {
        let engine = store::embedded_engine().unwrap();
        let component = embedded().load(&engine).unwrap();
        let mut store = Store::new(&engine, ());
        let linker = Linker::new(&engine);
        let answer = wait_for(async {
            let instance = linker.instantiate_async(&mut store, &component).await?;
            let answer = instance.get_typed_func::<(), (u32,)>(&mut store, "answer")?;
            answer.call_async(&mut store, ()).await
        });
        assert_eq!(answer.unwrap(), (3,));
    }

    fn wait_for<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn code_of_other_settings_is_refused() {
        let mut config = wasmtime::Config::new();
        let other = Engine::new(config.epoch_interruption(true)).unwrap();
        let code = other
            .precompile_component(&wat::parse_str(ANSWER).unwrap())
            .unwrap();
        let embedded = Embedded {
            code: in_pages(&code),
            ..embedded()
        };
        let error = embedded.load(&store::embedded_engine().unwrap());
        assert!(error.err().unwrap().to_string().contains("epoch"));
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let whole = embedded();
        assert_eq!(whole.verify(), Ok(()));
        let mut code = whole.code.to_vec();
        code[100] ^= 1;
        let changed = Embedded {
            code: code.leak(),
            ..whole
        };
        assert_ne!(changed.verify(), Ok(()));
    }

    /// Whichever features the program was built with.
    #[test]
    fn only_the_default_runtime_is_embedded() {
        assert!(find("cpython-3.12").is_none());
        assert_eq!(find("cpython-3.14").is_some(), cfg!(feature = "embedded"));
    }
}
