//! The named ways in which a guest ends, or does not come to life.

use std::time::Duration;

use bytesize::ByteSize;

/// How a guest died while it ran a batch. Each kind has a name that logs, dead letters and metrics share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Death {
    /// WebAssembly trapped: a crash of the interpreter.
    #[error("the interpreter crashed: {0}")]
    Trap(String),
    /// C code of the interpreter called itself until its stack was used up, where Python has no limit that ends it
    /// sooner.
    #[error(
        "the interpreter's C stack overflowed ({0}): something is nested too deeply, such as an iterator around an iterator, or a function that calls itself through C code"
    )]
    StackOverflow(String),
    /// The guest's process ended (`os._exit`).
    #[error("the interpreter exited with code {0}")]
    Exit(i32),
    /// The deadline passed, burning or sleeping.
    #[error("no result within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
    /// Python ran out of the memory it may have, and could not say so or did not catch it.
    #[error("out of memory: a guest may have {}", ByteSize(*.0))]
    Memory(u64),
    /// Bytes on the reply port that are no frame, or the frame of another request.
    #[error("broke the protocol: {0}")]
    Protocol(String),
    /// More log (`print`) than a message may write.
    #[error("wrote more than {} of log", ByteSize(*.0))]
    Log(u64),
    /// It was ended for a reason that has nothing to do with what it ran.
    #[error("the guest was ended: {0}")]
    Killed(&'static str),
    /// The host's side of the guest panicked: a bug of ours, kept from spreading.
    #[error("the engine panicked beside it: {0}")]
    Panic(String),
}

impl Death {
    /// The name of this way to die.
    pub fn name(&self) -> &'static str {
        match self {
            Death::Trap(_) => "Trap",
            Death::StackOverflow(_) => "StackOverflow",
            Death::Exit(_) => "Exit",
            Death::Timeout(_) => "Timeout",
            Death::Memory(_) => "Memory",
            Death::Protocol(_) => "Protocol",
            Death::Log(_) => "Log",
            Death::Killed(_) => "Killed",
            Death::Panic(_) => "Panic",
        }
    }

    /// Whether the messages it ran may be to blame.
    pub fn blames_messages(&self) -> bool {
        !matches!(self, Death::Killed(_))
    }
}

/// Why a guest did not reach READY.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StartError {
    /// The guest said FAILED: scripts or imports that cannot start. Trying again cannot help.
    #[error("{}", .0.first().map_or("a script cannot start", |problem| problem.message.as_str()))]
    Scripts(Vec<ScriptProblem>),
    /// The guest speaks another protocol version than this engine.
    #[error(
        "the runtime speaks protocol {found}, this engine {expected}: run scripts/install.sh again"
    )]
    Version {
        /// The guest's.
        found: u64,
        /// Ours.
        expected: u64,
    },
    /// No READY within `start_timeout`.
    #[error("no READY within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
    /// The system has no thread for it.
    #[error(
        "the system gives no further thread (see `ulimit -u`, or the container's limit on processes)"
    )]
    NoThread,
    /// It died on the way.
    #[error("{0}")]
    Died(Death),
}

impl StartError {
    /// Whether another try may go better.
    pub fn is_retriable(&self) -> bool {
        matches!(
            self,
            StartError::Timeout(_) | StartError::NoThread | StartError::Died(_)
        )
    }
}

/// One reason why a script cannot start, in positions of the script itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct ScriptProblem {
    /// Index of the script among the stages; `None` if it concerns no script.
    pub stage: Option<usize>,
    /// `SyntaxError`, `ModuleNotFoundError`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Python's words.
    pub message: String,
    /// Line of the script, from 1.
    pub line: Option<u32>,
    /// Column of the line, from 1, in characters.
    pub column: Option<u32>,
    /// The module that could not be imported, as the config names it.
    pub import: Option<String>,
}
