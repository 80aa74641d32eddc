//! Standard cryptographic constructions under their standard names, and the types that hold secrets.
//!
//! This is the only crate of Keyfold that names a cryptography library: aws-lc-rs, and for what that does not
//! offer RustCrypto (`argon2`; `sm2`; `ml-dsa` for μ; `ml-kem` to expand a seed), `vsss-rs` (secret sharing), `ed25519-dalek` (Ed25519ph)
//! and `rustls-webpki` (X.509 paths). It is not a place for formats or protocols: nothing here knows what a message, a
//! keyring or a KMS key is. What is true about each construction is defined by
//! the standard that its module names, and checked by the Wycheproof vectors in `testkit`.
//!
//! | module | construction | standard |
//! |---|---|---|
//! | [`aead`] | AES-128/192/256-GCM, 96-bit IV, 128-bit tag | SP 800-38D |
//! | [`digest`] | SHA-256/384/512, and SHA-1 for formats of old | FIPS 180-4 |
//! | [`hmac`] | HMAC | FIPS 198-1 |
//! | [`hkdf`] | HKDF extract and expand | RFC 5869 |
//! | [`kbkdf`] | counter-mode KDF with HMAC | SP 800-108r1 |
//! | [`ecdsa`] | ECDSA over P-256, P-384, P-521, secp256k1 | FIPS 186-5, SEC 2 |
//! | [`ecdh`] | ECDH over P-256, P-384, P-521 | SP 800-56A |
//! | [`ed25519`] | Ed25519 and Ed25519ph | RFC 8032 |
//! | [`rsa`] | RSA-OAEP and PKCS#1 v1.5 encryption, PSS and PKCS#1 v1.5 signatures, RSA AES key wrap | RFC 8017 |
//! | [`sm2`] | SM2 signatures, encryption and key agreement | GB/T 32918 |
//! | [`ml_dsa`] | ML-DSA-44/65/87, on a message or μ | FIPS 204 |
//! | [`ml_kem`] | ML-KEM-512/768/1024 | FIPS 203 |
//! | [`key_wrap`] | AES-KW and AES-KWP | SP 800-38F |
//! | [`cms`] | EnvelopedData for one RSA key | RFC 5652 |
//! | [`cose`] | COSE_Sign1 with ES384 | RFC 9052 |
//! | [`x509`] | certification paths with ECDSA on P-384, and what their end signed | RFC 5280, RFC 9053 |
//! | [`password`] | Argon2id | RFC 9106 |
//! | [`pem`] | PEM text to DER | RFC 7468 |
//! | [`rand`] | the system's CSPRNG | — |
//! | [`shamir`] | threshold secret sharing over GF(2^8) | Shamir 1979, field of FIPS 197 |
//! | [`secret`] | byte strings that are wiped on drop and never print | — |

pub mod aead;
pub mod cms;
pub mod cose;
mod der;
pub mod digest;
mod ec;
pub mod ecdh;
pub mod ecdsa;
pub mod ed25519;
mod error;
pub mod hkdf;
pub mod hmac;
pub mod kbkdf;
pub mod key_wrap;
pub mod ml_dsa;
pub mod ml_kem;
pub mod password;
pub mod pem;
pub mod rand;
pub mod rsa;
pub mod secret;
pub mod shamir;
pub mod sm2;
pub mod x509;

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
        check::<super::ed25519::SigningKey>();
        check::<super::ed25519::VerifyingKey>();
        check::<super::hkdf::Prk>();
        check::<super::hmac::HmacKey>();
        check::<super::hmac::Tag>();
        check::<super::key_wrap::WrappingKey>();
        check::<super::ml_dsa::SigningKey>();
        check::<super::ml_dsa::VerifyingKey>();
        check::<super::ml_kem::DecapsulationKey>();
        check::<super::ml_kem::EncapsulationKey>();
        check::<super::rsa::RsaPrivateKey>();
        check::<super::rsa::RsaPublicKey>();
        check::<super::shamir::Share<32>>();
        check::<super::rsa::RsaSigningKey>();
        check::<super::rsa::RsaVerifyingKey>();
        check::<super::sm2::PrivateKey>();
        check::<super::sm2::PublicKey>();
        check::<super::x509::CertifiedKey>();
    }
}
