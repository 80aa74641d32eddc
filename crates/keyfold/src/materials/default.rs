//! The default manager: one keyring, and a fresh signing key for each message of a signing suite.
//!
//! Source: specification, `framework/default-cmm.md`.

use std::{collections::BTreeSet, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use keyfold_crypto::ecdsa::{SigningKey, VerifyingKey};
use keyfold_protocol::BoxFuture;

use super::{
    DecryptionMaterials, DecryptionRequest, EncryptionMaterials, EncryptionRequest, MaterialsManager,
};
use crate::{
    DecryptError, EncryptError, EncryptionContext, Malformed, NoUsableKey, Suite, context,
    error::KeyringError,
    keyring::{Keyring, KeyringRequest},
};

/// Materials from a keyring.
pub struct DefaultManager {
    keyring: Arc<dyn Keyring>,
}

impl DefaultManager {
    /// A manager over `keyring`.
    #[must_use]
    pub fn new(keyring: Arc<dyn Keyring>) -> Self {
        Self { keyring }
    }

    async fn encrypt(&self, request: EncryptionRequest<'_>) -> Result<EncryptionMaterials, EncryptError> {
        let policy = request.commitment_policy;
        let suite = request.suite.unwrap_or(policy.default_suite());
        if !policy.allows_encrypt(suite) {
            return Err(EncryptError::SuiteRefused { policy, suite });
        }
        let mut context = request.context.clone();
        if context.get(context::PUBLIC_KEY).is_some() {
            return Err(EncryptError::ReservedContextKey { key: context::PUBLIC_KEY.to_owned() });
        }
        let signing_key = suite.signature().map(SigningKey::generate).transpose()?;
        if let Some(key) = &signing_key {
            context.insert(context::PUBLIC_KEY, BASE64.encode(key.public_key_compressed()?));
        }
        if context.serialize().is_none() {
            return Err(EncryptError::ContextTooLong);
        }

        let generated = self
            .keyring
            .generate_data_key(KeyringRequest { suite, context: &context })
            .await
            .map_err(|(keyring, error)| EncryptError::Keyring { keyring, error })?;
        let (expected, found) = (suite.data_key_len(), generated.data_key.len());
        let error = match generated.encrypted_data_keys.is_empty() {
            true => Some(KeyringError::NotWrapped),
            false if found != expected => Some(KeyringError::DataKeyLen { expected, found }),
            false => None,
        };
        if let Some(error) = error {
            return Err(EncryptError::Keyring { keyring: self.keyring.name(), error });
        }
        Ok(EncryptionMaterials {
            suite,
            context,
            unstored_context_keys: BTreeSet::new(),
            data_key: generated.data_key,
            encrypted_data_keys: generated.encrypted_data_keys,
            signing_key,
        })
    }

    async fn decrypt(&self, request: DecryptionRequest<'_>) -> Result<DecryptionMaterials, DecryptError> {
        let (suite, policy) = (request.suite, request.commitment_policy);
        if !policy.allows_decrypt(suite) {
            return Err(DecryptError::SuiteRefused { policy, suite });
        }
        let verifying_key = verifying_key(suite, request.stored_context)?;
        let unstored_context = unstored(request.stored_context, request.demanded_context)?;
        let mut context = request.stored_context.clone();
        for (key, value) in unstored_context.iter() {
            context.insert(key, value);
        }

        let edks = request.encrypted_data_keys;
        let unwrapped =
            self.keyring.decrypt_data_key(KeyringRequest { suite, context: &context }, edks).await;
        let data_key = unwrapped.map_err(|failures| NoUsableKey {
            context_keys_not_stored: unstored_context.iter().map(|(key, _)| format!("{key:?}")).collect(),
            ..NoUsableKey::new(edks, failures)
        })?;
        Ok(DecryptionMaterials { unstored_context, data_key, verifying_key })
    }
}

impl std::fmt::Debug for DefaultManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DefaultManager({})", self.keyring.name())
    }
}

impl MaterialsManager for DefaultManager {
    fn encryption_materials<'a>(
        &'a self,
        request: EncryptionRequest<'a>,
    ) -> BoxFuture<'a, Result<EncryptionMaterials, EncryptError>> {
        Box::pin(self.encrypt(request))
    }

    fn decryption_materials<'a>(
        &'a self,
        request: DecryptionRequest<'a>,
    ) -> BoxFuture<'a, Result<DecryptionMaterials, DecryptError>> {
        Box::pin(self.decrypt(request))
    }
}

/// The public key of a signed message.
fn verifying_key(suite: Suite, stored: &EncryptionContext) -> Result<Option<VerifyingKey>, Malformed> {
    match (suite.signature(), stored.get(context::PUBLIC_KEY)) {
        (None, None) => Ok(None),
        (Some(algorithm), Some(text)) => {
            let point = BASE64.decode(text).map_err(|_| Malformed::PublicKey)?;
            VerifyingKey::new(algorithm, &point).map(Some).map_err(|_| Malformed::PublicKey)
        }
        _ => Err(Malformed::PublicKey),
    }
}

/// The demanded pairs that the message does not store. One that it stores must have the demanded value.
fn unstored(
    stored: &EncryptionContext,
    demanded: &EncryptionContext,
) -> Result<EncryptionContext, DecryptError> {
    let mut unstored = EncryptionContext::empty();
    for (key, value) in demanded.iter() {
        match stored.get(key) {
            None => drop(unstored.insert(key, value)),
            Some(found) if found == value => {}
            Some(_) => return Err(DecryptError::ContextMismatch { key: key.to_owned() }),
        }
    }
    Ok(unstored)
}
