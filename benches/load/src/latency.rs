//! Percentiles over what was measured, all of it kept.

use std::time::Duration;

use serde_json::{Value, json};

/// Samples beyond this are dropped (16 MiB): a saturated run at 20 of 1,000 receivers
/// stays far below.
const MOST_SAMPLES: usize = 4 << 20;

/// A set of durations in microseconds.
#[derive(Default)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    /// Adds one, in microseconds.
    pub(crate) fn record(&mut self, micros: u64) {
        if self.0.len() < MOST_SAMPLES {
            self.0.push(u32::try_from(micros).unwrap_or(u32::MAX));
        }
    }

    /// How many there are, the median, the 99th percentile and the worst, in milliseconds.
    pub(crate) fn summary(mut self) -> Value {
        self.0.sort_unstable();
        json!({
            "samples": self.0.len(),
            "p50_ms": self.percentile(50).map(millis),
            "p99_ms": self.percentile(99).map(millis),
            "worst_ms": self.percentile(100).map(millis),
        })
    }

    /// Nearest rank, of a sorted set; `None` when empty.
    fn percentile(&self, percent: usize) -> Option<u32> {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied()
    }
}

fn millis(micros: u32) -> f64 {
    Duration::from_micros(u64::from(micros)).as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::Latencies;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut latencies = Latencies::default();
        (1..=200).rev().for_each(|step| latencies.record(step * 1000));
        let summary = latencies.summary();
        assert_eq!(summary["samples"], 200);
        assert_eq!(summary["p50_ms"], 100.0);
        assert_eq!(summary["p99_ms"], 198.0);
        assert_eq!(summary["worst_ms"], 200.0);
    }

    #[test]
    fn nothing_measured_is_null_rather_than_zero() {
        assert!(Latencies::default().summary()["p99_ms"].is_null());
    }
}
