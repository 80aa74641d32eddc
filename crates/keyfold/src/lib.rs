//! Envelope encryption in the message format of the AWS Encryption SDK.
//!
//! Every message is encrypted under its own data key, and carries that data key wrapped by one or more
//! wrapping keys. A [`Keyring`](keyring::Keyring) holds or reaches the wrapping keys; a [`Client`] is one
//! trust decision: a keyring, a commitment policy and limits. What it writes, every official SDK reads, and it
//! reads what any of them wrote.
//!
//! ```
//! use keyfold::{EncryptionContext, blocking::Client, keyring::{KeyName, RawAesKeyring}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let wrapping_key = [7; 32]; // from your own store of keys
//! let client = Client::new(RawAesKeyring::new(KeyName::new("acme", "2026")?, &wrapping_key)?);
//! let context = EncryptionContext::from_iter([("tenant", "acme")]);
//!
//! let message = client.encrypt(b"attack at dawn", &context)?;
//! let decrypted = client.decrypt(&message, &context)?;
//! assert_eq!(decrypted.plaintext, b"attack at dawn");
//! assert_eq!(decrypted.header.context().get("tenant"), Some("acme"));
//! # Ok(())
//! # }
//! ```
//!
//! | I want to | use |
//! |---|---|
//! | encrypt bytes in memory | [`Client::encrypt`], [`blocking::Client::encrypt`] |
//! | encrypt a stream, in the memory of a few frames | [`Client::encrypt_stream`], [`blocking::Client::encrypt_stream`] |
//! | drive the format myself, without I/O | [`message`] |
//! | see who could decrypt a message | [`message::inspect`] |
//! | keep keys in a key service | [`keyring::KmsKeyring`] |
//! | let several keys decrypt | [`keyring::MultiKeyring`] |
//!
//! The encryption context is an argument of every call. On decryption it is a demand: each of its pairs must
//! stand in the message with that value (or have been authenticated without being stored). To demand nothing
//! one has to write [`EncryptionContext::empty()`], and should then look at the context that comes back.

pub mod blocking;
mod client;
mod commitment;
mod context;
mod error;
pub mod keyring;
mod limits;
pub mod materials;
pub mod message;
mod suite;

pub use client::{Client, Decrypted};
pub use commitment::CommitmentPolicy;
pub use context::{CONTEXT_LEN_MAX, EncryptionContext};
pub use error::{DecryptError, EncryptError, FailedUnwrap, KeyringError, Malformed, NoUsableKey, Part};
pub use limits::{LimitExceeded, Limits};
pub use suite::Suite;
