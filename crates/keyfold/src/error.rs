//! Errors, by whose fault they are.
//!
//! | | the caller's | the message's | the keys' | the settings' | the system's |
//! |---|---|---|---|---|---|
//! | [`EncryptError`] | `ReservedContextKey`, `ContextTooLong`, `BodyTooLong`, `FailedBefore` | | `Keyring` | `SuiteRefused`, `LimitExceeded` | `Crypto`, `Io` |
//! | [`DecryptError`] | `ContextMismatch`, `FailedBefore` | `Malformed`, `Truncated`, `NotAuthentic` | `NoUsableKey` | `SuiteRefused`, `SignedRefused`, `LimitExceeded` | `Crypto`, `Io` |

use keyfold_crypto::CryptoError;
use keyfold_protocol::KmsError;

use crate::{CommitmentPolicy, LimitExceeded, Suite, materials::EncryptedDataKey};

/// Why a message could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// A key of the encryption context is reserved for the format.
    #[error("the encryption context key {key:?} is reserved: keys may not begin with \"aws-crypto-\"")]
    ReservedContextKey {
        /// The key.
        key: String,
    },
    /// The encryption context does not fit the header.
    #[error("the encryption context is longer than the 65,535 bytes that the format allows")]
    ContextTooLong,
    /// More frames than the format can count, or more bytes than one frame or body can have.
    #[error("the plaintext is longer than the format allows with this frame length")]
    BodyTooLong,
    /// The commitment policy does not allow this suite.
    #[error("the commitment policy {policy} does not allow writing with suite {suite}")]
    SuiteRefused {
        /// The policy of the client.
        policy: CommitmentPolicy,
        /// The suite asked for.
        suite: Suite,
    },
    /// More encrypted data keys than the client's limit.
    #[error(transparent)]
    LimitExceeded(#[from] LimitExceeded),
    /// A keyring could not make or wrap the data key.
    #[error("{keyring}: {error}")]
    Keyring {
        /// Which keyring.
        keyring: String,
        /// Why.
        #[source]
        error: KeyringError,
    },
    /// This encryptor has failed before; its first error says why.
    #[error("encryption has failed already")]
    FailedBefore,
    /// The cryptography library failed.
    #[error("cryptography failed: {0}")]
    Crypto(#[from] CryptoError),
    /// Reading the plaintext or writing the message failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Why a message could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// The bytes are not a message of this format.
    #[error("not a message: {0}")]
    Malformed(#[from] Malformed),
    /// The bytes end before the message does.
    #[error("the message is truncated: it ends inside the {0}")]
    Truncated(Part),
    /// A part of the message was changed, or made under another key.
    #[error("the message is not authentic: its {0} does not verify")]
    NotAuthentic(Part),
    /// No keyring could unwrap any of the encrypted data keys.
    #[error(transparent)]
    NoUsableKey(#[from] NoUsableKey),
    /// The message has another value for a pair that the caller demands.
    #[error("the message's encryption context has another value for {key:?} than the one demanded")]
    ContextMismatch {
        /// The key of the pair.
        key: String,
    },
    /// The commitment policy does not allow this suite.
    #[error("the commitment policy {policy} does not allow reading messages of suite {suite}")]
    SuiteRefused {
        /// The policy of the client.
        policy: CommitmentPolicy,
        /// The suite of the message.
        suite: Suite,
    },
    /// The message is signed, and the client takes unsigned messages only.
    #[error("the message is signed (suite {suite}) and only unsigned messages are accepted here")]
    SignedRefused {
        /// The suite of the message.
        suite: Suite,
    },
    /// The message exceeds one of the client's limits.
    #[error(transparent)]
    LimitExceeded(#[from] LimitExceeded),
    /// This decryptor has failed before; its first error says why.
    #[error("decryption has failed already")]
    FailedBefore,
    /// The cryptography library failed.
    #[error("cryptography failed: {0}")]
    Crypto(#[from] CryptoError),
    /// Reading the message or writing the plaintext failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// A part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The header.
    Header,
    /// The header's commitment to one data key.
    Commitment,
    /// The body of a message without frames.
    Body,
    /// The frame with this sequence number, counted from 1.
    Frame(u32),
    /// The signature at the end.
    Signature,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Header => f.write_str("header"),
            Self::Commitment => f.write_str("key commitment"),
            Self::Body => f.write_str("body"),
            Self::Frame(sequence) => write!(f, "frame {sequence}"),
            Self::Signature => f.write_str("signature"),
        }
    }
}

/// What makes bytes not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The bytes look like a message in base64.
    #[error("it looks like base64; decode it first")]
    Base64,
    /// The first byte is neither 1 nor 2.
    #[error("unknown message format version {0}")]
    Version(u8),
    /// The type of a version 1 message is not 128.
    #[error("unknown message type {0}")]
    Type(u8),
    /// The suite is unknown, or not one of this message version.
    #[error("unknown algorithm suite {0:04x} for this message version")]
    Suite(u16),
    /// The encryption context's lengths do not add up, a key is there twice, or a string is not UTF-8.
    #[error("the encryption context is malformed")]
    Context,
    /// There is no encrypted data key, or a key provider id is not UTF-8.
    #[error("the encrypted data keys are malformed")]
    EncryptedDataKeys,
    /// The content type is neither 1 nor 2, or does not go with the frame length.
    #[error("the content type or frame length is malformed")]
    Content,
    /// A reserved field is not zero, or the IV length is not 12.
    #[error("a fixed field of the header has another value than the format's")]
    FixedField,
    /// A frame is not the next in sequence.
    #[error("frame {found} where frame {expected} should be")]
    FrameSequence {
        /// The next sequence number.
        expected: u32,
        /// What the message has.
        found: u32,
    },
    /// The final frame is longer than the frame length.
    #[error("the final frame is longer than the frame length")]
    FinalFrame,
    /// There are bytes after the end.
    #[error("there are bytes after its end")]
    TrailingBytes,
    /// A signing suite without a public key in the context, or the other way round, or a malformed key.
    #[error("its signature suite and its public key do not go together")]
    PublicKey,
}

/// Why a keyring could not make, wrap or unwrap a data key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// The keyring has no key to encrypt with.
    #[error("this keyring can only decrypt")]
    DecryptOnly,
    /// The keyring has no key to decrypt with.
    #[error("this keyring can only encrypt")]
    EncryptOnly,
    /// The key service refused or failed.
    #[error("{}", Printable(.0))]
    Kms(#[from] KmsError),
    /// The key service answered for another key than it was asked for.
    #[error("the key service answered with key {0:?}, which is not the one asked for")]
    UnexpectedKey(String),
    /// The encrypted data key names no key of a key service.
    #[error("{0:?} is not a key ARN")]
    NotAKeyArn(String),
    /// The data key has another length than the suite's.
    #[error("the data key has {found} bytes, the suite needs {expected}")]
    DataKeyLen {
        /// The suite's data key length.
        expected: usize,
        /// What there is.
        found: usize,
    },
    /// The keyring names its key by alias or key id, which is enough to encrypt only.
    #[error("it is configured with {0:?}, and decryption needs the key ARN")]
    NeedsKeyArn(String),
    /// The keyring made a data key and wrapped it under no key, so nobody could ever decrypt.
    #[error("it wrapped the data key under no key")]
    NotWrapped,
    /// The encrypted data key is not laid out as this keyring writes it.
    #[error("the encrypted data key is malformed")]
    Malformed,
    /// The wrapping did not verify: another wrapping key, another encryption context, or a change.
    #[error("it does not verify under this wrapping key and encryption context")]
    NotAuthentic,
    /// The encryption context does not fit the format.
    #[error("the encryption context is longer than the 65,535 bytes that the format allows")]
    ContextTooLong,
    /// The cryptography library failed, or a key does not go with the algorithm.
    #[error("cryptography failed: {0}")]
    Crypto(CryptoError),
    /// A keyring from outside this crate failed.
    #[error("{}", Printable(.0))]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl From<CryptoError> for KeyringError {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::NotAuthentic => Self::NotAuthentic,
            other => Self::Crypto(other),
        }
    }
}

