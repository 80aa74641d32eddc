//! The raw RSA keyring: an RSA key in memory wraps data keys.
//!
//! ```text
//! provider id    namespace
//! provider info  key name
//! ciphertext     RSA(public key, padding, data key)
//! ```
//! RSA does not bind the encryption context; the message header does. Source: specification,
//! `framework/raw-rsa-keyring.md`.

use keyfold_crypto::rsa::{RsaPadding, RsaPrivateKey, RsaPublicKey};

use super::{KeyName, KeyringRequest, RawKeyring};
use crate::{
    error::KeyringError,
    materials::{DataKey, EncryptedDataKey},
};

/// A keyring over an RSA public key, a private key, or both.
///
/// With the public key only it encrypts, with the private key only it decrypts. The public key is never
/// derived from the private one in silence: who can decrypt has not thereby said that he wants to encrypt.
#[derive(Debug)]
pub struct RawRsaKeyring {
    name: KeyName,
    padding: RsaPadding,
    public: Option<RsaPublicKey>,
    private: Option<RsaPrivateKey>,
}

impl RawRsaKeyring {
    /// A keyring that encrypts.
    ///
    /// [`RsaPadding::Pkcs1`] is there for old messages. Decrypting with it where an attacker sees whether it
    /// worked gives the data keys away; use OAEP for anything new.
    #[must_use]
    pub fn encrypting(name: KeyName, padding: RsaPadding, public: RsaPublicKey) -> Self {
        Self { name, padding, public: Some(public), private: None }
    }

    /// A keyring that decrypts.
    #[must_use]
    pub fn decrypting(name: KeyName, padding: RsaPadding, private: RsaPrivateKey) -> Self {
        Self { name, padding, public: None, private: Some(private) }
    }

    /// A keyring that does both.
    #[must_use]
    pub fn new(name: KeyName, padding: RsaPadding, public: RsaPublicKey, private: RsaPrivateKey) -> Self {
        Self { name, padding, public: Some(public), private: Some(private) }
    }
}

impl RawKeyring for RawRsaKeyring {
    fn name(&self) -> String {
        format!("raw-rsa {}", self.name)
    }

    fn wrap(&self, _: KeyringRequest<'_>, data_key: &DataKey) -> Result<EncryptedDataKey, KeyringError> {
        let public = self.public.as_ref().ok_or(KeyringError::DecryptOnly)?;
        Ok(EncryptedDataKey {
            provider_id: self.name.namespace.clone(),
            provider_info: self.name.name.as_bytes().to_vec(),
            ciphertext: public.encrypt(self.padding, data_key.expose())?,
        })
    }

    fn is_mine(&self, edk: &EncryptedDataKey) -> bool {
        edk.provider_id == self.name.namespace && edk.provider_info == self.name.name.as_bytes()
    }

    fn unwrap(&self, request: KeyringRequest<'_>, edk: &EncryptedDataKey) -> Result<DataKey, KeyringError> {
        let private = self.private.as_ref().ok_or(KeyringError::EncryptOnly)?;
        // A wrong length gets the answer of a wrong padding: more would help who tries ciphertexts (PKCS#1 v1.5).
        let data_key = private.decrypt(self.padding, &edk.ciphertext)?;
        if data_key.len() == request.suite.data_key_len() {
            Ok(data_key)
        } else {
            Err(KeyringError::NotAuthentic)
        }
    }
}
