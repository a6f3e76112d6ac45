//! Documents that decoders of other formats than JSON write, object by object.

use super::encode::Encoder;
use super::number;
use super::objects::{write_float, write_head, write_key};
use super::wire::{DICT, FALSE, LIST, NULL, TRUE};

/// Place in the output to which a failed document is taken back: see [`Encoder::take_back`].
#[derive(Debug, Clone, Copy)]
pub struct Mark(pub(super) usize, pub(super) usize);

/// List whose number of items is not known yet: see [`Encoder::begin_list`].
#[derive(Debug)]
#[must_use]
pub struct OpenList(usize);

impl Encoder {
    /// Returns the place where the output ends now.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.out.len(), self.keys.len())
    }

    /// Removes everything that was written after `mark`.
    pub fn take_back(&mut self, Mark(len, keys): Mark) {
        self.rollback((len, keys));
    }

    /// Writes a `bool`.
    pub fn bool(&mut self, value: bool) {
        self.out.push(if value { TRUE } else { FALSE });
    }

    /// Writes a `float`.
    pub fn float(&mut self, value: f64) {
        write_float(&mut self.out, value);
    }

    /// Writes an `int` of 64 bits without a sign.
    pub fn unsigned(&mut self, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.int(value),
            Err(_) => number::write_unsigned(&mut self.out, value),
        }
    }

    /// Begins a dict: [`key`](Self::key) and a value alternate, then comes [`end_dict`](Self::end_dict).
    pub fn begin_dict(&mut self) {
        self.out.push(DICT);
    }

    /// Writes a key of a dict.
    pub fn key(&mut self, key: &str) {
        write_key(&mut self.out, &mut self.keys, key);
    }

    /// Ends a dict.
    pub fn end_dict(&mut self) {
        self.out.push(NULL);
    }

    /// Begins a list of which the number of items is given at its [end](Self::end_list).
    pub fn begin_list(&mut self) -> OpenList {
        write_head(&mut self.out, LIST, 0);
        OpenList(self.out.len() - 4)
    }

    /// Ends a list that has so many items.
    pub fn end_list(&mut self, OpenList(at): OpenList, items: u32) {
        self.out[at..at + 4].copy_from_slice(&items.to_le_bytes());
    }
}
