//! ML-DSA (FIPS 204) with an empty context, over a message or over μ, its "message representative" that was computed
//! elsewhere (algorithm 7, line 6). Signing is hedged: the same message has other signatures each time.
//!
//! A private key is its seed of 32 bytes; PKCS#8 holds that form (RFC 9881). Computing, signing and verifying a μ come
//! from RustCrypto's ml-dsa, since aws-lc-rs does not offer them; everything else is aws-lc's.

use ::ml_dsa::{MlDsa44, MlDsa65, MlDsa87, MlDsaParams, signature::digest::Update};
use aws_lc_rs::signature::{
    self as backend, KeyPair, PqdsaKeyPair, PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm,
    UnparsedPublicKey,
};

use crate::{CryptoError, Secret, SecretBytes, der, rand::SystemRng};

/// Length of μ in bytes.
pub const MU_LEN: usize = 64;

/// A parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MlDsa {
    /// ML-DSA-44.
    MlDsa44,
    /// ML-DSA-65.
    MlDsa65,
    /// ML-DSA-87.
    MlDsa87,
}

impl MlDsa {
    /// Signature length in bytes: 2420, 3309 or 4627.
    #[must_use]
    pub fn signature_len(self) -> usize {
        self.signing().signature_len()
    }

    fn signing(self) -> &'static PqdsaSigningAlgorithm {
        match self {
            Self::MlDsa44 => &backend::ML_DSA_44_SIGNING,
            Self::MlDsa65 => &backend::ML_DSA_65_SIGNING,
            Self::MlDsa87 => &backend::ML_DSA_87_SIGNING,
        }
    }

    fn verification(self) -> &'static PqdsaVerificationAlgorithm {
        match self {
            Self::MlDsa44 => &backend::ML_DSA_44,
            Self::MlDsa65 => &backend::ML_DSA_65,
            Self::MlDsa87 => &backend::ML_DSA_87,
        }
    }

    /// AlgorithmIdentifier (RFC 9881): 2.16.840.1.101.3.4.3.17, 18 or 19, without parameters.
    const fn identifier(self) -> &'static [u8] {
        match self {
            Self::MlDsa44 => &[0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11],
            Self::MlDsa65 => &[0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12],
            Self::MlDsa87 => &[0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x13],
        }
    }
}

/// A private key that signs.
pub struct SigningKey {
    algorithm: MlDsa,
    key: PqdsaKeyPair,
    seed: Secret<SEED_LEN>,
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the system gives no randomness.
    pub fn generate(algorithm: MlDsa) -> Result<Self, CryptoError> {
        Self::from_seed(algorithm, Secret::random()?)
    }

    /// The key that a seed stands for: ξ, 32 bytes.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn from_seed(algorithm: MlDsa, seed: Secret<SEED_LEN>) -> Result<Self, CryptoError> {
        let key = PqdsaKeyPair::from_seed(algorithm.signing(), seed.expose());
        Ok(Self { algorithm, key: key.map_err(|_| CryptoError::Backend)?, seed })
    }

    /// A key from PKCS#8 DER that has the seed (RFC 9881: "seed", or "both" if the expanded key is the seed's).
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`], also for bytes after the key and for an expanded key without its seed.
    pub fn from_pkcs8(algorithm: MlDsa, der: &[u8]) -> Result<Self, CryptoError> {
        der::is_pkcs8_for(algorithm.identifier(), der)?;
        let key = PqdsaKeyPair::from_pkcs8(algorithm.signing(), der).map_err(|_| CryptoError::InvalidKey)?;
        // The backend keeps the seed and writes it last; without one it does not write.
        let normal = key.to_pkcs8v1().map_err(|_| CryptoError::InvalidKey)?;
        let seed = normal.as_ref().last_chunk::<SEED_LEN>().ok_or(CryptoError::InvalidKey)?;
        Ok(Self { algorithm, seed: Secret::copied_from(seed)?, key })
    }

    /// The key as PKCS#8 DER, version 1, in the form "seed".
    #[must_use]
    pub fn to_pkcs8(&self) -> SecretBytes {
        // [0] IMPLICIT OCTET STRING.
        let seed = SecretBytes::from_vec(der::wrap(0x80, self.seed.expose()));
        der::pkcs8(self.algorithm.identifier(), seed.expose())
    }

    /// The parameter set.
    #[must_use]
    pub fn algorithm(&self) -> MlDsa {
        self.algorithm
    }

    /// The public key as DER SubjectPublicKeyInfo (RFC 9881).
    #[must_use]
    pub fn public_key_spki(&self) -> Vec<u8> {
        der::spki(self.algorithm.identifier(), self.key.public_key().as_ref())
    }

    /// Signs `message`.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut signature = vec![0; self.algorithm.signature_len()];
        self.key.sign(message, &mut signature).map_err(|_| CryptoError::Backend)?;
        Ok(signature)
    }

    /// Signs μ, as [`VerifyingKey::mu`] gives it. Nothing tells whether `mu` is one.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn sign_mu(&self, mu: &[u8; MU_LEN]) -> Result<Vec<u8>, CryptoError> {
        match self.algorithm {
            MlDsa::MlDsa44 => sign_mu::<MlDsa44>(&self.seed, mu),
            MlDsa::MlDsa65 => sign_mu::<MlDsa65>(&self.seed, mu),
            MlDsa::MlDsa87 => sign_mu::<MlDsa87>(&self.seed, mu),
        }
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({:?}, ..)", self.algorithm)
    }
}

/// A public key that verifies.
#[derive(Debug, Clone)]
pub struct VerifyingKey {
    algorithm: MlDsa,
    key: Vec<u8>,
}

impl VerifyingKey {
    /// A key from DER SubjectPublicKeyInfo (RFC 9881).
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`].
    pub fn from_spki(algorithm: MlDsa, der: &[u8]) -> Result<Self, CryptoError> {
        let key = der::spki_key(algorithm.identifier(), algorithm.signing().public_key_len(), der)?;
        Ok(Self { algorithm, key: key.to_vec() })
    }

    /// μ of `message` with an empty context: what the holder of the private key may sign in its place.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn mu(&self, message: &[u8]) -> Result<[u8; MU_LEN], CryptoError> {
        let mu = match self.algorithm {
            MlDsa::MlDsa44 => mu::<MlDsa44>(&self.key, message),
            MlDsa::MlDsa65 => mu::<MlDsa65>(&self.key, message),
            MlDsa::MlDsa87 => mu::<MlDsa87>(&self.key, message),
        };
        mu.ok_or(CryptoError::Backend)
    }

    /// Checks a signature over `message`.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        UnparsedPublicKey::new(self.algorithm.verification(), &self.key)
            .verify(message, signature)
            .map_err(|_| CryptoError::NotAuthentic)
    }

    /// Checks a signature over μ.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`].
    pub fn verify_mu(&self, mu: &[u8; MU_LEN], signature: &[u8]) -> Result<(), CryptoError> {
        let verified = match self.algorithm {
            MlDsa::MlDsa44 => verify_mu::<MlDsa44>(&self.key, mu, signature),
            MlDsa::MlDsa65 => verify_mu::<MlDsa65>(&self.key, mu, signature),
            MlDsa::MlDsa87 => verify_mu::<MlDsa87>(&self.key, mu, signature),
        };
        if verified == Some(true) { Ok(()) } else { Err(CryptoError::NotAuthentic) }
    }
}

