//! Ed25519 and Ed25519ph (RFC 8032, FIPS 186-5).
//!
//! Ed25519ph signs the SHA-512 digest of a message, and computes it itself. It comes from ed25519-dalek, since
//! aws-lc-rs does not offer it; everything else is aws-lc's. A signature of one never verifies as the other.

use aws_lc_rs::{
    encoding::AsBigEndian,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use ed25519_dalek::{self as dalek, Digest, Sha512};

use crate::{CryptoError, Secret, SecretBytes, der};

/// Signature length in bytes.
pub const SIGNATURE_LEN: usize = 64;

/// A private key that signs.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the system gives no randomness.
    pub fn generate() -> Result<Self, CryptoError> {
        Ed25519KeyPair::generate().map(Self).map_err(|_| CryptoError::Backend)
    }

    /// A key from PKCS#8 DER (RFC 8410), version 1 or 2.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`], also for bytes after the key and for a public key in it that is another's.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, CryptoError> {
        der::is_pkcs8_for(ALGORITHM, der)?;
        Ed25519KeyPair::from_pkcs8(der).map(Self).map_err(|_| CryptoError::InvalidKey)
    }

    /// The key as PKCS#8 DER, version 1.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn to_pkcs8(&self) -> Result<SecretBytes, CryptoError> {
        let der = self.0.to_pkcs8v1().map_err(|_| CryptoError::Backend)?;
        Ok(SecretBytes::copied_from(der.as_ref()))
    }

    /// The public key as DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn public_key_spki(&self) -> Vec<u8> {
        der::spki(ALGORITHM, self.0.public_key().as_ref())
    }

    /// Signs `message` with Ed25519.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], CryptoError> {
        let signature = self.0.try_sign(message).map_err(|_| CryptoError::Backend)?;
        signature.as_ref().try_into().map_err(|_| CryptoError::Backend)
    }

    /// Signs `message` with Ed25519ph and an empty context. What is signed is the SHA-512 digest of `message`.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn sign_ph(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], CryptoError> {
        let seed = self.0.seed().and_then(|seed| seed.as_be_bytes()).map_err(|_| CryptoError::Backend)?;
        let seed = Secret::<32>::copied_from(seed.as_ref())?;
        dalek::SigningKey::from_bytes(seed.expose())
            .sign_prehashed(Sha512::new().chain_update(message), None)
            .map(|signature| signature.to_bytes())
            .map_err(|_| CryptoError::Backend)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// A public key that verifies: a point on the curve, and not one of the few of small order.
#[derive(Debug, Clone)]
pub struct VerifyingKey(dalek::VerifyingKey);

impl VerifyingKey {
    /// A key from DER SubjectPublicKeyInfo (RFC 8410).
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`].
    pub fn from_spki(der: &[u8]) -> Result<Self, CryptoError> {
        let point = der::spki_key(ALGORITHM, 32, der)?.try_into().map_err(|_| CryptoError::InvalidKey)?;
        match dalek::VerifyingKey::from_bytes(point) {
            Ok(key) if !key.is_weak() => Ok(Self(key)),
            _ => Err(CryptoError::InvalidKey),
        }
    }

    /// Checks an Ed25519 signature.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        UnparsedPublicKey::new(&ED25519, self.0.as_bytes())
            .verify(message, signature)
            .map_err(|_| CryptoError::NotAuthentic)
    }

    /// Checks an Ed25519ph signature with an empty context over the SHA-512 digest of `message`.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`].
    pub fn verify_ph(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let signature = dalek::Signature::from_slice(signature).map_err(|_| CryptoError::NotAuthentic)?;
        self.0
            .verify_prehashed(Sha512::new().chain_update(message), None, &signature)
            .map_err(|_| CryptoError::NotAuthentic)
    }
}

