//! Tests with instances without WebAssembly: the call is any future that writes what a guest would.

use bytes::Bytes;
use wasmtime_wasi::cli::StdoutStream as _;

use super::super::deadline::tests::page;
use super::super::log::LineRate;
use super::super::stdio::{Port, Stdout};
use super::*;
use crate::clock::ALLOWANCE;

/// Creates an instance whose call is the future that `call` makes from its streams.
fn instance<F>(clock: Clock, call: impl FnOnce(Stdio) -> F) -> Instance
where
    F: Future<Output = wasmtime::Result<()>> + 'static,
{
    let stdio = Stdio::new(
        Bytes::new(),
        1 << 10,
        GuestLog::new(1, 1 << 10, LineRate::default()),
    );
    Instance {
        life: Life::Runs(Box::pin(call(stdio.clone()))),
        stdio,
        memory: Memory::new(1 << 20),
        deadline: Deadline::new(clock),
    }
}

fn write(stdio: &Stdio, bytes: &'static [u8]) {
    let mut stream = Stdout(stdio.clone(), Port::Reply).p2_stream();
    stream.write(bytes.into()).expect("there is room");
}

/// Takes everything that was written.
fn take(streams: &mut Streams) -> Option<Result<Vec<u8>, Death>> {
    let written = std::mem::take(&mut streams.outbox);
    (!written.is_empty()).then_some(Ok(written))
}

const LONG: Duration = Duration::from_secs(600);

#[actix::test]
async fn a_guest_that_ends_with_its_reply_is_not_run_again() {
    for code in [0, 3] {
        let mut instance = instance(Clock::of_process(), |stdio| async move {
            write(&stdio, b"reply");
            match code {
                0 => Ok(()),
                code => Err(I32Exit(code).into()),
            }
        });
        let expected = Death::Exit(code);
        assert!(instance.over().is_none());
        assert_eq!(instance.reply(LONG, take).await, Ok(b"reply".to_vec()));
        assert_eq!(instance.over(), Some(&expected));
        // The real death and not a panic, however often it is asked for.
        for _ in 0..2 {
            assert_eq!(instance.reply(LONG, take).await, Err(expected.clone()));
        }
    }
}

/// Checks that a guest whose page was taken is dead, whether it has trapped or has just written its reply.
#[actix::test]
async fn a_guest_that_has_lost_its_page_is_too_late_whatever_it_does() {
    let limit = Duration::from_millis(20);
    for replies in [true, false] {
        let mut instance = instance(Clock::of_process(), |_| std::future::pending());
        let (deadline, stdio) = (instance.deadline.clone(), instance.stdio.clone());
        // SAFETY: the page is never unmapped, and nothing reads it.
        let _lent = unsafe { deadline.lend(page()) }.expect("a thread");
        let call = async move {
            while !deadline.missed() {
                std::thread::sleep(Duration::from_millis(1));
            }
            if replies {
                write(&stdio, b"reply");
                std::future::pending::<()>().await;
            }
            Err(Trap::MemoryOutOfBounds.into())
        };
        instance.life = Life::Runs(Box::pin(call));
        let reply = instance.reply(limit, take).await;
        assert_eq!(reply, Err(Death::Timeout(limit)), "replies: {replies}");
    }
}

#[actix::test]
async fn a_guest_that_sleeps_is_ended_at_its_deadline() {
    let call = |_| std::future::pending();
    let mut instance = instance(Clock::of_process(), call);
    let limit = Duration::from_millis(30);
    let reply = instance.reply(limit, take).await;
    assert_eq!(reply, Err(Death::Timeout(limit)));
}

#[actix::test]
async fn a_pause_of_the_process_is_not_the_guests_time() {
    // No thread keeps this clock: by its time, the process stands still while the guest sleeps.
    let mut instance = instance(Clock::unkept(), |stdio| async move {
        tokio::time::sleep(4 * ALLOWANCE).await;
        write(&stdio, b"reply");
        std::future::pending().await
    });
    let reply = instance.reply(2 * ALLOWANCE, take).await;
    assert_eq!(reply, Ok(b"reply".to_vec()));
    assert!(instance.over().is_none());
}
