//! HKDF (RFC 5869): extract, then any number of expands.

use aws_lc_rs::hkdf as backend;

use crate::{CryptoError, digest::Hash};

/// The pseudorandom key of HKDF's first step. What it holds is the input key, wiped on drop: the backend extracts
/// anew for every expand.
pub struct Prk(backend::Prk);

impl Prk {
    /// HKDF-Extract. An empty `salt` is RFC 5869's "not provided": a string of zeros, as long as the hash.
    /// `salt` is taken as public and not wiped.
    #[must_use]
    pub fn extract(hash: Hash, salt: &[u8], input_key: &[u8]) -> Self {
        Self(backend::Salt::new(algorithm(hash), salt).extract(input_key))
    }

    /// HKDF-Expand into `output`; `info` is the concatenation of its parts, nothing between them.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unhex;

    fn okm(hash: Hash, salt: &[u8], key: &[u8], info: &[&[u8]], len: usize) -> Result<Vec<u8>, CryptoError> {
        let mut output = vec![0; len];
        Prk::extract(hash, salt, key).expand(info, &mut output).map(|()| output)
    }

    /// RFC 5869, appendix A, cases 1 and 3.
    #[test]
    fn known_answers() {
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let expected =
            unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
        assert_eq!(okm(Hash::Sha256, &salt, &[0x0b; 22], &[&info], 42).as_ref(), Ok(&expected));
        let parts: [&[u8]; 3] = [&info[..3], &[], &info[3..]];
        assert_eq!(okm(Hash::Sha256, &salt, &[0x0b; 22], &parts, 42).as_ref(), Ok(&expected));

        let expected =
            unhex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
        assert_eq!(okm(Hash::Sha256, &[], &[0x0b; 22], &[], 42).as_ref(), Ok(&expected));
        assert_eq!(okm(Hash::Sha256, &[0; 32], &[0x0b; 22], &[], 42).as_ref(), Ok(&expected));
    }

    #[test]
    fn the_output_ends_at_255_hash_lengths() {
        for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let most = 255 * hash.output_len();
            assert_eq!(okm(hash, &[], b"key", &[], most).map(|okm| okm.len()), Ok(most), "{hash:?}");
            assert_eq!(okm(hash, &[], b"key", &[], most + 1), Err(CryptoError::InvalidLength), "{hash:?}");
            assert_eq!(okm(hash, &[], b"key", &[], 0), Ok(vec![]), "{hash:?}");
        }
    }
}
