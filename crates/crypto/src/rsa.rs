//! RSA (RFC 8017). Here: encryption with OAEP, and with PKCS#1 v1.5 for what was written long ago. Signatures are in
//! `signature`, the wrapping of keys too long for one RSA block in `key_wrap`.
//!
//! OAEP's mask generation function always uses the same hash as its label, and the label is empty: other
//! combinations can't be said. PKCS#1 v1.5 decryption tells its caller whether the padding was right, which
//! is an oracle if that reaches whoever sent the ciphertext (Bleichenbacher): never offer it over a network.
//! Its padding is a weak check besides: about one ciphertext in 100,000 that was never made with it decrypts to
//! junk (one OAEP ciphertext in 400), so a caller checks at least the length of what comes out.

mod key_wrap;
mod signature;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa as backend,
};

use crate::{CryptoError, SecretBytes, der, pem};

pub use signature::{RsaSignature, RsaSigningKey, RsaVerifyingKey};

/// The size of a new key. Keys from elsewhere may have any from 2048 to 8192 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RsaSize {
    /// A modulus of 2048 bits.
    Rsa2048,
    /// A modulus of 3072 bits.
    Rsa3072,
    /// A modulus of 4096 bits.
    Rsa4096,
}

impl RsaSize {
    /// Modulus length in bits.
    #[must_use]
    pub const fn bits(self) -> usize {
        match self {
            Self::Rsa2048 => 2048,
            Self::Rsa3072 => 3072,
            Self::Rsa4096 => 4096,
        }
    }
}

/// A padding scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RsaPadding {
    /// PKCS#1 v1.5. Legacy: see the module documentation.
    Pkcs1,
    /// OAEP with SHA-1 and MGF1 with SHA-1.
    OaepSha1,
    /// OAEP with SHA-256 and MGF1 with SHA-256.
    OaepSha256,
    /// OAEP with SHA-384 and MGF1 with SHA-384.
    OaepSha384,
    /// OAEP with SHA-512 and MGF1 with SHA-512.
    OaepSha512,
}

impl RsaPadding {
    fn oaep(self) -> Option<&'static backend::OaepAlgorithm> {
        match self {
            Self::Pkcs1 => None,
            Self::OaepSha1 => Some(&backend::OAEP_SHA1_MGF1SHA1),
            Self::OaepSha256 => Some(&backend::OAEP_SHA256_MGF1SHA256),
            Self::OaepSha384 => Some(&backend::OAEP_SHA384_MGF1SHA384),
            Self::OaepSha512 => Some(&backend::OAEP_SHA512_MGF1SHA512),
        }
    }
}

/// A public key of 2048 to 8192 bits.
#[derive(Clone)]
pub struct RsaPublicKey(backend::PublicEncryptingKey);

impl RsaPublicKey {
    /// A key from DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`], also for bytes after the key and for a key that is for PSS signatures only.
    pub fn from_spki(der: &[u8]) -> Result<Self, CryptoError> {
        if !der::sequence_content(der)?.starts_with(der::RSA_ENCRYPTION) {
            return Err(CryptoError::InvalidKey);
        }
        backend::PublicEncryptingKey::from_der(der).map(Self).map_err(|_| CryptoError::InvalidKey)
    }

