//! The system's CSPRNG (aws-lc's CTR-DRBG seeded by the operating system).

use ::sm2::elliptic_curve::rand_core::{TryCryptoRng, TryRng};

use crate::CryptoError;

/// Fills `bytes` with random bytes.
///
/// # Errors
/// [`CryptoError::Backend`] if the system gives no randomness; `bytes` must not be used then.
pub fn fill(bytes: &mut [u8]) -> Result<(), CryptoError> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| CryptoError::Backend)
}

/// `N` random bytes, for values that are not secret (message ids, IVs, salts).
///
/// # Errors
/// [`CryptoError::Backend`] if the system gives no randomness.
pub fn array<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// The same generator, for RustCrypto's crates.
pub(crate) struct SystemRng;

impl TryRng for SystemRng {
    type Error = CryptoError;

    fn try_next_u32(&mut self) -> Result<u32, CryptoError> {
        array().map(u32::from_be_bytes)
    }

    fn try_next_u64(&mut self) -> Result<u64, CryptoError> {
        array().map(u64::from_be_bytes)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        fill(bytes)
    }
}

impl TryCryptoRng for SystemRng {}
