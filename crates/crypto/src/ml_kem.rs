//! ML-KEM (FIPS 203). Decapsulation rejects implicitly: a ciphertext that was not made for the key gives a secret that
//! nobody else knows, and no error.
//!
//! A private key is its seed of 64 bytes (d and z); PKCS#8 holds that form (RFC 9935). Expanding the seed comes from
//! RustCrypto's ml-kem, since aws-lc-rs does not offer it, and leaves copies of the seed on the stack; encapsulation and
//! decapsulation are aws-lc's.

#![allow(deprecated, reason = "the expanded form of a key is what passes from one library to the other")]

use ::ml_kem::{ExpandedKeyEncoding, KeyExport, MlKem512, MlKem768, MlKem1024};
use aws_lc_rs::kem as backend;

use zeroize::Zeroize;

use crate::{CryptoError, Secret, SecretBytes, ct_eq, der};

/// A parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MlKem {
    /// ML-KEM-512.
    MlKem512,
    /// ML-KEM-768.
    MlKem768,
    /// ML-KEM-1024.
    MlKem1024,
}

impl MlKem {
    /// Ciphertext length in bytes: 768, 1088 or 1568.
    #[must_use]
    pub const fn ciphertext_len(self) -> usize {
        match self {
            Self::MlKem512 => 768,
            Self::MlKem768 => 1088,
            Self::MlKem1024 => 1568,
        }
    }

    const fn encapsulation_key_len(self) -> usize {
        match self {
            Self::MlKem512 => 800,
            Self::MlKem768 => 1184,
            Self::MlKem1024 => 1568,
        }
    }

    fn backend(self) -> &'static backend::Algorithm {
        match self {
            Self::MlKem512 => &backend::ML_KEM_512,
            Self::MlKem768 => &backend::ML_KEM_768,
            Self::MlKem1024 => &backend::ML_KEM_1024,
        }
    }

    /// AlgorithmIdentifier (RFC 9935): 2.16.840.1.101.3.4.4.1, 2 or 3, without parameters.
    const fn identifier(self) -> &'static [u8] {
        match self {
            Self::MlKem512 => &[0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x01],
            Self::MlKem768 => &[0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x02],
            Self::MlKem1024 => {
                &[0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x03]
            }
        }
    }
}

/// A private key.
pub struct DecapsulationKey {
    algorithm: MlKem,
    seed: Secret<SEED_LEN>,
    key: backend::DecapsulationKey,
    encapsulation_key: Vec<u8>,
}

impl DecapsulationKey {
    /// A new key.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the system gives no randomness.
    pub fn generate(algorithm: MlKem) -> Result<Self, CryptoError> {
        Self::from_seed(algorithm, Secret::random()?)
    }

    /// The key that a seed stands for: d and z, 32 bytes each.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn from_seed(algorithm: MlKem, seed: Secret<SEED_LEN>) -> Result<Self, CryptoError> {
        let (expanded, encapsulation_key) = match algorithm {
            MlKem::MlKem512 => expand!(MlKem512, seed),
            MlKem::MlKem768 => expand!(MlKem768, seed),
            MlKem::MlKem1024 => expand!(MlKem1024, seed),
        };
        let key = backend::DecapsulationKey::new(algorithm.backend(), expanded.expose());
        Ok(Self { algorithm, seed, key: key.map_err(|_| CryptoError::Backend)?, encapsulation_key })
    }

    /// A key from PKCS#8 DER, version 1, in the form "seed" (RFC 9935).
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`], also for the forms with an expanded key.
    pub fn from_pkcs8(algorithm: MlKem, der: &[u8]) -> Result<Self, CryptoError> {
        let seed = der.last_chunk::<SEED_LEN>().ok_or(CryptoError::InvalidKey)?;
        let key = Self::from_seed(algorithm, Secret::copied_from(seed)?)?;
        // There is one way to write it.
        if ct_eq(key.to_pkcs8().expose(), der) { Ok(key) } else { Err(CryptoError::InvalidKey) }
    }

    /// The key as PKCS#8 DER, version 1, in the form "seed": 86 bytes.
    #[must_use]
    pub fn to_pkcs8(&self) -> SecretBytes {
        // [0] IMPLICIT OCTET STRING.
        let seed = SecretBytes::from_vec(der::wrap(0x80, self.seed.expose()));
        der::pkcs8(self.algorithm.identifier(), seed.expose())
    }

    /// The parameter set.
    #[must_use]
    pub fn algorithm(&self) -> MlKem {
        self.algorithm
    }

    /// The public key as DER SubjectPublicKeyInfo (RFC 9935).
    #[must_use]
    pub fn public_key_spki(&self) -> Vec<u8> {
        der::spki(self.algorithm.identifier(), &self.encapsulation_key)
    }

    /// The shared secret of 32 bytes in `ciphertext`, or a secret without meaning if it was not made for this key.
    ///
    /// # Errors
    /// [`CryptoError::InvalidLength`] if it is not [`MlKem::ciphertext_len`] long.
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<SecretBytes, CryptoError> {
        if ciphertext.len() != self.algorithm.ciphertext_len() {
            return Err(CryptoError::InvalidLength);
        }
        let secret = self.key.decapsulate(ciphertext.into()).map_err(|_| CryptoError::Backend)?;
        Ok(SecretBytes::copied_from(secret.as_ref()))
    }
}

impl std::fmt::Debug for DecapsulationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DecapsulationKey({:?}, ..)", self.algorithm)
    }
}

/// A public key.
#[derive(Debug)]
pub struct EncapsulationKey {
    algorithm: MlKem,
    key: backend::EncapsulationKey,
}

impl EncapsulationKey {
    /// A key from DER SubjectPublicKeyInfo (RFC 9935), with the check of FIPS 203, section 7.2.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`].
    pub fn from_spki(algorithm: MlKem, der: &[u8]) -> Result<Self, CryptoError> {
        let key = der::spki_key(algorithm.identifier(), algorithm.encapsulation_key_len(), der)?;
        let key = backend::EncapsulationKey::new(algorithm.backend(), key);
        let key = Self { algorithm, key: key.map_err(|_| CryptoError::InvalidKey)? };
        // The backend looks at a key only when it uses it.
        key.encapsulate().map_err(|_| CryptoError::InvalidKey)?;
        Ok(key)
    }

    /// A fresh shared secret of 32 bytes, and the ciphertext that carries it.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn encapsulate(&self) -> Result<(Vec<u8>, SecretBytes), CryptoError> {
        let (ciphertext, secret) = self.key.encapsulate().map_err(|_| CryptoError::Backend)?;
        Ok((ciphertext.as_ref().to_vec(), SecretBytes::copied_from(secret.as_ref())))
    }

    /// The parameter set.
    #[must_use]
    pub fn algorithm(&self) -> MlKem {
        self.algorithm
    }
}

