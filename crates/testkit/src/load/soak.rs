//! A steady rate for a long time: first alone, then with hostile clients beside it, then alone again.
//!
//! ```text
//!   calm 1/6  │  hostile 1/6  │  calm 4/6
//!                               └ memory has to stay where it is from here on
//! ```

use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::hostile::{Crowd, Hostile};
use super::requests::Requests;
use super::{Figures, Target, at_rate};
use crate::Serving;

/// How long and how much.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// All of it; at least six seconds.
    pub duration: Duration,
    /// Honest requests per second.
    pub per_second: u32,
    /// Honest connections.
    pub connections: usize,
    /// The hostile clients.
    pub crowd: Crowd,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// Before the hostile clients.
    pub before: Figures,
    /// While they were there.
    pub beside: Figures,
    /// After them.
    pub after: Figures,
    /// What hostile clients began.
    pub attempts: u64,
    /// Their requests that were answered with an error; slow ones are cut off instead.
    pub refused: u64,
    /// Those that were answered as if nothing were wrong.
    pub served: u64,
    /// Resident memory of the service, in KiB: the most of each of the three times.
    pub resident_kib_max: [u64; 3],
    /// How memory changed in the last time, in KiB per minute: the slope of a line through its samples.
    pub slope_kib_per_minute: f64,
}

impl Outcome {
    /// What failed of the honest requests.
    #[must_use]
    pub fn failures(&self) -> Vec<(String, u64)> {
        let all =
            [&self.before, &self.beside, &self.after].into_iter().flat_map(|figures| figures.failures());
        all.map(|(what, count)| (what.clone(), *count)).collect()
    }
}

/// Does it.
///
/// # Errors
/// Where the service can't be reached, or does not make the keys.
pub async fn soak(serving: &Serving, target: &Target, plan: Plan) -> io::Result<Outcome> {
    let job = Requests::prepare(target).await?.mixed();
    let run = |sixths| at_rate(target, plan.connections, plan.per_second, plan.duration / 6 * sixths, &job);
    let (before, memory_before) = watched(serving, run(1)).await?;
    let hostile = Hostile::start(target, plan.crowd);
    let (beside, memory_beside) = watched(serving, run(1)).await?;
    let (attempts, refused, served) = (hostile.attempts(), hostile.refused(), hostile.served());
    drop(hostile);
    let (after, memory_after) = watched(serving, run(4)).await?;
    let max = |samples: &[Sample]| samples.iter().map(|sample| sample.kib).max().unwrap_or_default();
    Ok(Outcome {
        before,
        beside,
        after,
        attempts,
        refused,
        served,
        resident_kib_max: [max(&memory_before), max(&memory_beside), max(&memory_after)],
        slope_kib_per_minute: slope(&memory_after),
    })
}

struct Sample {
    minutes: f64,
    kib: u64,
}

/// Looks at the service's memory while something runs.
async fn watched(
    serving: &Serving,
    run: impl Future<Output = io::Result<Figures>>,
) -> io::Result<(Figures, Vec<Sample>)> {
    let (start, mut samples) = (Instant::now(), Vec::new());
    let mut run = pin!(run);
    loop {
        tokio::select! {
            figures = &mut run => return Ok((figures?, samples)),
            () = sleep(SAMPLE) => {
                let minutes = start.elapsed().as_secs_f64() / 60.0;
                samples.push(Sample { minutes, kib: serving.resident_kib() });
            }
        }
    }
}

/// The slope of the line with the least squares, in KiB per minute; 0 for fewer than two samples.
fn slope(samples: &[Sample]) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (minutes, kib) = (mean(|sample| sample.minutes), mean(|sample| sample.kib as f64));
    let (mut above, mut below) = (0.0, 0.0);
    for sample in samples {
        let from_mean = sample.minutes - minutes;
        above += from_mean * (sample.kib as f64 - kib);
        below += from_mean * from_mean;
    }
    if below > 0.0 { above / below } else { 0.0 }
}

const SAMPLE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_line() {
        let samples = |kib: &[u64]| -> Vec<Sample> {
            let minutes = (0..).map(f64::from);
            minutes.zip(kib).map(|(minutes, kib)| Sample { minutes, kib: *kib }).collect()
        };
        assert!((slope(&samples(&[100, 110, 120, 130])) - 10.0).abs() < 1e-9);
        assert!(slope(&samples(&[100, 100, 100])).abs() < 1e-9);
        assert!((slope(&samples(&[130, 100])) + 30.0).abs() < 1e-9);
        assert!(slope(&samples(&[5])).abs() < 1e-9);
    }
}
