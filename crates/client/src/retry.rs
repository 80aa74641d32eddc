//! What is worth another try, and when: the "standard" mode of the AWS SDKs.
//!
//! Three attempts in all; before the second and third a random wait of up to 1 s and 2 s. Tried again are failed
//! connections, time-outs, the statuses 500, 502, 503 and 504, and throttling. Operations that change something are
//! no exception, as in the SDKs: a `CreateKey` whose answer was lost can make two keys. Other than the SDKs, a
//! `LimitExceededException` is final: of the key service it means a quota that waiting does not refill.
//!
//! A budget, shared by all requests of a client, ends the tries when a service fails for good: each costs 5 of 500
//! tokens, after a time-out 10, and a success gives back what the try cost, at least 1.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use keyfold_crypto::rand;

use crate::error::RequestError;

/// What a failure asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Another try would end the same way.
    Final,
    /// Another try may do.
    Again,
    /// The same, and it cost a lot of time.
    TimedOut,
}

/// The policy and the budget.
#[derive(Debug)]
pub(crate) struct Retry {
    tokens: AtomicU32,
    base: Duration,
}

impl Retry {
    /// Waits grow from `base`.
    pub(crate) fn new(base: Duration) -> Self {
        Self { tokens: AtomicU32::new(TOKENS_MAX), base }
    }

    /// Makes up to [`ATTEMPTS_MAX`] attempts.
    pub(crate) async fn run<T, E, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, (Verdict, E)>>,
    {
        let (mut attempts, mut spent) = (0, 0);
        loop {
            attempts += 1;
            let (verdict, error) = match attempt().await {
                Ok(done) => {
                    self.give(spent.max(1));
                    return Ok(done);
                }
                Err(failed) => failed,
            };
            let cost = match verdict {
                Verdict::Final => return Err(error),
                Verdict::Again => 5,
                Verdict::TimedOut => 10,
            };
            if attempts >= ATTEMPTS_MAX || !self.take(cost) {
                return Err(error);
            }
            spent = cost;
            tokio::time::sleep(self.wait(attempts)).await;
        }
    }

    /// A random part of the longest wait before attempt `attempts + 1`.
    fn wait(&self, attempts: u32) -> Duration {
        let longest = self.base.saturating_mul(1 << (attempts - 1).min(16)).min(WAIT_MAX);
        // Without randomness, all of it.
        let part = rand::array::<4>().map_or(u32::MAX, u32::from_be_bytes);
        longest.mul_f64(f64::from(part) / f64::from(u32::MAX))
    }

    fn take(&self, cost: u32) -> bool {
        let less = |tokens: u32| tokens.checked_sub(cost);
        self.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn give(&self, tokens: u32) {
        let more = |now: u32| Some((now + tokens).min(TOKENS_MAX));
        // It always gives some, so it always succeeds.
        let _ = self.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }
}

impl From<&RequestError> for Verdict {
    fn from(error: &RequestError) -> Self {
        match error {
            RequestError::Timeout { .. } => Self::TimedOut,
            RequestError::Connect { .. } | RequestError::Broken { .. } => Self::Again,
            _ => Self::Final,
        }
    }
}

/// The verdict on an error that a service answered, by HTTP status and name.
pub(crate) fn of_answer(status: u16, name: Option<&str>) -> Verdict {
    let is_again =
        matches!(status, 429 | 500 | 502 | 503 | 504) || name.is_some_and(|name| AGAIN.contains(&name));
    if is_again { Verdict::Again } else { Verdict::Final }
}

/// Attempts in all.
pub(crate) const ATTEMPTS_MAX: u32 = 3;
/// What the SDKs wait at most before the second attempt.
pub(crate) const BASE: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(20);
const TOKENS_MAX: u32 = 500;

/// Names of errors that pass: throttling, and a service that gave up waiting.
const AGAIN: [&str; 15] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "IDPCommunicationError",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_bounded() {
        let retry = Retry::new(Duration::from_secs(1));
        for attempts in 1..40 {
            assert!(retry.wait(attempts) <= Duration::from_secs(1 << (attempts - 1).min(10)).min(WAIT_MAX));
        }
        let waits: Vec<_> = (0..8).map(|_| retry.wait(1)).collect();
        assert!(waits.iter().any(|wait| *wait != waits[0]), "no jitter: {waits:?}");
    }

    #[test]
    fn a_budget_ends_the_tries() {
        let retry = Retry::new(BASE);
        assert_eq!((0..1000).filter(|_| retry.take(5)).count(), 100);
        retry.give(4);
        assert!(!retry.take(5));
        retry.give(1);
        assert!(retry.take(5));
        retry.give(1_000_000);
        assert_eq!(retry.tokens.load(Ordering::Relaxed), TOKENS_MAX);
    }

    #[test]
    fn what_passes_is_tried_again() {
        assert!(AGAIN.is_sorted());
        for (status, name) in [
            (500, Some("KMSInternalException")),
            (503, None),
            (400, Some("ThrottlingException")),
            (429, None),
        ] {
            assert_eq!(of_answer(status, name), Verdict::Again, "{status} {name:?}");
        }
        for (status, name) in [
            (400, Some("NotFoundException")),
            (400, Some("LimitExceededException")),
            (403, None),
            (501, None),
        ] {
            assert_eq!(of_answer(status, name), Verdict::Final, "{status} {name:?}");
        }
    }
}
