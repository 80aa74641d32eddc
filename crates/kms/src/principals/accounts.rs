//! Accounts: adding and listing them.
//!
//! Not operations of KMS and not IAM's API: these methods are for whoever runs the service, as those on users, roles,
//! access keys and policies are. Each is one commit, and an account, user or role and what belongs to it are always
//! changed together. The account that the store was made for is there from the beginning, without a record until it
//! has something to remember.

use keyfold_protocol::{AccountId, Timestamp};

use super::PrincipalError;
use super::error::{Stop, settled};
use super::record::AccountRecord;
use crate::error::RecordError;
use crate::root::barrier::{Barrier, Changes, Place, Stored};
use crate::service::Service;

/// Most accounts of a service.
pub const ACCOUNTS_MAX: usize = 1000;

/// Accounts.
impl Service {
    /// Adds an account.
    ///
    /// # Errors
    /// [`PrincipalError::AccountExists`], [`PrincipalError::LimitExceeded`].
    pub async fn create_account(&self, account: &AccountId) -> Result<(), PrincipalError> {
        settled!(self.try_create_account(account).await)
    }

    /// The accounts, by number.
    ///
    /// # Errors
    /// [`PrincipalError::Service`].
    pub async fn list_accounts(&self) -> Result<Vec<AccountId>, PrincipalError> {
        let found = self.barrier().range::<AccountRecord>(Place::ACCOUNTS, None, ACCOUNTS_MAX).await?;
        let mut accounts = Vec::with_capacity(found.len() + 1);
        for stored in found {
            accounts.push(stored.place().name().parse().map_err(|_| RecordError::Damaged)?);
        }
        let home = &self.scope().account;
        if let Err(position) = accounts.binary_search(home) {
            accounts.insert(position, home.clone());
        }
        Ok(accounts)
    }

    async fn try_create_account(&self, account: &AccountId) -> Result<(), Stop> {
        if self.account(account).await?.is_some() {
            return Err(PrincipalError::AccountExists.into());
        }
        let found = self.barrier().range::<AccountRecord>(Place::ACCOUNTS, None, ACCOUNTS_MAX).await?;
        if found.len() >= ACCOUNTS_MAX {
            return Err(PrincipalError::LimitExceeded { what: "accounts", max: ACCOUNTS_MAX }.into());
        }
        let mut changes = self.barrier().changes();
        changes.create(Place::account(account), &AccountRecord::new(self.now()))?;
        Ok(changes.commit().await?)
    }

    /// The account, if there is one.
    pub(super) async fn account(&self, account: &AccountId) -> Result<Option<Account>, RecordError> {
        let stored = self.barrier().get::<AccountRecord>(&Place::account(account)).await?;
        Ok(match &stored {
            Some(found) => Some(Account { record: found.record.clone(), stored }),
            None if *account == self.scope().account => {
                Some(Account { record: AccountRecord::new(self.now()), stored })
            }
            None => None,
        })
    }
}

/// Whether there is an account; `home` is the one that needs no record.
pub(crate) async fn account_exists(
    barrier: &Barrier,
    home: &AccountId,
    account: &AccountId,
) -> Result<bool, RecordError> {
    Ok(account == home || barrier.get::<AccountRecord>(&Place::account(account)).await?.is_some())
}

/// An account that exists, with or without a record.
pub(super) struct Account {
    stored: Option<Stored<AccountRecord>>,
    pub(super) record: AccountRecord,
}

impl Account {
    pub(super) fn put(
        &self,
        changes: &mut Changes<'_>,
        account: &AccountId,
        changed: &AccountRecord,
    ) -> Result<(), RecordError> {
        match &self.stored {
            Some(stored) => changes.replace(stored, changed),
            None => changes.create(Place::account(account), changed),
        }
    }
}

impl AccountRecord {
    fn new(created: Timestamp) -> Self {
        Self { created, users: 0, roles: 0, access_keys: Vec::new() }
    }
}
