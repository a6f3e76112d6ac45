//! Tests of how the engine ends after notices and signals.

use super::shutdown::Signal;
use super::*;
use crate::control::{DeathGuard, Notice};
use crate::guest::error::{Death, StartError};

/// Returns an engine whose input was not started.
fn engine(end: &shutdown::EndCell) -> Addr<Engine> {
    Engine::new(
        MemoryBudget::new(1),
        Arc::default(),
        Duration::from_secs(600),
        Box::new(|_| unreachable!("no guest is ready")),
        Vec::new(),
        end.clone(),
    )
    .start()
}

/// Sends messages to an engine, and returns its end.
fn told(tell: impl FnOnce(&Addr<Engine>)) -> String {
    let end = shutdown::EndCell::default();
    let system = System::new();
    system.block_on(async {
        let engine = engine(&end);
        tell(&engine);
    });
    system.run().expect("it stops");
    match end.take() {
        End::Well => "well".into(),
        End::SomeMessagesFailed => "some failed".into(),
        End::Failed(error) => format!("{error:#}"),
        End::CannotStart(error) => format!("cannot start: {error}"),
    }
}

#[test]
fn threads_that_are_stuck_end_it() {
    let end = told(|engine| engine.do_send(Notice::ThreadsStuck(9)));
    assert!(end.starts_with("9 guests' threads are stuck"), "{end}");
}

#[test]
fn guests_that_cannot_start_end_it() {
    let end = told(|engine| {
        let error = StartError::Died(Death::Exit(3));
        engine.do_send(Notice::CannotStart(error));
    });
    assert_eq!(end, "cannot start: the interpreter exited with code 3");
}

#[test]
fn the_first_end_counts() {
    let end = told(|engine| {
        engine.do_send(Notice::ThreadsStuck(12));
        engine.do_send(Notice::ActorEnded("resequencer"));
        engine.do_send(Signal::Terminate);
    });
    assert!(end.starts_with("12 guests' threads"), "{end}");
}

#[test]
fn an_actor_that_is_gone_ends_it() {
    let end = told(|engine| drop(DeathGuard::new("supervisor", engine.clone().recipient())));
    assert_eq!(
        end,
        "the supervisor panicked (see above): a bug of the engine"
    );
}

#[test]
fn a_signal_before_anything_was_read_ends_it_well() {
    assert_eq!(told(|engine| engine.do_send(Signal::Interrupt)), "well");
}
