//! Object keys that the documents of a batch share.
//!
//! The documents of a batch usually have the same keys. The first appearance of a key carries `FLAG_REF`, later ones
//! are five bytes that refer to it, and the guest makes one string of it, whose hash it computes once.

use std::hash::Hasher;

use rustc_hash::FxHasher;

/// Number of slots in the table; a power of two.
const SLOTS: usize = 4096;
/// Most keys that are shared in one frame: half of the slots, so that probes stay short.
const MAX_KEYS: usize = SLOTS / 2;
/// Longest key that is shared: its length is one byte.
const MAX_KEY_LEN: usize = 255;
/// Most slots that a key may try. This is a bound and not a search to the end: keys that collide on purpose are only
/// written unshared, and lookups cost the same.
const PROBES: usize = 4;

/// Decision how to write a key.
pub(super) enum Lookup {
    /// The key was written before: its index in the guest's table of references.
    Known(u32),
    /// The key is new, and now in the table: it must be written with `FLAG_REF`, at the end of the output.
    New,
    /// The key is written unshared.
    Unshared,
}

/// Keys written so far in this frame, in the order of the guest's table of references.
///
/// Only keys are ever written with `FLAG_REF`, so an entry's index here *is* its index in the guest's table.
#[derive(Debug)]
pub(super) struct KeyTable {
    entries: Vec<Entry>,
    /// Index of the key that was looked up last.
    last: u16,
    /// Indexes into `entries` plus one; zero is an empty slot.
    slots: Box<[u16; SLOTS]>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Position of the key's text in the output.
    at: u32,
    len: u8,
    slot: u16,
    /// Index of the key that came after this one the last time, which is probably the next key.
    next: u16,
}

impl KeyTable {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::new(),
            last: 0,
            slots: Box::new([0; SLOTS]),
        }
    }

    /// Returns the number of keys, to return to with [`KeyTable::rollback`].
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Removes all keys except the first `len`.
    ///
    /// Entries are removed in the reverse order of their arrival, so no probe that is still needed has ever passed a
    /// slot that is emptied here.
    pub(super) fn rollback(&mut self, len: usize) {
        for entry in self.entries.drain(len..) {
            self.slots[usize::from(entry.slot)] = 0;
        }
    }

    /// Looks `key` up among those in `out`, and enters it if there is space. If it is new, it must be written next.
    #[inline]
    pub(super) fn lookup(&mut self, key: &str, out: &[u8]) -> Lookup {
        // Documents of one kind have their keys in one order, so the guess is usually right.
        if let Some(last) = self.entries.get(usize::from(self.last))
            && self.is_entry(last.next, key, out)
        {
            self.last = last.next;
            return Lookup::Known(u32::from(self.last));
        }
        self.search(key, out)
    }

    fn search(&mut self, key: &str, out: &[u8]) -> Lookup {
        if key.len() > MAX_KEY_LEN {
            return Lookup::Unshared;
        }
        let mut hasher = FxHasher::default();
        hasher.write(key.as_bytes());
        let hash = hasher.finish() as usize;
        for probe in 0..PROBES {
            let slot = hash.wrapping_add(probe) % SLOTS;
            let Some(index) = self.slots[slot].checked_sub(1) else {
                return self.enter(key, slot, out.len());
            };
            if self.is_entry(index, key, out) {
                self.follows(index);
                return Lookup::Known(u32::from(index));
            }
        }
        Lookup::Unshared
    }

    #[inline]
    fn is_entry(&self, index: u16, key: &str, out: &[u8]) -> bool {
        self.entries.get(usize::from(index)).is_some_and(|entry| {
            let start = entry.at as usize;
            usize::from(entry.len) == key.len() && out[start..start + key.len()] == *key.as_bytes()
        })
    }

    /// Notes that this key came after the last one.
    fn follows(&mut self, index: u16) {
        if let Some(last) = self.entries.get_mut(usize::from(self.last)) {
            last.next = index;
        }
        self.last = index;
    }

    fn enter(&mut self, key: &str, slot: usize, end: usize) -> Lookup {
        // The text comes after the type code and a length of one byte, or of four if the key is not ASCII.
        let at = end + if key.is_ascii() { 2 } else { 5 };
        let (Ok(at), Ok(len)) = (u32::try_from(at), u8::try_from(key.len())) else {
            return Lookup::Unshared;
        };
        if self.entries.len() == MAX_KEYS {
            return Lookup::Unshared;
        }
        let index = self.entries.len() as u16;
        self.entries.push(Entry {
            at,
            len,
            slot: slot as u16,
            next: 0,
        });
        self.slots[slot] = index + 1;
        self.follows(index);
        Lookup::New
    }
}
