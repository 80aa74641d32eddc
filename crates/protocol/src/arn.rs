//! Amazon resource names of KMS keys and aliases.
//!
//! ```text
//! arn : partition : kms : region : account : key/1234abcd-12ab-34cd-56ef-1234567890ab
//!                                            alias/name/with/slashes
//! ```
//!
//! This is the lenient form that the Encryption SDK prescribes for ARNs found in messages (`aws-kms-key-arn.md`):
//! every part non-empty, the resource split at its first `/`. Whether such a key can exist is not decided here;
//! the strict parts are in [`KeyId`] and its neighbours.

use std::fmt;
use std::str::FromStr;

use crate::error::InvalidIdentifier;
use crate::identifier::{AccountId, AliasName, KeyId, Partition, Region};

/// The ARN of a KMS key or of an alias. Parts are text as found, each non-empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn {
    partition: Box<str>,
    region: Box<str>,
    account: Box<str>,
    resource: Resource,
}

/// What an ARN points at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// `key/…`: what follows the first slash, not checked to be a [`KeyId`].
    Key(Box<str>),
    /// `alias/…`: what follows the first slash, not checked to be an [`AliasName`].
    Alias(Box<str>),
}

impl Arn {
    /// Longest ARN accepted, in bytes (service model: `KeyIdType`).
    pub const LEN_MAX: usize = 2048;

    /// The partition, such as `aws`.
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The Region, such as `eu-central-1`.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The key or alias.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        &self.resource
    }
}

impl FromStr for Arn {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
        parse(text).ok_or(InvalidIdentifier::Arn)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match &self.resource {
            Resource::Key(name) => ("key", name),
            Resource::Alias(name) => ("alias", name),
        };
        write!(f, "arn:{}:kms:{}:{}:{kind}/{name}", self.partition, self.region, self.account)
    }
}

/// The ARN of a KMS key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyArn(Arn);

impl KeyArn {
    /// The ARN of `key_id` in an account and Region.
    #[must_use]
    pub fn new(partition: &Partition, region: &Region, account: &AccountId, key_id: &KeyId) -> Self {
        Self(Arn {
            partition: partition.as_str().into(),
            region: region.as_str().into(),
            account: account.as_str().into(),
            resource: Resource::Key(key_id.to_string().into()),
        })
    }

    /// What follows `key/`, not checked to be a [`KeyId`]; `mrk-` at its start marks a multi-Region key.
    #[must_use]
    pub fn resource_id(&self) -> &str {
        match &self.0.resource {
            Resource::Key(name) | Resource::Alias(name) => name,
        }
    }
}

/// The ARN of an alias.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AliasArn(Arn);

impl AliasArn {
    /// The ARN of the alias `name` in an account and Region.
    #[must_use]
    pub fn new(partition: &Partition, region: &Region, account: &AccountId, name: &AliasName) -> Self {
        Self(Arn {
            partition: partition.as_str().into(),
            region: region.as_str().into(),
            account: account.as_str().into(),
            resource: Resource::Alias(name.as_str()[AliasName::PREFIX.len()..].into()),
        })
    }
}

/// A newtype around an [`Arn`] whose resource is of one kind.
macro_rules! arn_of {
    ($name:ident, $kind:ident, $error:ident) => {
        impl $name {
            /// The parts of it.
            #[must_use]
            pub fn as_arn(&self) -> &Arn {
                &self.0
            }
        }

        impl TryFrom<Arn> for $name {
            type Error = InvalidIdentifier;

            fn try_from(arn: Arn) -> Result<Self, InvalidIdentifier> {
                if matches!(arn.resource, Resource::$kind(_)) {
                    Ok(Self(arn))
                } else {
                    Err(InvalidIdentifier::$error)
                }
            }
        }

        impl FromStr for $name {
            type Err = InvalidIdentifier;

            fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
                Self::try_from(text.parse::<Arn>()?)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

arn_of!(KeyArn, Key, KeyArn);
arn_of!(AliasArn, Alias, AliasArn);

fn parse(text: &str) -> Option<Arn> {
    if text.len() > Arn::LEN_MAX {
        return None;
    }
    let mut parts = text.splitn(6, ':');
    let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let (kind, name) = resource.split_once('/')?;
    let is_complete = [partition, region, account, name].iter().all(|part| !part.is_empty());
    if arn != "arn" || service != "kms" || !is_complete {
        return None;
    }
    let resource = match kind {
        "key" => Resource::Key(name.into()),
        "alias" => Resource::Alias(name.into()),
        _ => return None,
    };
    Some(Arn { partition: partition.into(), region: region.into(), account: account.into(), resource })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_round_trip() {
        for text in [
            "arn:aws:kms:us-west-2:658956600833:key/b3537ef1-d8dc-4780-9f5a-55776cbb2f7f",
            "arn:aws-cn:kms:cn-north-1:1:key/mrk-80bd8ecdcd4342aebd84b7dc9da498a7",
            "arn:aws:kms:us-west-2:658956600833:alias/team/app",
            "arn:aws:kms:us-west-2:658956600833:key/odd:but/allowed",
        ] {
            assert_eq!(text.parse::<Arn>().unwrap().to_string(), text);
        }
        let arn: KeyArn = "arn:aws:kms:eu-central-1:123456789012:key/mrk-1".parse().unwrap();
        assert_eq!(arn.resource_id(), "mrk-1");
        assert_eq!(
            (arn.as_arn().partition(), arn.as_arn().region(), arn.as_arn().account()),
            ("aws", "eu-central-1", "123456789012")
        );
    }

    #[test]
    fn whatever_lacks_a_part_is_refused() {
        for text in [
            "",
            "arn",
            "alias/x",
            "b3537ef1-d8dc-4780-9f5a-55776cbb2f7f",
            "arn:aws:kms:us-west-2:658956600833",
            "ARN:aws:kms:us-west-2:658956600833:key/x",
            "arn::kms:us-west-2:658956600833:key/x",
            "arn:aws:s3:us-west-2:658956600833:key/x",
            "arn:aws:kms::658956600833:key/x",
            "arn:aws:kms:us-west-2::key/x",
            "arn:aws:kms:us-west-2:658956600833:key/",
            "arn:aws:kms:us-west-2:658956600833:/x",
            "arn:aws:kms:us-west-2:658956600833:keyx",
            "arn:aws:kms:us-west-2:658956600833:grant/x",
            "arn:aws:kms:us-west-2:658956600833:key:x",
        ] {
            assert!(text.parse::<Arn>().is_err(), "{text}");
        }
        let long = format!("arn:aws:kms:us-west-2:658956600833:key/{}", "x".repeat(Arn::LEN_MAX));
        assert!(long.parse::<Arn>().is_err());
    }

    #[test]
    fn a_key_is_not_an_alias() {
        assert!("arn:aws:kms:r:1:alias/x".parse::<KeyArn>().is_err());
        assert!("arn:aws:kms:r:1:key/x".parse::<AliasArn>().is_err());
    }
}
