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
        let len =
            self.kek()?.wrap_with_padding(plaintext, &mut out).map_err(|_| CryptoError::InvalidLength)?.len();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unhex;

    const KEK: [u8; 32] = {
        let mut kek = [0; 32];
        let mut byte = 0;
        while byte < 32 {
            kek[byte as usize] = byte;
            byte += 1;
        }
        kek
    };

    /// RFC 3394, sections 4.1, 4.3 and 4.6.
    #[test]
    fn known_answers() {
        let data = unhex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f");
        for (kek_len, data_len, expected) in [
            (16, 16, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"),
            (32, 16, "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"),
            (32, 32, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"),
        ] {
            let key = WrappingKey::new(&KEK[..kek_len]).unwrap();
            assert_eq!(key.wrap(&data[..data_len]), Ok(unhex(expected)));
            assert_eq!(key.unwrap(&unhex(expected)).unwrap().expose(), &data[..data_len]);
        }
    }

    /// The messages of RFC 5649, section 6, whose own key is of 192 bits: the answers for these keys are OpenSSL's.
    #[test]
    fn known_answers_with_padding() {
        let long = unhex("c37b7e6492584340bed12207808941155068f738");
        let short = unhex("466f7250617369");
        for (kek_len, data, expected) in [
            (16, &long, "e1f7176ecbd75d42e82b24f989a2816c209c6ef2d1aa94d2a3e60284900d03a2"),
            (16, &short, "be80535e12e9394c8f8df26bd9528a35"),
            (32, &long, "29b7fa191c2165684374eee9f74595e2a42bace75c425b3053efa26ffe1bb32f"),
            (32, &short, "443b17837bb39348610d19202df8a1f9"),
        ] {
            let key = WrappingKey::new(&KEK[..kek_len]).unwrap();
            assert_eq!(key.wrap_padded(data), Ok(unhex(expected)));
            assert_eq!(key.unwrap_padded(&unhex(expected)).unwrap().expose(), data);
        }
    }

    #[test]
    fn every_length_wraps_or_is_refused() {
        let key = WrappingKey::new(&KEK).unwrap();
        for len in 0..=80 {
            let data = vec![7; len];
            match key.wrap(&data) {
                Ok(wrapped) => {
                    assert!(len >= 16 && len % 8 == 0, "{len}");
                    assert_eq!(wrapped.len(), len + 8);
                    assert_eq!(key.unwrap(&wrapped).unwrap().expose(), data);
                }
                Err(error) => {
                    assert_eq!(error, CryptoError::InvalidLength);
                    assert!(len < 16 || len % 8 != 0, "{len}");
                }
            }
            match key.wrap_padded(&data) {
                Ok(wrapped) => {
                    assert_eq!(wrapped.len(), len.next_multiple_of(8) + 8);
                    assert_eq!(key.unwrap_padded(&wrapped).unwrap().expose(), data);
                }
                Err(error) => assert_eq!((error, len), (CryptoError::InvalidLength, 0)),
            }
        }
    }

    #[test]
    fn what_was_not_wrapped_so_does_not_unwrap() {
        let key = WrappingKey::new(&KEK).unwrap();
        let refused = Some(CryptoError::NotAuthentic);
        let (plain, padded) = (key.wrap(&[7; 32]).unwrap(), key.wrap_padded(&[7; 32]).unwrap());
        assert_eq!(key.unwrap(&padded).err(), refused);
        assert_eq!(key.unwrap_padded(&plain).err(), refused);
        for at in 0..plain.len() {
            let (mut plain, mut padded) = (plain.clone(), padded.clone());
            assert_eq!(key.unwrap(&plain[..at]).err(), refused, "{at}");
            assert_eq!(key.unwrap_padded(&padded[..at]).err(), refused, "{at}");
            plain[at] ^= 1;
            padded[at] ^= 1;
            assert_eq!(key.unwrap(&plain).err(), refused, "{at}");
            assert_eq!(key.unwrap_padded(&padded).err(), refused, "{at}");
        }
        for len in [0, 8, 15, 17, 24, 31, 33] {
            assert_eq!(WrappingKey::new(&vec![0; len]).err(), Some(CryptoError::InvalidKey), "{len}");
        }
    }
}
