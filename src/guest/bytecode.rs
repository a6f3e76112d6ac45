//! The guests' program as bytecode, for runtimes that are WASI commands.
//!
//! A component has the program in its snapshot, compiled. A command begins with nothing: given the text, each guest
//! would compile it, which takes longer than everything else at its start, and what the parser takes of WebAssembly's
//! memory is never given back. So the artifact compiles the text once: it is the very CPython that the bytecode is for.
//! The result is kept in the [cache](super::cache), and a guest reads it from standard input, before the first frame.

use std::thread;
use std::time::Duration;

use bytes::Bytes;
use wasmtime::{Engine, InstancePre};

use super::command;
use super::error::Death;
use super::instance::Instance;
use super::log::{GuestLog, LineRate};
use super::stdio::Stdio;
use super::store::State;

/// The text of the guests' program.
pub const ENTRYPOINT: &str = include_str!("../../runtime/entrypoint.py");

/// What the artifact runs to compile the text, which is its last argument. Tracebacks name the file that they would name
/// if Python had got the text itself.
pub const COMPILER: &str = "\
import marshal, sys
code = compile(sys.argv[1], '<string>', 'exec')
sys.stdout.buffer.write(marshal.dumps(code))
";

/// What the run that compiles may take: it needs some 20 MB and half a second.
const LIMIT: Duration = Duration::from_secs(60);
const MEMORY: u64 = 512 << 20;
const MOST_BYTES: usize = 16 << 20;
const MOST_LOG: u64 = 1 << 20;

/// Why the artifact gave no bytecode.
#[derive(Debug, thiserror::Error)]
pub enum BytecodeError {
    /// The system has no thread to run it on.
    #[error("the system gives no thread: {0}")]
    NoThread(std::io::Error),
    /// The run ended in another way than well.
    #[error(transparent)]
    Died(Death),
    /// What it wrote is no marshalled code object.
    #[error("it wrote {0} bytes that are no bytecode")]
    Foreign(usize),
}

/// Lets `program` compile the guests' program.
///
/// # Errors
/// [`BytecodeError`] if the run fails, takes too long, or gives something else.
pub fn make(engine: &Engine, program: &InstancePre<State>) -> Result<Vec<u8>, BytecodeError> {
    make_within(LIMIT, engine, program)
}

fn make_within(
    limit: Duration,
    engine: &Engine,
    program: &InstancePre<State>,
) -> Result<Vec<u8>, BytecodeError> {
    // A thread of its own: the caller's may belong to a tokio runtime already.
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
    program: &InstancePre<State>,
) -> Result<Vec<u8>, BytecodeError> {
    let arguments = command::arguments([COMPILER.to_owned(), ENTRYPOINT.to_owned()]);
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

/// Whether marshal would make a code object of it, as far as the first byte tells.
fn is_code(bytes: &[u8]) -> bool {
    /// Marshal's mark of a value that is referred to later.
    const REFERRED_TO: u8 = 0x80;
    bytes
        .first()
        .is_some_and(|&kind| kind & !REFERRED_TO == b'c')
}

/// What Python runs in a guest: it reads bytecode of `length` bytes from standard input, defines what is in it, and starts
/// it. As few frames are on the stack then as if Python had got the text itself.
pub fn loader(length: usize) -> String {
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
