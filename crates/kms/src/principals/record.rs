//! The records of principals: accounts, users, roles, access keys.
//!
//! ```text
//! account/<account>                      AccountRecord: its root's access keys
//! user/<account>/<HMAC of the name>      IdentityRecord: unique id, name, policies, access keys
//! role/<account>/<HMAC of the name>      IdentityRecord: unique id, name, policies
//! access-key/<access key id>             AccessKeyRecord: whose, and the secret
//! ```
//!
//! An account or user and its access keys always change together. The record of an access key is
//!
//! ```text
//!  offset  size
//!       0     1   format version = 1
//!       1     1   status: 1 = active, 2 = inactive
//!       2     8   when it was made: milliseconds since the epoch, i64, big-endian
//!      10    40   secret
//!      50    12   account
//!      62     n   name of the user, 0 to 64 bytes; none for the root of the account
//! ```

use keyfold_crypto::SecretBytes;
use keyfold_protocol::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{AccessKeyId, AccessKeyStatus, Identity, PolicyName, Principal, SECRET_LEN, UniqueId};
use crate::error::RecordError;
use crate::key::record::{from_json, to_json};
use crate::root::barrier::{Barrier, Record, Stored};

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountRecord {
    pub(crate) created: Timestamp,
    /// How many users it has.
    pub(crate) users: u32,
    /// How many roles it has.
    pub(crate) roles: u32,
    /// The access keys of its root.
    pub(crate) access_keys: Vec<AccessKeyId>,
}

/// A user or a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityRecord {
    pub(crate) id: UniqueId,
    /// In the spelling that it was given.
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    /// A role has none.
    pub(crate) access_keys: Vec<AccessKeyId>,
    pub(crate) policies: Vec<AttachedPolicy>,
}

impl IdentityRecord {
    /// One with nothing yet.
    pub(super) fn new(id: UniqueId, name: &str, created: Timestamp) -> Self {
        Self { id, name: name.to_owned(), created, access_keys: Vec::new(), policies: Vec::new() }
    }
}

/// A policy attached to a user or role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttachedPolicy {
    pub(crate) name: PolicyName,
    /// As it was given.
    pub(crate) document: String,
}

/// An access key.
#[derive(Debug)]
pub(crate) struct AccessKeyRecord {
    pub(crate) status: AccessKeyStatus,
    pub(crate) created: Timestamp,
    pub(crate) secret: SecretBytes,
    pub(crate) principal: Principal,
}

impl Record for AccountRecord {
    fn encode(&self) -> Result<SecretBytes, RecordError> {
        to_json(self)
    }

    fn decode(bytes: &SecretBytes) -> Option<Self> {
        from_json(bytes)
    }
}

impl Record for IdentityRecord {
    fn encode(&self) -> Result<SecretBytes, RecordError> {
        to_json(self)
    }

    fn decode(bytes: &SecretBytes) -> Option<Self> {
        from_json(bytes)
    }
}

impl Record for AccessKeyRecord {
    fn encode(&self) -> Result<SecretBytes, RecordError> {
        let (account, name) = match &self.principal {
            Principal::AccountRoot(account) => (account, ""),
            Principal::User { account, name } => (account, name.as_str()),
            Principal::AssumedRole { .. } => return Err(RecordError::Damaged),
        };
        let status = match self.status {
            AccessKeyStatus::Active => ACTIVE,
            AccessKeyStatus::Inactive => INACTIVE,
        };
        if self.secret.len() != SECRET_LEN {
            return Err(RecordError::Damaged);
        }
        SecretBytes::filled(HEAD_LEN + SECRET_LEN + ACCOUNT_LEN + name.len(), |bytes| {
            let (head, rest) = bytes.split_at_mut(HEAD_LEN);
            head[0] = FORMAT_VERSION;
            head[1] = status;
            head[2..].copy_from_slice(&self.created.epoch_ms().to_be_bytes());
            let (secret, rest) = rest.split_at_mut(SECRET_LEN);
            secret.copy_from_slice(self.secret.expose());
            let (account_id, rest) = rest.split_at_mut(ACCOUNT_LEN);
            account_id.copy_from_slice(account.as_str().as_bytes());
            rest.copy_from_slice(name.as_bytes());
            Ok(())
        })
    }

