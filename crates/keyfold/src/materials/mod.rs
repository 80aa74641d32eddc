//! Materials: what it takes to write or read one message, and the managers that obtain them.
//!
//! Only here can anything wait; the message engine never does.

mod default;
mod edk;
mod manager;

use std::collections::BTreeSet;

use keyfold_crypto::{
    SecretBytes,
    ecdsa::{SigningKey, VerifyingKey},
};

pub use default::DefaultManager;
pub use edk::EncryptedDataKey;
pub use manager::{DecryptionRequest, EncryptionRequest, MaterialsManager};

use crate::{EncryptionContext, Suite};

/// A plaintext data key.
pub type DataKey = SecretBytes;

/// What it takes to write one message.
#[derive(Debug)]
pub struct EncryptionMaterials {
    /// The suite to write with.
    pub suite: Suite,
    /// The context to bind, the public key of a signed message included.
    pub context: EncryptionContext,
    /// Keys of `context` whose pairs are authenticated but not stored in the message.
    pub unstored_context_keys: BTreeSet<String>,
    /// The data key, [`Suite::data_key_len`] bytes.
    pub data_key: DataKey,
    /// The same data key, wrapped: at least once.
    pub encrypted_data_keys: Vec<EncryptedDataKey>,
    /// The key that signs, if the suite does.
    pub signing_key: Option<SigningKey>,
}

/// What it takes to read one message.
#[derive(Debug)]
pub struct DecryptionMaterials {
    /// Pairs that are authenticated with the header but not stored in it.
    pub unstored_context: EncryptionContext,
    /// The data key, [`Suite::data_key_len`] bytes.
    pub data_key: DataKey,
    /// The key that verifies the signature, if the suite signs.
    pub verifying_key: Option<VerifyingKey>,
}
