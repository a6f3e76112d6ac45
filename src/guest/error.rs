//! Named ways in which a guest dies or does not start.

use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;

use super::link::FatalScript;
use crate::message::Failure;

/// Exit of a component with a code other than 0. WASI 0.2 has two exits, well and not well, and Wasmtime reports the
/// latter as code 1, whatever the code was.
#[derive(Debug, thiserror::Error)]
#[error("the component exited with a code other than 0")]
pub(super) struct ComponentFailed;

/// Way in which a guest died while it ran a batch. Each has a name that logs, dead letters and metrics share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Death {
    /// WebAssembly trapped: the interpreter crashed.
    #[error("the interpreter crashed: {0}")]
    Trap(String),
    /// C code of the interpreter called itself until its stack was used up, in a place where Python has no limit that
    /// ends it sooner.
    #[error(
        "the interpreter's C stack overflowed ({0}): something is nested too deeply, such as an iterator around an iterator, or a function that calls itself through C code"
    )]
    StackOverflow(String),
    /// The guest's process ended (`os._exit`).
    #[error("the interpreter exited with code {0}")]
    Exit(i32),
    /// The guest's process ended with a code other than 0, which a component cannot tell.
    #[error("the interpreter exited with a code other than 0")]
    ExitFailed,
    /// The deadline passed, while the script computed or slept.
    #[error("no result within {} (`guests.timeout`)", humantime::format_duration(*.0))]
    Timeout(Duration),
    /// Python ran out of its memory, and could not report that or did not catch it.
    #[error("out of memory: a guest may have {} (`guests.memory`)", ByteSize(*.0))]
    Memory(u64),
    /// The reply port had bytes that are not a frame, or the frame of another request.
    #[error("broke the protocol: {0}")]
    Protocol(String),
    /// A message wrote more log (`print`) than it may.
    #[error("wrote more than {} of log (`guests.max_log`)", ByteSize(*.0))]
    Log(u64),
    /// The guest was ended for a reason that has nothing to do with what it ran.
    #[error("the guest was ended: {0}")]
    Killed(&'static str),
    /// The host's side of the guest panicked: a bug of the engine, which is kept from spreading.
    #[error("the guest's thread was lost: {0}")]
    Panic(String),
}

impl Death {
    /// All names of deaths.
    pub(crate) const NAMES: [&str; 9] = [
        "Trap",
        "StackOverflow",
        "Exit",
        "Timeout",
        "Memory",
        "Protocol",
        "Log",
        "Killed",
        "Panic",
    ];

    /// Returns the name of the death, one of [`Self::NAMES`].
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Death::Trap(_) => "Trap",
            Death::StackOverflow(_) => "StackOverflow",
            Death::Exit(_) | Death::ExitFailed => "Exit",
            Death::Timeout(_) => "Timeout",
            Death::Memory(_) => "Memory",
            Death::Protocol(_) => "Protocol",
            Death::Log(_) => "Log",
            Death::Killed(_) => "Killed",
            Death::Panic(_) => "Panic",
        }
    }

    /// Returns the failure of the message with which a guest died, in this script if it is known.
    pub(crate) fn failure(&self, script: Option<&FatalScript>) -> Failure {
        Failure {
            at: script.map(|script| script.at.clone()),
            processor: script.map(|script| Arc::clone(&script.processor)),
            ..Failure::new(self.name(), self.to_string())
        }
    }

    /// Returns whether the messages that the guest ran may be to blame.
    pub(crate) fn blames_messages(&self) -> bool {
        !matches!(self, Death::Killed(_))
    }
}

/// Reason why a guest did not reach READY.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum StartError {
    /// The guest said FAILED: scripts or imports cannot start. Another try cannot help.
    #[error("{}", .0.first().map_or("a script cannot start", |problem| problem.message.as_str()))]
    Scripts(Vec<ScriptProblem>),
    /// The guest uses another protocol version than this engine.
    #[error(
        "the runtime speaks protocol {found}, this engine {expected}: run scripts/install.sh again"
    )]
    Version {
        /// Version of the guest.
        found: u64,
        /// Version of this engine.
        expected: u64,
    },
    /// The guest does not know a part of the hello: its runtime was built before there was such a part.
    #[error("the runtime is too old for {0}: run scripts/install.sh again")]
    TooOld(&'static str),
    /// The guest did not reach READY within `start_timeout`.
    #[error("no READY within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
    /// The system could not start a thread.
    #[error(
        "the system gives no further thread (see `ulimit -u`, or the container's limit on processes)"
    )]
    NoThread,
    /// The guest died before READY.
    #[error("{0}")]
    Died(Death),
}

impl StartError {
    /// Returns whether another try may succeed.
    pub(crate) fn is_retriable(&self) -> bool {
        matches!(
            self,
            StartError::Timeout(_) | StartError::NoThread | StartError::Died(_)
        )
    }
}

/// Reason why a script cannot start, or what could be better in it, with positions in the script itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub(crate) struct ScriptProblem {
    /// Index of the script among the stages; `None` if the problem concerns no script.
    pub stage: Option<usize>,
    /// Type of the exception: `SyntaxError`, `ModuleNotFoundError`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Text of the exception.
    pub message: String,
    /// Line of the script, from 1.
    pub line: Option<u32>,
    /// Column in that line, from 1, in characters.
    pub column: Option<u32>,
    /// Module that could not be imported, as the config names it.
    pub import: Option<String>,
    /// Whether it concerns the script's setup, and has positions in that.
    #[serde(default)]
    pub setup: bool,
    /// File of the module beside the script that it concerns, and has positions in.
    #[serde(default)]
    pub module: Option<String>,
    /// Name of the module that was not found.
    #[serde(default)]
    pub missing: Option<String>,
    /// Traceback of an exception that the setup or a module raised.
    #[serde(default)]
    pub traceback: Option<String>,
    /// What to do about it.
    #[serde(default)]
    pub help: Option<String>,
}
