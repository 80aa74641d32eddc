//! The record of a KMS key: all that is known of it but its material.
//!
//! Stored as JSON behind the barrier. Material is kept in records of its own ([`super::material`]), so that reading
//! a key for its description brings no secret into memory.

use keyfold_crypto::SecretBytes;
use keyfold_protocol::operations::KeyMetadata;
use keyfold_protocol::{
    CustomerMasterKeySpec, EncryptionAlgorithmSpec, KeyId, KeyManagerType, KeyMaterialId, KeySpec, KeyState,
    KeyUsageType, OriginType, Timestamp,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::rotation::Schedule;
use crate::call::Scope;
use crate::error::RecordError;
use crate::root::barrier::Record;

/// A KMS key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRecord {
    pub(crate) created: Timestamp,
    pub(crate) description: String,
    pub(crate) key_spec: KeySpec,
    pub(crate) key_usage: KeyUsageType,
    pub(crate) origin: OriginType,
    pub(crate) state: KeyState,
    /// Set exactly while the state is `PendingDeletion`.
    pub(crate) deletion_date: Option<Timestamp>,
    /// The material that new ciphertexts are made with.
    pub(crate) current_material: KeyMaterialId,
    /// How often the key was rotated on demand.
    pub(crate) on_demand_rotations: u32,
    /// How often it was rotated in any way since there is a history: the number of its last entry.
    #[serde(default)]
    pub(crate) rotations: u32,
    /// When it is rotated automatically, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schedule: Option<Schedule>,
    /// The waiting time that ends on `deletion_date`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deletion_window_days: Option<u16>,
    /// What the worker's count of time was when it first saw the key pending deletion; see [`crate::worker`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deletion_seen_ms: Option<u64>,
    /// The service that the key was made for, if users don't manage it; see [`super::managed`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) managed_for: Option<String>,
}

impl Record for KeyRecord {
    fn encode(&self) -> Result<SecretBytes, RecordError> {
        to_json(self)
    }

    fn decode(bytes: &SecretBytes) -> Option<Self> {
        from_json(bytes)
    }
}

impl KeyRecord {
    /// The schedule, if it asks for a rotation now. Only an enabled key is rotated automatically.
    pub(crate) fn due_rotation(&self, now: Timestamp) -> Option<Schedule> {
        self.schedule.filter(|schedule| self.state == KeyState::Enabled && schedule.next() <= now)
    }

    /// The key as AWS describes it to callers.
    pub(crate) fn metadata(&self, scope: &Scope, key_id: &KeyId) -> KeyMetadata {
        let mut metadata = KeyMetadata::new(key_id.to_string());
        metadata.aws_account_id = Some(scope.account.to_string());
        metadata.arn = Some(scope.key_arn(key_id).to_string());
        metadata.creation_date = Some(self.created);
        metadata.enabled = Some(self.state == KeyState::Enabled);
        metadata.description = Some(self.description.clone());
        metadata.key_usage = Some(self.key_usage.clone());
        metadata.key_state = Some(self.state.clone());
        metadata.deletion_date = self.deletion_date;
        metadata.origin = Some(self.origin.clone());
        let is_managed = self.managed_for.is_some();
        metadata.key_manager = Some(if is_managed { KeyManagerType::Aws } else { KeyManagerType::Customer });
        metadata.customer_master_key_spec = Some(CustomerMasterKeySpec::from(self.key_spec.as_str()));
        metadata.key_spec = Some(self.key_spec.clone());
        metadata.encryption_algorithms = Some(vec![EncryptionAlgorithmSpec::SymmetricDefault]);
        metadata.multi_region = Some(false);
        metadata.current_key_material_id = Some(self.current_material.to_string());
        metadata
    }
}

/// How records without secrets are encoded.
pub(crate) fn to_json(record: &impl Serialize) -> Result<SecretBytes, RecordError> {
    // No record has a type that JSON can't hold.
    serde_json::to_vec(record).map(SecretBytes::from_vec).map_err(|_| RecordError::Damaged)
}

/// The inverse of [`to_json`].
pub(crate) fn from_json<R: DeserializeOwned>(bytes: &SecretBytes) -> Option<R> {
    serde_json::from_slice(bytes.expose()).ok()
}
