//! What one account may ask: a rate for each class of operation, and a share of the workers, so that no account can
//! starve another.
//!
//! Rates are token buckets, held for accounts that have proven to exist; so their number is not a caller's to choose.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use keyfold_kms::operations::OPERATIONS;
use keyfold_protocol::AccountId;
use keyfold_protocol::operations::OperationName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::{Limits, Rates};

/// What an operation costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// It uses keys.
    Cryptography,
    /// It only reads.
    Reading,
    /// It changes something.
    Writing,
}

impl Class {
    /// The class of an operation, from the table of operations.
    pub(crate) fn of(operation: OperationName) -> Self {
        if OPERATIONS.iter().any(|row| row.name == operation && row.mutates) {
            return Self::Writing;
        }
        match operation.as_str() {
            name if ["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb)) => Self::Reading,
            _ => Self::Cryptography,
        }
    }

    fn rate(self, rates: Rates) -> f64 {
        f64::from(match self {
            Self::Cryptography => rates.cryptography,
            Self::Reading => rates.reading,
            Self::Writing => rates.writing,
        })
    }
}

/// What accounts have asked.
#[derive(Debug)]
pub(crate) struct Accounts {
    rates: Rates,
    in_flight_max: usize,
    turns_max: usize,
    accounts: Mutex<HashMap<AccountId, Account>>,
}

#[derive(Debug)]
struct Account {
    in_flight: usize,
    turns: Arc<Semaphore>,
    buckets: [Bucket; 3],
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// The right to one request, until dropped.
#[derive(Debug)]
pub(crate) struct Asked {
    accounts: Arc<Accounts>,
    account: AccountId,
    turns: Arc<Semaphore>,
}

impl Asked {
    /// Waits until fewer of the account's requests are being performed than its share of the workers.
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.turns).acquire_owned().await.ok()
    }
}

impl Accounts {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        let in_flight_max = limits.requests_per_account_max;
        // Half of the workers, so that one account can't have them all.
        let turns_max = (limits.workers_max / 2).max(1);
        Arc::new(Self { rates: limits.rates, in_flight_max, turns_max, accounts: Mutex::default() })
    }

    /// Counts a request, if the account may ask one more at this moment.
    pub(crate) fn admit(self: &Arc<Self>, account: &AccountId, class: Class, now: Instant) -> Option<Asked> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_account = accounts.entry(account.clone()).or_insert_with(|| Account {
            in_flight: 0,
            turns: Arc::new(Semaphore::new(self.turns_max)),
            buckets: [Class::Cryptography, Class::Reading, Class::Writing]
                .map(|class| Bucket { tokens: class.rate(self.rates) * BURST_S, at: now }),
        });
        let bucket = &mut of_account.buckets[class as usize];
        let rate = class.rate(self.rates);
        let passed_s = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + rate * passed_s).min(rate * BURST_S);
        bucket.at = now;
        if bucket.tokens < 1.0 || of_account.in_flight >= self.in_flight_max {
            return None;
        }
        bucket.tokens -= 1.0;
        of_account.in_flight += 1;
        let turns = Arc::clone(&of_account.turns);
        Some(Asked { accounts: Arc::clone(self), account: account.clone(), turns })
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut accounts = self.accounts.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get_mut(&self.account) {
            account.in_flight -= 1;
        }
    }
}

/// How many seconds' worth of requests an idle account may send at once.
const BURST_S: f64 = 2.0;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_operation_has_its_class() {
        assert_eq!(Class::of(OperationName::Decrypt), Class::Cryptography);
        assert_eq!(Class::of(OperationName::DescribeKey), Class::Reading);
        assert_eq!(Class::of(OperationName::CreateKey), Class::Writing);
        for row in OPERATIONS {
            assert_eq!(Class::of(row.name) == Class::Writing, row.mutates, "{}", row.name);
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
    fn tokens_come_back_with_time_and_each_account_has_its_own() {
        let limits = Limits {
            rates: Rates { cryptography: 10, reading: 1, writing: 1 },
            requests_per_account_max: 5,
            ..Limits::default()
        };
        let accounts = Accounts::new(&limits);
        let start = Instant::now();
        let (alice, bob) = (AccountId::from_number(1).unwrap(), AccountId::from_number(2).unwrap());
        let ask = |account: &AccountId, at_ms: u64| {
            accounts.admit(account, Class::Cryptography, start + Duration::from_millis(at_ms))
        };
        assert_eq!((0..30).filter(|_| ask(&alice, 0).is_some()).count(), 20);
        assert!(ask(&bob, 0).is_some());
        assert!(accounts.admit(&alice, Class::Reading, start).is_some(), "another class, another bucket");
        assert!(ask(&alice, 99).is_none());
        assert!(ask(&alice, 100).is_some());

        let held: Vec<_> = (0..6).filter_map(|_| ask(&alice, 60_000)).collect();
        assert_eq!(held.len(), 5, "in flight");
        drop(held);
        assert!(ask(&alice, 60_000).is_some());
    }
}
