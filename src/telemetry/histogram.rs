//! Histogram to which many threads add weighted values.
//!
//! `prometheus-client` has a histogram, but it counts one value at a time under a lock and can only be read as text.
//! With this one, a batch of a thousand messages is one addition, and `/stats` reads quantiles from it.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// Upper bounds for seconds: from 50 µs to a minute, about three for each factor of ten.
pub const SECONDS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];
/// Upper bounds for the number of messages in a batch.
pub const MESSAGES: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0];

/// Histogram with fixed buckets.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    /// One count for each bound, and one for values above all bounds.
    counts: Box<[AtomicU64]>,
    /// Sum of all values, in millionths.
    sum: AtomicU64,
}

/// Snapshot of a [`Histogram`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Number of values.
    pub count: u64,
    /// Sum of all values.
    pub sum: f64,
    /// Median; `None` if there are no values.
    pub p50: Option<f64>,
    /// 99th percentile; `None` if there are no values.
    pub p99: Option<f64>,
    /// Buckets: an upper bound, and the number of values that do not exceed it. The last bucket has the bound `None`.
    pub buckets: Vec<(Option<f64>, u64)>,
}

impl Histogram {
    /// Creates a histogram with buckets up to these ascending `bounds`.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Adds `value`, `weight` times.
    pub fn observe(&self, value: f64, weight: u64) {
        if cfg!(feature = "uncounted") {
            return;
        }
        let Self {
            bounds,
            counts,
            sum,
        } = self;
        let bucket = bounds.partition_point(|&bound| bound < value);
        counts[bucket].fetch_add(weight, Ordering::Relaxed);
        // The sum may wrap, as counters do: messages with absurd timestamps can have ages that large.
        sum.fetch_add(
            ((value * 1e6) as u64).wrapping_mul(weight),
            Ordering::Relaxed,
        );
    }

    /// Takes a snapshot of the histogram.
    pub fn distribution(&self) -> Distribution {
        let Self {
            bounds,
            counts,
            sum,
        } = self;
        let counts: Vec<u64> = counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .collect();
        let bounds = bounds.iter().copied().map(Some).chain([None]);
        let mut so_far = 0;
        let cumulative = counts.iter().map(|count| {
            so_far += count;
            so_far
        });
        let buckets: Vec<(Option<f64>, u64)> = bounds.zip(cumulative).collect();
        Distribution {
            count: counts.iter().sum(),
            sum: sum.load(Ordering::Relaxed) as f64 / 1e6,
            p50: quantile(&buckets, 0.5),
            p99: quantile(&buckets, 0.99),
            buckets,
        }
    }
}

impl Distribution {
    /// Returns the distribution of the values added since `before`, an earlier snapshot of the same histogram.
    pub fn since(&self, before: &Self) -> Self {
        let earlier = |index: usize| before.buckets.get(index).map_or(0, |&(_, count)| count);
        let buckets: Vec<(Option<f64>, u64)> = self
            .buckets
            .iter()
            .enumerate()
            .map(|(index, &(bound, count))| (bound, count.saturating_sub(earlier(index))))
            .collect();
        Self {
            count: self.count.saturating_sub(before.count),
            sum: self.sum - before.sum,
            p50: quantile(&buckets, 0.5),
            p99: quantile(&buckets, 0.99),
            buckets,
        }
    }
}

/// Estimates the value that this `share` of all values does not exceed. Values count as spread evenly within a bucket,
/// as in Prometheus' `histogram_quantile`; values above the last bound count as that bound.
fn quantile(buckets: &[(Option<f64>, u64)], share: f64) -> Option<f64> {
    let all = buckets.last()?.1;
    if all == 0 {
        return None;
    }
    let rank = share * all as f64;
    let (mut below, mut low) = (0, 0.0);
    for &(bound, count) in buckets {
        let Some(high) = bound else { break };
        if count as f64 >= rank {
            let part = (rank - below as f64) / (count - below) as f64;
            return Some(low + (high - low) * part);
        }
        (below, low) = (count, high);
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_has_no_quantile() {
        let nothing = Histogram::new(SECONDS).distribution();
        assert_eq!((nothing.count, nothing.p50, nothing.p99), (0, None, None));
    }

    #[test]
    fn above_the_last_bound() {
        let histogram = Histogram::new(MESSAGES);
        histogram.observe(5000.0, 3);
        let distribution = histogram.distribution();
        assert_eq!((distribution.count, distribution.p50), (3, Some(1024.0)));
    }

    #[test]
    fn only_what_came_since() {
        let histogram = Histogram::new(MESSAGES);
        histogram.observe(1.0, 100);
        let before = histogram.distribution();
        histogram.observe(200.0, 10);
        let since = histogram.distribution().since(&before);
        assert_eq!((since.count, since.sum), (10, 2000.0));
        assert!((64.0..=256.0).contains(&since.p50.unwrap()), "{since:?}");
    }

    proptest! {
        /// The quantile lies in the bucket of the value with its rank.
        #[test]
        fn quantiles_are_in_the_right_bucket(mut values in prop::collection::vec(0.0..80.0f64, 1..200)) {
            let histogram = Histogram::new(SECONDS);
            values.iter().for_each(|&value| histogram.observe(value, 1));
            values.sort_by(f64::total_cmp);
            let distribution = histogram.distribution();
            prop_assert_eq!(distribution.count, values.len() as u64);
            for (share, quantile) in [(0.5, distribution.p50), (0.99, distribution.p99)] {
                let rank = ((share * values.len() as f64).ceil() as usize).max(1);
                let value = values[rank - 1].min(60.0);
                let bucket = |value: f64| SECONDS.partition_point(|&bound| bound < value);
                prop_assert_eq!(bucket(quantile.unwrap()), bucket(value));
            }
        }
    }
}
