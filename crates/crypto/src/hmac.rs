//! HMAC (FIPS 198-1).

use aws_lc_rs::hmac as backend;

use crate::{CryptoError, SecretBytes, digest::Hash};

/// An HMAC key with its hash function.
pub struct HmacKey(backend::Key);

impl HmacKey {
    /// A key of any length; FIPS 198-1 hashes a key that is longer than the block.
    #[must_use]
    pub fn new(hash: Hash, key: &[u8]) -> Self {
        Self(backend::Key::new(algorithm(hash), key))
    }

    /// A key for HMAC-SHA-224, of any length. It is the only construction here that knows SHA-224.
    #[must_use]
    pub fn sha224(key: &[u8]) -> Self {
        Self(backend::Key::new(backend::HMAC_SHA224, key))
    }

    /// The tag of `data`.
    ///
    /// # Panics
    /// If the library has no memory for its context.
    #[must_use]
    #[allow(
        clippy::expect_used,
        reason = "can fail only for want of memory, where an allocation would abort"
    )]
    pub fn sign(&self, data: &[u8]) -> Tag {
        let len = self.0.algorithm().tag_len();
        let tag = SecretBytes::filled(len, |tag| backend::sign_to_buffer(&self.0, data, tag).map(|_| ()));
        Tag(tag.expect("HMAC takes any data, and the buffer is as long as the tag"))
    }

    /// Checks the full-length tag of `data` in constant time.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`].
    pub fn verify(&self, data: &[u8], tag: &[u8]) -> Result<(), CryptoError> {
        backend::verify(&self.0, data, tag).map_err(|_| CryptoError::NotAuthentic)
    }
}

impl std::fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HmacKey(..)")
    }
}

/// An HMAC tag. Compare tags with [`HmacKey::verify`], never with `==` on the bytes.
///
/// Where HMAC derives keys a tag is one, so it is wiped on drop and does not print.
#[derive(Debug)]
pub struct Tag(SecretBytes);

impl AsRef<[u8]> for Tag {
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}

fn algorithm(hash: Hash) -> backend::Algorithm {
    match hash {
        Hash::Sha1 => backend::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => backend::HMAC_SHA256,
        Hash::Sha384 => backend::HMAC_SHA384,
        Hash::Sha512 => backend::HMAC_SHA512,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unhex;

    /// RFC 4231: test cases 1, 2 and 6 (a key longer than the block of SHA-512).
    #[test]
    fn known_answers() {
        let key_2 = b"Jefe".as_slice();
        let data_6 = b"Test Using Larger Than Block-Size Key - Hash Key First".as_slice();
        #[rustfmt::skip]
        let cases: [(Hash, &[u8], &[u8], &str); 9] = [
            (Hash::Sha256, &[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (Hash::Sha384, &[0x0b; 20], b"Hi There", "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6"),
            (Hash::Sha512, &[0x0b; 20], b"Hi There", "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"),
            (Hash::Sha256, key_2, b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (Hash::Sha384, key_2, b"what do ya want for nothing?", "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"),
            (Hash::Sha512, key_2, b"what do ya want for nothing?", "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"),
            (Hash::Sha256, &[0xaa; 131], data_6, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
            (Hash::Sha384, &[0xaa; 131], data_6, "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"),
            (Hash::Sha512, &[0xaa; 131], data_6, "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"),
        ];
        for (hash, key, data, expected) in cases {
            let key = HmacKey::new(hash, key);
            let expected = unhex(expected);
            assert_eq!(key.sign(data).as_ref(), expected, "{hash:?}");
            assert_eq!(key.verify(data, &expected), Ok(()), "{hash:?}");
        }
    }

    /// RFC 4231: test cases 1, 2 and 6.
    #[test]
    fn known_answers_with_sha_224() {
        #[rustfmt::skip]
        let cases: [(&[u8], &[u8], &str); 3] = [
            (&[0x0b; 20], b"Hi There", "896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22"),
            (b"Jefe", b"what do ya want for nothing?", "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"),
            (&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First", "95e9a0db962095adaebe9b2d6f0dbce2d499f112f2d2b7273fa6870e"),
        ];
        for (key, data, expected) in cases {
            let key = HmacKey::sha224(key);
            let expected = unhex(expected);
            assert_eq!(key.sign(data).as_ref(), expected);
            assert_eq!(key.verify(data, &expected), Ok(()));
            assert_eq!(key.verify(data, &expected[..27]), Err(CryptoError::NotAuthentic));
        }
    }

    #[test]
    fn only_the_whole_tag_verifies() {
        let key = HmacKey::new(Hash::Sha256, b"key");
        let tag = key.sign(b"data");
        for len in 0..32 {
            assert_eq!(key.verify(b"data", &tag.as_ref()[..len]), Err(CryptoError::NotAuthentic));
            let mut flipped = tag.as_ref().to_vec();
            flipped[len] ^= 0x80;
            assert_eq!(key.verify(b"data", &flipped), Err(CryptoError::NotAuthentic));
        }
        assert_eq!(key.verify(b"data", &[tag.as_ref(), &[0]].concat()), Err(CryptoError::NotAuthentic));
        assert_eq!(
            HmacKey::new(Hash::Sha256, b"other").verify(b"data", tag.as_ref()),
            Err(CryptoError::NotAuthentic)
        );
        assert_eq!(format!("{tag:?}"), "Tag(SecretBytes(32 bytes))");
    }
}
