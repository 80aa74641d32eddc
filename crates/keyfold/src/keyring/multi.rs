//! The multi-keyring: one keyring makes the data key, and every one wraps it.
//!
//! Source: specification, `framework/multi-keyring.md`.

use std::sync::Arc;

use keyfold_protocol::BoxFuture;

use super::{GeneratedDataKey, Keyring, KeyringRequest, NamedError};
use crate::{
    error::{FailedUnwrap, KeyringError},
    materials::{DataKey, EncryptedDataKey},
};

/// Several keyrings as one. Any of them can decrypt what it encrypts.
pub struct MultiKeyring {
    generator: Option<Arc<dyn Keyring>>,
    children: Vec<Arc<dyn Keyring>>,
}

impl MultiKeyring {
    /// `generator` makes data keys and wraps them, and each of `children` wraps them too. Decryption tries
    /// the generator, then the children in order. Without a generator it decrypts, and can be the child of
    /// another.
    #[must_use]
    pub fn new(generator: Option<Arc<dyn Keyring>>, children: Vec<Arc<dyn Keyring>>) -> Self {
        Self { generator, children }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<dyn Keyring>> {
        self.generator.iter().chain(&self.children)
    }
}

impl std::fmt::Debug for MultiKeyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

impl Keyring for MultiKeyring {
    fn name(&self) -> String {
        let names: Vec<String> = self.all().map(|keyring| keyring.name()).collect();
        format!("multi [{}]", names.join(", "))
    }

    fn generate_data_key<'a>(
        &'a self,
        request: KeyringRequest<'a>,
    ) -> BoxFuture<'a, Result<GeneratedDataKey, NamedError>> {
        Box::pin(async move {
            let Some(generator) = &self.generator else {
                return Err((self.name(), KeyringError::DecryptOnly));
            };
            let mut generated = generator.generate_data_key(request).await?;
            for child in &self.children {
                let edks = child.encrypt_data_key(request, &generated.data_key).await?;
                // Who was meant to read the message could not.
                if edks.is_empty() {
                    return Err((child.name(), KeyringError::NotWrapped));
                }
                generated.encrypted_data_keys.extend(edks);
            }
            Ok(generated)
        })
    }

    fn encrypt_data_key<'a>(
        &'a self,
        request: KeyringRequest<'a>,
        data_key: &'a DataKey,
    ) -> BoxFuture<'a, Result<Vec<EncryptedDataKey>, NamedError>> {
        Box::pin(async move {
            let mut edks = Vec::new();
            for keyring in self.all() {
                edks.extend(keyring.encrypt_data_key(request, data_key).await?);
            }
            Ok(edks)
        })
    }

    fn decrypt_data_key<'a>(
        &'a self,
        request: KeyringRequest<'a>,
        edks: &'a [EncryptedDataKey],
    ) -> BoxFuture<'a, Result<DataKey, Vec<FailedUnwrap>>> {
        Box::pin(async move {
            let mut failures = Vec::new();
            for keyring in self.all() {
                match keyring.decrypt_data_key(request, edks).await {
                    Ok(data_key) => return Ok(data_key),
                    Err(more) => failures.extend(more),
                }
            }
            Err(failures)
        })
    }
}
