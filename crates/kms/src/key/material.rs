//! Key material: the secret of a KMS key, one record per version.
//!
//! ```text
//!  offset  size
//!       0     1   format version = 1
//!       1     8   when it was made: milliseconds since the epoch, i64, big-endian
//!       9    32   the backing key
//! ```
//!
//! A backing key never encrypts anything itself: each ciphertext has a key derived from it ([`crate::ciphertext`]).
//! Which version is current is written in the key's record, not here.

use keyfold_crypto::SecretBytes;
use keyfold_protocol::{KeyId, KeyMaterialId, Timestamp};

use crate::call::Scope;
use crate::error::RecordError;
use crate::root::barrier::{Barrier, Place, Record};
use crate::sealing::{self, KEY_LEN, Key};

/// One version of the material of a symmetric KMS key.
#[derive(Debug)]
pub(crate) struct BackingKey {
    created: Timestamp,
    key: Key,
}

impl BackingKey {
    /// Fresh material.
    pub(crate) fn generate(now: Timestamp) -> Result<Self, RecordError> {
        Ok(Self { created: now, key: Key::random()? })
    }

    /// The key to derive from.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// The identifier: SP 800-108 of the material with the key id as context, so the same material in the same key
    /// always has the same, in another key another, and it tells nothing about the material.
    pub(crate) fn id(&self, key_id: &KeyId) -> Result<KeyMaterialId, RecordError> {
        let id = sealing::derive(self.key.expose(), ID_LABEL, key_id.to_string().as_bytes())?;
        Ok(KeyMaterialId::from_bytes(*id.expose()))
    }

    /// The version `material_id` of a key's material, if there is such a one.
    pub(crate) async fn load(
        barrier: &Barrier,
        scope: &Scope,
        key_id: &KeyId,
        material_id: &KeyMaterialId,
    ) -> Result<Option<Self>, RecordError> {
        let stored = barrier.get::<Self>(&Place::material(scope, key_id, material_id)).await?;
        Ok(stored.map(|stored| stored.record))
    }
}

impl Record for BackingKey {
    fn encode(&self) -> Result<SecretBytes, RecordError> {
        SecretBytes::filled(RECORD_LEN, |bytes| {
            bytes[0] = FORMAT_VERSION;
            bytes[1..9].copy_from_slice(&self.created.epoch_ms().to_be_bytes());
            bytes[9..].copy_from_slice(self.key.expose());
            Ok(())
        })
    }

    fn decode(bytes: &SecretBytes) -> Option<Self> {
        let (head, key) = bytes.expose().split_first_chunk::<9>()?;
        let [version, c0, c1, c2, c3, c4, c5, c6, c7] = *head;
        if version != FORMAT_VERSION {
            return None;
        }
        let created = Timestamp::from_epoch_ms(i64::from_be_bytes([c0, c1, c2, c3, c4, c5, c6, c7]));
        Some(Self { created, key: Key::copied_from(key).ok()? })
    }
}

const FORMAT_VERSION: u8 = 1;
const RECORD_LEN: usize = 1 + 8 + KEY_LEN;
const ID_LABEL: &[u8] = b"keyfold key material id v1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identifier_depends_on_key_id_and_material_and_on_nothing_else() {
        let (one, other) = (KeyId::Uuid([1; 16]), KeyId::Uuid([2; 16]));
        let material = BackingKey::generate(Timestamp::from_epoch_ms(5)).unwrap();
        let id = material.id(&one).unwrap();
        let back = BackingKey::decode(&material.encode().unwrap()).unwrap();
        assert_eq!((back.created, back.id(&one).unwrap()), (material.created, id));
        assert_ne!(material.id(&other).unwrap(), id);
        assert_ne!(BackingKey::generate(Timestamp::from_epoch_ms(5)).unwrap().id(&one).unwrap(), id);
    }

    #[test]
    fn only_its_own_form_decodes() {
        let bytes = BackingKey::generate(Timestamp::from_epoch_ms(5)).unwrap().encode().unwrap();
        for len in 0..bytes.len() {
            assert!(BackingKey::decode(&SecretBytes::copied_from(&bytes.expose()[..len])).is_none());
        }
        assert!(BackingKey::decode(&SecretBytes::copied_from(&[bytes.expose(), b"x"].concat())).is_none());
        assert!(BackingKey::decode(&SecretBytes::copied_from(&[2; RECORD_LEN])).is_none());
    }
}
