//! The algorithm suites of the message format, as one table.
//!
//! Source: AWS Encryption SDK specification, `framework/algorithm-suites.md`. Suites 67xx belong to the
//! Database Encryption SDK and are not suites of this format: [`Suite::from_id`] does not know them.

use keyfold_crypto::{aead::AesGcm, digest::Hash, ecdsa::Ecdsa};

/// An algorithm suite: how the data key becomes a message key, what seals, what commits, what signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Suite {
    id: u16,
    name: &'static str,
    cipher: AesGcm,
    kdf: Kdf,
    signature: Option<Ecdsa>,
}

/// How the message key is derived from the data key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kdf {
    /// The data key is the message key.
    Identity,
    /// HKDF with this hash; info is the suite id and the message id.
    Hkdf(Hash),
    /// HKDF with this hash, salted with the message id; a second output commits to the data key.
    HkdfCommit(Hash),
}

macro_rules! suites {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $cipher:ident, $kdf:expr, $signature:expr;)*) => {
        impl Suite {
            $($(#[$doc])* pub const $name: Self = Self {
                id: $id,
                name: stringify!($name),
                cipher: AesGcm::$cipher,
                kdf: $kdf,
                signature: $signature,
            };)*

            /// All suites, by ascending id.
            pub const ALL: [Self; 11] = [$(Self::$name),*];
        }
    };
}

use Kdf::{Hkdf, HkdfCommit, Identity};

suites! {
    /// 0014: AES-128-GCM under the data key itself.
    AES_128_GCM_IV12_TAG16 = 0x0014, Aes128, Identity, None;
    /// 0046: AES-192-GCM under the data key itself.
    AES_192_GCM_IV12_TAG16 = 0x0046, Aes192, Identity, None;
    /// 0078: AES-256-GCM under the data key itself.
    AES_256_GCM_IV12_TAG16 = 0x0078, Aes256, Identity, None;
    /// 0114: AES-128-GCM, HKDF-SHA-256.
    AES_128_GCM_IV12_TAG16_HKDF_SHA256 = 0x0114, Aes128, Hkdf(Hash::Sha256), None;
    /// 0146: AES-192-GCM, HKDF-SHA-256.
    AES_192_GCM_IV12_TAG16_HKDF_SHA256 = 0x0146, Aes192, Hkdf(Hash::Sha256), None;
    /// 0178: AES-256-GCM, HKDF-SHA-256.
    AES_256_GCM_IV12_TAG16_HKDF_SHA256 = 0x0178, Aes256, Hkdf(Hash::Sha256), None;
    /// 0214: AES-128-GCM, HKDF-SHA-256, ECDSA P-256.
    AES_128_GCM_IV12_TAG16_HKDF_SHA256_ECDSA_P256 =
        0x0214, Aes128, Hkdf(Hash::Sha256), Some(Ecdsa::P256Sha256);
    /// 0346: AES-192-GCM, HKDF-SHA-384, ECDSA P-384.
    AES_192_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384 =
        0x0346, Aes192, Hkdf(Hash::Sha384), Some(Ecdsa::P384Sha384);
    /// 0378: AES-256-GCM, HKDF-SHA-384, ECDSA P-384.
    AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384 =
        0x0378, Aes256, Hkdf(Hash::Sha384), Some(Ecdsa::P384Sha384);
    /// 0478: AES-256-GCM, HKDF-SHA-512, key commitment.
    AES_256_GCM_HKDF_SHA512_COMMIT_KEY = 0x0478, Aes256, HkdfCommit(Hash::Sha512), None;
    /// 0578: AES-256-GCM, HKDF-SHA-512, key commitment, ECDSA P-384. The default.
    AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384 =
        0x0578, Aes256, HkdfCommit(Hash::Sha512), Some(Ecdsa::P384Sha384);
}

impl Suite {
    /// The suite with this id, if the message format has one.
    #[must_use]
    pub fn from_id(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.id == id)
    }

    /// The suite with this name, or with this id in hexadecimal (`0578`).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let by_id = || u16::from_str_radix(name, 16).ok().filter(|_| name.len() == 4).and_then(Self::from_id);
        Self::ALL.into_iter().find(|suite| suite.name.eq_ignore_ascii_case(name)).or_else(by_id)
    }

    /// The two-byte id on the wire.
    #[must_use]
    pub const fn id(self) -> u16 {
        self.id
    }

    /// The name that the official SDKs and their command line print.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Length of the data key in bytes: 16, 24 or 32.
    #[must_use]
    pub const fn data_key_len(self) -> usize {
        self.cipher.key_len()
    }

    /// Whether the message commits to one data key (message format version 2).
    #[must_use]
    pub const fn is_committing(self) -> bool {
        matches!(self.kdf, Kdf::HkdfCommit(_))
    }

    /// Whether the message ends with a signature.
    #[must_use]
    pub const fn is_signing(self) -> bool {
        self.signature.is_some()
    }

    pub(crate) const fn cipher(self) -> AesGcm {
        self.cipher
    }

    pub(crate) const fn kdf(self) -> Kdf {
        self.kdf
    }

    pub(crate) const fn signature(self) -> Option<Ecdsa> {
        self.signature
    }
}

impl std::fmt::Display for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04x} {}", self.id, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_consistent() {
        for suite in Suite::ALL {
            assert_eq!(Suite::from_id(suite.id()), Some(suite));
            assert_eq!(Suite::from_name(suite.name()), Some(suite));
            assert_eq!(Suite::from_name(&format!("{:04x}", suite.id())), Some(suite));
            assert_eq!(suite.is_committing(), suite.id() >= 0x0400);
            assert_eq!(suite.is_signing(), suite.name().contains("ECDSA"));
        }
        assert!((0..=u16::MAX).filter(|id| Suite::from_id(*id).is_some()).count() == 11);
        assert_eq!(Suite::from_id(0x6700), None);
    }
}
