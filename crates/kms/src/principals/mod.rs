//! Principals: who can call, and how each is named.
//!
//! An account has a root principal, its owner, and users; each of them has access keys to sign requests with, two
//! at most. What one may do is not decided here (`authz`). The truth about names and ARNs is AWS IAM's user
//! guide, "IAM identifiers".

mod access_key;
mod directory;
pub(crate) mod record;

use std::fmt;
use std::str::FromStr;

use keyfold_protocol::{AccountId, Partition};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use access_key::{AccessKey, AccessKeyId, AccessKeyStatus, ActiveKey, NewAccessKey, SECRET_LEN};
pub use directory::{
    ACCESS_KEYS_MAX, ACCOUNTS_MAX, POLICIES_PER_USER_MAX, POLICY_LEN_MAX, PrincipalError,
    USERS_PER_ACCOUNT_MAX, User,
};
pub(crate) use directory::{account_exists, find_user};

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
}

impl Principal {
    /// The account that the principal belongs to.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        match self {
            Self::AccountRoot(account) | Self::User { account, .. } => account,
        }
    }

    /// The ARN by which policies and messages name the principal: `arn:aws:iam::111122223333:root`,
    /// `arn:aws:iam::111122223333:user/alice`.
    #[must_use]
    pub fn arn(&self, partition: &Partition) -> String {
        match self {
            Self::AccountRoot(account) => format!("arn:{partition}:iam::{account}:root"),
            Self::User { account, name } => format!("arn:{partition}:iam::{account}:user/{name}"),
        }
    }
}

/// A text that is not what a name can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// Not 1 to 64 of `[A-Za-z0-9_+=,.@-]`.
    #[error("not a user name: 1 to 64 letters, digits and _ + = , . @ -")]
    UserName,
    /// Not 1 to 128 of `[A-Za-z0-9_+=,.@-]`.
    #[error("not a policy name: 1 to 128 letters, digits and _ + = , . @ -")]
    PolicyName,
    /// Not `AKIA` and 16 of `[A-Z2-7]`.
    #[error("not an access key id")]
    AccessKeyId,
}

/// The name of a user: 1 to 64 of `[A-Za-z0-9_+=,.@-]`. Names that differ in case only are two spellings of one:
/// an account has one of them at most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(Box<str>);

impl UserName {
    /// Length limit in bytes (IAM quotas: "User name").
    pub const LEN_MAX: usize = 64;
}

/// The name of a policy that is attached to a user: 1 to 128 of `[A-Za-z0-9_+=,.@-]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyName(Box<str>);

impl PolicyName {
    /// Length limit in bytes (IAM quotas: "Policy name").
    pub const LEN_MAX: usize = 128;
}

/// A newtype around text that has one form.
macro_rules! text_name {
    ($name:ident, $error:ident, $is_valid:expr) => {
        impl $name {
            /// The text of it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = crate::principals::InvalidName;

            fn from_str(text: &str) -> Result<Self, crate::principals::InvalidName> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(crate::principals::InvalidName::$error)
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

use text_name;

text_name!(UserName, UserName, |text| (1..=UserName::LEN_MAX).contains(&text.len())
    && text.bytes().all(is_name_byte));
text_name!(PolicyName, PolicyName, |text| (1..=PolicyName::LEN_MAX).contains(&text.len())
    && text.bytes().all(is_name_byte));

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)
}
