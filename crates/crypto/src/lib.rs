//! Standard cryptographic constructions under their standard names, and the types that hold secrets.
//!
//! This is the only crate of Keyfold that names a cryptography library; today that is aws-lc-rs (and
//! RustCrypto's `argon2` and `vsss-rs`, for what aws-lc does not have). It is not a place for formats or protocols: nothing
//! here knows what a message, a keyring or a KMS key is. What is true about each construction is defined by
//! the standard that its module names, and checked by the Wycheproof vectors in `testkit`.
//!
//! | module | construction | standard |
//! |---|---|---|
//! | [`aead`] | AES-128/192/256-GCM, 96-bit IV, 128-bit tag | SP 800-38D |
//! | [`digest`] | SHA-256/384/512, and SHA-1 for formats of old | FIPS 180-4 |
//! | [`hmac`] | HMAC | FIPS 198-1 |
//! | [`hkdf`] | HKDF extract and expand | RFC 5869 |
//! | [`kbkdf`] | counter-mode KDF with HMAC | SP 800-108r1 |
//! | [`ecdsa`] | ECDSA over P-256, P-384, P-521 | FIPS 186-5 |
//! | [`ecdh`] | ECDH over P-256, P-384, P-521 | SP 800-56A |
//! | [`rsa`] | RSA-OAEP and PKCS#1 v1.5 encryption | RFC 8017 |
//! | [`key_wrap`] | AES-KW and AES-KWP | SP 800-38F |
//! | [`password`] | Argon2id | RFC 9106 |
//! | [`pem`] | PEM text to DER | RFC 7468 |
//! | [`rand`] | the system's CSPRNG | — |
//! | [`shamir`] | threshold secret sharing over GF(2^8) | Shamir 1979, field of FIPS 197 |
//! | [`secret`] | byte strings that are wiped on drop and never print | — |

pub mod aead;
mod der;
pub mod digest;
pub mod ecdh;
pub mod ecdsa;
mod error;
pub mod hkdf;
pub mod hmac;
pub mod kbkdf;
pub mod key_wrap;
pub mod password;
pub mod pem;
pub mod rand;
pub mod rsa;
pub mod secret;
pub mod shamir;

pub use error::CryptoError;
pub use secret::{Secret, SecretBytes, ct_eq};

/// The bytes that known answers are written down as.
#[cfg(test)]
fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

#[cfg(test)]
mod tests {
    /// Keys are shared by threads and held across awaits.
    #[test]
    fn every_type_is_send_and_sync() {
        fn check<T: Send + Sync>() {}
        check::<super::CryptoError>();
        check::<super::Secret<32>>();
        check::<super::SecretBytes>();
        check::<super::aead::GcmKey>();
        check::<super::digest::Hasher>();
        check::<super::ecdh::PrivateKey>();
        check::<super::ecdh::PublicKey>();
        check::<super::ecdsa::SigningKey>();
        check::<super::ecdsa::VerifyingKey>();
        check::<super::hkdf::Prk>();
        check::<super::hmac::HmacKey>();
        check::<super::hmac::Tag>();
        check::<super::key_wrap::WrappingKey>();
        check::<super::rsa::RsaPrivateKey>();
        check::<super::rsa::RsaPublicKey>();
        check::<super::shamir::Share<32>>();
    }
}
