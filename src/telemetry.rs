//! What the engine tells of itself: counters, and the set-up of its log.

pub mod counters;
pub mod logs;
