//! AES key wrap (SP 800-38F): AES-KW (RFC 3394) and AES-KWP, the form with padding (RFC 5649).

use aws_lc_rs::key_wrap::{AES_128, AES_256, AesBlockCipher, AesKek, KeyWrap, KeyWrapPadded};

use crate::{CryptoError, SecretBytes};

/// A key-encryption key of 128 or 256 bits (the backend has no 192).
pub struct WrappingKey {
    cipher: &'static AesBlockCipher,
    key: SecretBytes,
}

impl WrappingKey {
    /// A key of 16 or 32 bytes.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] for any other length.
    pub fn new(key: &[u8]) -> Result<Self, CryptoError> {
        let cipher = match key.len() {
            16 => &AES_128,
            32 => &AES_256,
            _ => return Err(CryptoError::InvalidKey),
        };
        Ok(Self { cipher, key: SecretBytes::copied_from(key) })
    }

    /// AES-KW: `plaintext` is at least 16 bytes and a multiple of 8; the result is 8 bytes longer.
    ///
    /// # Errors
    /// [`CryptoError::InvalidLength`].
    pub fn wrap(&self, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut out = vec![0; plaintext.len() + 8];
        self.kek()?.wrap(plaintext, &mut out).map_err(|_| CryptoError::InvalidLength)?;
        Ok(out)
    }

    /// Undoes [`wrap`](Self::wrap).
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`].
    pub fn unwrap(&self, ciphertext: &[u8]) -> Result<SecretBytes, CryptoError> {
        let len = ciphertext.len().checked_sub(8).ok_or(CryptoError::NotAuthentic)?;
        SecretBytes::filled(len, |out| {
            self.kek()?.unwrap(ciphertext, out).map(|_| ()).map_err(|_| CryptoError::NotAuthentic)
        })
    }

    /// AES-KWP: `plaintext` of any length from 1; the result is 8 to 15 bytes longer.
    ///
    /// # Errors
    /// [`CryptoError::InvalidLength`].
    pub fn wrap_padded(&self, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut out = vec![0; plaintext.len() + 15];
        let len = self
            .kek()?
            .wrap_with_padding(plaintext, &mut out)
            .map_err(|_| CryptoError::InvalidLength)?
            .len();
        out.truncate(len);
        Ok(out)
    }

    /// Undoes [`wrap_padded`](Self::wrap_padded).
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`].
    pub fn unwrap_padded(&self, ciphertext: &[u8]) -> Result<SecretBytes, CryptoError> {
        let mut len = 0;
        let buffer = SecretBytes::filled(ciphertext.len(), |out| {
            let plaintext = self.kek()?.unwrap_with_padding(ciphertext, out);
            len = plaintext.map_err(|_| CryptoError::NotAuthentic)?.len();
            Ok(())
        })?;
        Ok(SecretBytes::copied_from(&buffer.expose()[..len]))
    }

    fn kek(&self) -> Result<AesKek, CryptoError> {
        AesKek::new(self.cipher, self.key.expose()).map_err(|_| CryptoError::InvalidKey)
    }
}

impl std::fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WrappingKey(..)")
    }
}