/// A text from elsewhere, which may quote what the message's author chose: without control characters, so that
/// it is safe on a terminal and in a log.
struct Printable<'a, T>(&'a T);

impl<T: std::fmt::Display> std::fmt::Display for Printable<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write as _;
        for character in self.0.to_string().chars() {
            match character.is_control() {
                true => write!(f, "{}", character.escape_debug())?,
                false => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// One keyring's try at one encrypted data key.
#[derive(Debug, thiserror::Error)]
#[error("{keyring} on {edk}: {error}")]
pub struct FailedUnwrap {
    /// The keyring.
    pub keyring: String,
    /// The encrypted data key, by provider and provider information.
    pub edk: String,
    /// Why it did not give the data key.
    #[source]
    pub error: KeyringError,
}

/// No encrypted data key of the message could be unwrapped.
#[derive(Debug)]
pub struct NoUsableKey {
    /// The message's encrypted data keys, by provider and provider information.
    pub edks: Vec<String>,
    /// The tries that failed; an encrypted data key that no keyring took for its own has none.
    pub failures: Vec<FailedUnwrap>,
    /// Demanded pairs that the message does not store. They may be why nothing verified.
    pub context_keys_not_stored: Vec<String>,
}

impl NoUsableKey {
    pub(crate) fn new(edks: &[EncryptedDataKey], failures: Vec<FailedUnwrap>) -> Self {
        let edks = edks.iter().map(ToString::to_string).collect();
        Self { edks, failures, context_keys_not_stored: Vec::new() }
    }
}

impl std::error::Error for NoUsableKey {}

impl std::fmt::Display for NoUsableKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.edks.len() == 1 { "" } else { "s" };
        write!(f, "{} encrypted data key{plural}, none of them ", self.edks.len())?;
        f.write_str(if self.failures.is_empty() { "mine: " } else { "usable: " })?;
        f.write_str(&self.edks.join(", "))?;
        for failure in &self.failures {
            write!(f, "; {failure}")?;
        }
        if !self.context_keys_not_stored.is_empty() {
            let keys = self.context_keys_not_stored.join(", ");
            write!(f, "; the message does not store these demanded encryption context keys: {keys}")?;
        }
        Ok(())
    }
}