/// ML-KEM.KeyGen_internal (FIPS 203, algorithm 16): the expanded decapsulation key, and the encapsulation key.
macro_rules! expand {
    ($set:ty, $seed:expr) => {{
        let key = ml_kem::DecapsulationKey::<$set>::from_seed((*$seed.expose()).into());
        let mut expanded = key.to_expanded_bytes();
        let secret = SecretBytes::copied_from(&expanded);
        expanded.zeroize();
        (secret, key.encapsulation_key().to_bytes().to_vec())
    }};
}
use expand;

/// Length of a seed in bytes.
const SEED_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const ALGORITHMS: [MlKem; 3] = [MlKem::MlKem512, MlKem::MlKem768, MlKem::MlKem1024];

    #[test]
    fn both_sides_have_the_secret() {
        for algorithm in ALGORITHMS {
            let key = DecapsulationKey::generate(algorithm).unwrap();
            let public = EncapsulationKey::from_spki(algorithm, &key.public_key_spki()).unwrap();
            let (ciphertext, secret) = public.encapsulate().unwrap();
            assert_eq!((ciphertext.len(), secret.len()), (algorithm.ciphertext_len(), 32));
            assert_eq!(key.decapsulate(&ciphertext).unwrap().expose(), secret.expose());
            let (_, other) = public.encapsulate().unwrap();
            assert_ne!(other.expose(), secret.expose());
        }
    }

    #[test]
    fn a_ciphertext_for_another_key_is_rejected_in_silence() {
        for algorithm in ALGORITHMS {
            let key = DecapsulationKey::generate(algorithm).unwrap();
            let public = EncapsulationKey::from_spki(algorithm, &key.public_key_spki()).unwrap();
            let (good, secret) = public.encapsulate().unwrap();
            for at in [0, 400, good.len() - 1] {
                let mut bad = good.clone();
                bad[at] ^= 1;
                let rejected = key.decapsulate(&bad).unwrap();
                assert_ne!(rejected.expose(), secret.expose());
                // The same ciphertext always gives the same.
                assert_eq!(rejected.expose(), key.decapsulate(&bad).unwrap().expose());
            }
            for bad in [&[][..], &good[1..], &[&good[..], &[0]].concat()] {
                assert_eq!(key.decapsulate(bad).unwrap_err(), CryptoError::InvalidLength);
            }
        }
    }

    #[test]
    fn a_key_reads_back_from_what_it_writes() {
        for algorithm in ALGORITHMS {
            let key = DecapsulationKey::generate(algorithm).unwrap();
            let pkcs8 = key.to_pkcs8();
            assert_eq!(pkcs8.len(), 86);
            let read = DecapsulationKey::from_pkcs8(algorithm, pkcs8.expose()).unwrap();
            assert_eq!(read.public_key_spki(), key.public_key_spki());
            let public = EncapsulationKey::from_spki(algorithm, &key.public_key_spki()).unwrap();
            let (ciphertext, secret) = public.encapsulate().unwrap();
            assert_eq!(read.decapsulate(&ciphertext).unwrap().expose(), secret.expose());
            for other in ALGORITHMS.into_iter().filter(|other| *other != algorithm) {
                assert!(DecapsulationKey::from_pkcs8(other, pkcs8.expose()).is_err());
                assert!(EncapsulationKey::from_spki(other, &key.public_key_spki()).is_err());
            }
        }
    }

    #[test]
    fn malformed_keys_are_refused() {
        for algorithm in ALGORITHMS {
            let key = DecapsulationKey::generate(algorithm).unwrap();
            let (pkcs8, spki) = (key.to_pkcs8(), key.public_key_spki());
            let pkcs8 = pkcs8.expose();
            for bad in [&[][..], &spki, &pkcs8[1..], &pkcs8[..85], &[pkcs8, &[0]].concat()] {
                assert_eq!(
                    DecapsulationKey::from_pkcs8(algorithm, bad).unwrap_err(),
                    CryptoError::InvalidKey
                );
            }
            // A coefficient that is not below the modulus 3329.
            let mut overflow = spki.clone();
            overflow[22..24].fill(0xff);
            for bad in [&[][..], pkcs8, &spki[..spki.len() - 1], &[&spki[..], &[0]].concat(), &overflow] {
                assert_eq!(EncapsulationKey::from_spki(algorithm, bad).unwrap_err(), CryptoError::InvalidKey);
            }
            assert!(format!("{key:?}").ends_with(", ..)"));
        }
    }
}
