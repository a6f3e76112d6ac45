//! The threads that ask a registry, and what they share with the handles.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::Limits;
use super::cache::{Cache, Entry};
use super::client::Client;
use super::counts::{Counters, add};
use super::failure::{Failure, FailureKind};
use super::fetch::{self, NoSchema};
use super::question::{Answer, Missing, Question, RawSchema};
use super::queue::{Attempt, Next, Queue};
use super::references;
use super::trouble::Trouble;

/// What a caller does with the answer.
pub(crate) type Done<T> = Box<dyn FnOnce(Answer<T>) + Send>;

/// What all handles and threads share.
pub(super) struct Core<T> {
    pub client: Client,
    pub counters: Arc<Counters>,
    parse: Box<dyn Fn(RawSchema) -> T + Send + Sync>,
    limits: Limits,
    state: Mutex<State<T>>,
    /// Notified when there is a question, or the core is closed.
    wake: Condvar,
}

pub(super) struct State<T> {
    pub cache: Cache<T>,
    pub queue: Queue<Done<T>>,
    pub trouble: Trouble,
    /// Threads that run.
    workers: usize,
    /// Those of them that have nothing to do.
    idle: usize,
    closed: bool,
}

impl<T> fmt::Debug for Core<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("url", &self.client.url())
            .finish_non_exhaustive()
    }
}

impl<T> Core<T> {
    pub(super) fn new(
        client: Client,
        counters: Arc<Counters>,
        limits: Limits,
        parse: Box<dyn Fn(RawSchema) -> T + Send + Sync>,
    ) -> Self {
        let state = State {
            cache: Cache::new(limits.cache),
            queue: Queue::new(limits.backoff, limits.waiting),
            trouble: Trouble::new(limits.warn_every),
            workers: 0,
            idle: 0,
            closed: false,
        };
        Self {
            client,
            counters,
            parse,
            limits,
            state: Mutex::new(state),
            wake: Condvar::new(),
        }
    }

    /// Locks what changes. No user's code runs while it is locked.
    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of threads.
    #[cfg(test)]
    pub(super) fn workers(&self) -> usize {
        self.lock().workers
    }

    /// Ends all threads and drops those who wait. It does not wait for the threads.
    pub(super) fn close(&self) {
        let dropped = {
            let mut state = self.lock();
            state.closed = true;
            state.queue.clear()
        };
        self.wake.notify_all();
        self.client.close();
        drop(dropped);
    }

