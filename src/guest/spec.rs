//! What guests are made from.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::artifact::hex;
use super::handshake::HelloStage;
use super::runtime::Runtime;

/// A reply may be this much longer than the largest result, for what is written around it.
const FRAME_SLACK: usize = 4 << 20;

/// What every guest of a pipeline is made from.
pub struct GuestSpec {
    /// The interpreter.
    pub runtime: Arc<Runtime>,
    /// The scripts.
    pub stages: Vec<HelloStage>,
    /// What a guest may not exceed.
    pub limits: Limits,
    /// Says which scripts made something: the beginning of a SHA-256 of them all, in hexadecimal.
    pub script_hash: Arc<str>,
    /// The scripts as the first guest compiled them, for the others.
    pub(super) compiled: OnceLock<Vec<String>>,
}

impl GuestSpec {
    /// Guests of `runtime` that run `stages` within `limits`.
    pub fn new(runtime: Arc<Runtime>, stages: Vec<HelloStage>, limits: Limits) -> Self {
        Self {
            runtime,
            script_hash: script_hash(&stages),
            stages,
            limits,
            compiled: OnceLock::new(),
        }
    }
}

fn script_hash(stages: &[HelloStage]) -> Arc<str> {
    let mut hasher = Sha256::new();
    for stage in stages {
        hasher.update((stage.script.len() as u64).to_be_bytes());
        hasher.update(&stage.script);
    }
    hex(&hasher.finalize()[..8]).into()
}

/// What a guest may not exceed.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Time for one message.
    pub timeout: Duration,
    /// Time from instantiation to READY.
    pub start_timeout: Duration,
    /// Bytes of WebAssembly memory.
    pub memory: u64,
    /// Bytes one message's results may have.
    pub max_output: usize,
    /// Bytes one message may print.
    pub max_log: u64,
    /// For tests: each guest is ended at a random moment, about this long after READY.
    pub kill_after: Option<Duration>,
}

impl Limits {
    pub(super) fn max_frame(&self) -> usize {
        self.max_output.saturating_add(FRAME_SLACK)
    }
}
