//! From the data key to the keys of one message.
//!
//! | suites | message key | commitment |
//! |---|---|---|
//! | 00xx | the data key | — |
//! | 01xx–03xx | HKDF(salt none, info = suite id ‖ message id) | — |
//! | 04xx, 05xx | HKDF(salt = message id, info = suite id ‖ "DERIVEKEY") | the same, info = "COMMITKEY" |
//!
//! Source: specification, `framework/transitive-requirements.md`, "Hash-based key derivation".

use keyfold_crypto::{CryptoError, SecretBytes, aead::GcmKey, hkdf::Prk};

use super::MessageId;
use crate::{Suite, materials::DataKey, suite::Kdf};

/// What seals the header and the body of one message.
pub(super) struct MessageKeys {
    pub(super) key: GcmKey,
    /// What a version 2 header stores.
    pub(super) commitment: Option<[u8; 32]>,
}

impl MessageKeys {
    pub(super) fn derive(
        suite: Suite,
        message_id: &MessageId,
        data_key: &DataKey,
    ) -> Result<Self, CryptoError> {
        if data_key.len() != suite.data_key_len() {
            return Err(CryptoError::InvalidKey);
        }
        let (suite_id, message_id) = (suite.id().to_be_bytes(), message_id.as_ref());
        let new_key = |key: &[u8]| GcmKey::new(suite.cipher(), key);
        let expand = |prk: &Prk, info: &[&[u8]]| {
            SecretBytes::filled(suite.data_key_len(), |key| prk.expand(info, key))
        };
        match suite.kdf() {
            Kdf::Identity => Ok(Self { key: new_key(data_key.expose())?, commitment: None }),
            Kdf::Hkdf(hash) => {
                let prk = Prk::extract(hash, &[], data_key.expose());
                let key = expand(&prk, &[&suite_id, message_id])?;
                Ok(Self { key: new_key(key.expose())?, commitment: None })
            }
            Kdf::HkdfCommit(hash) => {
                let prk = Prk::extract(hash, message_id, data_key.expose());
                let key = expand(&prk, &[&suite_id, b"DERIVEKEY"])?;
                let mut commitment = [0; 32];
                prk.expand(&[b"COMMITKEY"], &mut commitment)?;
                Ok(Self { key: new_key(key.expose())?, commitment: Some(commitment) })
            }
        }
    }
}
