//! Random choices that a number repeats.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// SplitMix64: a seed repeats a run, as far as that is possible with machines.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn any_seed() -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.expect("after 1970").as_micros() as u64 % 1_000_000
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns another source, which this one determines.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Returns an index into something of this length.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.index(among.len())]
    }

    /// Returns true once in so many times.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.index(count) == 0
    }

    pub fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let range = (most - least).as_millis() as u64;
        least + Duration::from_millis(self.below(range + 1))
    }
}
