//! Argon2id (RFC 9106): a key from something that a person remembers.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroizing;

use crate::{CryptoError, Secret};

/// The most memory that a [`Cost`] may ask for, in KiB: 4 GiB. A damaged file can't exhaust the machine.
pub const MEMORY_KIB_MAX: u32 = 4 * 1024 * 1024;
/// The most passes that a [`Cost`] may ask for.
pub const PASSES_MAX: u32 = 64;

/// What it costs to try one password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB, at least 8 for each lane, at most [`MEMORY_KIB_MAX`].
    pub memory_kib: u32,
    /// Passes over the memory, at most [`PASSES_MAX`].
    pub passes: u32,
    /// Lanes that an implementation may fill in parallel; this one does not.
    pub lanes: u32,
}

/// Derives a 256-bit key from `password` and `salt` (at least 8 bytes, 16 recommended).
///
/// # Errors
/// [`CryptoError::InvalidLength`] if `cost` is outside its limits or `salt` outside RFC 9106's,
/// [`CryptoError::Backend`] if there is not so much memory.
pub fn argon2id(password: &[u8], salt: &[u8], cost: Cost) -> Result<Secret<32>, CryptoError> {
    if cost.memory_kib > MEMORY_KIB_MAX || cost.passes > PASSES_MAX {
        return Err(CryptoError::InvalidLength);
    }
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
        .map_err(|_| CryptoError::InvalidLength)?;
    // The last blocks are as good as the key, so the memory is ours, and wiped.
    let mut memory = Vec::new();
    memory.try_reserve_exact(params.block_count()).map_err(|_| CryptoError::Backend)?;
    memory.resize(params.block_count(), Block::new());
    let mut memory = Zeroizing::new(memory.into_boxed_slice());
    Secret::filled(|key| {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(password, salt, key, &mut memory[..])
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
    #[test]
    fn a_cost_or_salt_outside_the_limits_is_refused() {
        let good = Cost { memory_kib: 64, passes: 1, lanes: 1 };
        assert!(argon2id(b"", b"somesalt", good).is_ok());
        for cost in [
            Cost { memory_kib: 7, ..good },
            Cost { memory_kib: MEMORY_KIB_MAX + 1, ..good },
            Cost { passes: 0, ..good },
            Cost { passes: PASSES_MAX + 1, ..good },
            Cost { lanes: 0, ..good },
            Cost { lanes: 9, ..good },
        ] {
            assert_eq!(argon2id(b"", b"somesalt", cost).unwrap_err(), CryptoError::InvalidLength, "{cost:?}");
        }
        assert_eq!(argon2id(b"", b"short", good).unwrap_err(), CryptoError::InvalidLength);
    }
}
