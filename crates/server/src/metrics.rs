//! What is counted, and how Prometheus reads it (text format 0.0.4).
//!
//! Labels are names from our own tables, never what a caller sent.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The counters of one server.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Connections that were turned away for their number.
    pub(crate) connections_refused: Counter,
    /// Connections that ended before their TLS handshake did.
    pub(crate) handshakes_failed: Counter,
    requests: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    durations: Mutex<BTreeMap<&'static str, Histogram>>,
}

/// A number that grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct Histogram {
    /// Not yet cumulative.
    buckets: [u64; BUCKETS_US.len()],
    count: u64,
    sum_us: u64,
}

impl Metrics {
    /// Counts a request that was answered: with an error of this name, or `OK`.
    pub(crate) fn answered(&self, operation: &'static str, outcome: &'static str, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((operation, outcome)).or_default() += 1;
        drop(requests);
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut durations = self.durations.lock().unwrap_or_else(PoisonError::into_inner);
        let histogram = durations.entry(operation).or_default();
        if let Some(bucket) = BUCKETS_US.iter().position(|limit| took_us <= *limit) {
            histogram.buckets[bucket] += 1;
        }
        histogram.count += 1;
        histogram.sum_us = histogram.sum_us.saturating_add(took_us);
    }

    /// All of it as text.
    pub(crate) fn text(&self, gauges: &[(&str, &str, u64)]) -> String {
        let mut text = String::new();
        let head = |text: &mut String, name: &str, kind: &str, help: &str| {
            // Writing to a String does not fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        };
        for (name, help, value) in gauges {
            head(&mut text, name, "gauge", help);
            let _ = writeln!(text, "{name} {value}");
        }
        for (name, help, counter) in [
            ("keyfold_connections_refused_total", "Connections over a limit", &self.connections_refused),
            ("keyfold_tls_handshakes_failed_total", "TLS handshakes that failed", &self.handshakes_failed),
        ] {
            head(&mut text, name, "counter", help);
            let _ = writeln!(text, "{name} {}", counter.0.load(Ordering::Relaxed));
        }
        head(&mut text, "keyfold_requests_total", "counter", "Requests, by operation and what they got");
        for ((operation, outcome), count) in &*self.requests.lock().unwrap_or_else(PoisonError::into_inner) {
            let labels = format!("operation=\"{operation}\",outcome=\"{outcome}\"");
            let _ = writeln!(text, "keyfold_requests_total{{{labels}}} {count}");
        }
        let name = "keyfold_request_duration_seconds";
        head(&mut text, name, "histogram", "From the headers of a request to its answer");
        for (operation, histogram) in &*self.durations.lock().unwrap_or_else(PoisonError::into_inner) {
            let mut below = 0;
            for (limit, count) in BUCKETS_US.iter().zip(histogram.buckets) {
                below += count;
                let limit = seconds(*limit);
                let _ = writeln!(text, "{name}_bucket{{operation=\"{operation}\",le=\"{limit}\"}} {below}");
            }
            let (count, sum) = (histogram.count, seconds(histogram.sum_us));
            let _ = writeln!(text, "{name}_bucket{{operation=\"{operation}\",le=\"+Inf\"}} {count}");
            let _ = writeln!(text, "{name}_sum{{operation=\"{operation}\"}} {sum}");
            let _ = writeln!(text, "{name}_count{{operation=\"{operation}\"}} {count}");
        }
        text
    }
}

fn seconds(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64()
}

const BUCKETS_US: [u64; 11] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 10_000_000];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_by_operation_and_outcome() {
        let metrics = Metrics::default();
        metrics.answered("Decrypt", "OK", Duration::from_micros(700));
        metrics.answered("Decrypt", "OK", Duration::from_secs(60));
        metrics.answered("Decrypt", "NotFoundException", Duration::from_micros(100));
        let text = metrics.text(&[("keyfold_connections", "Open connections", 3)]);
        for line in [
            "keyfold_connections 3",
            "keyfold_requests_total{operation=\"Decrypt\",outcome=\"OK\"} 2",
            "keyfold_requests_total{operation=\"Decrypt\",outcome=\"NotFoundException\"} 1",
            "keyfold_request_duration_seconds_bucket{operation=\"Decrypt\",le=\"0.0005\"} 1",
            "keyfold_request_duration_seconds_bucket{operation=\"Decrypt\",le=\"0.001\"} 2",
            "keyfold_request_duration_seconds_bucket{operation=\"Decrypt\",le=\"+Inf\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
