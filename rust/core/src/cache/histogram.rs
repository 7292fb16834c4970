//! How long things took to make.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in microseconds; one more bucket is without a bound.
const BOUNDS: [u64; 14] = [5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000];

/// Counts of durations by size. Takes no lock.
#[derive(Default)]
pub struct Histogram {
    counts: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Histogram {
    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        let bucket = BOUNDS.partition_point(|&bound| Duration::from_micros(bound) < duration);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(duration.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Each bucket's upper bound in seconds (the last is infinite) with the durations up to it, those of smaller
    /// buckets included; and the sum of all, in seconds.
    pub fn cumulative(&self) -> (Vec<(f64, u64)>, f64) {
        let bounds = BOUNDS.iter().map(|&bound| bound as f64 / 1e6).chain([f64::INFINITY]);
        let mut total = 0;
        let buckets = bounds
            .zip(&self.counts)
            .map(|(bound, count)| {
                total += count.load(Ordering::Relaxed);
                (bound, total)
            })
            .collect();
        (buckets, self.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9)
    }

    /// Sets all counts to zero.
    pub fn reset(&self) {
        for count in &self.counts {
            count.store(0, Ordering::Relaxed);
        }
        self.nanoseconds.store(0, Ordering::Relaxed);
    }
}
