//! ECDSA (FIPS 186-5; SEC 2 for secp256k1) with DER signatures, over a digest that may have been computed on a stream
//! or elsewhere.

use aws_lc_rs::{
    encoding::{AsBigEndian, AsDer, EcPublicKeyCompressedBin},
    signature::{
        self as backend, EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, KeyPair,
        UnparsedPublicKey,
    },
};

use crate::{
    CryptoError, SecretBytes,
    digest::{Digest, Hash},
    ec::NamedCurve,
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
    /// secp256k1 with SHA-256. Signatures verify with either `s`: the rule of "low `s`" is Bitcoin's, not ECDSA's.
    Secp256k1Sha256,
}

impl Ecdsa {
    /// The hash function whose digests are signed.
    #[must_use]
    pub const fn hash(self) -> Hash {
        match self {
            Self::P256Sha256 | Self::Secp256k1Sha256 => Hash::Sha256,
            Self::P384Sha384 => Hash::Sha384,
            Self::P521Sha512 => Hash::Sha512,
        }
    }

    fn curve(self) -> NamedCurve {
        match self {
            Self::P256Sha256 => NamedCurve::P256,
            Self::P384Sha384 => NamedCurve::P384,
            Self::P521Sha512 => NamedCurve::P521,
            Self::Secp256k1Sha256 => NamedCurve::Secp256k1,
        }
    }

    fn signing(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256Sha256 => &backend::ECDSA_P256_SHA256_ASN1_SIGNING,
            Self::P384Sha384 => &backend::ECDSA_P384_SHA384_ASN1_SIGNING,
            Self::P521Sha512 => &backend::ECDSA_P521_SHA512_ASN1_SIGNING,
            Self::Secp256k1Sha256 => &backend::ECDSA_P256K1_SHA256_ASN1_SIGNING,
        }
    }

    fn verification(self) -> &'static EcdsaVerificationAlgorithm {
        match self {
            Self::P256Sha256 => &backend::ECDSA_P256_SHA256_ASN1,
            Self::P384Sha384 => &backend::ECDSA_P384_SHA384_ASN1,
            Self::P521Sha512 => &backend::ECDSA_P521_SHA512_ASN1,
            Self::Secp256k1Sha256 => &backend::ECDSA_P256K1_SHA256_ASN1,
        }
    }
}

/// A private key that signs.
pub struct SigningKey {
    algorithm: Ecdsa,
    key: EcdsaKeyPair,
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the system gives no randomness.
    pub fn generate(algorithm: Ecdsa) -> Result<Self, CryptoError> {
        let key = EcdsaKeyPair::generate(algorithm.signing()).map_err(|_| CryptoError::Backend)?;
        Ok(Self { algorithm, key })
    }

    /// A key from PKCS#8 DER with a named curve.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`], also for bytes after the key and for a public key in it that is another's.
    pub fn from_pkcs8(algorithm: Ecdsa, der: &[u8]) -> Result<Self, CryptoError> {
        algorithm.curve().is_pkcs8(der)?;
        let key = EcdsaKeyPair::from_pkcs8(algorithm.signing(), der).map_err(|_| CryptoError::InvalidKey)?;
        Ok(Self { algorithm, key })
    }

