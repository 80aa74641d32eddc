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
pub mod root;
mod sealing;
mod service;
pub mod store;
mod validation;

pub use call::{Clock, Scope, SystemClock};
pub use ciphertext::{BLOB_LEN_MAX, BLOB_LEN_MIN, BlobHeader, CiphertextBlob, MalformedBlob, PLAINTEXT_LEN_MAX};
pub use embedded::{Embedded, OpenError, RootKind, RootOfTrust};
pub use error::{RecordError, ServiceError};
pub use service::{DefaultKey, Service};

#[cfg(doc)]
use keyfold_protocol::Kms;
