//! The directory of principals: accounts, users, their access keys and policies, kept sealed in the store.
//!
//! Not operations of KMS and not IAM's API: these methods are for whoever runs the service. Each is one commit, and
//! an account or user and what belongs to it are always changed together. The account that the store was made for is
//! there from the beginning, without a record until it has something to remember.

use keyfold_protocol::{AccountId, KmsError, Timestamp};

use super::access_key::random_secret;
use super::record::{AccessKeyRecord, AccountRecord, AttachedPolicy, UserRecord};
use super::{
    AccessKey, AccessKeyId, AccessKeyStatus, ActiveKey, NewAccessKey, PolicyName, Principal, UserName,
};
use crate::authz::policy::{AttachedTo, Policy, PolicyError};
use crate::error::{Fault, RecordError};
use crate::root::barrier::{Barrier, Changes, Place, Stored};
use crate::service::Service;

/// Most accounts of a service.
pub const ACCOUNTS_MAX: usize = 1000;
/// Most users of an account (IAM quotas: "Users in an AWS account").
pub const USERS_PER_ACCOUNT_MAX: u32 = 5000;
/// Most access keys of a principal (IAM quotas: "Access keys assigned to an IAM user").
pub const ACCESS_KEYS_MAX: usize = 2;
/// Most policies of a user (IAM quotas: "Managed policies attached to an IAM user").
pub const POLICIES_PER_USER_MAX: usize = 10;
/// Longest policy of a user, in bytes (IAM quotas: "Size of each managed policy").
pub const POLICY_LEN_MAX: usize = 6144;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// Its name.
    pub name: UserName,
    /// When it was made.
    pub created: Timestamp,
}

/// Why the directory does not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PrincipalError {
    /// There is no such account.
    #[error("there is no such account")]
    NoSuchAccount,
    /// There is such an account already.
    #[error("there is such an account already")]
    AccountExists,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// There is a user of this name already, perhaps in other letter case.
    #[error("there is such a user already")]
    UserExists,
    /// There is no such access key.
    #[error("there is no such access key")]
    NoSuchAccessKey,
    /// The user has no policy of this name.
    #[error("the user has no such policy")]
    NoSuchPolicy,
    /// There are as many as there can be.
    #[error("there can be no more than {max} {what}")]
    LimitExceeded {
        /// Of what.
        what: &'static str,
        /// How many there can be.
        max: usize,
    },
    /// A policy document is longer than [`POLICY_LEN_MAX`].
    #[error("the policy document is longer than {POLICY_LEN_MAX} bytes")]
    PolicyTooLong,
    /// A policy document says nothing that can be evaluated.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The service failed.
    #[error(transparent)]
    Service(#[from] KmsError),
}

impl From<RecordError> for PrincipalError {
    fn from(error: RecordError) -> Self {
        Self::Service(error.into())
    }
}

/// How an attempt ends early.
enum Stop {
    Refused(PrincipalError),
    Conflict,
}

/// Tries until no other change comes between reading and writing.
macro_rules! settled {
    ($attempt:expr) => {{
        for _ in 0..ATTEMPTS_MAX {
            match $attempt {
                Ok(done) => return Ok(done),
                Err(Stop::Refused(error)) => return Err(error),
                Err(Stop::Conflict) => {}
            }
        }
        Err(RecordError::Contention.into())
    }};
}

