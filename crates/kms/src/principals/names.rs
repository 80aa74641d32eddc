//! Names of users, roles, sessions and policies: text of one form each.
//!
//! The forms are those of AWS IAM and STS ("IAM and AWS STS quotas").

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A text that is not what a name can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// Not 1 to 64 of `[A-Za-z0-9_+=,.@-]`.
    #[error("not a user name: 1 to 64 letters, digits and _ + = , . @ -")]
    UserName,
    /// Not 1 to 64 of `[A-Za-z0-9_+=,.@-]`.
    #[error("not a role name: 1 to 64 letters, digits and _ + = , . @ -")]
    RoleName,
    /// Not 2 to 64 of `[A-Za-z0-9_+=,.@-]`.
    #[error("not a session name: 2 to 64 letters, digits and _ + = , . @ -")]
    SessionName,
    /// Not 1 to 128 of `[A-Za-z0-9_+=,.@-]`.
    #[error("not a policy name: 1 to 128 letters, digits and _ + = , . @ -")]
    PolicyName,
    /// Not `AKIA` or `ASIA` and 16 of `[A-Z2-7]`.
    #[error("not an access key id")]
    AccessKeyId,
    /// Not `AIDA` or `AROA` and 17 of `[A-Z2-7]`.
    #[error("not the unique id of a user or role")]
    UniqueId,
}

/// The name of a user: 1 to 64 of `[A-Za-z0-9_+=,.@-]`. Names that differ in case only are two spellings of one:
/// an account has one of them at most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(Box<str>);

impl UserName {
    /// Length limit in bytes (IAM quotas: "User name").
    pub const LEN_MAX: usize = 64;
}

/// The name of a role: 1 to 64 of `[A-Za-z0-9_+=,.@-]`. Names that differ in case only are two spellings of one: an
/// account has one of them at most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(Box<str>);

impl RoleName {
    /// Length limit in bytes (IAM quotas: "Role name").
    pub const LEN_MAX: usize = 64;
}

/// The name of a session of a role: 2 to 64 of `[A-Za-z0-9_+=,.@-]` (STS API reference: `RoleSessionName`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionName(Box<str>);

impl SessionName {
    /// Least length in bytes.
    pub const LEN_MIN: usize = 2;
    /// Length limit in bytes.
    pub const LEN_MAX: usize = 64;
}

/// The name of a policy that is attached to a user or role: 1 to 128 of `[A-Za-z0-9_+=,.@-]`.
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

pub(super) use text_name;

text_name!(UserName, UserName, |text| (1..=UserName::LEN_MAX).contains(&text.len())
    && text.bytes().all(is_name_byte));
text_name!(RoleName, RoleName, |text| (1..=RoleName::LEN_MAX).contains(&text.len())
    && text.bytes().all(is_name_byte));
text_name!(SessionName, SessionName, |text| (SessionName::LEN_MIN..=SessionName::LEN_MAX)
    .contains(&text.len())
    && text.bytes().all(is_name_byte));
text_name!(PolicyName, PolicyName, |text| (1..=PolicyName::LEN_MAX).contains(&text.len())
    && text.bytes().all(is_name_byte));

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)
}
