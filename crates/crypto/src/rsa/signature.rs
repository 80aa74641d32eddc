//! RSA signatures (RFC 8017): PSS and PKCS#1 v1.5, over a digest that may have been computed elsewhere.
//!
//! PSS's mask generation function uses the hash of the message, and its salt is as long as the digest: other
//! combinations can't be said, and don't verify.

use aws_lc_rs::{
    rsa::KeyPair,
    signature::{self as backend, KeyPair as _, RsaParameters, RsaSignatureEncoding, UnparsedPublicKey},
};

use super::RsaPublicKey;
use crate::{
    CryptoError, der,
    digest::{Digest, Hash},
};

/// A signature scheme with its hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RsaSignature {
    /// RSASSA-PSS with SHA-256.
    PssSha256,
    /// RSASSA-PSS with SHA-384.
    PssSha384,
    /// RSASSA-PSS with SHA-512.
    PssSha512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Pkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Pkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Pkcs1Sha512,
}

impl RsaSignature {
    /// The hash function whose digests are signed.
    #[must_use]
    pub const fn hash(self) -> Hash {
        match self {
            Self::PssSha256 | Self::Pkcs1Sha256 => Hash::Sha256,
            Self::PssSha384 | Self::Pkcs1Sha384 => Hash::Sha384,
            Self::PssSha512 | Self::Pkcs1Sha512 => Hash::Sha512,
        }
    }

    fn signing(self) -> &'static RsaSignatureEncoding {
        match self {
            Self::PssSha256 => &backend::RSA_PSS_SHA256,
            Self::PssSha384 => &backend::RSA_PSS_SHA384,
            Self::PssSha512 => &backend::RSA_PSS_SHA512,
            Self::Pkcs1Sha256 => &backend::RSA_PKCS1_SHA256,
            Self::Pkcs1Sha384 => &backend::RSA_PKCS1_SHA384,
            Self::Pkcs1Sha512 => &backend::RSA_PKCS1_SHA512,
        }
    }

    fn verification(self) -> &'static RsaParameters {
        match self {
            Self::PssSha256 => &backend::RSA_PSS_2048_8192_SHA256,
            Self::PssSha384 => &backend::RSA_PSS_2048_8192_SHA384,
            Self::PssSha512 => &backend::RSA_PSS_2048_8192_SHA512,
            Self::Pkcs1Sha256 => &backend::RSA_PKCS1_2048_8192_SHA256,
            Self::Pkcs1Sha384 => &backend::RSA_PKCS1_2048_8192_SHA384,
            Self::Pkcs1Sha512 => &backend::RSA_PKCS1_2048_8192_SHA512,
        }
    }
}

/// A private key that signs, of 2048 to 8192 bits. [`RsaPrivateKey::generate`](super::RsaPrivateKey::generate) makes
/// new ones.
pub struct RsaSigningKey(KeyPair);

impl RsaSigningKey {
    /// A key from PKCS#8 DER. Its numbers must belong together; that the primes are prime is not proven.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`], also for bytes after the key and for a key that is for PSS signatures only.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, CryptoError> {
        der::is_pkcs8_for(der::RSA_ENCRYPTION, der)?;
        KeyPair::from_pkcs8(der).map(Self).map_err(|_| CryptoError::InvalidKey)
    }

    /// The public key that belongs to it.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn public_key(&self) -> Result<RsaVerifyingKey, CryptoError> {
        RsaVerifyingKey::from_pkcs1(self.0.public_key().as_ref()).map_err(|_| CryptoError::Backend)
    }

    /// Signs a digest of the scheme's own hash function; the signature is as long as the modulus.
    ///
    /// # Errors
    /// [`CryptoError::InvalidLength`] for a digest of another hash function.
    pub fn sign(&self, scheme: RsaSignature, digest: &Digest) -> Result<Vec<u8>, CryptoError> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign_digest(scheme.signing(), &digest.0, &mut signature)
            .map_err(|_| CryptoError::InvalidLength)?;
        Ok(signature)
    }
}

impl std::fmt::Debug for RsaSigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RsaSigningKey({} bytes, ..)", self.0.public_modulus_len())
    }
}

/// A public key that verifies, of 2048 to 8192 bits.
#[derive(Clone)]
pub struct RsaVerifyingKey {
    /// SubjectPublicKeyInfo: the backend reads it anew for each scheme.
    spki: Vec<u8>,
    bits: usize,
}

