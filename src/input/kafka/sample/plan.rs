//! Plan of how far back to look for the last messages of partitions. Offsets are only an upper bound for their number:
//! markers of transactions and aborted or compacted messages have offsets too.

use std::collections::VecDeque;
use std::ops::Range;

/// Partition, and the part of it that was already searched.
#[derive(Debug)]
pub(super) struct Span {
    /// First offset of the partition.
    low: i64,
    /// Offset from which on the partition was searched.
    seen: i64,
    /// Number of offsets that were searched in the last step.
    step: i64,
}

impl Span {
    /// Creates a span from `low` to before `end`, of which nothing was searched.
    pub(super) fn new(low: i64, end: i64) -> Self {
        Self {
            low,
            seen: end.max(low),
            step: 0,
        }
    }

    fn left(&self) -> u64 {
        u64::try_from(self.seen - self.low).unwrap_or(0)
    }
}

/// Returns the offsets to search next in each partition, for `missing` more messages; `None` where there is nothing to
/// search. The steps in a partition grow, since many offsets may hold few messages.
pub(super) fn next(spans: &mut [Span], missing: u64) -> Vec<Option<Range<i64>>> {
    let left: Vec<u64> = spans.iter().map(Span::left).collect();
    let shares = shares(&left, missing);
    let step = |(span, share): (&mut Span, u64)| {
        let share = i64::try_from(share).unwrap_or(i64::MAX);
        if share == 0 {
            return None;
        }
        let end = span.seen;
        span.step = share
            .max(span.step.saturating_mul(2))
            .min(span.seen - span.low);
        span.seen -= span.step;
        Some(span.seen..end)
    };
    spans.iter_mut().zip(shares).map(step).collect()
}

/// Divides `count` as evenly as possible among partitions with these numbers of messages.
pub(super) fn shares(there: &[u64], count: u64) -> Vec<u64> {
    let mut order: VecDeque<usize> = (0..there.len()).collect();
    order.make_contiguous().sort_by_key(|&index| there[index]);
    let mut shares = vec![0; there.len()];
    let mut left = count;
    // The smallest partition first: the others make up for what it lacks.
    while let Some(index) = order.pop_front() {
        let others = order.len() as u64 + 1;
        shares[index] = there[index].min(left.div_ceil(others));
        left -= shares[index];
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_shares_of_what_is_there() {
        assert_eq!(shares(&[100, 100], 10), [5, 5]);
        assert_eq!(shares(&[100, 1, 0], 10), [9, 1, 0]);
        assert_eq!(shares(&[2, 3], 10), [2, 3]);
        assert_eq!(shares(&[100, 100, 100], 10).iter().sum::<u64>(), 10);
        assert_eq!(shares(&[100; 20], 1).iter().sum::<u64>(), 1);
        assert!(shares(&[], 10).is_empty());
    }

    #[test]
    fn it_looks_back_in_steps_that_grow_until_there_is_nothing_left() {
        let mut spans = [Span::new(0, 100), Span::new(90, 100)];
        assert_eq!(next(&mut spans, 10), [Some(95..100), Some(95..100)]);
        // Only markers there: twice as far.
        assert_eq!(next(&mut spans, 10), [Some(85..95), Some(90..95)]);
        assert_eq!(next(&mut spans, 10), [Some(65..85), None]);
        assert_eq!(next(&mut spans, 1), [Some(25..65), None]);
        assert_eq!(next(&mut spans, 1), [Some(0..25), None]);
        assert_eq!(next(&mut spans, 1), [None, None]);
    }

    #[test]
    fn nothing_missing_nothing_to_look_at() {
        assert_eq!(next(&mut [Span::new(0, 100)], 0), [None]);
        assert_eq!(next(&mut [Span::new(7, 7)], 5), [None]);
    }
}
