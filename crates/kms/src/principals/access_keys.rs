//! Access keys of users and of the roots of accounts: making, listing, switching and removing them, and finding the
//! one that a request is signed with.

use keyfold_crypto::SecretBytes;
use keyfold_protocol::KmsError;

use super::access_key::random_secret;
use super::accounts::Account;
use super::error::{Stop, settled};
use super::record::{AccessKeyRecord, AccountRecord, IdentityRecord};
use super::{AccessKey, AccessKeyId, AccessKeyStatus, ActiveKey, NewAccessKey, Principal, PrincipalError};
use crate::error::RecordError;
use crate::root::barrier::{Changes, Place, Stored};
use crate::service::Service;

/// Most access keys of a principal (IAM quotas: "Access keys assigned to an IAM user").
pub const ACCESS_KEYS_MAX: usize = 2;

/// Access keys.
impl Service {
    /// Makes an access key for a user or the root of an account. The secret is shown here and never again.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchAccount`], [`PrincipalError::NoSuchUser`],
    /// [`PrincipalError::NoAccessKeysForSessions`], and [`PrincipalError::LimitExceeded`] if it has
    /// [`ACCESS_KEYS_MAX`].
    pub async fn create_access_key(&self, principal: &Principal) -> Result<NewAccessKey, PrincipalError> {
        settled!(self.try_create_access_key(principal).await)
    }

    /// The access keys of a principal, oldest first.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchAccount`], [`PrincipalError::NoSuchUser`],
    /// [`PrincipalError::NoAccessKeysForSessions`].
    pub async fn list_access_keys(&self, principal: &Principal) -> Result<Vec<AccessKey>, PrincipalError> {
        let holder = self.holder(principal).await?;
        let mut keys = Vec::with_capacity(ACCESS_KEYS_MAX);
        for id in holder.access_keys() {
            // Between the two reads it may have been deleted.
            if let Some(stored) = self.access_key(id).await? {
                let AccessKeyRecord { status, created, .. } = stored.record;
                keys.push(AccessKey { id: id.clone(), status, created });
            }
        }
        Ok(keys)
    }

    /// Lets requests be signed with an access key, or not. A request that was authenticated before is finished.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchAccessKey`].
    pub async fn set_access_key_status(
        &self,
        id: &AccessKeyId,
        status: AccessKeyStatus,
    ) -> Result<(), PrincipalError> {
        settled!(self.try_set_access_key_status(id, status).await)
    }

    /// Removes an access key.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchAccessKey`].
    pub async fn delete_access_key(&self, id: &AccessKeyId) -> Result<(), PrincipalError> {
        settled!(self.try_delete_access_key(id).await)
    }

    /// The access key with this identifier, if requests may be signed with it: its account and user exist, and it is
    /// active. That unknown and inactive keys look the same from outside is the verifier's business. Those of
    /// sessions are not kept: [`Service::open_session`].
    ///
    /// # Errors
    /// The service failed.
    pub async fn find_access_key(&self, id: &AccessKeyId) -> Result<Option<ActiveKey>, KmsError> {
        let found = self.access_key(id).await?.map(|stored| stored.record);
        let active = found.filter(|record| record.status == AccessKeyStatus::Active);
        Ok(active.map(|AccessKeyRecord { secret, principal, .. }| ActiveKey { secret, principal }))
    }

    async fn try_create_access_key(&self, principal: &Principal) -> Result<NewAccessKey, Stop> {
        let holder = self.holder(principal).await?;
        let mut ids = holder.access_keys().to_vec();
        if ids.len() >= ACCESS_KEYS_MAX {
            let what = "access keys of a principal";
            return Err(PrincipalError::LimitExceeded { what, max: ACCESS_KEYS_MAX }.into());
        }
        let id = AccessKeyId::random().map_err(RecordError::from)?;
        let record = AccessKeyRecord {
            status: AccessKeyStatus::Active,
            created: self.now(),
            secret: random_secret().map_err(RecordError::from)?,
            principal: principal.clone(),
        };
        ids.push(id.clone());
        let mut changes = self.barrier().changes();
        changes.create(Place::access_key(&id), &record)?;
        holder.put_access_keys(&mut changes, principal, ids)?;
        changes.commit().await?;
        Ok(NewAccessKey { id, secret: record.secret })
    }

    async fn try_set_access_key_status(&self, id: &AccessKeyId, status: AccessKeyStatus) -> Result<(), Stop> {
        let stored = self.access_key(id).await?.ok_or(PrincipalError::NoSuchAccessKey)?;
        let AccessKeyRecord { created, secret, principal, .. } = &stored.record;
        let secret = SecretBytes::copied_from(secret.expose());
        let changed = AccessKeyRecord { status, created: *created, secret, principal: principal.clone() };
        let mut changes = self.barrier().changes();
        changes.replace(&stored, &changed)?;
        Ok(changes.commit().await?)
    }

    async fn try_delete_access_key(&self, id: &AccessKeyId) -> Result<(), Stop> {
        let stored = self.access_key(id).await?.ok_or(PrincipalError::NoSuchAccessKey)?;
        let principal = &stored.record.principal;
        let holder = self.holder(principal).await?;
        let rest = holder.access_keys().iter().filter(|other| *other != id).cloned().collect();
        let mut changes = self.barrier().changes();
        changes.remove(&stored);
        holder.put_access_keys(&mut changes, principal, rest)?;
        Ok(changes.commit().await?)
    }

    pub(super) async fn access_key(
        &self,
        id: &AccessKeyId,
    ) -> Result<Option<Stored<AccessKeyRecord>>, RecordError> {
        self.barrier().get(&Place::access_key(id)).await
    }

    async fn holder(&self, principal: &Principal) -> Result<Holder, PrincipalError> {
        match principal {
            Principal::AccountRoot(account) => {
                self.account(account).await?.map(Holder::Root).ok_or(PrincipalError::NoSuchAccount)
            }
            Principal::User { account, name } => {
                self.user(account, name).await?.map(Holder::User).ok_or(PrincipalError::NoSuchUser)
            }
            Principal::AssumedRole { .. } => Err(PrincipalError::NoAccessKeysForSessions),
        }
    }
}

/// Who has access keys.
enum Holder {
    Root(Account),
    User(Stored<IdentityRecord>),
}

impl Holder {
    fn access_keys(&self) -> &[AccessKeyId] {
        match self {
            Self::Root(account) => &account.record.access_keys,
            Self::User(user) => &user.record.access_keys,
        }
    }

    fn put_access_keys(
        &self,
        changes: &mut Changes<'_>,
        principal: &Principal,
        access_keys: Vec<AccessKeyId>,
    ) -> Result<(), RecordError> {
        match self {
            Self::Root(account) => {
                let changed = AccountRecord { access_keys, ..account.record.clone() };
                account.put(changes, principal.account(), &changed)
            }
            Self::User(user) => changes.replace(user, &IdentityRecord { access_keys, ..user.record.clone() }),
        }
    }
}