    /// A key from PEM `PUBLIC KEY` or `RSA PUBLIC KEY` (PKCS#1).
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`].
    pub fn from_pem(text: &str) -> Result<Self, CryptoError> {
        match pem::decode(text, &["PUBLIC KEY", "RSA PUBLIC KEY"])? {
            ("PUBLIC KEY", der) => Self::from_spki(der.expose()),
            (_, der) => {
                let mut bit_string = vec![0];
                bit_string.extend_from_slice(der.expose());
                Self::from_spki(&der::sequence(&[der::RSA_ENCRYPTION, &der::wrap(0x03, &bit_string)]))
            }
        }
    }

    /// The key as DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn to_spki(&self) -> Result<Vec<u8>, CryptoError> {
        let der: PublicKeyX509Der<'_> = self.0.as_der().map_err(|_| CryptoError::Backend)?;
        Ok(der.as_ref().to_vec())
    }

    /// Modulus length in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.0.key_size_bits()
    }

    /// Encrypts `plaintext`; the ciphertext is as long as the modulus.
    ///
    /// # Errors
    /// [`CryptoError::InvalidLength`] if `plaintext` is too long for the key and padding.
    pub fn encrypt(&self, padding: RsaPadding, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut ciphertext = vec![0; self.0.key_size_bytes()];
        let key = self.0.clone();
        match padding.oaep() {
            Some(oaep) => backend::OaepPublicEncryptingKey::new(key)
                .and_then(|key| key.encrypt(oaep, plaintext, &mut ciphertext, None).map(|_| ())),
            None => backend::Pkcs1PublicEncryptingKey::new(key)
                .and_then(|key| key.encrypt(plaintext, &mut ciphertext).map(|_| ())),
        }
        .map_err(|_| CryptoError::InvalidLength)?;
        Ok(ciphertext)
    }
}

impl std::fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RsaPublicKey({} bits)", self.bits())
    }
}

/// A private key of 2048 to 8192 bits.
pub struct RsaPrivateKey(backend::PrivateDecryptingKey);

impl RsaPrivateKey {
    /// A new key with the public exponent 65537. Takes from a tenth of a second to seconds.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn generate(size: RsaSize) -> Result<Self, CryptoError> {
        let size = match size {
            RsaSize::Rsa2048 => backend::KeySize::Rsa2048,
            RsaSize::Rsa3072 => backend::KeySize::Rsa3072,
            RsaSize::Rsa4096 => backend::KeySize::Rsa4096,
        };
        backend::PrivateDecryptingKey::generate(size).map(Self).map_err(|_| CryptoError::Backend)
    }

    /// A key from PKCS#8 DER. Its numbers must belong together; that the primes are prime is not proven.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`], also for bytes after the key and for a key that is for PSS signatures only.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, CryptoError> {
        der::is_pkcs8_for(der::RSA_ENCRYPTION, der)?;
        backend::PrivateDecryptingKey::from_pkcs8(der).map(Self).map_err(|_| CryptoError::InvalidKey)
    }

    /// A key from PEM `PRIVATE KEY` (PKCS#8) or `RSA PRIVATE KEY` (PKCS#1).
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`]; encrypted PEM is not read.
    pub fn from_pem(text: &str) -> Result<Self, CryptoError> {
        match pem::decode(text, &["PRIVATE KEY", "RSA PRIVATE KEY"])? {
            ("PRIVATE KEY", der) => Self::from_pkcs8(der.expose()),
            (_, der) => {
                let key = SecretBytes::from_vec(der::wrap(0x04, der.expose()));
                let version = [0x02, 0x01, 0x00];
                let info =
                    SecretBytes::from_vec(der::sequence(&[&version, der::RSA_ENCRYPTION, key.expose()]));
                Self::from_pkcs8(info.expose())
            }
        }
    }

    /// The key as PKCS#8 DER, version 1.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn to_pkcs8(&self) -> Result<SecretBytes, CryptoError> {
        let der: Pkcs8V1Der<'_> = self.0.as_der().map_err(|_| CryptoError::Backend)?;
        Ok(SecretBytes::copied_from(der.as_ref()))
    }

    /// Modulus length in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.0.key_size_bits()
    }

    /// The public key that belongs to it.
    #[must_use]
    pub fn public_key(&self) -> RsaPublicKey {
        RsaPublicKey(self.0.public_key())
    }

    /// Decrypts `ciphertext`.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`], whatever the reason.
    pub fn decrypt(&self, padding: RsaPadding, ciphertext: &[u8]) -> Result<SecretBytes, CryptoError> {
        let mut len = 0;
        let buffer = SecretBytes::filled(self.0.key_size_bytes(), |buffer| {
            match padding.oaep() {
                Some(oaep) => backend::OaepPrivateDecryptingKey::new(self.0.clone())
                    .and_then(|key| key.decrypt(oaep, ciphertext, buffer, None).map(|plain| plain.len())),
                None => backend::Pkcs1PrivateDecryptingKey::new(self.0.clone())
                    .and_then(|key| key.decrypt(ciphertext, buffer).map(|plain| plain.len())),
            }
            .map(|plaintext_len| len = plaintext_len)
            .map_err(|_| CryptoError::NotAuthentic)
        })?;
        Ok(SecretBytes::copied_from(&buffer.expose()[..len]))
    }
}

