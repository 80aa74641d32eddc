//! Users: making, listing and removing them.

use keyfold_protocol::{AccountId, Timestamp};

use super::error::{Stop, settled};
use super::record::{AccountRecord, IdentityRecord, list_identities};
use super::{Identity, PrincipalError, UniqueId, UserName};
use crate::error::RecordError;
use crate::root::barrier::{Place, Stored};
use crate::service::Service;

/// Most users of an account (IAM quotas: "Users in an AWS account").
pub const USERS_PER_ACCOUNT_MAX: u32 = 5000;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// Its name.
    pub name: UserName,
    /// What tells it from another of this name.
    pub id: UniqueId,
    /// When it was made.
    pub created: Timestamp,
}

/// Users.
impl Service {
    /// Adds a user, who may do nothing yet.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchAccount`], [`PrincipalError::UserExists`], [`PrincipalError::LimitExceeded`].
    pub async fn create_user(&self, account: &AccountId, name: &UserName) -> Result<(), PrincipalError> {
        settled!(self.try_create_user(account, name).await)
    }

    /// The users of an account, by name.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchAccount`].
    pub async fn list_users(&self, account: &AccountId) -> Result<Vec<User>, PrincipalError> {
        self.account(account).await?.ok_or(PrincipalError::NoSuchAccount)?;
        let mut users = Vec::new();
        for IdentityRecord { name, id, created, .. } in
            list_identities(self.barrier(), &Place::users(account)).await?
        {
            users.push(User { name: name.parse().map_err(|_| RecordError::Damaged)?, id, created });
        }
        users.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(users)
    }

    /// Removes a user with its access keys and policies. What key policies and grants give to it ends: a user of the
    /// same name that is made later is another one.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchUser`].
    pub async fn delete_user(&self, account: &AccountId, name: &UserName) -> Result<(), PrincipalError> {
        settled!(self.try_delete_user(account, name).await)
    }

    async fn try_create_user(&self, account: &AccountId, name: &UserName) -> Result<(), Stop> {
        let owner = self.account(account).await?.ok_or(PrincipalError::NoSuchAccount)?;
        let place = self.barrier().identity_place(account, "user", name.as_str());
        if self.barrier().get::<IdentityRecord>(&place).await?.is_some() {
            return Err(PrincipalError::UserExists.into());
        }
        if owner.record.users >= USERS_PER_ACCOUNT_MAX {
            let max = USERS_PER_ACCOUNT_MAX as usize;
            return Err(PrincipalError::LimitExceeded { what: "users in an account", max }.into());
        }
        let id = UniqueId::of_user().map_err(RecordError::from)?;
        let mut changes = self.barrier().changes();
        changes.create(place, &IdentityRecord::new(id, name.as_str(), self.now()))?;
        let changed = AccountRecord { users: owner.record.users + 1, ..owner.record.clone() };
        owner.put(&mut changes, account, &changed)?;
        Ok(changes.commit().await?)
    }

    async fn try_delete_user(&self, account: &AccountId, name: &UserName) -> Result<(), Stop> {
        let user = self.user(account, name).await?.ok_or(PrincipalError::NoSuchUser)?;
        let owner = self.account(account).await?.ok_or(RecordError::Incomplete)?;
        let mut changes = self.barrier().changes();
        for id in &user.record.access_keys {
            changes.remove(&self.access_key(id).await?.ok_or(Stop::Conflict)?);
        }
        changes.remove(&user);
        let users = owner.record.users.saturating_sub(1);
        owner.put(&mut changes, account, &AccountRecord { users, ..owner.record.clone() })?;
        Ok(changes.commit().await?)
    }

    /// The user, if there is one.
    pub(super) async fn user(
        &self,
        account: &AccountId,
        name: &UserName,
    ) -> Result<Option<Stored<IdentityRecord>>, RecordError> {
        self.identity(&Identity::User { account: account.clone(), name: name.clone() }).await
    }
}
