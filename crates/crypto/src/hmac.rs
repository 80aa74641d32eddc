//! HMAC (FIPS 198-1).

use aws_lc_rs::hmac as backend;

use crate::{CryptoError, digest::Hash};

/// An HMAC key with its hash function.
pub struct HmacKey(backend::Key);

impl HmacKey {
    /// A key of any length; FIPS 198-1 hashes a key that is longer than the block.
    #[must_use]
    pub fn new(hash: Hash, key: &[u8]) -> Self {
        Self(backend::Key::new(algorithm(hash), key))
    }

    /// The tag of `data`.
    #[must_use]
    pub fn sign(&self, data: &[u8]) -> Tag {
        Tag(backend::sign(&self.0, data))
    }

    /// Checks the full-length tag of `data` in constant time.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`].
    pub fn verify(&self, data: &[u8], tag: &[u8]) -> Result<(), CryptoError> {
        backend::verify(&self.0, data, tag).map_err(|_| CryptoError::NotAuthentic)
    }
}

impl std::fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HmacKey(..)")
    }
}

/// An HMAC tag. Compare tags with [`HmacKey::verify`], never with `==` on the bytes.
#[derive(Debug, Clone, Copy)]
pub struct Tag(backend::Tag);

impl AsRef<[u8]> for Tag {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

pub(crate) fn algorithm(hash: Hash) -> backend::Algorithm {
    match hash {
        Hash::Sha1 => backend::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => backend::HMAC_SHA256,
        Hash::Sha384 => backend::HMAC_SHA384,
        Hash::Sha512 => backend::HMAC_SHA512,
    }
}