impl std::fmt::Debug for RsaPrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RsaPrivateKey({} bits, ..)", self.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One 2048-bit key in every form that OpenSSL writes, and another one that is for PSS only.
    const PKCS8: &str = include_str!("testdata/rsa.pkcs8.pem");
    const PKCS1: &str = include_str!("testdata/rsa.pkcs1.pem");
    const SPKI: &str = include_str!("testdata/rsa.spki.pem");
    const PKCS1_PUBLIC: &str = include_str!("testdata/rsa.pkcs1-public.pem");
    const PSS_SPKI: &str = include_str!("testdata/rsa-pss.spki.pem");

    /// Each padding with what it adds to a message.
    const PADDINGS: [(RsaPadding, usize); 5] = [
        (RsaPadding::Pkcs1, 11),
        (RsaPadding::OaepSha1, 2 * 20 + 2),
        (RsaPadding::OaepSha256, 2 * 32 + 2),
        (RsaPadding::OaepSha384, 2 * 48 + 2),
        (RsaPadding::OaepSha512, 2 * 64 + 2),
    ];

    fn der(text: &str) -> Vec<u8> {
        let labels = ["PRIVATE KEY", "RSA PRIVATE KEY", "PUBLIC KEY", "RSA PUBLIC KEY"];
        pem::decode(text, &labels).unwrap().1.expose().to_vec()
    }

    #[test]
    fn every_form_is_the_same_key() {
        let privates = [PKCS8, PKCS1].map(|text| RsaPrivateKey::from_pem(text).unwrap());
        let publics = [SPKI, PKCS1_PUBLIC].map(|text| RsaPublicKey::from_pem(text).unwrap());
        let own = privates.each_ref().map(RsaPrivateKey::public_key);
        for (padding, _) in PADDINGS {
            for public in publics.iter().chain(&own) {
                let ciphertext = public.encrypt(padding, b"a data key").unwrap();
                assert_eq!(ciphertext.len(), 256);
                for private in &privates {
                    assert_eq!(private.decrypt(padding, &ciphertext).unwrap().expose(), b"a data key");
                }
            }
        }
        assert_eq!((publics[0].bits(), privates[0].bits()), (2048, 2048));
        assert_eq!(
            format!("{:?} {:?}", publics[0], privates[0]),
            "RsaPublicKey(2048 bits) RsaPrivateKey(2048 bits, ..)"
        );
    }

    #[test]
    fn a_key_reads_back_from_what_it_writes() {
        let key = RsaPrivateKey::from_pem(PKCS8).unwrap();
        assert_eq!(key.to_pkcs8().unwrap().expose(), der(PKCS8));
        assert_eq!(key.public_key().to_spki().unwrap(), der(SPKI));
        let new = RsaPrivateKey::generate(RsaSize::Rsa2048).unwrap();
        assert_eq!(new.bits(), RsaSize::Rsa2048.bits());
        let read = RsaPrivateKey::from_pkcs8(new.to_pkcs8().unwrap().expose()).unwrap();
        let ciphertext = new.public_key().encrypt(RsaPadding::OaepSha256, b"a data key").unwrap();
        assert_eq!(read.decrypt(RsaPadding::OaepSha256, &ciphertext).unwrap().expose(), b"a data key");
    }

    #[test]
    fn numbers_that_do_not_belong_together_are_no_key() {
        // The last byte is that of the coefficient; the others lie in modulus, exponents and primes.
        let good = der(PKCS8);
        for at in [good.len() - 1, 100, 400, 700, 900, 1000] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(RsaPrivateKey::from_pkcs8(&bad).unwrap_err(), CryptoError::InvalidKey, "{at}");
            assert_eq!(RsaSigningKey::from_pkcs8(&bad).unwrap_err(), CryptoError::InvalidKey, "{at}");
        }
    }

    #[test]
    fn a_message_may_be_as_long_as_the_padding_leaves_room() {
        let private = RsaPrivateKey::from_pem(PKCS8).unwrap();
        let public = private.public_key();
        for (padding, overhead) in PADDINGS {
            for len in [0, 256 - overhead] {
                let message = vec![7; len];
                let ciphertext = public.encrypt(padding, &message).unwrap();
                assert_eq!(private.decrypt(padding, &ciphertext).unwrap().expose(), message, "{padding:?}");
            }
            let refused = public.encrypt(padding, &vec![7; 256 - overhead + 1]);
            assert_eq!(refused, Err(CryptoError::InvalidLength), "{padding:?}");
        }
    }

    #[test]
    fn every_failure_to_decrypt_is_the_same() {
        let private = RsaPrivateKey::from_pem(PKCS8).unwrap();
        let public = private.public_key();
        for (padding, _) in PADDINGS {
            let good = public.encrypt(padding, b"a data key").unwrap();
            let mut bad =
                vec![vec![], good[1..].to_vec(), [&good[..], &[0]].concat(), [&[0], &good[..]].concat()];
            bad.extend([vec![0; 256], vec![0xff; 256]]);
            if padding != RsaPadding::Pkcs1 {
                // PKCS#1 v1.5 would take one such ciphertext in 100,000.
                let mut flipped = good.clone();
                flipped[255] ^= 1;
                bad.push(flipped);
            }
            for bad in bad {
                let refused = private.decrypt(padding, &bad).unwrap_err();
                assert_eq!(refused, CryptoError::NotAuthentic, "{padding:?}");
            }
            let others =
                PADDINGS.into_iter().filter(|(other, _)| ![padding, RsaPadding::Pkcs1].contains(other));
            for (other, _) in others {
                let refused = private.decrypt(other, &good).unwrap_err();
                assert_eq!(refused, CryptoError::NotAuthentic, "{padding:?} as {other:?}");
            }
        }
    }

    #[test]
    fn malformed_keys_are_refused() {
        let (pkcs8, pkcs1, spki) = (der(PKCS8), der(PKCS1), der(SPKI));
        for bad in [&[][..], &pkcs1, &spki, &pkcs8[..pkcs8.len() - 1], &[&pkcs8[..], &[0]].concat()] {
            assert_eq!(RsaPrivateKey::from_pkcs8(bad).unwrap_err(), CryptoError::InvalidKey);
        }
        for bad in
            [&[][..], &pkcs8, &der(PSS_SPKI), &der(PKCS1_PUBLIC), &spki[..290], &[&spki[..], &[0]].concat()]
        {
            assert_eq!(RsaPublicKey::from_spki(bad).unwrap_err(), CryptoError::InvalidKey);
        }
        // Bytes after a PKCS#1 key end up inside the wrapping.
        let long = |label, der: &[u8]| {
            let der = [der, &[0]].concat();
            pem_rfc7468::encode_string(label, pem_rfc7468::LineEnding::LF, &der).unwrap()
        };
        assert!(RsaPrivateKey::from_pem(&long("RSA PRIVATE KEY", &pkcs1)).is_err());
        assert!(RsaPublicKey::from_pem(&long("RSA PUBLIC KEY", &der(PKCS1_PUBLIC))).is_err());
        assert!(RsaPrivateKey::from_pem(SPKI).is_err());
        assert!(RsaPublicKey::from_pem(PKCS8).is_err());
        // A modulus of 1024 bits.
        let small = [&[0x02, 0x81, 0x81, 0x00][..], &[0xff; 128], &[0x02, 0x03, 0x01, 0x00, 0x01]].concat();
        let small = pem_rfc7468::encode_string(
            "RSA PUBLIC KEY",
            pem_rfc7468::LineEnding::LF,
            &der::sequence(&[&small]),
        );
        assert_eq!(RsaPublicKey::from_pem(&small.unwrap()).unwrap_err(), CryptoError::InvalidKey);
    }
}
