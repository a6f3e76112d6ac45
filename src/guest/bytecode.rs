//! Bytecode of the guests' program, for runtimes that are WASI commands.
//!
//! A component's snapshot contains the program, compiled. A command starts without it: if each guest got the text, it
//! would compile it, which takes longer than everything else at its start, and the memory that the parser takes is
//! never given back. So the artifact compiles the text once: it is the very CPython that will run the bytecode. The
//! result is kept in the [cache](super::cache), and a guest reads it from standard input, before the first frame.

use std::thread;
use std::time::Duration;

use bytes::Bytes;
use wasmtime::{Engine, InstancePre};

use super::command;
use super::error::Death;
use super::instance::Instance;
use super::log::{GuestLog, LineRate};
use super::stdio::Stdio;
use super::store::StoreState;

/// Path of a part of the guests' program in the repository, and its text.
macro_rules! part {
    ($name:literal) => {
        (
            concat!("runtime/entrypoint/", $name),
            include_str!(concat!("../../runtime/entrypoint/", $name)),
        )
    };
}

/// Parts of the guests' program, in the order in which they are joined.
pub(crate) const PARTS: [(&str, &str); 23] = [
    part!("common.py"),
    part!("analysis.py"),
    part!("projection.py"),
    part!("root.py"),
    part!("text.py"),
    part!("beside.py"),
    part!("setup.py"),
    part!("advice.py"),
    part!("bloblang_words.py"),
    part!("bloblang_text.py"),
    part!("bloblang.py"),
    part!("meanings.py"),
    part!("mistakes.py"),
    part!("scripts.py"),
    part!("surroundings.py"),
    part!("typed.py"),
    part!("values.py"),
    part!("failures.py"),
    part!("meta.py"),
    part!("costs.py"),
    part!("pipeline.py"),
    part!("requests.py"),
    part!("loop.py"),
];

/// Returns the text of the guests' program. `scripts/install.sh` joins its parts in the same way.
pub(crate) fn entrypoint() -> String {
    PARTS.map(|(_, text)| text).join("\n\n")
}

/// Program that the artifact runs to compile the text, which is its last argument. Tracebacks name the same file as if
/// Python had got the text itself.
pub(crate) const COMPILER: &str = "\
import marshal, sys
code = compile(sys.argv[1], '<string>', 'exec')
sys.stdout.buffer.write(marshal.dumps(code))
";

/// Limits of the run that compiles: it needs some 20 MB and half a second.
const LIMIT: Duration = Duration::from_secs(60);
const MEMORY: u64 = 512 << 20;
const MOST_BYTES: usize = 16 << 20;
const MOST_LOG: u64 = 1 << 20;

/// Reason why the artifact gave no bytecode.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BytecodeError {
    /// The system could not start a thread.
    #[error("the system gives no thread: {0}")]
    NoThread(std::io::Error),
    /// The run did not end normally.
    #[error(transparent)]
    Died(Death),
    /// The output is not a marshalled code object.
    #[error("it wrote {0} bytes that are no bytecode")]
    Foreign(usize),
}

/// Lets `program` compile the guests' program.
///
/// # Errors
/// [`BytecodeError`] if the run fails, takes too long, or writes something else.
pub(crate) fn make(
    engine: &Engine,
    program: &InstancePre<StoreState>,
) -> Result<Vec<u8>, BytecodeError> {
    make_within(LIMIT, engine, program)
}

fn make_within(
    limit: Duration,
    engine: &Engine,
    program: &InstancePre<StoreState>,
) -> Result<Vec<u8>, BytecodeError> {
    // A thread of its own, because the caller's may belong to a tokio runtime already.
    thread::scope(|scope| {
        let run = || run(limit, engine, program);
        let thread = thread::Builder::new().name("bytecode".into());
        let thread = thread
            .spawn_scoped(scope, run)
            .map_err(BytecodeError::NoThread)?;
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn run(
    limit: Duration,
    engine: &Engine,
    program: &InstancePre<StoreState>,
) -> Result<Vec<u8>, BytecodeError> {
    let arguments = command::arguments([COMPILER.to_owned(), entrypoint()]);
    let log = GuestLog::new(0, MOST_LOG, LineRate::default());
    let stdio = Stdio::new(Bytes::new(), MOST_BYTES, log);
    let call = |store| command::call(program, store);
    let mut instance = Instance::of(engine, &arguments, stdio, MEMORY, call);
    let waiting = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime with timers alone needs nothing from the system");
    let end = waiting.block_on(instance.reply(limit, |_| None::<Result<(), Death>>));
    match end {
        Ok(()) | Err(Death::Exit(0)) => {}
        Err(death) => return Err(BytecodeError::Died(death)),
    }
    let code = std::mem::take(&mut instance.stdio().lock().outbox);
    if is_code(&code) {
        Ok(code)
    } else {
        Err(BytecodeError::Foreign(code.len()))
    }
}

/// Returns whether the bytes may be a marshalled code object, judged by the first byte.
fn is_code(bytes: &[u8]) -> bool {
    /// Flag of marshal for a value to which later references refer.
    const REFERRED_TO: u8 = 0x80;
    bytes
        .first()
        .is_some_and(|&kind| kind & !REFERRED_TO == b'c')
}

/// Returns the program that Python runs in a guest: it reads bytecode of `length` bytes from standard input, executes
/// its definitions, and calls `main`. The stack then has as few frames as if Python had got the text itself.
pub(crate) fn loader(length: usize) -> String {
    format!(
        "\
import marshal, os
code = b''
while len(code) < {length}:
    code += os.read(0, {length} - len(code))
code = marshal.loads(code)
exec(code)
del code
main()
"
    )
}

#[cfg(test)]
mod tests;