/// AlgorithmIdentifier of id-Ed25519 (RFC 8410): 1.3.101.112, without parameters.
const ALGORITHM: &[u8] = &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unhex;

    fn key(seed: &str) -> SigningKey {
        SigningKey::from_pkcs8(der::pkcs8(ALGORITHM, &der_octets(&unhex(seed))).expose()).unwrap()
    }

    fn der_octets(bytes: &[u8]) -> Vec<u8> {
        der::wrap(0x04, bytes)
    }

    /// RFC 8032, section 7.1, tests 1 and 3, and section 7.3.
    #[test]
    fn known_answers() {
        let test_1 = key("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        assert_eq!(
            test_1.public_key_spki()[12..],
            unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        );
        assert_eq!(
            test_1.sign(b"").unwrap()[..],
            unhex(
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            )
        );
        let test_3 = key("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7");
        assert_eq!(
            test_3.sign(&[0xaf, 0x82]).unwrap()[..],
            unhex(
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
            )
        );
        let ph = key("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42");
        let signature = unhex(
            "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406",
        );
        assert_eq!(ph.sign_ph(b"abc").unwrap()[..], signature);
        assert_eq!(
            VerifyingKey::from_spki(&ph.public_key_spki()).unwrap().verify_ph(b"abc", &signature),
            Ok(())
        );
    }

    #[test]
    fn a_signature_is_for_one_key_message_and_variant() {
        let key = SigningKey::generate().unwrap();
        let public = VerifyingKey::from_spki(&key.public_key_spki()).unwrap();
        let other = VerifyingKey::from_spki(&SigningKey::generate().unwrap().public_key_spki()).unwrap();
        let refused = Err(CryptoError::NotAuthentic);
        let (pure, ph) = (key.sign(b"message").unwrap(), key.sign_ph(b"message").unwrap());
        assert_eq!((public.verify(b"message", &pure), public.verify_ph(b"message", &ph)), (Ok(()), Ok(())));
        assert_eq!((public.verify(b"message", &ph), public.verify_ph(b"message", &pure)), (refused, refused));
        assert_eq!((other.verify(b"message", &pure), other.verify_ph(b"message", &ph)), (refused, refused));
        assert_eq!((public.verify(b"other", &pure), public.verify_ph(b"other", &ph)), (refused, refused));
        for at in [0, 31, 32, 63] {
            let flip = |mut signature: [u8; 64]| {
                signature[at] ^= 0x80;
                signature
            };
            assert_eq!(public.verify(b"message", &flip(pure)), refused, "{at}");
            assert_eq!(public.verify_ph(b"message", &flip(ph)), refused, "{at}");
            assert_eq!(public.verify_ph(b"message", &ph[..at]), refused, "{at}");
        }
        assert_eq!(public.verify_ph(b"message", &[&ph[..], &[0]].concat()), refused);
        assert_eq!(format!("{key:?}"), "SigningKey(..)");
    }

    #[test]
    fn a_key_reads_back_from_what_it_writes() {
        let key = SigningKey::generate().unwrap();
        let pkcs8 = key.to_pkcs8().unwrap();
        let read = SigningKey::from_pkcs8(pkcs8.expose()).unwrap();
        assert_eq!(read.public_key_spki(), key.public_key_spki());
        assert_eq!(read.to_pkcs8().unwrap().expose(), pkcs8.expose());
    }

    #[test]
    fn malformed_keys_are_refused() {
        let key = SigningKey::generate().unwrap();
        let (pkcs8, spki) = (key.to_pkcs8().unwrap(), key.public_key_spki());
        let pkcs8 = pkcs8.expose();
        let short = der::pkcs8(ALGORITHM, &der_octets(&[7; 31]));
        for bad in [&[][..], &spki, &pkcs8[..47], &[pkcs8, &[0]].concat(), short.expose()] {
            assert_eq!(SigningKey::from_pkcs8(bad).unwrap_err(), CryptoError::InvalidKey);
        }
        // A point of order 4, and a string that is no point.
        let weak = der::spki(ALGORITHM, &[0; 32]);
        let mut no_point = [0; 32];
        no_point[0] = 2;
        let no_point = der::spki(ALGORITHM, &no_point);
        for bad in [&[][..], pkcs8, &spki[..43], &[&spki[..], &[0]].concat(), &spki[12..], &weak, &no_point] {
            assert_eq!(VerifyingKey::from_spki(bad).unwrap_err(), CryptoError::InvalidKey, "{bad:?}");
        }
    }
}
