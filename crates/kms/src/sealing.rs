//! How this service encrypts anything: with a fresh key for each sealing, derived from a long-lived one.
//!
//! ```text
//! derived key  = SP 800-108 counter mode, HMAC-SHA-256 (long-lived key, label, context), 256 bits
//! sealed       = AES-256-GCM (derived key, IV = 12 zero bytes, additional data, plaintext) ‖ tag (16 bytes)
//! ```
//!
//! The context holds a 128-bit random value that is drawn for each sealing, so a derived key is used once. That
//! is why the IV may be constant, and why the limits of AES-GCM on messages per key (SP 800-38D section 8.3) are
//! never near, however long the key lives: two of 2^48 sealings share a value with probability below 2^-32.
//! This module knows no format; who calls it says what the label, context and additional data are.

use keyfold_crypto::aead::{AesGcm, GcmKey, IV_LEN, TAG_LEN};
use keyfold_crypto::digest::Hash;
use keyfold_crypto::{CryptoError, Secret, SecretBytes, kbkdf};

/// Length of a long-lived key, and of a derived one.
pub(crate) const KEY_LEN: usize = 32;
/// Length of the random value that makes a derived key unique.
pub(crate) const DERIVATION_LEN: usize = 16;
/// What sealing adds to a plaintext.
pub(crate) const OVERHEAD: usize = TAG_LEN;

/// A key.
pub(crate) type Key = Secret<KEY_LEN>;

/// Appends the sealed form of `plaintext` to `out`. `context` must hold a random value never used before.
pub(crate) fn seal(
    key: &[u8; KEY_LEN],
    label: &[u8],
    context: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CryptoError> {
    let key = derive(key, label, context)?;
    let start = out.len();
    out.resize(start + plaintext.len(), 0);
    let mut tag = [0; TAG_LEN];
    GcmKey::new(AesGcm::Aes256, key.expose())?.seal(ZERO_IV, aad, plaintext, &mut out[start..], &mut tag)?;
    out.extend_from_slice(&tag);
    Ok(())
}

/// Opens what [`seal`] appended.
pub(crate) fn open(
    key: &[u8; KEY_LEN],
    label: &[u8],
    context: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Result<SecretBytes, CryptoError> {
    let (ciphertext, tag) = sealed.split_last_chunk().ok_or(CryptoError::NotAuthentic)?;
    let key = derive(key, label, context)?;
    let key = GcmKey::new(AesGcm::Aes256, key.expose())?;
    SecretBytes::filled(ciphertext.len(), |plaintext| key.open(ZERO_IV, aad, ciphertext, tag, plaintext))
}

/// A key for another purpose, by its label.
pub(crate) fn derive(key: &[u8; KEY_LEN], label: &[u8], context: &[u8]) -> Result<Key, CryptoError> {
    Secret::filled(|derived| derive_into(key, label, context, derived))
}

/// The same, written to where the key is to be.
pub(crate) fn derive_into(
    key: &[u8; KEY_LEN],
    label: &[u8],
    context: &[u8],
    derived: &mut [u8; KEY_LEN],
) -> Result<(), CryptoError> {
    kbkdf::derive(Hash::Sha256, key, label, context, derived)
}

const ZERO_IV: [u8; IV_LEN] = [0; IV_LEN];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_what_was_sealed_in_every_part() {
        let key = &[7; KEY_LEN];
        let mut sealed = Vec::new();
        seal(key, b"label", b"context", b"aad", b"plaintext", &mut sealed).unwrap();
        assert_eq!(sealed.len(), 9 + OVERHEAD);
        assert_eq!(open(key, b"label", b"context", b"aad", &sealed).unwrap().expose(), b"plaintext");
        assert!(open(&[8; KEY_LEN], b"label", b"context", b"aad", &sealed).is_err());
        assert!(open(key, b"Label", b"context", b"aad", &sealed).is_err());
        assert!(open(key, b"label", b"Context", b"aad", &sealed).is_err());
        assert!(open(key, b"label", b"context", b"Aad", &sealed).is_err());
        for len in 0..sealed.len() {
            assert!(open(key, b"label", b"context", b"aad", &sealed[..len]).is_err());
        }
    }
}
