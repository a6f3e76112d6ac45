//! Detection of equal keys in an object.
//!
//! Python keeps the last of several equal keys, at the place of the first. Such objects are so rare that it is enough
//! to notice them: keys are compared by their hashes alone, and what looks equal takes the long way.

use std::cell::Cell;
use std::hash::Hasher;
use std::mem;

use rustc_hash::FxHasher;

use super::Unsure;

/// Words of the filter.
const WORDS: usize = 32;
/// Most keys of an object that are compared one by one. Beyond, the keys are sorted when the object ends, so that the
/// work does not grow with the square of their number.
const FEW: usize = 128;
/// Most hashes that a thread keeps space for.
const KEPT: usize = 4096;

thread_local! {
    /// Space for hashes, from one text to the next.
    static SPACE: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
}

/// Hashes of the keys of the objects that have not ended.
pub(super) struct Distinct {
    /// The keys of each object, the outermost first. Before those of an inner object comes `base` of the one around it.
    hashes: Vec<u64>,
    /// Start of the innermost object's keys.
    base: usize,
    /// Filter: has the bits of all keys that were ever added, so that most keys are compared with no other.
    seen: [u64; WORDS],
}

impl Distinct {
    /// Creates a set of keys in which one object has begun.
    #[inline]
    pub(super) fn new() -> Self {
        let mut hashes = SPACE.take();
        hashes.clear();
        Self {
            hashes,
            base: 0,
            seen: [0; WORDS],
        }
    }

    /// Begins an object inside the current one.
    #[inline]
    pub(super) fn begin(&mut self) {
        self.hashes.push(self.base as u64);
        self.base = self.hashes.len();
    }

    /// Adds a key of the innermost object.
    #[inline]
    pub(super) fn add(&mut self, key: &[u8]) -> Result<(), Unsure> {
        let mut hasher = FxHasher::default();
        hasher.write(key);
        let hash = hasher.finish();
        let word = (hash >> 6) as usize % WORDS;
        let bit = 1 << (hash % 64);
        if self.seen[word] & bit != 0 && self.is_known(hash) {
            return Err(Unsure);
        }
        self.seen[word] |= bit;
        self.hashes.push(hash);
        Ok(())
    }

    /// Returns whether the innermost object has the key, if it has few.
    fn is_known(&self, hash: u64) -> bool {
        let object = &self.hashes[self.base..];
        object.len() <= FEW && object.contains(&hash)
    }

    /// Ends the innermost object.
    #[inline]
    pub(super) fn end(&mut self) -> Result<(), Unsure> {
        self.finish()?;
        let around = self.base - 1;
        self.base = self.hashes[around] as usize;
        self.hashes.truncate(around);
        Ok(())
    }

    /// Completes the check of the innermost object's keys.
    #[inline]
    pub(super) fn finish(&mut self) -> Result<(), Unsure> {
        let object = &mut self.hashes[self.base..];
        if object.len() > FEW {
            object.sort_unstable();
            if object.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(Unsure);
            }
        }
        Ok(())
    }
}

impl Drop for Distinct {
    fn drop(&mut self) {
        if self.hashes.capacity() <= KEPT {
            SPACE.set(mem::take(&mut self.hashes));
        }
    }
}
