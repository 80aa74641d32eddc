//! What both ends of the KMS wire agree on: identifiers, operations with their requests and responses, error
//! names, and the [`Kms`] trait through which everything in Keyfold reaches a key service.
//!
//! It is not a client and not a service: there is no socket, no runtime and no clock here, and it builds for
//! wasm. Nothing in it decides anything about a key; that is `keyfold-kms`, or AWS.
//!
//! The truth is the AWS KMS API reference and the service model published in botocore
//! (`kms/2014-11-01/service-2.json`): member names, limits and error names follow them to the letter.
//!
//! Over a wire, requests are signed and verified by [`sigv4`].
//!
//! A caller holds some [`Kms`] and sends typed requests:
//!
//! ```
//! use keyfold_protocol::{Kms, KmsError, KmsExt, operations::EncryptRequest};
//!
//! async fn wrap(kms: &dyn Kms, data_key: &[u8]) -> Result<Vec<u8>, KmsError> {
//!     let plaintext = keyfold_crypto::SecretBytes::copied_from(data_key);
//!     let response = kms.send(EncryptRequest::new("alias/default", plaintext)).await?;
//!     Ok(response.ciphertext_blob)
//! }
//! ```

mod arn;
mod blob;
mod encryption_context;
mod error;
mod identifier;
mod kms;
pub mod operations;
pub mod sigv4;
mod spec;
mod timestamp;

pub use arn::{AliasArn, Arn, KeyArn, Resource};
pub use encryption_context::EncryptionContext;
pub use error::{ErrorKind, InvalidIdentifier, KmsError};
pub use identifier::{AccountId, AliasName, KeyId, KeyMaterialId, Partition, Region};
pub use kms::{BoxFuture, Kms, KmsExt};
pub use spec::{
    CustomerMasterKeySpec, DataKeySpec, DryRunModifier, EncryptionAlgorithmSpec, GrantOperation,
    IncludeKeyMaterial, KeyManagerType, KeyMaterialState, KeySpec, KeyState, KeyUsageType, OriginType,
    RotationType, UnknownValue,
};
pub use timestamp::Timestamp;
