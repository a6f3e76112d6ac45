//! Specification of guests.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::artifact::hex;
use super::handshake::{HelloModule, HelloStage};
use super::runtime::Runtime;
use crate::format::Formats;

/// Bytes by which a reply may be longer than the largest result, for the data around it.
const FRAME_SLACK: usize = 4 << 20;

/// Specification of every guest of a pipeline.
pub(crate) struct GuestSpec {
    /// Interpreter of the guests.
    pub runtime: Arc<Runtime>,
    /// Scripts, in order.
    pub stages: Vec<HelloStage>,
    /// Modules beside the scripts.
    pub modules: Vec<HelloModule>,
    /// Limits of each guest.
    pub limits: Limits,
    /// Formats of messages and results.
    pub formats: Formats,
    /// Hash that identifies the scripts: the beginning of a SHA-256 of all of them, in hexadecimal.
    pub script_hash: Arc<str>,
    /// Scripts as the first guest compiled them, for the others.
    pub(super) compiled: OnceLock<Vec<String>>,
}

impl GuestSpec {
    /// Creates the specification of guests of `runtime` that run `stages`, with `modules` beside them, within `limits`, on
    /// messages and results in these `formats`.
    pub(crate) fn new(
        runtime: Arc<Runtime>,
        stages: Vec<HelloStage>,
        modules: Vec<HelloModule>,
        limits: Limits,
        formats: Formats,
    ) -> Self {
        Self {
            runtime,
            script_hash: script_hash(&stages, &modules),
            stages,
            modules,
            limits,
            formats,
            compiled: OnceLock::new(),
        }
    }
}

fn script_hash(stages: &[HelloStage], modules: &[HelloModule]) -> Arc<str> {
    let mut hasher = Sha256::new();
    for stage in stages {
        hasher.update((stage.script.len() as u64).to_be_bytes());
        hasher.update(&stage.script);
        if let Some(setup) = &stage.setup {
            // No script has this length, so a setup is not taken for one.
            hasher.update(u64::MAX.to_be_bytes());
            hasher.update((setup.script.len() as u64).to_be_bytes());
            hasher.update(&setup.script);
        }
    }
    for module in modules {
        // No script has this length either.
        hasher.update((u64::MAX - 1).to_be_bytes());
        for text in [&module.file, &module.script] {
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text);
        }
    }
    hex(&hasher.finalize()[..8]).into()
}

/// Limits of a guest.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Time for one message.
    pub timeout: Duration,
    /// Time from instantiation to READY.
    pub start_timeout: Duration,
    /// Bytes of WebAssembly memory.
    pub memory: u64,
    /// Bytes that one message's results may have.
    pub max_output: usize,
    /// Bytes that one message may print.
    pub max_log: u64,
    /// Whether a guest may get only the members of a document that its script can touch.
    pub projection: bool,
    /// Test hook: each guest is ended at a random moment, on average this long after READY.
    pub kill_after: Option<Duration>,
}

impl Limits {
    pub(super) fn max_frame(&self) -> usize {
        self.max_output.saturating_add(FRAME_SLACK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::handshake::HelloSetup;

    #[test]
    fn the_hash_is_of_scripts_their_setups_and_modules() {
        let stage = |setup: Option<&str>, script: &str| HelloStage {
            processor: "s".into(),
            script: script.into(),
            imports: Vec::new(),
            name: "my.yaml".into(),
            line_offset: 0,
            setup: setup.map(|script| HelloSetup {
                script: script.into(),
                name: "my.yaml".into(),
                line_offset: 0,
            }),
            folder: None,
        };
        let module = |script: &str| HelloModule {
            folder: 0,
            name: "a".into(),
            script: script.into(),
            file: "a.py".into(),
            package: false,
        };
        let hashes = [
            &[stage(None, "a")][..],
            &[stage(Some("a"), "a")],
            &[stage(Some("b"), "a")],
            &[stage(Some("a"), "b")],
            &[stage(None, "a"), stage(None, "a")],
            &[stage(Some("a"), "a"), stage(None, "a")],
            &[stage(None, "a"), stage(Some("a"), "a")],
        ]
        .map(|stages| script_hash(stages, &[]));
        let with = ["", "a", "b"].map(|text| script_hash(&[stage(None, "a")], &[module(text)]));
        let hashes = [&hashes[..], &with].concat();
        for (number, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..number].contains(hash), "{number}");
        }
    }
}
