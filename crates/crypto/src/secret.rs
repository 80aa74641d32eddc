//! Byte strings that must not leak: wiped on drop, never printed, never cloned, never compared with `==`.
//!
//! Both types keep their bytes on the heap, so that moving one leaves no copy behind. What they can't do is
//! wipe a copy that somebody made of [`expose`](SecretBytes::expose)d bytes, or pages the system swapped out.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{CryptoError, rand};

/// A secret of any length.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretBytes(Box<[u8]>);

impl SecretBytes {
    /// A secret of `len` bytes, filled in place by `fill`. If `fill` fails, what it had written is wiped.
    ///
    /// # Errors
    /// Those of `fill`.
    pub fn filled<E>(len: usize, fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut secret = Self(vec![0; len].into_boxed_slice());
        fill(&mut secret.0)?;
        Ok(secret)
    }

    /// `len` bytes from the system's CSPRNG.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the system gives no randomness.
    pub fn random(len: usize) -> Result<Self, CryptoError> {
        Self::filled(len, rand::fill)
    }

    /// A secret with a copy of `bytes`; wiping the original is the caller's business.
    #[must_use]
    pub fn copied_from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// Takes over `bytes`; if it has spare capacity, its bytes are moved and the whole of it is wiped. What a
    /// `Vec` left behind when it grew can't be: fill a secret in place, or reserve its length first.
    #[must_use]
    pub fn from_vec(mut bytes: Vec<u8>) -> Self {
        if bytes.capacity() == bytes.len() {
            return Self(bytes.into_boxed_slice());
        }
        let secret = Self::copied_from(&bytes);
        bytes.zeroize();
        secret
    }

    /// The bytes themselves. Search for this name to find every place where a secret is in the open.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes (not secret).
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no byte in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({} bytes)", self.0.len())
    }
}

/// A secret of exactly `N` bytes, such as a key.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// A secret filled in place by `fill`. If `fill` fails, what it had written is wiped.
    ///
    /// # Errors
    /// Those of `fill`.
    pub fn filled<E>(fill: impl FnOnce(&mut [u8; N]) -> Result<(), E>) -> Result<Self, E> {
        let mut secret = Self(Box::new([0; N]));
        fill(&mut secret.0)?;
        Ok(secret)
    }

    /// `N` bytes from the system's CSPRNG.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the system gives no randomness.
    pub fn random() -> Result<Self, CryptoError> {
        Self::filled(|bytes| rand::fill(bytes))
    }

    /// A secret with a copy of `bytes`.
    ///
    /// # Errors
    /// [`CryptoError::InvalidLength`] if `bytes` is not `N` long.
    pub fn copied_from(bytes: &[u8]) -> Result<Self, CryptoError> {
        Self::filled(|secret| {
            // Into place: `try_into` would leave another copy on the stack.
            if bytes.len() != N {
                return Err(CryptoError::InvalidLength);
            }
            secret.copy_from_slice(bytes);
            Ok(())
        })
    }

    /// The bytes themselves.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({N} bytes)")
    }
}

/// Whether two byte strings are equal, in time that depends on their lengths only.
#[must_use]
pub fn ct_eq(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let secret = SecretBytes::copied_from(b"hunter2hunter2");
        assert_eq!(format!("{secret:?}"), "SecretBytes(14 bytes)");
        assert_eq!(format!("{:?}", Secret::<4>::copied_from(b"abcd").unwrap()), "Secret(4 bytes)");
    }

    #[test]
    fn every_way_in_keeps_the_bytes() {
        assert_eq!(SecretBytes::from_vec(vec![1, 2, 3]).expose(), [1, 2, 3]);
        let mut roomy = Vec::with_capacity(64);
        roomy.extend_from_slice(&[1, 2, 3]);
        assert_eq!(SecretBytes::from_vec(roomy).expose(), [1, 2, 3]);
        assert_eq!(Secret::<3>::copied_from(&[1, 2, 3]).unwrap().expose(), &[1, 2, 3]);
        for wrong in [&[][..], &[1, 2], &[1, 2, 3, 4]] {
            assert_eq!(Secret::<3>::copied_from(wrong).unwrap_err(), CryptoError::InvalidLength);
        }
        assert!(SecretBytes::copied_from(b"").is_empty());
        assert_eq!(SecretBytes::filled(4, |_| Err::<(), _>("no")).unwrap_err(), "no");
    }

    #[test]
    fn random_secrets_differ() {
        let (a, b) = (SecretBytes::random(32).unwrap(), SecretBytes::random(32).unwrap());
        assert_eq!(a.len(), 32);
        assert!(!ct_eq(a.expose(), b.expose()));
        assert!(!ct_eq(Secret::<32>::random().unwrap().expose(), a.expose()));
    }

    #[test]
    fn wiping_wipes() {
        let mut bytes = SecretBytes::copied_from(b"secret");
        bytes.zeroize();
        assert!(bytes.expose().iter().all(|byte| *byte == 0));
        let mut array = Secret::<6>::copied_from(b"secret").unwrap();
        array.zeroize();
        assert_eq!(array.expose(), &[0; 6]);
    }

    #[test]
    fn comparison_sees_every_difference() {
        assert!(ct_eq(b"", b""));
        assert!(ct_eq(b"same", b"same"));
        assert!(!ct_eq(b"same", b"sam"));
        assert!(!ct_eq(b"same", b"sane"));
    }
}
