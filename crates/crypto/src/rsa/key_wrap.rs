//! RSA AES key wrap, for keys that are too long for one RSA block: PKCS#11 v3.1, section 6.1.21
//! (CKM_RSA_AES_KEY_WRAP).
//!
//! ```text
//! RSA-OAEP(AES-256 key)      as long as the modulus
//! AES-KWP(wrapped key)       the rest
//! ```

use super::{RsaPadding, RsaPrivateKey, RsaPublicKey};
use crate::{CryptoError, Secret, SecretBytes, key_wrap::WrappingKey};

impl RsaPublicKey {
    /// Wraps `key`, of any length from 1, under a fresh AES-256 key, and that one under this key.
    ///
    /// # Errors
    /// [`CryptoError::InvalidLength`] if `key` is empty.
    pub fn wrap_key(&self, padding: RsaPadding, key: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let aes = Secret::<AES_KEY_LEN>::random()?;
        let wrapped = WrappingKey::new(aes.expose())?.wrap_padded(key)?;
        Ok([self.encrypt(padding, aes.expose())?, wrapped].concat())
    }
}

impl RsaPrivateKey {
    /// Undoes [`RsaPublicKey::wrap_key`]. The AES key in between must be of 256 bits.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`], whatever the reason.
    pub fn unwrap_key(&self, padding: RsaPadding, wrapped: &[u8]) -> Result<SecretBytes, CryptoError> {
        let (aes, wrapped) =
            wrapped.split_at_checked(self.bits().div_ceil(8)).ok_or(CryptoError::NotAuthentic)?;
        let aes = self.decrypt(padding, aes)?;
        if aes.len() != AES_KEY_LEN {
            return Err(CryptoError::NotAuthentic);
        }
        WrappingKey::new(aes.expose())?.unwrap_padded(wrapped)
    }
}

const AES_KEY_LEN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pem;

    const PADDINGS: [RsaPadding; 2] = [RsaPadding::OaepSha1, RsaPadding::OaepSha256];

    fn key() -> RsaPrivateKey {
        RsaPrivateKey::from_pem(include_str!("../testdata/rsa.pkcs8.pem")).unwrap()
    }

    #[test]
    fn a_private_key_wraps_and_unwraps() {
        let key = key();
        let (_, pkcs8) = pem::decode(include_str!("../testdata/rsa.pkcs8.pem"), &["PRIVATE KEY"]).unwrap();
        for padding in PADDINGS {
            for secret in [&[7][..], &[7; 32], pkcs8.expose()] {
                let wrapped = key.public_key().wrap_key(padding, secret).unwrap();
                assert_eq!(wrapped.len(), 256 + secret.len().next_multiple_of(8) + 8);
                assert_eq!(key.unwrap_key(padding, &wrapped).unwrap().expose(), secret);
            }
            assert_eq!(key.public_key().wrap_key(padding, &[]), Err(CryptoError::InvalidLength));
        }
    }

    #[test]
    fn every_failure_to_unwrap_is_the_same() {
        let key = key();
        let public = key.public_key();
        for padding in PADDINGS {
            let good = public.wrap_key(padding, &[7; 32]).unwrap();
            let mut bad: Vec<Vec<u8>> =
                [0, 1, 255, 256, 264, 272, good.len() - 1].map(|len| good[..len].to_vec()).to_vec();
            for at in [0, 255, 256, good.len() - 1] {
                let mut flipped = good.clone();
                flipped[at] ^= 1;
                bad.push(flipped);
            }
            // AES keys of other lengths, one of them good for AES-KWP.
            for len in [0, 16, 31, 33] {
                let wrapped = WrappingKey::new(&[1; 16]).unwrap().wrap_padded(&[7; 32]).unwrap();
                bad.push([public.encrypt(padding, &vec![1; len]).unwrap(), wrapped].concat());
            }
            for bad in bad {
                let refused = key.unwrap_key(padding, &bad).unwrap_err();
                assert_eq!(refused, CryptoError::NotAuthentic, "{padding:?}");
            }
        }
    }
}
