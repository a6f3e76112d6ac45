//! Consumer group of a Kafka input, for people: who has which partition. Kafka is asked only while somebody looks at
//! `/stats`, on a thread of its own, and `/stats` never waits for the answer.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Time for which an answer is good: to describe a group, each broker is asked for all of its groups.
const GOOD_FOR: Duration = Duration::from_secs(10);
/// Time after which an answer is not shown any more: nobody has looked for a while, or Kafka does not answer.
const SHOWN_FOR: Duration = Duration::from_secs(60);

/// Consumer group, as Kafka describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupStats {
    /// Name of the group.
    pub name: String,
    /// Number of its members.
    pub members: usize,
    /// Partitions of the topics that are read, whoever has them.
    pub partitions: Vec<GroupPartition>,
}

/// Partition of a topic that the group reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupPartition {
    /// Topic of the partition.
    pub topic: String,
    /// Number of the partition.
    pub partition: i32,
    /// Member that has it, with its host; `None` if no member has it.
    pub owner: Option<String>,
    /// Messages between the committed offset and the end; `None` without a committed offset.
    pub lag: Option<u64>,
}

/// Source of descriptions.
pub(crate) trait DescribeGroup: Send + Sync {
    /// Returns the group as it is now. Blocks the thread. `None` if Kafka does not describe it.
    fn describe(&self) -> Option<GroupStats>;
}

/// Last description of a group, which is renewed while it is looked at.
#[derive(Clone)]
pub(crate) struct GroupWatch {
    source: Arc<dyn DescribeGroup>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Time of the last question.
    asked: Option<Instant>,
    /// Whether its answer has not come yet.
    asking: bool,
    /// Last answer, and its time.
    last: Option<(Instant, GroupStats)>,
}

impl fmt::Debug for GroupWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupWatch").finish_non_exhaustive()
    }
}

impl GroupWatch {
    /// Creates a watch that has not asked yet.
    pub(crate) fn new(source: Arc<dyn DescribeGroup>) -> Self {
        Self {
            source,
            state: Arc::default(),
        }
    }

    /// Returns the last description, and has it renewed if it is old.
    pub(super) fn look(&self) -> Option<GroupStats> {
        let now = Instant::now();
        let mut state = self.lock();
        let old = state.asked.is_none_or(|asked| now - asked >= GOOD_FOR);
        if old && !state.asking {
            state.asked = Some(now);
            state.asking = self.ask();
        }
        let (at, group) = state.last.as_ref()?;
        (now - *at < SHOWN_FOR).then(|| group.clone())
    }

    /// Asks on a thread of its own. Returns whether it runs.
    fn ask(&self) -> bool {
        let watch = self.clone();
        let thread = thread::Builder::new().name("kafka-group".into());
        let asking = thread.spawn(move || {
            let group = watch.source.describe();
            let mut state = watch.lock();
            state.asking = false;
            if let Some(group) = group {
                state.last = Some((Instant::now(), group));
            }
        });
        asking.is_ok()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    struct Fake {
        asked: AtomicUsize,
        answers: Mutex<Receiver<Option<GroupStats>>>,
    }

    impl DescribeGroup for Fake {
        fn describe(&self) -> Option<GroupStats> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.answers.lock().unwrap().recv().unwrap()
        }
    }

    fn watch() -> (GroupWatch, Arc<Fake>, Sender<Option<GroupStats>>) {
        let (sender, answers) = channel();
        let fake = Arc::new(Fake {
            asked: AtomicUsize::new(0),
            answers: Mutex::new(answers),
        });
        (GroupWatch::new(fake.clone()), fake, sender)
    }

    fn settled(watch: &GroupWatch) {
        while watch.lock().asking {
            thread::yield_now();
        }
    }

    #[test]
    fn it_never_waits_and_asks_once_at_a_time() {
        let (watch, fake, sender) = watch();
        for _ in 0..100 {
            assert_eq!(watch.look(), None, "there is no answer yet");
        }
        let group = GroupStats {
            name: "pricing".into(),
            members: 2,
            partitions: Vec::new(),
        };
        sender.send(Some(group.clone())).unwrap();
        settled(&watch);
        assert_eq!(watch.look(), Some(group));
        assert_eq!(
            fake.asked.load(Ordering::SeqCst),
            1,
            "the answer is still good"
        );
    }

    #[test]
    fn without_an_answer_it_is_asked_again_later() {
        let (watch, fake, sender) = watch();
        assert_eq!(watch.look(), None);
        sender.send(None).unwrap();
        settled(&watch);
        assert_eq!(watch.look(), None);
        assert_eq!(fake.asked.load(Ordering::SeqCst), 1);
        watch.lock().asked = Some(Instant::now() - GOOD_FOR);
        watch.look();
        sender.send(None).unwrap();
        settled(&watch);
        assert_eq!(fake.asked.load(Ordering::SeqCst), 2);
    }
}
