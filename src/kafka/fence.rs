//! Being fenced: the brokers say that another client has our name, and serve only that one.
//!
//! It need not be true. A client that was silent for longer than its session or its transaction may take can be
//! fenced by its own second try, when a broker that was stopped meanwhile answers both. So the first time we come
//! again, which fences whoever has the name; two processes that do have one name fence each other again and again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Being fenced twice within this time, one name is used by two.
const AGAIN: Duration = Duration::from_secs(60);

/// How often a process was fenced. Clones are the same: with transactions, consumer and producer are one process, and of
/// two by one name the first that is fenced twice ends, before it has fenced the other one twice.
#[derive(Debug, Clone, Default)]
pub struct Fence(Arc<Mutex<Option<Instant>>>);

impl Fence {
    /// We were fenced, `now`. Whether another process does have our name, as far as one can tell.
    pub fn is_contested(&self, now: Instant) -> bool {
        let before = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(now);
        before.is_some_and(|before| now.duration_since(before) < AGAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_fenced_again_and_again_has_a_twin() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let fence = Fence::default();
        assert!(!fence.is_contested(start));
        assert!(!fence.is_contested(after(60)));
        assert!(fence.is_contested(after(119)));
        assert!(fence.is_contested(after(120)));
        assert!(!fence.is_contested(after(3600)));
    }
}
