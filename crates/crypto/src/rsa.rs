//! RSA encryption (RFC 8017): OAEP, and PKCS#1 v1.5 for what was written long ago.
//!
//! OAEP's mask generation function always uses the same hash as its label, and the label is empty: other
//! combinations can't be said. PKCS#1 v1.5 decryption tells its caller whether the padding was right, which
//! is an oracle if that reaches whoever sent the ciphertext (Bleichenbacher): never offer it over a network.

use aws_lc_rs::rsa as backend;

use crate::{CryptoError, SecretBytes, pem};

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
    /// [`CryptoError::InvalidKey`].
    pub fn from_spki(der: &[u8]) -> Result<Self, CryptoError> {
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
                Self::from_spki(&der::sequence(&[RSA_ENCRYPTION, &der::wrap(0x03, &bit_string)]))
            }
        }
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
        match padding.oaep() {
            Some(oaep) => backend::OaepPublicEncryptingKey::new(self.0.clone())
                .and_then(|key| key.encrypt(oaep, plaintext, &mut ciphertext, None).map(|sealed| sealed.len())),
            None => backend::Pkcs1PublicEncryptingKey::new(self.0.clone())
                .and_then(|key| key.encrypt(plaintext, &mut ciphertext).map(|sealed| sealed.len())),
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
    /// A key from PKCS#8 DER.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, CryptoError> {
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
                let info = SecretBytes::from_vec(der::sequence(&[&version, RSA_ENCRYPTION, key.expose()]));
                Self::from_pkcs8(info.expose())
            }
        }
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

/// AlgorithmIdentifier of rsaEncryption (RFC 3279): the object identifier 1.2.840.113549.1.1.1 and NULL.
const RSA_ENCRYPTION: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// The little DER writing that turns PKCS#1 keys into the PKCS#8 and SubjectPublicKeyInfo that the backend reads.
mod der {
    pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
        let content = zeroize::Zeroizing::new(parts.concat());
        wrap(0x30, &content)
    }

    /// One tag-length-value. `content` is at most 64 KiB here, since PEM text is.
    pub(super) fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
        let len = content.len().to_be_bytes();
        let significant = &len[len.iter().take_while(|byte| **byte == 0).count()..];
        let mut out = Vec::with_capacity(content.len() + 2 + significant.len());
        out.push(tag);
        match significant {
            [] => out.push(0),
            [short @ 0..=0x7f] => out.push(*short),
            long => {
                out.push(0x80 | u8::try_from(long.len()).unwrap_or(u8::MAX));
                out.extend_from_slice(long);
            }
        }
        out.extend_from_slice(content);
        out
    }
}
