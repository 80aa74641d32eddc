//! The raw AES keyring: an AES key in memory wraps data keys with AES-GCM.
//!
//! ```text
//! provider id    namespace
//! provider info  key name ‖ tag length in bits(4) = 128 ‖ IV length(4) = 12 ‖ IV(12)
//! ciphertext     AES-GCM(wrapping key, IV, data key, AAD = serialized encryption context) ‖ tag(16)
//! ```
//! Source: specification, `framework/raw-aes-keyring.md`.

use keyfold_crypto::{
    CryptoError,
    aead::{AesGcm, GcmKey, TAG_LEN},
    rand,
};

use super::{KeyName, KeyringRequest, RawKeyring};
use crate::{
    error::KeyringError,
    materials::{DataKey, EncryptedDataKey},
};

/// A keyring over an AES key of 128, 192 or 256 bits.
#[derive(Debug)]
pub struct RawAesKeyring {
    name: KeyName,
    key: GcmKey,
}

impl RawAesKeyring {
    /// A keyring over `key`, of 16, 24 or 32 bytes.
    ///
    /// A random IV seals each data key, so one wrapping key should wrap fewer than 2^32 of them
    /// (SP 800-38D, section 8.3).
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] for another length.
    pub fn new(name: KeyName, key: &[u8]) -> Result<Self, CryptoError> {
        let algorithm = AesGcm::for_key_len(key.len()).ok_or(CryptoError::InvalidKey)?;
        Ok(Self { name, key: GcmKey::new(algorithm, key)? })
    }
}

impl RawKeyring for RawAesKeyring {
    fn name(&self) -> String {
        format!("raw-aes {}", self.name)
    }

    fn wrap(
        &self,
        request: KeyringRequest<'_>,
        data_key: &DataKey,
    ) -> Result<EncryptedDataKey, KeyringError> {
        let iv = rand::array()?;
        let mut provider_info = self.name.name.as_bytes().to_vec();
        provider_info.extend_from_slice(&[0, 0, 0, 128, 0, 0, 0, 12]);
        provider_info.extend_from_slice(&iv);
        let mut ciphertext = vec![0; data_key.len()];
        let mut tag = [0; TAG_LEN];
        self.key.seal(iv, &request.aad()?, data_key.expose(), &mut ciphertext, &mut tag)?;
        ciphertext.extend_from_slice(&tag);
        Ok(EncryptedDataKey { provider_id: self.name.namespace.clone(), provider_info, ciphertext })
    }

    fn is_mine(&self, edk: &EncryptedDataKey) -> bool {
        edk.provider_id == self.name.namespace && edk.raw_aes_key_name() == Some(self.name.name.as_bytes())
    }

    fn unwrap(&self, request: KeyringRequest<'_>, edk: &EncryptedDataKey) -> Result<DataKey, KeyringError> {
        let (_, iv) = edk.provider_info.split_last_chunk().ok_or(KeyringError::Malformed)?;
        let (ciphertext, tag) = edk.ciphertext.split_last_chunk().ok_or(KeyringError::Malformed)?;
        let aad = request.aad()?;
        DataKey::filled(ciphertext.len(), |key| Ok(self.key.open(*iv, &aad, ciphertext, tag, key)?))
    }
}