    fn decode(bytes: &SecretBytes) -> Option<Self> {
        let (head, rest) = bytes.expose().split_first_chunk::<HEAD_LEN>()?;
        let (secret, rest) = rest.split_first_chunk::<SECRET_LEN>()?;
        let (account, name) = rest.split_first_chunk::<ACCOUNT_LEN>()?;
        let [version, status, c0, c1, c2, c3, c4, c5, c6, c7] = *head;
        if version != FORMAT_VERSION {
            return None;
        }
        let status = match status {
            ACTIVE => AccessKeyStatus::Active,
            INACTIVE => AccessKeyStatus::Inactive,
            _ => return None,
        };
        let account: AccountId = std::str::from_utf8(account).ok()?.parse().ok()?;
        let principal = if name.is_empty() {
            Principal::AccountRoot(account)
        } else {
            Principal::User { account, name: std::str::from_utf8(name).ok()?.parse().ok()? }
        };
        let created = Timestamp::from_epoch_ms(i64::from_be_bytes([c0, c1, c2, c3, c4, c5, c6, c7]));
        Some(Self { status, created, secret: SecretBytes::copied_from(secret), principal })
    }
}

/// The user or role of this name, in this spelling.
pub(crate) async fn find_identity(
    barrier: &Barrier,
    identity: &Identity,
) -> Result<Option<Stored<IdentityRecord>>, RecordError> {
    let place = barrier.identity_place(identity.account(), identity.kind(), identity.name());
    let found = barrier.get::<IdentityRecord>(&place).await?;
    Ok(found.filter(|stored| stored.record.name == identity.name()))
}

/// All users or roles whose places start with `prefix`.
pub(super) async fn list_identities(
    barrier: &Barrier,
    prefix: &str,
) -> Result<Vec<IdentityRecord>, RecordError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = barrier.range::<IdentityRecord>(prefix, after.as_deref(), PAGE_LEN).await?;
        let is_last = page.len() < PAGE_LEN;
        after = page.last().map(|stored| stored.place().name().to_owned());
        all.extend(page.into_iter().map(|stored| stored.record));
        if is_last {
            return Ok(all);
        }
    }
}

const PAGE_LEN: usize = 100;
const FORMAT_VERSION: u8 = 1;
const ACTIVE: u8 = 1;
const INACTIVE: u8 = 2;
const HEAD_LEN: usize = 1 + 1 + 8;
const ACCOUNT_LEN: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_keys_round_trip_and_only_their_own_form_decodes() {
        let account: AccountId = "111122223333".parse().unwrap();
        let user = Principal::User { account: account.clone(), name: "alice".parse().unwrap() };
        for (principal, len) in [(Principal::AccountRoot(account), 62), (user, 67)] {
            for status in [AccessKeyStatus::Active, AccessKeyStatus::Inactive] {
                let record = AccessKeyRecord {
                    status,
                    created: Timestamp::from_epoch_ms(5),
                    secret: SecretBytes::copied_from(&[b's'; SECRET_LEN]),
                    principal: principal.clone(),
                };
                let bytes = record.encode().unwrap();
                assert_eq!(bytes.len(), len);
                let back = AccessKeyRecord::decode(&bytes).unwrap();
                assert_eq!(
                    (back.status, &back.principal, back.created),
                    (status, &principal, record.created)
                );
                assert_eq!(back.secret.expose(), record.secret.expose());
                for len in 0..62 {
                    let cut = SecretBytes::copied_from(&bytes.expose()[..len]);
                    assert!(AccessKeyRecord::decode(&cut).is_none());
                }
                for (position, value) in [(0, 2), (1, 0), (1, 3), (50, b'x')] {
                    let mut edited = bytes.expose().to_vec();
                    edited[position] = value;
                    assert!(AccessKeyRecord::decode(&SecretBytes::from_vec(edited)).is_none());
                }
            }
        }
    }
}
