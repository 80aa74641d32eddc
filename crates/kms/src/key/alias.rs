//! Aliases: two records that always change together.
//!
//! ```text
//! alias/<account>/<Region>/<HMAC of the name>   AliasRecord: name, key id, dates
//! key-aliases/<account>/<Region>/<key id>       KeyAliases: the names of one key, sorted
//! ```
//!
//! The second answers "which aliases has this key" without reading all, and holds the quota: two that add a name
//! to one key at the same time change the same record, so one of them has to look again.

use keyfold_crypto::SecretBytes;
use keyfold_protocol::{AliasName, ErrorKind, KeyId, KmsError, Timestamp};
use serde::{Deserialize, Serialize};

use super::record::{from_json, to_json};
use crate::call::{Call, Scope};
use crate::error::{Fault, RecordError};
use crate::root::barrier::{Barrier, Changes, Place, Record, Stored};

/// Most aliases that one key may have (KMS quotas: "Aliases per KMS key").
pub(crate) const ALIASES_PER_KEY_MAX: usize = 50;

/// An alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AliasRecord {
    pub(crate) name: AliasName,
    pub(crate) target: KeyId,
    pub(crate) created: Timestamp,
    /// When it was last pointed at a key.
    pub(crate) updated: Timestamp,
}

/// The names of one key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyAliases {
    pub(crate) names: Vec<AliasName>,
}

impl Record for AliasRecord {
    fn encode(&self) -> Result<SecretBytes, RecordError> {
        to_json(self)
    }

    fn decode(bytes: &SecretBytes) -> Option<Self> {
        from_json(bytes)
    }
}

impl Record for KeyAliases {
    fn encode(&self) -> Result<SecretBytes, RecordError> {
        to_json(self)
    }

    fn decode(bytes: &SecretBytes) -> Option<Self> {
        from_json(bytes)
    }
}

/// The alias `name`, if there is one.
pub(crate) async fn find(
    call: &Call<'_>,
    name: &AliasName,
) -> Result<Option<Stored<AliasRecord>>, RecordError> {
    call.barrier.get(&call.barrier.alias_place(call.scope, name)).await
}

/// The names of a key.
pub(crate) async fn names_of(
    call: &Call<'_>,
    key_id: &KeyId,
) -> Result<Option<Stored<KeyAliases>>, RecordError> {
    call.barrier.get(&Place::key_aliases(call.scope, key_id)).await
}

/// Adds to `changes` a new alias of `target`, whose names now are `names`.
pub(crate) fn create(
    changes: &mut Changes<'_>,
    (barrier, scope): (&Barrier, &Scope),
    name: &AliasName,
    target: &KeyId,
    names: Option<&Stored<KeyAliases>>,
    now: Timestamp,
) -> Result<(), Fault> {
    let record = AliasRecord { name: name.clone(), target: *target, created: now, updated: now };
    changes.create(barrier.alias_place(scope, name), &record)?;
    add_name(changes, scope, name, target, names)
}

/// Adds to `changes` what puts `name` among the names of `target`.
pub(crate) fn add_name(
    changes: &mut Changes<'_>,
    scope: &Scope,
    name: &AliasName,
    target: &KeyId,
    names: Option<&Stored<KeyAliases>>,
) -> Result<(), Fault> {
    let mut grown = names.map(|stored| stored.record.clone()).unwrap_or_default();
    if grown.names.len() >= ALIASES_PER_KEY_MAX {
        return Err(KmsError::new(
            ErrorKind::LimitExceeded,
            format!(
                "{} has as many aliases as a KMS key can have: {ALIASES_PER_KEY_MAX}.",
                scope.key_arn(target)
            ),
        )
        .into());
    }
    if let Err(position) = grown.names.binary_search(name) {
        grown.names.insert(position, name.clone());
    }
    match names {
        Some(stored) => changes.replace(stored, &grown)?,
        None => changes.create(Place::key_aliases(scope, target), &grown)?,
    }
    Ok(())
}

/// Adds to `changes` what takes `name` from the names of a key.
pub(crate) fn remove_name(
    changes: &mut Changes<'_>,
    name: &AliasName,
    names: &Stored<KeyAliases>,
) -> Result<(), RecordError> {
    let mut rest = names.record.clone();
    rest.names.retain(|other| other != name);
    changes.replace(names, &rest)
}
