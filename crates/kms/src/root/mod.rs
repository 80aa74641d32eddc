//! The root of trust: what a store can't be read without, and the chain that hangs on it.
//!
//! ```text
//! root of trust      a key file, or a passphrase; never in the store
//!  └ domain key      random, 256 bits, in the store sealed by the root           record domain/1
//!     │              shares of it are the recovery copy, if there is one ([`shares`])
//!     ├ record keys  one per record and version, derived                         every other record
//!     ├ index key    HMAC of alias names, which must not stand in row keys
//!     └ marker key   HMAC of page markers
//! ```
//!
//! [`Root`] is a trait, so that a TPM, an HSM or shares of several people can take its place; such a one may never
//! let its key out, which is why sealing is all that is asked of it. The barrier is the only owner of the
//! store: nothing gets past it in the clear. Losing the root loses every key, but for who has recovery shares: these
//! give the domain key, for which a new root can then be made (`recovery`).
//!
//! The keys in this picture that live as long as the store is open are in memory of their own ([`Locked`]).

mod atomic;
pub(crate) mod barrier;
mod file;
mod passphrase;
pub(crate) mod recovery;
pub mod shares;

use std::fmt;
use std::io;
use std::path::PathBuf;

use keyfold_crypto::{CryptoError, SecretBytes, rand};
use keyfold_locked::Locked;

use crate::sealing::{self, DERIVATION_LEN, KEY_LEN, Key};

pub use file::FileRoot;
pub use passphrase::PassphraseRoot;

/// A root of trust: it can seal a few bytes and open them again.
///
/// The same root opens what it sealed, also years later and in another process, if it is given the same
/// additional data; anything else is refused.
pub trait Root: Send + Sync + fmt::Debug {
    /// Seals `plaintext`, binding `aad`.
    ///
    /// # Errors
    /// [`RootError::Crypto`].
    fn seal(&self, plaintext: &SecretBytes, aad: &[u8]) -> Result<Vec<u8>, RootError>;

    /// Opens what `seal` made.
    ///
    /// # Errors
    /// [`RootError::Wrong`] if another root sealed it, or it is damaged, or `aad` differs.
    fn unseal(&self, sealed: &[u8], aad: &[u8]) -> Result<SecretBytes, RootError>;
}

/// Why a root of trust is not usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// Others than the owner may read the key file.
    #[error("{} can be read by others (mode {mode:03o}); make it private with chmod 600", path.display())]
    NotPrivate {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not what it should be.
    #[error("{} is damaged, or made by a newer version of Keyfold", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The passphrase is not the one that the store was made with.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// The store was sealed by another root of trust.
    #[error("the key store was made with another root of trust")]
    Wrong,
    /// The file system failed.
    #[error("can't read or write {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The cryptography failed, which it does without memory or randomness.
    #[error("the cryptography library failed")]
    Crypto,
}

/// A key in memory of its own, filled in place by `fill`.
pub(crate) fn locked_key<E: From<CryptoError>>(
    fill: impl FnOnce(&mut [u8; KEY_LEN]) -> Result<(), E>,
) -> Result<Locked<KEY_LEN>, E> {
    let mut key = Locked::zeroed().map_err(|_| CryptoError::Backend)?;
    fill(key.expose_mut())?;
    Ok(key)
}

/// A root that is a key in memory, wherever it came from.
pub(crate) struct RootKey(Locked<KEY_LEN>);

impl RootKey {
    pub(crate) fn new(key: Locked<KEY_LEN>) -> Self {
        Self(key)
    }

    /// Sealed form: derivation value (16 bytes) ‖ ciphertext ‖ tag (16 bytes).
    pub(crate) fn seal(&self, plaintext: &SecretBytes, aad: &[u8]) -> Result<Vec<u8>, RootError> {
        let derivation = rand::array::<DERIVATION_LEN>()?;
        let mut sealed = derivation.to_vec();
        sealing::seal(self.0.expose(), SEAL_LABEL, &derivation, aad, plaintext.expose(), &mut sealed)?;
        Ok(sealed)
    }

    pub(crate) fn unseal(&self, sealed: &[u8], aad: &[u8]) -> Result<SecretBytes, RootError> {
        let (derivation, sealed) = sealed.split_first_chunk::<DERIVATION_LEN>().ok_or(RootError::Wrong)?;
        sealing::open(self.0.expose(), SEAL_LABEL, derivation, aad, sealed).map_err(|_| RootError::Wrong)
    }

    /// A value by which the key is recognised and that says nothing about it.
    pub(crate) fn verify_value(&self) -> Result<Key, RootError> {
        Ok(sealing::derive(self.0.expose(), VERIFY_LABEL, b"")?)
    }
}

impl From<CryptoError> for RootError {
    fn from(_: CryptoError) -> Self {
        Self::Crypto
    }
}

const SEAL_LABEL: &[u8] = b"keyfold root seal v1";
const VERIFY_LABEL: &[u8] = b"keyfold root verify v1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_opens_what_it_sealed_and_nothing_else() {
        let key = || RootKey::new(locked_key(|key| rand::fill(key)).unwrap());
        let (root, other) = (key(), key());
        let sealed = root.seal(&SecretBytes::copied_from(b"domain key"), b"place").unwrap();
        assert_eq!(root.unseal(&sealed, b"place").unwrap().expose(), b"domain key");
        assert!(matches!(other.unseal(&sealed, b"place"), Err(RootError::Wrong)));
        assert!(matches!(root.unseal(&sealed, b"elsewhere"), Err(RootError::Wrong)));
        assert!(matches!(root.unseal(&sealed[..7], b"place"), Err(RootError::Wrong)));
    }
}