    /// The key as PKCS#8 DER, version 1, with its public key.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn to_pkcs8(&self) -> Result<SecretBytes, CryptoError> {
        // The backend would leave the public key out if it was left out of what the key was read from.
        let scalar = self.key.private_key().as_be_bytes().map_err(|_| CryptoError::Backend)?;
        Ok(self.algorithm.curve().pkcs8(scalar.as_ref(), self.key.public_key().as_ref()))
    }

    /// The algorithm that the key is for.
    #[must_use]
    pub fn algorithm(&self) -> Ecdsa {
        self.algorithm
    }

    /// The public key as DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn public_key_spki(&self) -> Result<Vec<u8>, CryptoError> {
        let der = self.key.public_key().as_der().map_err(|_| CryptoError::Backend)?;
        Ok(der.as_ref().to_vec())
    }

    /// The public key as a compressed SEC 1 point: 33, 49 or 67 bytes.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn public_key_compressed(&self) -> Result<Vec<u8>, CryptoError> {
        let point: EcPublicKeyCompressedBin<'_> =
            self.key.public_key().as_be_bytes().map_err(|_| CryptoError::Backend)?;
        Ok(point.as_ref().to_vec())
    }

    /// Signs a digest of the algorithm's own hash function; the signature is DER and its length varies.
    ///
    /// # Errors
    /// [`CryptoError::Backend`], also for a digest of another hash function.
    pub fn sign(&self, digest: &Digest) -> Result<Vec<u8>, CryptoError> {
        self.key.sign_digest(&digest.0).map(|s| s.as_ref().to_vec()).map_err(|_| CryptoError::Backend)
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
    /// A key from a SEC 1 point, compressed or uncompressed, or from SubjectPublicKeyInfo DER with a named curve
    /// and an uncompressed point.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] if it has none of these forms, or the point is not on the curve.
    pub fn new(algorithm: Ecdsa, key: &[u8]) -> Result<Self, CryptoError> {
        // The backend would also take hybrid points, explicit parameters and bytes after the key.
        let point = match key {
            [0x30, ..] => algorithm.curve().spki_point(key)?,
            _ => algorithm.curve().sec1(key)?,
        };
        let key = UnparsedPublicKey::new(algorithm.verification(), point).parse();
        Ok(Self { algorithm, key: key.map_err(|_| CryptoError::InvalidKey)? })
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
    use crate::{der, pem};

    const ALGORITHMS: [Ecdsa; 4] =
        [Ecdsa::P256Sha256, Ecdsa::P384Sha384, Ecdsa::P521Sha512, Ecdsa::Secp256k1Sha256];

    #[test]
    fn signs_what_it_verifies_and_nothing_else() {
        for algorithm in ALGORITHMS {
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

    #[test]
    fn a_key_reads_back_from_what_it_writes() {
        for algorithm in ALGORITHMS {
            let key = SigningKey::generate(algorithm).unwrap();
            let (pkcs8, spki) = (key.to_pkcs8().unwrap(), key.public_key_spki().unwrap());
            let read = SigningKey::from_pkcs8(algorithm, pkcs8.expose()).unwrap();
            assert_eq!(read.public_key_spki().unwrap(), spki);
            let digest = Digest::import(algorithm.hash(), &vec![7; algorithm.hash().output_len()]).unwrap();
            let public = VerifyingKey::new(algorithm, &spki).unwrap();
            assert_eq!(public.verify(&digest, &read.sign(&digest).unwrap()), Ok(()));
            for other in ALGORITHMS.into_iter().filter(|other| *other != algorithm) {
                assert!(SigningKey::from_pkcs8(other, pkcs8.expose()).is_err(), "{algorithm:?} as {other:?}");
                assert!(VerifyingKey::new(other, &spki).is_err(), "{algorithm:?} as {other:?}");
            }
            assert_eq!(read.to_pkcs8().unwrap().expose(), pkcs8.expose());
            // Without its public key, it is the same key.
            let scalar = key.key.private_key().as_be_bytes().unwrap();
            let bare = der::sequence(&[&[0x02, 0x01, 0x01], &der::wrap(0x04, scalar.as_ref())]);
            let bare = der::pkcs8(algorithm.curve().algorithm(), &bare);
            let read = SigningKey::from_pkcs8(algorithm, bare.expose()).unwrap();
            assert_eq!(read.to_pkcs8().unwrap().expose(), pkcs8.expose());
            // The last byte belongs to the public key, which must be the private key's own.
            let mut mismatched = pkcs8.expose().to_vec();
            *mismatched.last_mut().unwrap() ^= 1;
            assert!(SigningKey::from_pkcs8(algorithm, &mismatched).is_err());
        }
    }

    #[test]
    fn a_digest_of_another_hash_is_refused() {
        let key = SigningKey::generate(Ecdsa::P256Sha256).unwrap();
        let digest = Hash::Sha384.digest(b"message");
        assert_eq!(key.sign(&digest), Err(CryptoError::Backend));
        let public = VerifyingKey::new(Ecdsa::P256Sha256, &key.public_key_compressed().unwrap()).unwrap();
        let signature = key.sign(&Hash::Sha256.digest(b"message")).unwrap();
        assert_eq!(public.verify(&digest, &signature), Err(CryptoError::NotAuthentic));
    }

    #[test]
    fn keys_have_one_form_of_each_kind() {
        let read = |text| pem::decode(text, &["PRIVATE KEY", "PUBLIC KEY"]).unwrap().1.expose().to_vec();
        let pkcs8 = read(include_str!("testdata/ec.pkcs8.pem"));
        let spki = read(include_str!("testdata/ec.spki.pem"));
        let spki_compressed = read(include_str!("testdata/ec.spki-compressed.pem"));
        let key = SigningKey::from_pkcs8(Ecdsa::P256Sha256, &pkcs8).unwrap();
        let digest = Hash::Sha256.digest(b"message");
        let signature = key.sign(&digest).unwrap();
        for good in [&spki[..], &spki[26..], &key.public_key_compressed().unwrap()] {
            let public = VerifyingKey::new(Ecdsa::P256Sha256, good).unwrap();
            assert_eq!(public.verify(&digest, &signature), Ok(()));
        }
        let mut hybrid = spki[26..].to_vec();
        hybrid[0] = 0x06 | (spki[90] & 1);
        for bad in [&[][..], &[0], &spki_compressed, &hybrid, &[&spki[..], &[0]].concat(), &pkcs8] {
            let refused = VerifyingKey::new(Ecdsa::P256Sha256, bad).unwrap_err();
            assert_eq!(refused, CryptoError::InvalidKey, "{bad:?}");
        }
        assert!(VerifyingKey::new(Ecdsa::P384Sha384, &spki).is_err());
        assert!(SigningKey::from_pkcs8(Ecdsa::P384Sha384, &pkcs8).is_err());
        assert!(SigningKey::from_pkcs8(Ecdsa::P256Sha256, &[&pkcs8[..], &[0]].concat()).is_err());
    }
}