    /// Returns the next attempt, or `None` if the calling thread is to end.
    fn take(&self) -> Option<Attempt> {
        let idle_until = Instant::now() + self.limits.idle;
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let until = match state.queue.next(now) {
                _ if state.closed => break,
                Next::Ask(attempt) => return Some(attempt),
                Next::Wait(until) => until,
            };
            // Only one thread has to wait for the end of a pause.
            let is_needed = until.is_some() && state.idle == 0;
            if now >= idle_until && !is_needed {
                break;
            }
            let until = match until {
                Some(until) if is_needed => until,
                Some(until) => until.min(idle_until),
                None => idle_until,
            };
            state.idle += 1;
            let time = until.saturating_duration_since(now);
            let waited = self.wake.wait_timeout(state, time);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.idle -= 1;
        }
        state.workers -= 1;
        None
    }

    /// Asks the registry, or takes what another question has fetched, and parses it.
    fn fetch(&self, question: &Question) -> Result<Entry<T>, NoSchema> {
        let about = fetch::described(question);
        let found = fetch::find(&self.client, question)?;
        let is_own = matches!(
            question,
            Question::Lookup { .. } | Question::Register { .. }
        );
        // The user's own text may differ from the registry's, if only in its white space.
        if !is_own && let Some(id) = found.id {
            let known = self.lock().cache.known(question, id);
            if let Some(known) = known {
                let at = Instant::now();
                return Ok(Entry { at, ..known });
            }
        }
        let schema = references::resolve(&self.client, found, &about)?;
        let id = schema.id;
        let bytes = schema.size();
        let value = catch_unwind(AssertUnwindSafe(|| (self.parse)(schema)))
            .map_err(|_| fetch::missing(format!("{about}: its reader panicked")))?;
        Ok(Entry {
            value: Arc::new(value),
            id,
            bytes,
            at: Instant::now(),
        })
    }

    fn found(&self, attempt: &Attempt, entry: Entry<T>) {
        let answer = Arc::clone(&entry.value);
        let by_id = match (&*attempt.question, entry.id) {
            (Question::Latest { .. } | Question::Guid(_), Some(id)) => Some(Question::Id(id)),
            _ => None,
        };
        let mut state = self.lock();
        let mut forgotten = Vec::new();
        if let Some(by_id) = by_id {
            forgotten.extend(state.cache.insert(Arc::new(by_id), entry.clone()));
        }
        forgotten.extend(state.cache.insert(Arc::clone(&attempt.question), entry));
        self.answered(state, attempt, &Ok(answer));
    }

    fn missing(&self, attempt: &Attempt, missing: Missing) {
        add(&self.counters.missing);
        let question = Arc::clone(&attempt.question);
        let mut state = self.lock();
        let _old = state
            .cache
            .insert_missing(question, missing.clone(), Instant::now());
        self.answered(state, attempt, &Err(missing));
    }

    fn answered(&self, mut state: MutexGuard<'_, State<T>>, attempt: &Attempt, answer: &Answer<T>) {
        let waiters = state.queue.answered(attempt);
        let recovered = match state.queue.is_in_trouble() {
            true => None,
            false => state.trouble.passed(Instant::now()),
        };
        drop(state);
        self.wake.notify_all();
        if let Some(after) = recovered {
            let after_s = after.as_secs();
            tracing::info!(
                url = self.client.url(),
                after_s,
                "the schema registry answers again"
            );
        }
        for waiter in waiters {
            let answer = answer.clone();
            if catch_unwind(AssertUnwindSafe(|| waiter(answer))).is_err() {
                tracing::error!("a user of the schema registry's answer panicked");
            }
        }
    }

    fn failed(&self, attempt: Attempt, failure: Failure) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.queue.failed(attempt, Instant::now(), fastrand::f64());
        let waiting = state.queue.awaited();
        self.tell(state, failure, waiting);
    }

    /// Notes a failure, and logs it if that was not done for some time.
    fn tell(&self, mut state: MutexGuard<'_, State<T>>, failure: Failure, waiting: usize) {
        let told = failure.clone();
        if !state.trouble.failed(failure, Instant::now()) {
            return;
        }
        drop(state);
        tracing::warn!(
            url = told.url,
            problem = told.text,
            help = told.help(),
            waiting,
            "the schema registry does not answer as it should; asking again until it does"
        );
    }
}

impl<T: Send + Sync + 'static> Core<T> {
    /// Starts as many threads as there is work for, up to their limit, and wakes those that are idle.
    pub(super) fn staff(self: &Arc<Self>, mut state: MutexGuard<'_, State<T>>) {
        let mut missing = state.queue.work().saturating_sub(state.idle);
        while missing > 0 && state.workers < self.limits.requests && !state.closed {
            let core = Arc::clone(self);
            let spawned = thread::Builder::new()
                .name("registry".into())
                .spawn(move || core.work());
            match spawned {
                Ok(_) => state.workers += 1,
                // Those that run do the work.
                Err(_) if state.workers > 0 => break,
                Err(error) => {
                    let waiting = state.queue.awaited();
                    let failure = Failure {
                        kind: FailureKind::Unreachable,
                        url: self.client.url().to_owned(),
                        text: format!("no thread could be started to ask it: {error}"),
                        status: None,
                    };
                    return self.tell(state, failure, waiting);
                }
            }
            missing -= 1;
        }
        drop(state);
        self.wake.notify_all();
    }

    /// Asks questions until there is nothing to do for some time.
    fn work(self: Arc<Self>) {
        while let Some(attempt) = self.take() {
            let fetched = catch_unwind(AssertUnwindSafe(|| self.fetch(&attempt.question)))
                .unwrap_or_else(|_| Err(NoSchema::panicked(&self.client)));
            match fetched {
                Ok(entry) => self.found(&attempt, entry),
                Err(NoSchema::Missing(missing)) => self.missing(&attempt, missing),
                Err(NoSchema::Failed(failure)) => self.failed(attempt, failure),
            }
            self.staff(self.lock());
        }
    }
}
