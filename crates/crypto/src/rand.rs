//! The system's CSPRNG (aws-lc's CTR-DRBG seeded by the operating system).

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
