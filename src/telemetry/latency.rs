//! A histogram of times that any number of cores fill at once: atomic counters, no lock.
//!
//! Must not know: what is timed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// From a cached key (tens of microseconds) to a slow disk; what took longer is in the last.
const BOUNDS: [u64; 12] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000, 5_000_000,
];

/// Times, counted by upper bound. Clones count into the same.
#[derive(Debug, Clone, Default)]
pub struct Latency(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Latency {
    /// Counts one.
    pub fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        self.0.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.0.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

impl TypedMetric for Latency {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Latency {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let bounds = BOUNDS.iter().map(|bound| seconds(*bound));
        let counts = self.0.buckets.iter().map(|n| n.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = seconds(self.0.micros.load(Ordering::Relaxed));
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "2^53 microseconds are 285 years"
)]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn times_are_counted_by_bound_and_summed() {
        let latency = Latency::default();
        for micros in [1, 50, 51, 9_000_000] {
            latency.clone().observe(Duration::from_micros(micros));
        }
        let mut registry = Registry::default();
        registry.register("x", "X", latency);
        let mut text = String::new();
        text::encode(&mut text, &registry).unwrap();
        for line in [
            "x_bucket{le=\"0.00005\"} 2",
            "x_bucket{le=\"0.0001\"} 3",
            "x_bucket{le=\"5.0\"} 3",
            "x_bucket{le=\"+Inf\"} 4",
            "x_count 4",
            "x_sum 9.000102",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
