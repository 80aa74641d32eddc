//! The key derivation function of SP 800-108r1, counter mode, with HMAC as the pseudorandom function.
//!
//! ```text
//! K(i) = HMAC(key, [i]32 ‖ label ‖ 00 ‖ context ‖ [L]32)      i = 1, 2, …      L = output length in bits
//! ```
//! Counter before the fixed input, both integers 32-bit big-endian.

use aws_lc_rs::kdf::{KbkdfCtrHmacAlgorithmId as Id, get_kbkdf_ctr_hmac_algorithm, kbkdf_ctr_hmac};
use zeroize::Zeroize;

use crate::{CryptoError, digest::Hash};

/// Derives `output.len()` bytes from `key`, bound to `label` and `context`.
///
/// # Errors
/// [`CryptoError::InvalidLength`] if `key` or `output` is empty, `output` has 2^29 bytes or more (its length
/// in bits must fit 32), or `hash` is SHA-1, which is not offered here.
pub fn derive(
    hash: Hash,
    key: &[u8],
    label: &[u8],
    context: &[u8],
    output: &mut [u8],
) -> Result<(), CryptoError> {
    let bits = output.len().checked_mul(8).and_then(|bits| u32::try_from(bits).ok());
    let bits = bits.ok_or(CryptoError::InvalidLength)?;
    let mut info = Vec::with_capacity(label.len() + context.len() + 5);
    info.extend_from_slice(label);
    info.push(0);
    info.extend_from_slice(context);
    info.extend_from_slice(&bits.to_be_bytes());
    derive_fixed_info(hash, key, &info, output).inspect_err(|_| output.zeroize())
}

/// The same with the whole fixed input given, for standards that lay it out in another way.
///
/// # Errors
/// As [`derive`].
pub fn derive_fixed_info(hash: Hash, key: &[u8], info: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
    let id = match hash {
        Hash::Sha1 => return Err(CryptoError::InvalidLength),
        Hash::Sha256 => Id::Sha256,
        Hash::Sha384 => Id::Sha384,
        Hash::Sha512 => Id::Sha512,
    };
    if key.is_empty() || output.is_empty() {
        return Err(CryptoError::InvalidLength);
    }
    let algorithm = get_kbkdf_ctr_hmac_algorithm(id).ok_or(CryptoError::Backend)?;
    kbkdf_ctr_hmac(algorithm, key, info, output).map_err(|_| CryptoError::InvalidLength)
}