fn sign_mu<P: MlDsaParams>(seed: &Secret<SEED_LEN>, mu: &[u8; MU_LEN]) -> Result<Vec<u8>, CryptoError> {
    ml_dsa::SigningKey::<P>::from_seed(seed.expose().into())
        .expanded_key()
        .sign_mu_randomized(mu.into(), &mut SystemRng)
        .map(|signature| signature.encode().to_vec())
        .map_err(|_| CryptoError::Backend)
}

/// `None` if the key is of another length.
fn mu<P: MlDsaParams>(key: &[u8], message: &[u8]) -> Option<[u8; MU_LEN]> {
    let key = ml_dsa::VerifyingKey::<P>::decode(key.try_into().ok()?);
    let update = |hash: &mut _| {
        Update::update(hash, message);
        Ok(())
    };
    key.compute_mu(update, b"").map(Into::into).ok()
}

/// `None` if the signature, or the key, is of another length or can't be read.
fn verify_mu<P: MlDsaParams>(key: &[u8], mu: &[u8; MU_LEN], signature: &[u8]) -> Option<bool> {
    let key = ml_dsa::VerifyingKey::<P>::decode(key.try_into().ok()?);
    let signature = ml_dsa::Signature::<P>::try_from(signature).ok()?;
    Some(key.verify_mu(mu.into(), &signature))
}

