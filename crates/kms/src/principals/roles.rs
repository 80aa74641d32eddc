//! Roles: making, listing and removing them.
//!
//! A role has policies and no access keys. It acts through its sessions ([`super::sessions`]).

use keyfold_protocol::{AccountId, Timestamp};

use super::error::{Stop, settled};
use super::record::{AccountRecord, IdentityRecord, list_identities};
use super::{Identity, PrincipalError, RoleName, UniqueId};
use crate::error::RecordError;
use crate::root::barrier::{Place, Stored};
use crate::service::Service;

/// Most roles of an account (IAM quotas: "Roles in an AWS account").
pub const ROLES_PER_ACCOUNT_MAX: u32 = 1000;

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Role {
    /// Its name.
    pub name: RoleName,
    /// What tells it from another of this name.
    pub id: UniqueId,
    /// When it was made.
    pub created: Timestamp,
}

/// Roles.
impl Service {
    /// Adds a role, which may do nothing yet.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchAccount`], [`PrincipalError::RoleExists`], [`PrincipalError::LimitExceeded`].
    pub async fn create_role(&self, account: &AccountId, name: &RoleName) -> Result<(), PrincipalError> {
        settled!(self.try_create_role(account, name).await)
    }

    /// The roles of an account, by name.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchAccount`].
    pub async fn list_roles(&self, account: &AccountId) -> Result<Vec<Role>, PrincipalError> {
        self.account(account).await?.ok_or(PrincipalError::NoSuchAccount)?;
        let mut roles = Vec::new();
        for IdentityRecord { name, id, created, .. } in
            list_identities(self.barrier(), &Place::roles(account)).await?
        {
            roles.push(Role { name: name.parse().map_err(|_| RecordError::Damaged)?, id, created });
        }
        roles.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(roles)
    }

    /// Removes a role with its policies. Its sessions end at once, and what key policies and grants give to it ends
    /// too: a role of the same name that is made later is another one.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchRole`].
    pub async fn delete_role(&self, account: &AccountId, name: &RoleName) -> Result<(), PrincipalError> {
        settled!(self.try_delete_role(account, name).await)
    }

    async fn try_create_role(&self, account: &AccountId, name: &RoleName) -> Result<(), Stop> {
        let owner = self.account(account).await?.ok_or(PrincipalError::NoSuchAccount)?;
        let place = self.barrier().identity_place(account, "role", name.as_str());
        if self.barrier().get::<IdentityRecord>(&place).await?.is_some() {
            return Err(PrincipalError::RoleExists.into());
        }
        if owner.record.roles >= ROLES_PER_ACCOUNT_MAX {
            let max = ROLES_PER_ACCOUNT_MAX as usize;
            return Err(PrincipalError::LimitExceeded { what: "roles in an account", max }.into());
        }
        let id = UniqueId::of_role().map_err(RecordError::from)?;
        let mut changes = self.barrier().changes();
        changes.create(place, &IdentityRecord::new(id, name.as_str(), self.now()))?;
        let changed = AccountRecord { roles: owner.record.roles + 1, ..owner.record.clone() };
        owner.put(&mut changes, account, &changed)?;
        Ok(changes.commit().await?)
    }

    async fn try_delete_role(&self, account: &AccountId, name: &RoleName) -> Result<(), Stop> {
        let role = self.role(account, name).await?.ok_or(PrincipalError::NoSuchRole)?;
        let owner = self.account(account).await?.ok_or(RecordError::Incomplete)?;
        let mut changes = self.barrier().changes();
        changes.remove(&role);
        let roles = owner.record.roles.saturating_sub(1);
        owner.put(&mut changes, account, &AccountRecord { roles, ..owner.record.clone() })?;
        Ok(changes.commit().await?)
    }

    /// The role, if there is one.
    pub(super) async fn role(
        &self,
        account: &AccountId,
        name: &RoleName,
    ) -> Result<Option<Stored<IdentityRecord>>, RecordError> {
        self.identity(&Identity::Role { account: account.clone(), name: name.clone() }).await
    }
}
