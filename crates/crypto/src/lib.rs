//! Standard cryptographic constructions under their standard names, and the types that hold secrets.
//!
//! This is the only crate of Keyfold that names a cryptography library; today that is aws-lc-rs (and
//! RustCrypto's `argon2`, which aws-lc does not have). It is not a place for formats or protocols: nothing
//! here knows what a message, a keyring or a KMS key is. What is true about each construction is defined by
//! the standard that its module names, and checked by the Wycheproof vectors in `testkit`.
//!
//! | module | construction | standard |
//! |---|---|---|
//! | [`aead`] | AES-128/192/256-GCM, 96-bit IV, 128-bit tag | SP 800-38D |
//! | [`digest`] | SHA-1 (for OAEP labels of old only), SHA-256/384/512 | FIPS 180-4 |
//! | [`hmac`] | HMAC | FIPS 198-1 |
//! | [`hkdf`] | HKDF extract and expand | RFC 5869 |
//! | [`kbkdf`] | counter-mode KDF with HMAC | SP 800-108r1 |
//! | [`ecdsa`] | ECDSA over P-256, P-384, P-521 | FIPS 186-5 |
//! | [`ecdh`] | ECDH over P-256, P-384, P-521 | SP 800-56A |
//! | [`rsa`] | RSA-OAEP and PKCS#1 v1.5 encryption | RFC 8017 |
//! | [`key_wrap`] | AES-KW and AES-KWP | SP 800-38F |
//! | [`password`] | Argon2id | RFC 9106 |
//! | [`rand`] | the system's CSPRNG | — |
//! | [`secret`] | byte strings that are wiped on drop and never print | — |

pub mod aead;
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

pub use error::CryptoError;
pub use secret::{Secret, SecretBytes, ct_eq};
