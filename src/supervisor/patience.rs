//! Limits on the wait for a guest's thread, and on the number of threads that never answered.

use std::sync::Weak;
use std::time::Duration;

use actix::dev::RecipientRequest;
use actix::{MailboxError, Message};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::guest::link::Thread;
use crate::guest::{Limits, YIELD_AFTER};

/// Interval of looks at the clock during a wait.
const LOOK: Duration = Duration::from_secs(1);
/// Least time that a guest's thread gets, in addition to the guest's own limits, to report that they were exceeded.
const LEAST_SLACK: Duration = Duration::from_secs(1);
/// Limit on threads that are stuck in the host's code at a time: they cannot be ended, so the engine gives up above it.
const MOST_ABANDONED: usize = 8;

/// Returns how long to wait for an answer to `Execute`. After [`YIELD_AFTER`] a guest passes on what it has when its
/// current request ends; only a guest that is stuck in the host's code takes longer than this.
pub(super) fn for_work(limits: &Limits) -> Duration {
    YIELD_AFTER + limits.timeout + limits.start_timeout.max(LEAST_SLACK)
}

/// Returns how long to wait for an answer to `Start`.
pub(super) fn for_start(limits: &Limits) -> Duration {
    limits.start_timeout + limits.start_timeout.max(LEAST_SLACK)
}

/// Waits for the answer to `request`, by the time of `clock`: after a process was stopped, the wait continues where it
/// was.
pub(super) async fn answer<M>(
    request: RecipientRequest<M>,
    patience: Duration,
    clock: Clock,
) -> Result<M::Result, MailboxError>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    let until = clock.now() + patience;
    let mut request = std::pin::pin!(request);
    loop {
        let left = until.saturating_sub(clock.now());
        match timeout(left.min(LOOK), &mut request).await {
            Ok(answer) => return answer,
            Err(_) if clock.now() >= until => return Err(MailboxError::Timeout),
            Err(_) => {}
        }
    }
}

/// Threads that did not answer in time. A thread that ends after all no longer counts.
#[derive(Debug, Default)]
pub(super) struct Abandoned(Vec<Weak<Thread>>);

impl Abandoned {
    /// Adds a thread. Returns how many there are, if there are too many.
    pub(super) fn add(&mut self, thread: Weak<Thread>) -> Option<u32> {
        self.0.push(thread);
        let stuck = self.count();
        (stuck > MOST_ABANDONED).then_some(stuck as u32)
    }

    /// Returns how many threads have not ended.
    pub(super) fn count(&mut self) -> usize {
        self.0.retain(|thread| thread.strong_count() > 0);
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use actix::prelude::*;

    use super::*;
    use crate::clock::ALLOWANCE;

    #[derive(Message)]
    #[rtype(result = "u8")]
    struct AnswerAfter(Duration);

    struct Late;

    impl Actor for Late {
        type Context = Context<Self>;
    }

    impl Handler<AnswerAfter> for Late {
        type Result = ResponseFuture<u8>;

        fn handle(
            &mut self,
            AnswerAfter(delay): AnswerAfter,
            _: &mut Self::Context,
        ) -> Self::Result {
            Box::pin(async move {
                actix_rt::time::sleep(delay).await;
                7
            })
        }
    }

    async fn ask(delay: Duration, patience: Duration, clock: &Clock) -> Result<u8, MailboxError> {
        let late: Recipient<AnswerAfter> = Late.start().recipient();
        answer(late.send(AnswerAfter(delay)), patience, clock.clone()).await
    }

    #[actix::test]
    async fn what_is_too_late_is_given_up() {
        let began = Instant::now();
        let clock = Clock::of_process();
        let never = ask(Duration::from_secs(600), 2 * ALLOWANCE, &clock).await;
        assert_eq!(never, Err(MailboxError::Timeout));
        assert!(began.elapsed() >= 2 * ALLOWANCE);
        let soon = ask(Duration::from_millis(1), Duration::from_secs(600), &clock).await;
        assert_eq!(soon, Ok(7));
    }

    #[actix::test]
    async fn a_pause_of_the_process_is_not_waiting() {
        // No thread keeps this clock, so by its time the process stands still.
        let clock = Clock::unkept();
        assert_eq!(ask(4 * ALLOWANCE, 2 * ALLOWANCE, &clock).await, Ok(7));
    }

    #[test]
    fn threads_that_end_are_counted_down() {
        let mut abandoned = Abandoned::default();
        let threads: Vec<Arc<Thread>> = (0..=MOST_ABANDONED).map(|_| Arc::default()).collect();
        for (before, thread) in threads.iter().enumerate() {
            let most = (before == MOST_ABANDONED).then_some(before as u32 + 1);
            assert_eq!(abandoned.add(Arc::downgrade(thread)), most);
        }
        drop(threads);
        assert_eq!(abandoned.count(), 0);
        for _ in 0..1000 {
            let ended = Arc::downgrade(&Arc::<Thread>::default());
            assert_eq!(abandoned.add(ended), None, "it answered late, and ended");
        }
    }
}