impl RsaVerifyingKey {
    /// A key from DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`], also for bytes after the key and for a key that is for PSS signatures only.
    pub fn from_spki(der: &[u8]) -> Result<Self, CryptoError> {
        Ok(Self { spki: der.to_vec(), bits: RsaPublicKey::from_spki(der)?.bits() })
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self, CryptoError> {
        Self::from_spki(&der::spki(der::RSA_ENCRYPTION, der))
    }

    /// The key as DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Modulus length in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// Checks a signature over a digest of the scheme's own hash function.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`].
    pub fn verify(&self, scheme: RsaSignature, digest: &Digest, signature: &[u8]) -> Result<(), CryptoError> {
        UnparsedPublicKey::new(scheme.verification(), &self.spki)
            .verify_digest(&digest.0, signature)
            .map_err(|_| CryptoError::NotAuthentic)
    }
}

impl std::fmt::Debug for RsaVerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RsaVerifyingKey({} bits)", self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pem;

    const SCHEMES: [RsaSignature; 6] = [
        RsaSignature::PssSha256,
        RsaSignature::PssSha384,
        RsaSignature::PssSha512,
        RsaSignature::Pkcs1Sha256,
        RsaSignature::Pkcs1Sha384,
        RsaSignature::Pkcs1Sha512,
    ];

    fn der(text: &str) -> Vec<u8> {
        pem::decode(text, &["PRIVATE KEY", "PUBLIC KEY"]).unwrap().1.expose().to_vec()
    }

    fn key() -> RsaSigningKey {
        RsaSigningKey::from_pkcs8(&der(include_str!("../testdata/rsa.pkcs8.pem"))).unwrap()
    }

    #[test]
    fn a_signature_is_for_one_key_scheme_and_digest() {
        let key = key();
        let public = key.public_key().unwrap();
        assert_eq!(public.spki(), der(include_str!("../testdata/rsa.spki.pem")));
        for scheme in SCHEMES {
            let digest = Digest::import(scheme.hash(), &vec![7; scheme.hash().output_len()]).unwrap();
            let signature = key.sign(scheme, &digest).unwrap();
            assert_eq!(signature.len(), 256);
            assert_eq!(public.verify(scheme, &digest, &signature), Ok(()), "{scheme:?}");
            let refused = Err(CryptoError::NotAuthentic);
            for other in SCHEMES.into_iter().filter(|other| *other != scheme) {
                assert_eq!(public.verify(other, &digest, &signature), refused, "{scheme:?} as {other:?}");
            }
            let other = scheme.hash().digest(b"other");
            assert_eq!(public.verify(scheme, &other, &signature), refused);
            let mut flipped = signature.clone();
            flipped[255] ^= 1;
            for bad in [&flipped[..], &signature[1..], &[&signature[..], &[0]].concat(), &[]] {
                assert_eq!(public.verify(scheme, &digest, bad), refused, "{scheme:?}");
            }
        }
        assert_eq!(format!("{key:?} {public:?}"), "RsaSigningKey(256 bytes, ..) RsaVerifyingKey(2048 bits)");
    }

    #[test]
    fn pss_is_randomised_and_pkcs1_is_not() {
        let (key, digest) = (key(), Hash::Sha256.digest(b"message"));
        let twice = |scheme| [0; 2].map(|_| key.sign(scheme, &digest).unwrap());
        let [a, b] = twice(RsaSignature::PssSha256);
        assert_ne!(a, b);
        let [a, b] = twice(RsaSignature::Pkcs1Sha256);
        assert_eq!(a, b);
    }

    #[test]
    fn a_digest_of_another_hash_is_refused() {
        let digest = Hash::Sha384.digest(b"message");
        for scheme in [RsaSignature::PssSha256, RsaSignature::Pkcs1Sha512] {
            assert_eq!(key().sign(scheme, &digest), Err(CryptoError::InvalidLength));
        }
    }

    #[test]
    fn malformed_keys_are_refused() {
        let pkcs8 = der(include_str!("../testdata/rsa.pkcs8.pem"));
        let spki = der(include_str!("../testdata/rsa.spki.pem"));
        let pss = der(include_str!("../testdata/rsa-pss.spki.pem"));
        for bad in [&[][..], &spki, &[&pkcs8[..], &[0]].concat(), &pkcs8[..pkcs8.len() - 1]] {
            assert_eq!(RsaSigningKey::from_pkcs8(bad).unwrap_err(), CryptoError::InvalidKey);
        }
        for bad in [&[][..], &pss, &pkcs8, &[&spki[..], &[0]].concat()] {
            assert_eq!(RsaVerifyingKey::from_spki(bad).unwrap_err(), CryptoError::InvalidKey);
        }
    }
}
