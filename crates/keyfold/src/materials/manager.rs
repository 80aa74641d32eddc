use keyfold_protocol::BoxFuture;

use super::{DecryptionMaterials, EncryptedDataKey, EncryptionMaterials};
use crate::{CommitmentPolicy, DecryptError, EncryptError, EncryptionContext, Suite};

/// What a client asks for before it writes a message.
#[derive(Debug, Clone, Copy)]
pub struct EncryptionRequest<'a> {
    /// The caller's encryption context.
    pub context: &'a EncryptionContext,
    /// The suite asked for, or the policy's default.
    pub suite: Option<Suite>,
    /// The client's commitment policy.
    pub commitment_policy: CommitmentPolicy,
}

/// What a client asks for before it reads a message.
#[derive(Debug, Clone, Copy)]
pub struct DecryptionRequest<'a> {
    /// The message's suite.
    pub suite: Suite,
    /// The encryption context that the message stores.
    pub stored_context: &'a EncryptionContext,
    /// The pairs that the caller demands ("reproduced encryption context" in the specification).
    pub demanded_context: &'a EncryptionContext,
    /// The message's encrypted data keys.
    pub encrypted_data_keys: &'a [EncryptedDataKey],
    /// The client's commitment policy.
    pub commitment_policy: CommitmentPolicy,
}

/// A cryptographic materials manager: decides the suite and obtains the keys for one message at a time.
///
/// [`DefaultManager`](super::DefaultManager) does that over a keyring. Implement the trait to decide
/// differently; the client still checks what a manager returns against its own policy and the caller's demands.
///
/// A data key must be fresh for each message, or come from a cache that knows what it does: under the suites
/// without key derivation (00xx) a data key that is used twice repeats IVs under one key, which breaks AES-GCM.
/// Source: specification, `framework/cmm-interface.md`.
pub trait MaterialsManager: Send + Sync {
    /// Materials to write a message with.
    fn encryption_materials<'a>(
        &'a self,
        request: EncryptionRequest<'a>,
    ) -> BoxFuture<'a, Result<EncryptionMaterials, EncryptError>>;

    /// Materials to read a message with.
    fn decryption_materials<'a>(
        &'a self,
        request: DecryptionRequest<'a>,
    ) -> BoxFuture<'a, Result<DecryptionMaterials, DecryptError>>;
}
