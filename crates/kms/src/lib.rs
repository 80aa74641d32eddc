//! The key service without sockets: KMS keys, their material and names, what is done with them, and the sealed
//! store behind it all.
//!
//! [`Service`] implements [`Kms`], with AWS's operations, identifiers, texts and states. [`Embedded`] is a service
//! on a directory of this machine. Not here: HTTP, signatures and connections, and the message format of the
//! Encryption SDK.
//!
//! ```text
//! Kms::call → operations (the OPERATIONS table) → authz::check → key::state → a handler
//!                                                                                └ root::barrier → store
//! ```
//!
//! ```
//! use std::sync::Arc;
//!
//! use keyfold_kms::{Embedded, RootOfTrust, SystemClock};
//! use keyfold_protocol::{KmsExt as _, operations::GenerateDataKeyRequest};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let home = directory.path();
//! pollster::block_on(async {
//!     let kms = Embedded::open_or_create(home, &RootOfTrust::KeyFile, Arc::new(SystemClock)).await?;
//!     let key = kms.ensure_default_key().await?;
//!     let mut request = GenerateDataKeyRequest::new(key.arn.to_string());
//!     request.number_of_bytes = Some(32);
//!     let data_key = kms.send(request).await?;
//!     assert_eq!(data_key.plaintext.len(), 32);
//!     Ok(())
//! })
//! # }
//! ```
//!
//! The truth about the API is AWS's documentation; about what is stored, `docs/format/store.md`; about ciphertexts,
//! `docs/format/ciphertext-blob.md`.

mod authz;
mod call;
mod ciphertext;
mod embedded;
mod error;
pub mod key;
pub mod operations;
mod page;
pub mod principals;
pub mod root;
mod sealing;
mod service;
pub mod store;
mod validation;
pub mod worker;

pub use authz::policy::PolicyError;
pub use call::{Caller, Clock, Scope, SystemClock};
pub use ciphertext::{
    BLOB_LEN_MAX, BLOB_LEN_MIN, BlobHeader, CiphertextBlob, MalformedBlob, PLAINTEXT_LEN_MAX,
};
pub use embedded::{Embedded, OpenError, RootKind, RootOfTrust};
pub use error::{RecordError, ServiceError};
pub use keyfold_locked::Protection;
pub use principals::Principal;
pub use root::recovery::RecoveryCopy;
pub use service::{DefaultKey, Service};

#[cfg(doc)]
use keyfold_protocol::Kms;
