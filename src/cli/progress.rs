//! Opening of a runtime, with a progress display while it is compiled.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::console;
use crate::guest::cache::Cache;
use crate::guest::paths::{cache_directories, runtime_directory};
use crate::guest::runtime::{Runtime, RuntimeError};

/// Opens runtime `name`. If it must be compiled first, reports that on standard error.
///
/// # Errors
/// If the runtime cannot be opened; see [`RuntimeError`].
pub fn open_runtime(name: &str) -> Result<Runtime, RuntimeError> {
    let mut bar = None;
    let cache = Cache::new(cache_directories());
    let runtime = Runtime::open(&runtime_directory(), name, &cache, || {
        bar = Some(Compiling::new(name))
    });
    if let (Some(bar), Ok(_)) = (bar, &runtime) {
        bar.finish();
    }
    runtime
}

struct Compiling(Option<ProgressBar>);

impl Compiling {
    fn new(name: &str) -> Self {
        let text = format!("compiling {name} to machine code, once");
        if !std::io::stderr().is_terminal() {
            console::complain(format_args!("nerodia: {text} (some seconds)"));
            return Self(None);
        }
        // Cranelift does not report its progress.
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
        let bar = ProgressBar::new_spinner().with_message(text);
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(Some(bar))
    }

    fn finish(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}
