//! Keyrings: they make data keys, wrap them, and unwrap them.
//!
//! A keyring returns facts and decides nothing about the message: the materials manager assembles those.
//! So "generate a data key" and "wrap this data key" are two methods, and no keyring can generate a second
//! key for a message that has one. Source: specification, `framework/keyring-interface.md`, where both are
//! `OnEncrypt`.

mod kms;
mod multi;
mod raw_aes;
mod raw_ecdh;
mod raw_rsa;

use keyfold_protocol::BoxFuture;

pub use kms::{DiscoveryFilter, KmsDiscoveryKeyring, KmsKeyring};
pub use multi::MultiKeyring;
pub use raw_aes::RawAesKeyring;
pub use raw_ecdh::RawEcdhKeyring;
pub use raw_rsa::RawRsaKeyring;

use crate::{
    EncryptionContext, Suite,
    error::{FailedUnwrap, KeyringError},
    materials::{DataKey, EncryptedDataKey},
};

/// What every keyring operation is bound to.
#[derive(Debug, Clone, Copy)]
pub struct KeyringRequest<'a> {
    /// The message's suite, which says how long the data key is.
    pub suite: Suite,
    /// The encryption context.
    pub context: &'a EncryptionContext,
}

impl KeyringRequest<'_> {
    /// The serialized context: what the wrapping authenticates besides the data key.
    pub(crate) fn aad(&self) -> Result<Vec<u8>, KeyringError> {
        self.context.serialize().ok_or(KeyringError::ContextTooLong)
    }
}

/// A new data key and its wrapped copies.
#[derive(Debug)]
pub struct GeneratedDataKey {
    /// The data key.
    pub data_key: DataKey,
    /// Its wrapped copies, at least one.
    pub encrypted_data_keys: Vec<EncryptedDataKey>,
}

/// An error with the name of the keyring that had it.
pub type NamedError = (String, KeyringError);

/// Something that holds, or can reach, wrapping keys.
pub trait Keyring: Send + Sync {
    /// The keyring's name in errors: its kind and its key, without secrets.
    fn name(&self) -> String;

    /// Makes a data key for `request.suite` and wraps it.
    fn generate_data_key<'a>(
        &'a self,
        request: KeyringRequest<'a>,
    ) -> BoxFuture<'a, Result<GeneratedDataKey, NamedError>>;

    /// Wraps a data key that another keyring made.
    fn encrypt_data_key<'a>(
        &'a self,
        request: KeyringRequest<'a>,
        data_key: &'a DataKey,
    ) -> BoxFuture<'a, Result<Vec<EncryptedDataKey>, NamedError>>;

    /// Unwraps the first of `edks` that it can.
    ///
    /// An encrypted data key that is not this keyring's is passed over in silence. One that is and does not
    /// unwrap is kept as a failure, and the next is tried: an empty list means that none was mine.
    fn decrypt_data_key<'a>(
        &'a self,
        request: KeyringRequest<'a>,
        edks: &'a [EncryptedDataKey],
    ) -> BoxFuture<'a, Result<DataKey, Vec<FailedUnwrap>>>;
}

/// A keyring whose wrapping key is in memory: it never waits, and handles one encrypted data key at a time.
pub(crate) trait RawKeyring: Send + Sync {
    fn name(&self) -> String;
    /// Wraps `data_key`.
    fn wrap(&self, request: KeyringRequest<'_>, data_key: &DataKey)
    -> Result<EncryptedDataKey, KeyringError>;
    /// Whether `edk` says that this keyring's key wrapped it.
    fn is_mine(&self, edk: &EncryptedDataKey) -> bool;
    /// Unwraps an `edk` that is mine.
    fn unwrap(&self, request: KeyringRequest<'_>, edk: &EncryptedDataKey) -> Result<DataKey, KeyringError>;
}

impl<K: RawKeyring> Keyring for K {
    fn name(&self) -> String {
        RawKeyring::name(self)
    }

    fn generate_data_key<'a>(
        &'a self,
        request: KeyringRequest<'a>,
    ) -> BoxFuture<'a, Result<GeneratedDataKey, NamedError>> {
        let generate = || {
            let data_key = DataKey::random(request.suite.data_key_len())?;
            let encrypted_data_keys = vec![self.wrap(request, &data_key)?];
            Ok(GeneratedDataKey { data_key, encrypted_data_keys })
        };
        let generated = generate().map_err(|error| (RawKeyring::name(self), error));
        Box::pin(std::future::ready(generated))
    }

    fn encrypt_data_key<'a>(
        &'a self,
        request: KeyringRequest<'a>,
        data_key: &'a DataKey,
    ) -> BoxFuture<'a, Result<Vec<EncryptedDataKey>, NamedError>> {
        let wrapped = self.wrap(request, data_key).map(|edk| vec![edk]);
        Box::pin(std::future::ready(wrapped.map_err(|error| (RawKeyring::name(self), error))))
    }

    fn decrypt_data_key<'a>(
        &'a self,
        request: KeyringRequest<'a>,
        edks: &'a [EncryptedDataKey],
    ) -> BoxFuture<'a, Result<DataKey, Vec<FailedUnwrap>>> {
        let mut failures = Vec::new();
        for edk in edks.iter().filter(|edk| self.is_mine(edk)) {
            let unwrapped = self.unwrap(request, edk).and_then(|key| check_len(request.suite, key));
            match unwrapped {
                Ok(data_key) => return Box::pin(std::future::ready(Ok(data_key))),
                Err(error) => {
                    let keyring = RawKeyring::name(self);
                    failures.push(FailedUnwrap { keyring, edk: edk.to_string(), error });
                }
            }
        }
        Box::pin(std::future::ready(Err(failures)))
    }
}

/// The data key, if it is as long as the suite needs.
pub(crate) fn check_len(suite: Suite, data_key: DataKey) -> Result<DataKey, KeyringError> {
    let (expected, found) = (suite.data_key_len(), data_key.len());
    if found == expected { Ok(data_key) } else { Err(KeyringError::DataKeyLen { expected, found }) }
}

/// A raw key's namespace and name: the provider id and provider information of what it wraps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyName {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl KeyName {
    /// Both are free text of at most 65,000 bytes, but a namespace can't begin with `aws-kms`, which belongs to the key service.
    ///
    /// # Errors
    /// [`InvalidKeyName`].
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Result<Self, InvalidKeyName> {
        let (namespace, name) = (namespace.into(), name.into());
        if namespace.starts_with("aws-kms") {
            return Err(InvalidKeyName::Reserved);
        }
        if namespace.len() > KEY_NAME_LEN_MAX || name.len() > KEY_NAME_LEN_MAX {
            return Err(InvalidKeyName::TooLong);
        }
        Ok(Self { namespace, name })
    }
}

impl std::fmt::Display for KeyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace.escape_debug(), self.name.escape_debug())
    }
}

/// Leaves room in the 65,535 bytes of a provider information for what keyrings add to the name.
const KEY_NAME_LEN_MAX: usize = 65_000;

/// Why a raw key can't have this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKeyName {
    /// The namespace begins with `aws-kms`.
    #[error("a namespace may not begin with \"aws-kms\": that names keys of a key service")]
    Reserved,
    /// The namespace or the name is longer than 65,000 bytes.
    #[error("a namespace or key name may not be longer than 65,000 bytes")]
    TooLong,
}
