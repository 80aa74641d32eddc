//! ECDSA (FIPS 186-5) with DER signatures, over a digest that may have been computed on a stream.

use aws_lc_rs::{
    encoding::{AsBigEndian, EcPublicKeyCompressedBin},
    signature::{
        self as backend, EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, KeyPair,
        UnparsedPublicKey,
    },
};

use crate::{
    CryptoError,
    digest::{Digest, Hash},
};

/// A curve with the hash function that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ecdsa {
    /// P-256 with SHA-256.
    P256Sha256,
    /// P-384 with SHA-384.
    P384Sha384,
    /// P-521 with SHA-512.
    P521Sha512,
}

impl Ecdsa {
    /// The hash function whose digests are signed.
    #[must_use]
    pub const fn hash(self) -> Hash {
        match self {
            Self::P256Sha256 => Hash::Sha256,
            Self::P384Sha384 => Hash::Sha384,
            Self::P521Sha512 => Hash::Sha512,
        }
    }

    fn signing(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256Sha256 => &backend::ECDSA_P256_SHA256_ASN1_SIGNING,
            Self::P384Sha384 => &backend::ECDSA_P384_SHA384_ASN1_SIGNING,
            Self::P521Sha512 => &backend::ECDSA_P521_SHA512_ASN1_SIGNING,
        }
    }

    fn verification(self) -> &'static EcdsaVerificationAlgorithm {
        match self {
            Self::P256Sha256 => &backend::ECDSA_P256_SHA256_ASN1,
            Self::P384Sha384 => &backend::ECDSA_P384_SHA384_ASN1,
            Self::P521Sha512 => &backend::ECDSA_P521_SHA512_ASN1,
        }
    }
}

/// A private key that signs.
pub struct SigningKey(EcdsaKeyPair);

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the system gives no randomness.
    pub fn generate(algorithm: Ecdsa) -> Result<Self, CryptoError> {
        EcdsaKeyPair::generate(algorithm.signing()).map(Self).map_err(|_| CryptoError::Backend)
    }

    /// A key from PKCS#8 DER.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`].
    pub fn from_pkcs8(algorithm: Ecdsa, der: &[u8]) -> Result<Self, CryptoError> {
        EcdsaKeyPair::from_pkcs8(algorithm.signing(), der).map(Self).map_err(|_| CryptoError::InvalidKey)
    }

    /// The public key as a compressed SEC 1 point: 33, 49 or 67 bytes.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn public_key_compressed(&self) -> Result<Vec<u8>, CryptoError> {
        let point: EcPublicKeyCompressedBin<'_> =
            self.0.public_key().as_be_bytes().map_err(|_| CryptoError::Backend)?;
        Ok(point.as_ref().to_vec())
    }

    /// Signs a digest of the algorithm's own hash function; the signature is DER and its length varies.
    ///
    /// # Errors
    /// [`CryptoError::Backend`], also for a digest of another hash function.
    pub fn sign(&self, digest: &Digest) -> Result<Vec<u8>, CryptoError> {
        self.0.sign_digest(&digest.0).map(|s| s.as_ref().to_vec()).map_err(|_| CryptoError::Backend)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// A public key that verifies.
#[derive(Debug, Clone)]
pub struct VerifyingKey {
    algorithm: Ecdsa,
    key: backend::ParsedPublicKey,
}

impl VerifyingKey {
    /// A key from a SEC 1 point, compressed or uncompressed, or from SubjectPublicKeyInfo DER.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] if the point is not on the curve.
    pub fn new(algorithm: Ecdsa, key: &[u8]) -> Result<Self, CryptoError> {
        let key = UnparsedPublicKey::new(algorithm.verification(), key);
        Ok(Self { algorithm, key: key.parse().map_err(|_| CryptoError::InvalidKey)? })
    }

    /// The algorithm that the key is for.
    #[must_use]
    pub fn algorithm(&self) -> Ecdsa {
        self.algorithm
    }

    /// Checks a DER signature over a digest of the algorithm's own hash function.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`].
    pub fn verify(&self, digest: &Digest, signature: &[u8]) -> Result<(), CryptoError> {
        self.key.verify_digest_sig(&digest.0, signature).map_err(|_| CryptoError::NotAuthentic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_what_it_verifies_and_nothing_else() {
        for algorithm in [Ecdsa::P256Sha256, Ecdsa::P384Sha384, Ecdsa::P521Sha512] {
            let key = SigningKey::generate(algorithm).unwrap();
            let point = key.public_key_compressed().unwrap();
            let public = VerifyingKey::new(algorithm, &point).unwrap();
            let digest = algorithm.hash().digest(b"message");
            let mut signature = key.sign(&digest).unwrap();
            public.verify(&digest, &signature).unwrap();
            assert!(public.verify(&algorithm.hash().digest(b"other"), &signature).is_err());
            *signature.last_mut().unwrap() ^= 1;
            assert!(public.verify(&digest, &signature).is_err());
            assert!(VerifyingKey::new(algorithm, &point[1..]).is_err());
        }
    }
}
