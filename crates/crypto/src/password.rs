//! Argon2id (RFC 9106): a key from something that a person remembers.

use argon2::{Algorithm, Argon2, Params, Version};

use crate::{CryptoError, Secret};

/// What it costs to try one password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes that may be filled in parallel.
    pub lanes: u32,
}

/// Derives a 256-bit key from `password` and `salt` (at least 8 bytes, 16 recommended).
///
/// # Errors
/// [`CryptoError::InvalidLength`] if `cost` or the length of `salt` is outside RFC 9106's limits.
pub fn argon2id(password: &[u8], salt: &[u8], cost: Cost) -> Result<Secret<32>, CryptoError> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
        .map_err(|_| CryptoError::InvalidLength)?;
    Secret::filled(|key| {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password, salt, key)
            .map_err(|_| CryptoError::InvalidLength)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference implementation's own test: `argon2id`, 256 KiB, 2 passes, 1 lane, "password", "somesalt".
    #[test]
    fn known_answer() {
        let cost = Cost { memory_kib: 256, passes: 2, lanes: 1 };
        let key = argon2id(b"password", b"somesalt", cost).unwrap();
        assert_eq!(key.expose()[..8], [0x9d, 0xfe, 0xb9, 0x10, 0xe8, 0x0b, 0xad, 0x03]);
    }
}
