//! The commitment policy: which suites a client writes and which it reads.
//!
//! Source: AWS Encryption SDK specification, `framework/commitment-policy.md`, except that the suite written
//! by default under "forbid encrypt" is 0378, as all implementations have it.

use crate::Suite;

/// Whether messages must commit to their data key.
///
/// Without commitment, somebody who chooses two data keys can make one ciphertext that opens to two
/// plaintexts, each authentic under its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum CommitmentPolicy {
    /// Write committing suites only, read committing suites only. The default.
    #[default]
    RequireEncryptRequireDecrypt,
    /// Write committing suites only, read all.
    RequireEncryptAllowDecrypt,
    /// Write suites without commitment only, read all.
    ForbidEncryptAllowDecrypt,
}

impl CommitmentPolicy {
    /// All policies, the strictest first.
    pub const ALL: [Self; 3] = [
        Self::RequireEncryptRequireDecrypt,
        Self::RequireEncryptAllowDecrypt,
        Self::ForbidEncryptAllowDecrypt,
    ];

    /// The name that the official command line uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequireEncryptRequireDecrypt => "require-encrypt-require-decrypt",
            Self::RequireEncryptAllowDecrypt => "require-encrypt-allow-decrypt",
            Self::ForbidEncryptAllowDecrypt => "forbid-encrypt-allow-decrypt",
        }
    }

    /// The suite written when none is asked for: 0578, or 0378 where commitment is forbidden.
    #[must_use]
    pub const fn default_suite(self) -> Suite {
        match self {
            Self::RequireEncryptRequireDecrypt | Self::RequireEncryptAllowDecrypt => {
                Suite::AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
            }
            Self::ForbidEncryptAllowDecrypt => Suite::AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384,
        }
    }

    /// Whether a message may be written with `suite`.
    #[must_use]
    pub const fn allows_encrypt(self, suite: Suite) -> bool {
        match self {
            Self::RequireEncryptRequireDecrypt | Self::RequireEncryptAllowDecrypt => suite.is_committing(),
            Self::ForbidEncryptAllowDecrypt => !suite.is_committing(),
        }
    }

    /// Whether a message that was written with `suite` may be read.
    #[must_use]
    pub const fn allows_decrypt(self, suite: Suite) -> bool {
        match self {
            Self::RequireEncryptRequireDecrypt => suite.is_committing(),
            Self::RequireEncryptAllowDecrypt | Self::ForbidEncryptAllowDecrypt => true,
        }
    }
}

impl std::fmt::Display for CommitmentPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