/// Principals, for whoever runs the service.
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
        let prefix = Place::users(account);
        let (mut users, mut after) = (Vec::new(), None);
        loop {
            let page = self.barrier().range::<UserRecord>(&prefix, after.as_deref(), PAGE_LEN).await?;
            after = page.last().map(|stored| stored.place().name().to_owned());
            let is_last = page.len() < PAGE_LEN;
            let user = |stored: Stored<UserRecord>| User {
                name: stored.record.name,
                created: stored.record.created,
            };
            users.extend(page.into_iter().map(user));
            if is_last {
                users.sort_unstable_by(|one, other| one.name.cmp(&other.name));
                return Ok(users);
            }
        }
    }

    /// Removes a user with its access keys and policies. A user of the same name that is made later has the
    /// permissions that key policies give to that name.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchUser`].
    pub async fn delete_user(&self, account: &AccountId, name: &UserName) -> Result<(), PrincipalError> {
        settled!(self.try_delete_user(account, name).await)
    }

    /// Makes an access key for a principal. The secret is shown here and never again.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchAccount`], [`PrincipalError::NoSuchUser`], and [`PrincipalError::LimitExceeded`] if
    /// it has [`ACCESS_KEYS_MAX`].
    pub async fn create_access_key(&self, principal: &Principal) -> Result<NewAccessKey, PrincipalError> {
        settled!(self.try_create_access_key(principal).await)
    }

    /// The access keys of a principal, oldest first.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchAccount`], [`PrincipalError::NoSuchUser`].
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

    /// Attaches a policy to a user, in place of the one that had this name. It counts from the next request on.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchUser`]; [`PrincipalError::PolicyTooLong`], [`PrincipalError::Policy`] for the
    /// document; [`PrincipalError::LimitExceeded`].
    pub async fn put_user_policy(
        &self,
        account: &AccountId,
        name: &UserName,
        policy: &PolicyName,
        document: &str,
    ) -> Result<(), PrincipalError> {
        if document.len() > POLICY_LEN_MAX {
            return Err(PrincipalError::PolicyTooLong);
        }
        Policy::parse(document, AttachedTo::Identity, &self.scope().partition)?;
        settled!(self.try_put_user_policy(account, name, policy, document).await)
    }

    /// A policy of a user, as it was given.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchUser`], [`PrincipalError::NoSuchPolicy`].
    pub async fn get_user_policy(
        &self,
        account: &AccountId,
        name: &UserName,
        policy: &PolicyName,
    ) -> Result<String, PrincipalError> {
        let user = self.user(account, name).await?.ok_or(PrincipalError::NoSuchUser)?;
        let found = user.record.policies.into_iter().find(|attached| attached.name == *policy);
        found.map(|attached| attached.document).ok_or(PrincipalError::NoSuchPolicy)
    }

    /// The names of the policies of a user, sorted.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchUser`].
    pub async fn list_user_policies(
        &self,
        account: &AccountId,
        name: &UserName,
    ) -> Result<Vec<PolicyName>, PrincipalError> {
        let user = self.user(account, name).await?.ok_or(PrincipalError::NoSuchUser)?;
        let mut names: Vec<_> = user.record.policies.into_iter().map(|attached| attached.name).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Removes a policy from a user.
    ///
    /// # Errors
    /// [`PrincipalError::NoSuchUser`], [`PrincipalError::NoSuchPolicy`].
    pub async fn delete_user_policy(
        &self,
        account: &AccountId,
        name: &UserName,
        policy: &PolicyName,
    ) -> Result<(), PrincipalError> {
        settled!(self.try_delete_user_policy(account, name, policy).await)
    }

    /// The access key with this identifier, if requests may be signed with it: its account and user exist, and it is
    /// active. That unknown and inactive keys look the same from outside is the verifier's business.
    ///
    /// # Errors
    /// The service failed.
    pub async fn find_access_key(&self, id: &AccessKeyId) -> Result<Option<ActiveKey>, KmsError> {
        let found = self.access_key(id).await?.map(|stored| stored.record);
        let active = found.filter(|record| record.status == AccessKeyStatus::Active);
        Ok(active.map(|AccessKeyRecord { secret, principal, .. }| ActiveKey { secret, principal }))
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

    async fn try_create_user(&self, account: &AccountId, name: &UserName) -> Result<(), Stop> {
        let owner = self.account(account).await?.ok_or(PrincipalError::NoSuchAccount)?;
        let place = self.barrier().user_place(account, name);
        if self.barrier().get::<UserRecord>(&place).await?.is_some() {
            return Err(PrincipalError::UserExists.into());
        }
        if owner.record.users >= USERS_PER_ACCOUNT_MAX {
            let max = USERS_PER_ACCOUNT_MAX as usize;
            return Err(PrincipalError::LimitExceeded { what: "users in an account", max }.into());
        }
        let user = UserRecord {
            name: name.clone(),
            created: self.now(),
            access_keys: Vec::new(),
            policies: Vec::new(),
        };
        let mut changes = self.barrier().changes();
        changes.create(place, &user)?;
        owner.put(
            &mut changes,
            account,
            &AccountRecord { users: owner.record.users + 1, ..owner.record.clone() },
        )?;
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
        let secret = keyfold_crypto::SecretBytes::copied_from(secret.expose());
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

    async fn try_put_user_policy(
        &self,
        account: &AccountId,
        name: &UserName,
        policy: &PolicyName,
        document: &str,
    ) -> Result<(), Stop> {
        let user = self.user(account, name).await?.ok_or(PrincipalError::NoSuchUser)?;
        let mut changed = user.record.clone();
        changed.policies.retain(|attached| attached.name != *policy);
        if changed.policies.len() >= POLICIES_PER_USER_MAX {
            let what = "policies of a user";
            return Err(PrincipalError::LimitExceeded { what, max: POLICIES_PER_USER_MAX }.into());
        }
        changed.policies.push(AttachedPolicy { name: policy.clone(), document: document.to_owned() });
        let mut changes = self.barrier().changes();
        changes.replace(&user, &changed)?;
        Ok(changes.commit().await?)
    }

    async fn try_delete_user_policy(
        &self,
        account: &AccountId,
        name: &UserName,
        policy: &PolicyName,
    ) -> Result<(), Stop> {
        let user = self.user(account, name).await?.ok_or(PrincipalError::NoSuchUser)?;
        let mut changed = user.record.clone();
        changed.policies.retain(|attached| attached.name != *policy);
        if changed == user.record {
            return Err(PrincipalError::NoSuchPolicy.into());
        }
        let mut changes = self.barrier().changes();
        changes.replace(&user, &changed)?;
        Ok(changes.commit().await?)
    }

    async fn account(&self, account: &AccountId) -> Result<Option<Account>, RecordError> {
        let stored = self.barrier().get::<AccountRecord>(&Place::account(account)).await?;
        Ok(match &stored {
            Some(found) => Some(Account { record: found.record.clone(), stored }),
            None if *account == self.scope().account => {
                Some(Account { record: AccountRecord::new(self.now()), stored })
            }
            None => None,
        })
    }

    async fn user(
        &self,
        account: &AccountId,
        name: &UserName,
    ) -> Result<Option<Stored<UserRecord>>, RecordError> {
        find_user(self.barrier(), account, name).await
    }

    async fn access_key(&self, id: &AccessKeyId) -> Result<Option<Stored<AccessKeyRecord>>, RecordError> {
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
        }
    }
}

/// The user of this name, in this spelling.
pub(crate) async fn find_user(
    barrier: &Barrier,
    account: &AccountId,
    name: &UserName,
) -> Result<Option<Stored<UserRecord>>, RecordError> {
    let found = barrier.get::<UserRecord>(&barrier.user_place(account, name)).await?;
    Ok(found.filter(|stored| stored.record.name == *name))
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
struct Account {
    stored: Option<Stored<AccountRecord>>,
    record: AccountRecord,
}

impl Account {
    fn put(
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
        Self { created, users: 0, access_keys: Vec::new() }
    }
}

/// Who has access keys.
enum Holder {
    Root(Account),
    User(Stored<UserRecord>),
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
            Self::User(user) => changes.replace(user, &UserRecord { access_keys, ..user.record.clone() }),
        }
    }
}

impl<E: Into<PrincipalError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Answer(error) => Self::Refused(error.into()),
            Fault::Conflict => Self::Conflict,
        }
    }
}

/// How often a change is tried while others change the same records.
const ATTEMPTS_MAX: usize = 64;
const PAGE_LEN: usize = 100;
