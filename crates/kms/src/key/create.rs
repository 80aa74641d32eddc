//! A new key: its record and its first material, made in one commit with whatever else belongs to it.

use keyfold_protocol::operations::KeyMetadata;
use keyfold_protocol::{KeyId, KeySpec, KeyState, KeyUsageType, OriginType};

use super::rotation::Schedule;
use super::{BackingKey, KeyRecord};
use crate::call::Call;
use crate::error::RecordError;
use crate::root::barrier::{Changes, Place};

/// A key that is there as soon as the changes are made.
#[derive(Debug)]
pub(crate) struct NewKey {
    pub(crate) id: KeyId,
    record: KeyRecord,
}

/// What tells a new key from others.
#[derive(Debug, Default)]
pub(crate) struct NewKeyTerms {
    pub(crate) description: String,
    /// The service that it is made for, if users are not to manage it.
    pub(crate) managed_for: Option<String>,
    pub(crate) schedule: Option<Schedule>,
}

impl NewKey {
    /// Adds a key and its first material to `changes`.
    pub(crate) fn add(
        call: &Call<'_>,
        changes: &mut Changes<'_>,
        terms: NewKeyTerms,
    ) -> Result<Self, RecordError> {
        let id = KeyId::from_random_bytes(keyfold_crypto::rand::array()?);
        let material = BackingKey::generate(call.now)?;
        let material_id = material.id(&id)?;
        let record = KeyRecord {
            created: call.now,
            description: terms.description,
            key_spec: KeySpec::SymmetricDefault,
            key_usage: KeyUsageType::EncryptDecrypt,
            origin: OriginType::AwsKms,
            state: KeyState::Enabled,
            deletion_date: None,
            current_material: material_id,
            on_demand_rotations: 0,
            rotations: 0,
            schedule: terms.schedule,
            deletion_window_days: None,
            deletion_seen_ms: None,
            managed_for: terms.managed_for,
        };
        changes.create(Place::key(call.scope, &id), &record)?;
        changes.create(Place::material(call.scope, &id, &material_id), &material)?;
        Ok(Self { id, record })
    }

    /// The key as AWS describes it to callers.
    pub(crate) fn metadata(&self, call: &Call<'_>) -> KeyMetadata {
        self.record.metadata(call.scope, &self.id)
    }
}
