//! Principals: who can call, and how each is named.
//!
//! An account has a root principal, its owner; users, each of them with access keys to sign requests with, two at
//! most; and roles, which have no access keys: who takes one on gets a session with credentials that end. What one
//! may do is not decided here (`authz`). The truth about names and ARNs is AWS IAM's user guide, "IAM identifiers".
//!
//! ```text
//! names       text of one form            unique_id   what outlives a name
//! named       whom a policy or a grant names
//! record      what is kept                error       why something is not done
//! accounts, users, roles, access_keys, policies, sessions     what whoever runs the service does with them
//! ```

mod access_key;
mod access_keys;
mod accounts;
mod error;
pub(crate) mod named;
mod names;
mod policies;
pub(crate) mod record;
mod roles;
mod sessions;
mod unique_id;
mod users;

use keyfold_protocol::{AccountId, Partition};

pub use access_key::{AccessKey, AccessKeyId, AccessKeyStatus, ActiveKey, NewAccessKey, SECRET_LEN};
pub use access_keys::ACCESS_KEYS_MAX;
pub use accounts::ACCOUNTS_MAX;
pub(crate) use accounts::account_exists;
pub use error::PrincipalError;
pub use names::{InvalidName, PolicyName, RoleName, SessionName, UserName};
pub use policies::{POLICIES_MAX, POLICY_LEN_MAX};
pub use roles::{ROLES_PER_ACCOUNT_MAX, Role};
pub use sessions::{NewSession, SESSION_SECONDS_MAX, SESSION_SECONDS_MIN, Session};
pub use unique_id::UniqueId;
pub use users::{USERS_PER_ACCOUNT_MAX, User};

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Principal {
    /// The root principal of an account: its owner.
    AccountRoot(AccountId),
    /// A user of an account.
    User {
        /// The account.
        account: AccountId,
        /// The user's name.
        name: UserName,
    },
    /// A session of a role.
    AssumedRole {
        /// The account.
        account: AccountId,
        /// The role's name.
        role: RoleName,
        /// The role's unique id: the session ends with the role, whoever gets its name then.
        role_id: UniqueId,
        /// The session's name.
        session: SessionName,
    },
}

impl Principal {
    /// The account that the principal belongs to.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        match self {
            Self::AccountRoot(account) | Self::User { account, .. } | Self::AssumedRole { account, .. } => {
                account
            }
        }
    }

    /// The ARN by which messages name the principal: `arn:aws:iam::111122223333:root`,
    /// `arn:aws:iam::111122223333:user/alice`, `arn:aws:sts::111122223333:assumed-role/deploy/nightly`.
    #[must_use]
    pub fn arn(&self, partition: &Partition) -> String {
        match self {
            Self::AccountRoot(account) => format!("arn:{partition}:iam::{account}:root"),
            Self::User { account, name } => format!("arn:{partition}:iam::{account}:user/{name}"),
            Self::AssumedRole { account, role, session, .. } => {
                format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session}")
            }
        }
    }

    /// Every ARN by which policies and grants can name the principal: its own, and for a session the role's.
    pub(crate) fn arns(&self, partition: &Partition) -> Vec<String> {
        let mut arns = vec![self.arn(partition)];
        if let Some(role @ Identity::Role { .. }) = self.identity() {
            arns.push(role.arn(partition));
        }
        arns
    }

    /// The user, or the role that the session is of; the root of an account is neither.
    pub(crate) fn identity(&self) -> Option<Identity> {
        match self {
            Self::AccountRoot(_) => None,
            Self::User { account, name } => {
                Some(Identity::User { account: account.clone(), name: name.clone() })
            }
            Self::AssumedRole { account, role, .. } => {
                Some(Identity::Role { account: account.clone(), name: role.clone() })
            }
        }
    }
}

/// A user or a role: what has a unique id and policies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// A user of an account.
    User {
        /// The account.
        account: AccountId,
        /// The user's name.
        name: UserName,
    },
    /// A role of an account.
    Role {
        /// The account.
        account: AccountId,
        /// The role's name.
        name: RoleName,
    },
}

impl Identity {
    /// The account that it belongs to.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        match self {
            Self::User { account, .. } | Self::Role { account, .. } => account,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::User { name, .. } => name.as_str(),
            Self::Role { name, .. } => name.as_str(),
        }
    }

    /// The ARN by which policies name it: `arn:aws:iam::111122223333:role/deploy`.
    #[must_use]
    pub fn arn(&self, partition: &Partition) -> String {
        let (account, kind) = (self.account(), self.kind());
        format!("arn:{partition}:iam::{account}:{kind}/{}", self.name())
    }

    /// `user` or `role`, as in ARNs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::User { .. } => "user",
            Self::Role { .. } => "role",
        }
    }
}
