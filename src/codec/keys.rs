//! Object keys that the documents of a batch share.
//!
//! Most documents of a batch have the same keys. The first occurrence of a key has `FLAG_REF`, and later ones are five
//! bytes that refer to it. The guest makes one string of them, and computes its hash once.

use std::hash::Hasher;

use rustc_hash::FxHasher;

/// Number of slots in the table; a power of two.
const SLOTS: usize = 4096;
/// Limit on the keys that are shared in one frame: half of the slots, so that probes stay short.
const MAX_KEYS: usize = SLOTS / 2;
/// Limit on the length of a shared key: its length is one byte.
const MAX_KEY_LEN: usize = 255;
/// Number of slots that a key may take. The limit protects against keys made to collide: they are only sent unshared,
/// and lookups cost the same.
const PROBES: usize = 4;

/// How a key must be written.
pub(super) enum Lookup {
    /// The key was written before: its index in the guest's table of references.
    Known(u32),
    /// The key is new, and now in the table: it must be written with `FLAG_REF`, at the end of the output.
    New,
    /// The key is sent unshared.
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
    /// For each slot an index into `entries` plus one; zero is an empty slot.
    slots: Box<[u16; SLOTS]>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Position of the key's text in the output.
    at: u32,
    len: u8,
    slot: u16,
    /// Index of the key that followed this one the last time: a good guess for the next lookup.
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

    /// Returns the number of keys, to which [`KeyTable::rollback`] can return.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Removes all keys except the first `len`.
    ///
    /// Entries are removed in the opposite order to that in which they were added, so no probe that is still needed has
    /// ever passed over a slot that is emptied here.
    pub(super) fn rollback(&mut self, len: usize) {
        for entry in self.entries.drain(len..) {
            self.slots[usize::from(entry.slot)] = 0;
        }
    }

    /// Looks up `key` among the keys in `out`, and adds it if there is room. If it is new, it must be written next.
    #[inline]
    pub(super) fn lookup(&mut self, key: &str, out: &[u8]) -> Lookup {
        // Documents of one kind have their keys in the same order, so the guess is mostly right.
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

    /// Records that this key came after the last one.
    fn follows(&mut self, index: u16) {
        if let Some(last) = self.entries.get_mut(usize::from(self.last)) {
            last.next = index;
        }
        self.last = index;
    }

    fn enter(&mut self, key: &str, slot: usize, end: usize) -> Lookup {
        // The key's text comes after the type code and a length of one byte, or of four if it is not ASCII.
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
