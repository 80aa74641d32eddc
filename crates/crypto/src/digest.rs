//! SHA-1, SHA-256, SHA-384 and SHA-512 (FIPS 180-4), in one go or over a stream.
//!
//! Digests are not secret, and are not wiped.

use aws_lc_rs::digest as backend;

use crate::CryptoError;

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hash {
    /// SHA-1. Collisions are cheap: only for constructions that do not need collision resistance.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// Output length in bytes.
    #[must_use]
    pub fn output_len(self) -> usize {
        self.backend().output_len()
    }

    /// The digest of `data`.
    #[must_use]
    pub fn digest(self, data: &[u8]) -> Digest {
        Digest(backend::digest(self.backend(), data))
    }

    pub(crate) fn backend(self) -> &'static backend::Algorithm {
        match self {
            Self::Sha1 => &backend::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &backend::SHA256,
            Self::Sha384 => &backend::SHA384,
            Self::Sha512 => &backend::SHA512,
        }
    }
}

/// A hash over data that arrives in pieces.
#[derive(Clone)]
pub struct Hasher(backend::Context);

impl Hasher {
    /// A hash of nothing yet.
    #[must_use]
    pub fn new(hash: Hash) -> Self {
        Self(backend::Context::new(hash.backend()))
    }

    /// Adds `data`.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of everything added.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finish())
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hasher({:?})", self.0.algorithm())
    }
}

/// The output of a hash function, which remembers which one it was.
#[derive(Debug, Clone, Copy)]
pub struct Digest(pub(crate) backend::Digest);

impl Digest {
    /// A digest that was computed elsewhere. Nothing tells whether it is one: who signs what he was given as a digest
    /// signs whatever hashes to it.
    ///
    /// # Errors
    /// [`CryptoError::InvalidLength`] if `digest` is not [`Hash::output_len`] long.
    pub fn import(hash: Hash, digest: &[u8]) -> Result<Self, CryptoError> {
        backend::Digest::import_less_safe(digest, hash.backend())
            .map(Self)
            .map_err(|_| CryptoError::InvalidLength)
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4 example "abc" for each function.
    #[test]
    fn known_answers() {
        let starts: [(Hash, &[u8]); 4] = [
            (Hash::Sha1, &[0xa9, 0x99, 0x3e, 0x36]),
            (Hash::Sha256, &[0xba, 0x78, 0x16, 0xbf]),
            (Hash::Sha384, &[0xcb, 0x00, 0x75, 0x3f]),
            (Hash::Sha512, &[0xdd, 0xaf, 0x35, 0xa1]),
        ];
        for (hash, start) in starts {
            let mut hasher = Hasher::new(hash);
            hasher.update(b"a");
            hasher.update(b"bc");
            let digest = hasher.finish();
            assert_eq!(digest.as_ref(), hash.digest(b"abc").as_ref());
            assert_eq!(digest.as_ref().len(), hash.output_len());
            assert!(digest.as_ref().starts_with(start), "{hash:?}");
        }
    }

    #[test]
    fn a_digest_from_elsewhere_has_the_length_of_its_hash() {
        for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let digest = hash.digest(b"abc");
            assert_eq!(Digest::import(hash, digest.as_ref()).unwrap().as_ref(), digest.as_ref());
            for len in (0..=65).filter(|len| *len != hash.output_len()) {
                let refused = Digest::import(hash, &vec![0; len]).unwrap_err();
                assert_eq!(refused, CryptoError::InvalidLength, "{hash:?} {len}");
            }
        }
    }
}
