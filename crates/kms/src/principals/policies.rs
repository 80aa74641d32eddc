//! Policies attached to users and roles.

use super::error::{Stop, settled};
use super::record::{AttachedPolicy, IdentityRecord, find_identity};
use super::{Identity, PolicyName, PrincipalError};
use crate::authz::policy::{AttachedTo, Policy};
use crate::error::RecordError;
use crate::root::barrier::Stored;
use crate::service::Service;

/// Most policies of a user or role (IAM quotas: "Managed policies attached to an IAM user", "… role").
pub const POLICIES_MAX: usize = 10;
/// Longest policy of a user or role, in bytes (IAM quotas: "Size of each managed policy").
pub const POLICY_LEN_MAX: usize = 6144;

/// Policies of users and roles.
impl Service {
    /// Attaches a policy to a user or role, in place of the one that had this name. It counts from the next request
    /// on, sessions that there are included.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchUser`], [`PrincipalError::NoSuchRole`]; [`PrincipalError::PolicyTooLong`],
    /// [`PrincipalError::Policy`] for the document; [`PrincipalError::LimitExceeded`].
    pub async fn put_policy(
        &self,
        identity: &Identity,
        policy: &PolicyName,
        document: &str,
    ) -> Result<(), PrincipalError> {
        if document.len() > POLICY_LEN_MAX {
            return Err(PrincipalError::PolicyTooLong);
        }
        Policy::parse(document, AttachedTo::Identity, &self.scope().partition)?;
        settled!(self.try_put_policy(identity, policy, document).await)
    }

    /// A policy of a user or role, as it was given.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchUser`], [`PrincipalError::NoSuchRole`], [`PrincipalError::NoSuchPolicy`].
    pub async fn get_policy(
        &self,
        identity: &Identity,
        policy: &PolicyName,
    ) -> Result<String, PrincipalError> {
        let stored = self.existing(identity).await?;
        let found = stored.record.policies.into_iter().find(|attached| attached.name == *policy);
        found.map(|attached| attached.document).ok_or(PrincipalError::NoSuchPolicy)
    }

    /// The names of the policies of a user or role, sorted.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchUser`], [`PrincipalError::NoSuchRole`].
    pub async fn list_policies(&self, identity: &Identity) -> Result<Vec<PolicyName>, PrincipalError> {
        let stored = self.existing(identity).await?;
        let mut names: Vec<_> = stored.record.policies.into_iter().map(|attached| attached.name).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Removes a policy from a user or role.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchUser`], [`PrincipalError::NoSuchRole`], [`PrincipalError::NoSuchPolicy`].
    pub async fn delete_policy(
        &self,
        identity: &Identity,
        policy: &PolicyName,
    ) -> Result<(), PrincipalError> {
        settled!(self.try_delete_policy(identity, policy).await)
    }

    async fn try_put_policy(
        &self,
        identity: &Identity,
        policy: &PolicyName,
        document: &str,
    ) -> Result<(), Stop> {
        let stored = self.existing(identity).await?;
        let mut changed = stored.record.clone();
        changed.policies.retain(|attached| attached.name != *policy);
        if changed.policies.len() >= POLICIES_MAX {
            let what = "policies of a user or role";
            return Err(PrincipalError::LimitExceeded { what, max: POLICIES_MAX }.into());
        }
        changed.policies.push(AttachedPolicy { name: policy.clone(), document: document.to_owned() });
        let mut changes = self.barrier().changes();
        changes.replace(&stored, &changed)?;
        Ok(changes.commit().await?)
    }

    async fn try_delete_policy(&self, identity: &Identity, policy: &PolicyName) -> Result<(), Stop> {
        let stored = self.existing(identity).await?;
        let mut changed = stored.record.clone();
        changed.policies.retain(|attached| attached.name != *policy);
        if changed == stored.record {
            return Err(PrincipalError::NoSuchPolicy.into());
        }
        let mut changes = self.barrier().changes();
        changes.replace(&stored, &changed)?;
        Ok(changes.commit().await?)
    }

    /// The user or role, if there is one.
    pub(super) async fn identity(
        &self,
        identity: &Identity,
    ) -> Result<Option<Stored<IdentityRecord>>, RecordError> {
        find_identity(self.barrier(), identity).await
    }

    async fn existing(&self, identity: &Identity) -> Result<Stored<IdentityRecord>, PrincipalError> {
        self.identity(identity).await?.ok_or(match identity {
            Identity::User { .. } => PrincipalError::NoSuchUser,
            Identity::Role { .. } => PrincipalError::NoSuchRole,
        })
    }
}