/// Length of a seed in bytes.
const SEED_LEN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const ALGORITHMS: [MlDsa; 3] = [MlDsa::MlDsa44, MlDsa::MlDsa65, MlDsa::MlDsa87];

    #[test]
    fn a_signature_is_for_one_key_and_message() {
        for algorithm in ALGORITHMS {
            let key = SigningKey::generate(algorithm).unwrap();
            let public = VerifyingKey::from_spki(algorithm, &key.public_key_spki()).unwrap();
            let other = SigningKey::generate(algorithm).unwrap().public_key_spki();
            let other = VerifyingKey::from_spki(algorithm, &other).unwrap();
            let refused = Err(CryptoError::NotAuthentic);
            let mu = [7; MU_LEN];
            let (signature, over_mu) = (key.sign(b"message").unwrap(), key.sign_mu(&mu).unwrap());
            assert_eq!(
                (signature.len(), over_mu.len()),
                (algorithm.signature_len(), algorithm.signature_len())
            );
            assert_eq!(public.verify(b"message", &signature), Ok(()));
            assert_eq!(public.verify_mu(&mu, &over_mu), Ok(()));
            assert_eq!(public.verify(b"other", &signature), refused);
            assert_eq!(public.verify_mu(&[8; MU_LEN], &over_mu), refused);
            // μ is not a message.
            assert_eq!(public.verify(&mu, &over_mu), refused);
            assert_eq!(other.verify(b"message", &signature), refused);
            assert_eq!(other.verify_mu(&mu, &over_mu), refused);
            for at in [0, 100, signature.len() - 1] {
                let (mut signature, mut over_mu) = (signature.clone(), over_mu.clone());
                assert_eq!(public.verify(b"message", &signature[..at]), refused, "{at}");
                assert_eq!(public.verify_mu(&mu, &over_mu[..at]), refused, "{at}");
                signature[at] ^= 1;
                over_mu[at] ^= 1;
                assert_eq!(public.verify(b"message", &signature), refused, "{at}");
                assert_eq!(public.verify_mu(&mu, &over_mu), refused, "{at}");
            }
            assert_eq!(public.verify(b"message", &[&signature[..], &[0]].concat()), refused);
            assert_eq!(public.verify_mu(&mu, &[&over_mu[..], &[0]].concat()), refused);
            assert_ne!(key.sign(b"message").unwrap(), signature);
            assert_ne!(key.sign_mu(&mu).unwrap(), over_mu);
        }
    }

    /// Both libraries behind this module agree on what μ is.
    #[test]
    fn signing_mu_is_signing_the_message() {
        for algorithm in ALGORITHMS {
            let key = SigningKey::generate(algorithm).unwrap();
            let public = VerifyingKey::from_spki(algorithm, &key.public_key_spki()).unwrap();
            let mu = public.mu(b"message").unwrap();
            assert_eq!(public.verify(b"message", &key.sign_mu(&mu).unwrap()), Ok(()), "{algorithm:?}");
            assert_eq!(public.verify_mu(&mu, &key.sign(b"message").unwrap()), Ok(()), "{algorithm:?}");
        }
    }

    #[test]
    fn a_key_reads_back_from_what_it_writes() {
        for algorithm in ALGORITHMS {
            let key = SigningKey::generate(algorithm).unwrap();
            let pkcs8 = key.to_pkcs8();
            assert_eq!(pkcs8.len(), 54);
            assert_eq!(pkcs8.expose(), key.key.to_pkcs8v1().unwrap().as_ref());
            let read = SigningKey::from_pkcs8(algorithm, pkcs8.expose()).unwrap();
            assert_eq!(read.public_key_spki(), key.public_key_spki());
            assert_eq!(read.to_pkcs8().expose(), pkcs8.expose());
            let public = VerifyingKey::from_spki(algorithm, &key.public_key_spki()).unwrap();
            assert_eq!(public.verify_mu(&[7; MU_LEN], &read.sign_mu(&[7; MU_LEN]).unwrap()), Ok(()));
            for other in ALGORITHMS.into_iter().filter(|other| *other != algorithm) {
                assert!(SigningKey::from_pkcs8(other, pkcs8.expose()).is_err());
                assert!(VerifyingKey::from_spki(other, &key.public_key_spki()).is_err());
            }
        }
    }

    #[test]
    fn other_forms_of_a_key() {
        use aws_lc_rs::encoding::AsRawBytes;
        for algorithm in ALGORITHMS {
            let key = SigningKey::generate(algorithm).unwrap();
            let expanded = key.key.private_key().as_raw_bytes().unwrap();
            let (seed, expanded) = (der::wrap(0x04, key.seed.expose()), der::wrap(0x04, expanded.as_ref()));
            let read = |parts: &[&[u8]]| {
                let both = der::pkcs8(algorithm.identifier(), &der::sequence(parts));
                SigningKey::from_pkcs8(algorithm, both.expose()).map(|key| key.public_key_spki())
            };
            assert_eq!(read(&[&seed, &expanded]), Ok(key.public_key_spki()));
            let other = der::wrap(0x04, &[7; SEED_LEN]);
            assert_eq!(read(&[&other, &expanded]), Err(CryptoError::InvalidKey));
            let without_seed = der::pkcs8(algorithm.identifier(), &expanded);
            let refused = SigningKey::from_pkcs8(algorithm, without_seed.expose()).unwrap_err();
            assert_eq!(refused, CryptoError::InvalidKey);
        }
    }

    #[test]
    fn malformed_keys_are_refused() {
        let algorithm = MlDsa::MlDsa44;
        let key = SigningKey::generate(algorithm).unwrap();
        let (pkcs8, spki) = (key.to_pkcs8(), key.public_key_spki());
        let pkcs8 = pkcs8.expose();
        for bad in [&[][..], &spki, &pkcs8[..53], &[pkcs8, &[0]].concat()] {
            assert_eq!(SigningKey::from_pkcs8(algorithm, bad).unwrap_err(), CryptoError::InvalidKey);
        }
        for bad in [&[][..], pkcs8, &spki[..spki.len() - 1], &[&spki[..], &[0]].concat()] {
            assert_eq!(VerifyingKey::from_spki(algorithm, bad).unwrap_err(), CryptoError::InvalidKey);
        }
        assert_eq!(format!("{key:?}"), "SigningKey(MlDsa44, ..)");
    }
}
