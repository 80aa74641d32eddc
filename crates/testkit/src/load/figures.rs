//! What was measured.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Times and failures of many requests.
#[derive(Debug, Clone)]
pub struct Figures {
    /// From when a request was due to the end of its answer, in microseconds; of those that were done.
    latency_us: Histogram<u32>,
    failures: BTreeMap<String, u64>,
    /// How long it was measured.
    pub took: Duration,
}

impl Default for Figures {
    fn default() -> Self {
        // To three digits, which is one in a thousand.
        let latency_us = Histogram::new_with_bounds(1, LATENCY_US_MAX, 3);
        let latency_us = latency_us.unwrap_or_else(|error| panic!("{error}"));
        Self { latency_us, failures: BTreeMap::new(), took: Duration::ZERO }
    }
}

impl Figures {
    pub(super) fn done(&mut self, took: Duration) {
        self.latency_us.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    pub(super) fn failed(&mut self, what: String) {
        *self.failures.entry(what).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        // Both have the same bounds, so it can't fail.
        let _ = self.latency_us.add(&other.latency_us);
        for (what, count) in &other.failures {
            *self.failures.entry(what.clone()).or_default() += count;
        }
    }

    /// Requests that were done.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.latency_us.len()
    }

    /// Requests that were done per second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.requests() as f64 / self.took.as_secs_f64()
    }

    /// The latency that this share of the requests kept below, in microseconds; 0.99 for p99.
    #[must_use]
    pub fn latency_us(&self, quantile: f64) -> u64 {
        self.latency_us.value_at_quantile(quantile)
    }

    /// What was not done, and how often: the name of an error of the service, or what the connection said.
    #[must_use]
    pub fn failures(&self) -> &BTreeMap<String, u64> {
        &self.failures
    }
}

/// Ten minutes; what takes longer counts as that.
const LATENCY_US_MAX: u64 = 600_000_000;
