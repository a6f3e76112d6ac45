//! Tests of threads, sharing, giving up and ending.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

/// Server that keeps all who ask waiting until the flag is set.
fn held() -> (Server, Arc<AtomicBool>) {
    let open = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&open);
    let server = Server::start(move |request| {
        while !flag.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(2));
        }
        avro(&request.line)
    });
    (server, open)
}

#[test]
fn equal_questions_share_one_request_and_one_value() {
    let (server, open) = held();
    let parsed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&parsed);
    let parse = move |_| count.fetch_add(1, Ordering::SeqCst);
    let registry = Registry::new(&config(&server.url()), limits(), parse).unwrap();
    let (sender, receiver) = mpsc::channel();
    for _ in 0..100 {
        let sender = sender.clone();
        let done = move |answer: Answer<usize>| sender.send(answer.unwrap()).unwrap();
        registry.clone().ask(Question::Id(1), done).ok().unwrap();
    }
    assert!(registry.cached(&Question::Id(1)).is_none());
    open.store(true, Ordering::SeqCst);
    let answers: Vec<_> = (0..100)
        .map(|_| receiver.recv_timeout(FOREVER).unwrap())
        .collect();
    assert!(
        answers
            .iter()
            .all(|answer| Arc::ptr_eq(answer, &answers[0]))
    );
    assert_eq!(
        (server.requests().len(), parsed.load(Ordering::SeqCst)),
        (1, 1)
    );
    // From now on at once, on this thread.
    let same = thread::current().id();
    let (sender, receiver) = mpsc::channel();
    registry
        .ask(Question::Id(1), move |_| {
            sender.send(thread::current().id()).unwrap()
        })
        .ok()
        .unwrap();
    assert_eq!(receiver.try_recv(), Ok(same));
}

#[test]
fn a_thousand_questions_are_asked_a_few_at_a_time() {
    let server = Server::start(|request| avro(&request.line));
    let registry = client_of(&server);
    let (sender, receiver) = mpsc::channel();
    for id in 0..1000 {
        let sender = sender.clone();
        registry
            .ask(Question::Id(id), move |answer| {
                sender.send(answer.unwrap().id).unwrap()
            })
            .ok()
            .unwrap();
    }
    let mut ids: Vec<_> = (0..1000)
        .map(|_| receiver.recv_timeout(FOREVER).unwrap().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..1000).collect::<Vec<_>>());
    assert!(
        (1..=8).contains(&server.most_at_once()),
        "{}",
        server.most_at_once()
    );
    assert_eq!(registry.counts().requests, 1000);
}

#[test]
fn several_requests_run_at_once() {
    let (server, open) = held();
    let registry = client_of(&server);
    for id in 0..20 {
        registry.ask(Question::Id(id), |_| ()).ok().unwrap();
    }
    eventually("eight requests", || server.requests().len() == 8);
    open.store(true, Ordering::SeqCst);
    answer(&registry, Question::Id(19)).unwrap();
    assert_eq!(server.most_at_once(), 8);
}

#[test]
fn threads_end_when_there_is_nothing_to_do() {
    let server = Server::start(|request| avro(&request.line));
    let short = Limits {
        idle: Duration::from_millis(10),
        ..limits()
    };
    let registry = client(&config(&server.url()), short);
    for id in 0..3 {
        answer(&registry, Question::Id(id)).unwrap();
        eventually("no thread", || registry.core().workers() == 0);
    }
}

/// Notes when it is dropped.
struct Noted(Arc<AtomicBool>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn the_last_handle_breaks_what_is_under_way() {
    let server = Server::start(|_| Reply::Silence);
    let ended = Arc::new(AtomicBool::new(false));
    let noted = Noted(Arc::clone(&ended));
    let parse = move |_| {
        let _ = &noted;
    };
    let long = RegistryConfig {
        timeout: Duration::from_secs(100_000),
        ..config(&server.url())
    };
    let registry = Registry::new(&long, limits(), parse).unwrap();
    let (sender, receiver) = mpsc::channel::<()>();
    for id in 0..20 {
        let sender = sender.clone();
        let done = move |_| sender.send(()).unwrap();
        registry.ask(Question::Id(id), done).ok().unwrap();
    }
    drop(sender);
    eventually("requests", || server.requests().len() == 8);
    let clone = registry.clone();
    drop(registry);
    assert!(
        clone.cached(&Question::Id(0)).is_none(),
        "one handle is left"
    );
    drop(clone);
    let dropped = receiver.recv_timeout(FOREVER);
    assert_eq!(
        dropped,
        Err(RecvTimeoutError::Disconnected),
        "nobody is called"
    );
    eventually("the end of all threads", || ended.load(Ordering::SeqCst));
}

#[test]
fn an_answer_may_drop_the_last_handle() {
    let (server, open) = held();
    let registry = client_of(&server);
    let (sender, receiver) = mpsc::channel();
    let own = registry.clone();
    let done = move |_| {
        drop(own);
        sender.send(()).unwrap();
    };
    registry.ask(Question::Id(1), done).ok().unwrap();
    drop(registry);
    open.store(true, Ordering::SeqCst);
    receiver.recv_timeout(FOREVER).unwrap();
}

#[test]
fn who_gives_up_is_forgotten() {
    let server = Server::start(|_| Reply::Answer(500, String::new()));
    let registry = client_of(&server);
    let mut polls = 0;
    let given_up = registry.wait(Question::Id(1), || {
        polls += 1;
        polls == 2
    });
    assert_eq!(given_up, None);
    assert_eq!(polls, 2);
    assert_eq!(registry.trouble(), None, "nobody waits");
    eventually("the end of the requests", || {
        let before = server.requests().len();
        thread::sleep(Duration::from_millis(200));
        server.requests().len() == before
    });
}

#[test]
fn too_many_are_sent_away_and_may_come_back() {
    let (server, open) = held();
    let one = Limits {
        waiting: 1,
        ..limits()
    };
    let registry = client(&config(&server.url()), one);
    registry.ask(Question::Id(1), |_| ()).ok().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let refused = registry.ask(Question::Id(2), move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let done = refused.err().unwrap();
    assert_eq!(registry.wait(Question::Id(2), || true), None);
    open.store(true, Ordering::SeqCst);
    answer(&registry, Question::Id(2)).unwrap();
    registry.ask(Question::Id(2), done).ok().unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[test]
fn a_panic_of_the_user_ends_nothing() {
    let server = Server::start(|request| avro(&request.line));
    let parse = |schema: RawSchema| {
        assert_ne!(schema.id, Some(1), "a reader that panics");
        schema
    };
    let registry = Registry::new(&config(&server.url()), limits(), parse).unwrap();
    let text = answer(&registry, Question::Id(1)).unwrap_err().to_string();
    assert_eq!(text, "schema 1: its reader panicked");
    let order = Arc::new(Mutex::new(()));
    let first = order.lock().unwrap();
    let gate = Arc::clone(&order);
    registry
        .ask(Question::Id(2), move |_| {
            drop(gate.lock());
            panic!("a user that panics");
        })
        .ok()
        .unwrap();
    drop(first);
    for id in 2..20 {
        answer(&registry, Question::Id(id)).unwrap();
    }
}
