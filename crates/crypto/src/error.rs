/// Why a cryptographic operation did not give a result.
///
/// Deliberately coarse: a caller that could tell a bad padding from a bad tag would be an oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// A key was of the wrong length, badly encoded, of another kind, or refused by the standard's checks.
    #[error("the key is malformed or of the wrong kind")]
    InvalidKey,
    /// A tag, signature, padding or integrity check did not hold.
    #[error("not authentic")]
    NotAuthentic,
    /// An input or output length is outside what the construction allows.
    #[error("an input is outside the length that the construction allows")]
    InvalidLength,
    /// The library or the system's source of randomness failed.
    #[error("the cryptography library failed")]
    Backend,
}
