//! AES-GCM (SP 800-38D) with a 96-bit IV and a 128-bit tag; no other sizes can be said.
//!
//! The caller gives the IV, because the message format says what it is. One IV must never seal twice under
//! one key: both formats of this project get that by a fresh key per message or per record.

use aws_lc_rs::aead::{self as backend, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroize;

use crate::CryptoError;

/// IV length in bytes.
pub const IV_LEN: usize = 12;
/// Tag length in bytes.
pub const TAG_LEN: usize = 16;

/// AES-GCM by key size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AesGcm {
    /// AES-128-GCM.
    Aes128,
    /// AES-192-GCM.
    Aes192,
    /// AES-256-GCM.
    Aes256,
}

impl AesGcm {
    /// Key length in bytes: 16, 24 or 32.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    /// The algorithm for a key of `len` bytes.
    #[must_use]
    pub const fn for_key_len(len: usize) -> Option<Self> {
        match len {
            16 => Some(Self::Aes128),
            24 => Some(Self::Aes192),
            32 => Some(Self::Aes256),
            _ => None,
        }
    }
}

/// An AES-GCM key, its schedule expanded once.
pub struct GcmKey(LessSafeKey);

impl GcmKey {
    /// A key for `algorithm`.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] if `key` is not [`AesGcm::key_len`] long.
    pub fn new(algorithm: AesGcm, key: &[u8]) -> Result<Self, CryptoError> {
        let algorithm = match algorithm {
            AesGcm::Aes128 => &backend::AES_128_GCM,
            AesGcm::Aes192 => &backend::AES_192_GCM,
            AesGcm::Aes256 => &backend::AES_256_GCM,
        };
        UnboundKey::new(algorithm, key)
            .map(|key| Self(LessSafeKey::new(key)))
            .map_err(|_| CryptoError::InvalidKey)
    }

    /// Seals `plaintext` into `ciphertext` (of the same length) and `tag`.
    ///
    /// # Errors
    /// [`CryptoError::InvalidLength`] if the lengths differ or exceed 2^36 - 32 bytes; nothing is written then.
    pub fn seal(
        &self,
        iv: [u8; IV_LEN],
        aad: &[u8],
        plaintext: &[u8],
        ciphertext: &mut [u8],
        tag: &mut [u8; TAG_LEN],
    ) -> Result<(), CryptoError> {
        self.0
            .seal_out_of_place_scatter(nonce(iv), Aad::from(aad), plaintext, ciphertext, &[], tag)
            .map_err(|_| CryptoError::InvalidLength)
    }

    /// Seals `data` in place and returns the tag.
    ///
    /// # Errors
    /// [`CryptoError::InvalidLength`] if `data` exceeds 2^36 - 32 bytes; it is left as it was.
    pub fn seal_in_place(
        &self,
        iv: [u8; IV_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; TAG_LEN], CryptoError> {
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce(iv), Aad::from(aad), data)
            .map_err(|_| CryptoError::InvalidLength)?;
        tag.as_ref().try_into().map_err(|_| CryptoError::Backend)
    }

    /// Opens `ciphertext` into `plaintext` (of the same length). On any failure `plaintext` is all zero.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`] if the tag does not hold, the lengths differ or exceed 2^36 - 32 bytes.
    pub fn open(
        &self,
        iv: [u8; IV_LEN],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_LEN],
        plaintext: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.0.open_separate_gather(nonce(iv), Aad::from(aad), ciphertext, tag, plaintext).map_err(|_| {
            plaintext.zeroize();
            CryptoError::NotAuthentic
        })
    }

    /// Opens `data` in place. On any failure `data` is all zero.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`] if the tag does not hold, or `data` exceeds 2^36 - 32 bytes.
    pub fn open_in_place(
        &self,
        iv: [u8; IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), CryptoError> {
        match self.0.open_in_place_separate_tag(nonce(iv), Aad::from(aad), tag, data) {
            Ok(_) => Ok(()),
            Err(_) => {
                data.zeroize();
                Err(CryptoError::NotAuthentic)
            }
        }
    }
}

impl std::fmt::Debug for GcmKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GcmKey(..)")
    }
}

fn nonce(iv: [u8; IV_LEN]) -> Nonce {
    Nonce::assume_unique_for_key(iv)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IV: [u8; IV_LEN] = [7; IV_LEN];

    #[test]
    fn a_key_has_the_length_of_its_algorithm() {
        for algorithm in [AesGcm::Aes128, AesGcm::Aes192, AesGcm::Aes256] {
            assert_eq!(AesGcm::for_key_len(algorithm.key_len()), Some(algorithm));
            for len in 0..=64 {
                let key = GcmKey::new(algorithm, &vec![0; len]);
                assert_eq!(key.is_ok(), len == algorithm.key_len(), "{algorithm:?} {len}");
            }
        }
        assert_eq!(AesGcm::for_key_len(0), None);
    }

    #[test]
    fn both_forms_agree_and_open() {
        let key = GcmKey::new(AesGcm::Aes256, &[1; 32]).unwrap();
        for len in [0, 1, 15, 16, 17, 4096] {
            let plaintext = vec![0x5a; len];
            let (mut ciphertext, mut tag) = (vec![0; len], [0; TAG_LEN]);
            key.seal(IV, b"aad", &plaintext, &mut ciphertext, &mut tag).unwrap();
            let mut data = plaintext.clone();
            assert_eq!(key.seal_in_place(IV, b"aad", &mut data).unwrap(), tag);
            assert_eq!(data, ciphertext);
            let mut opened = vec![0; len];
            key.open(IV, b"aad", &ciphertext, &tag, &mut opened).unwrap();
            assert_eq!(opened, plaintext);
            key.open_in_place(IV, b"aad", &mut data, &tag).unwrap();
            assert_eq!(data, plaintext);
        }
    }

    #[test]
    fn a_failure_leaves_nothing() {
        let key = GcmKey::new(AesGcm::Aes128, &[1; 16]).unwrap();
        let (mut ciphertext, mut tag) = ([0; 64], [0; TAG_LEN]);
        key.seal(IV, b"", &[0x5a; 64], &mut ciphertext, &mut tag).unwrap();

        let mut other_length = [0xa5; 63];
        let sealed = key.seal(IV, b"", &[0x5a; 64], &mut other_length, &mut tag.clone());
        assert_eq!((sealed, other_length), (Err(CryptoError::InvalidLength), [0xa5; 63]));
        let opened = key.open(IV, b"", &ciphertext, &tag, &mut other_length);
        assert_eq!((opened, other_length), (Err(CryptoError::NotAuthentic), [0; 63]));

        tag[15] ^= 1;
        let mut plaintext = [0xa5; 64];
        let opened = key.open(IV, b"", &ciphertext, &tag, &mut plaintext);
        assert_eq!((opened, plaintext), (Err(CryptoError::NotAuthentic), [0; 64]));
        let opened = key.open_in_place(IV, b"", &mut ciphertext, &tag);
        assert_eq!((opened, ciphertext), (Err(CryptoError::NotAuthentic), [0; 64]));
    }
}
