//! HKDF (RFC 5869): one extract, any number of expands.

use aws_lc_rs::hkdf as backend;

use crate::{CryptoError, digest::Hash};

/// The pseudorandom key of HKDF's first step.
pub struct Prk(backend::Prk);

impl Prk {
    /// HKDF-Extract. An empty `salt` is RFC 5869's "not provided": a string of zeros, as long as the hash.
    #[must_use]
    pub fn extract(hash: Hash, salt: &[u8], input_key: &[u8]) -> Self {
        Self(backend::Salt::new(algorithm(hash), salt).extract(input_key))
    }

    /// HKDF-Expand into `output`; `info` is the concatenation of its parts.
    ///
    /// # Errors
    /// [`CryptoError::InvalidLength`] if `output` is longer than 255 hash lengths.
    pub fn expand(&self, info: &[&[u8]], output: &mut [u8]) -> Result<(), CryptoError> {
        struct Length(usize);
        impl backend::KeyType for Length {
            fn len(&self) -> usize {
                self.0
            }
        }
        self.0
            .expand(info, Length(output.len()))
            .and_then(|okm| okm.fill(output))
            .map_err(|_| CryptoError::InvalidLength)
    }
}

impl std::fmt::Debug for Prk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prk(..)")
    }
}

fn algorithm(hash: Hash) -> backend::Algorithm {
    match hash {
        Hash::Sha1 => backend::HKDF_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => backend::HKDF_SHA256,
        Hash::Sha384 => backend::HKDF_SHA384,
        Hash::Sha512 => backend::HKDF_SHA512,
    }
}
