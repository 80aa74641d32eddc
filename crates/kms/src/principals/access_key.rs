//! Access keys: what a principal signs its requests with.
//!
//! The identifier names the key and is no secret; the secret is shown once, when the key is made, and is kept
//! sealed. Signing and verifying are not here. The forms are those of AWS IAM.

use std::fmt;
use std::str::FromStr;

use keyfold_crypto::{CryptoError, SecretBytes, rand};
use keyfold_protocol::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Principal;
use super::names::text_name;

/// Length of a secret, in ASCII characters of the base64 alphabet: 240 bits.
pub const SECRET_LEN: usize = 40;

/// The identifier of an access key: `AKIA`, or `ASIA` if it is a session's, and 16 of `[A-Z2-7]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessKeyId(Box<str>);

text_name!(AccessKeyId, AccessKeyId, |text| text.len() == ID_LEN
    && (text.starts_with(ID_PREFIX) || text.starts_with(SESSION_ID_PREFIX))
    && text.bytes().all(|byte| BASE32.contains(&byte)));

impl AccessKeyId {
    /// Whether it is of a session, so that a session token goes with it.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.0.starts_with(SESSION_ID_PREFIX)
    }

    /// A new one.
    pub(crate) fn random() -> Result<Self, CryptoError> {
        Ok(Self(random_base32::<16>(ID_PREFIX)?.into()))
    }

    /// A new one, of a session.
    pub(crate) fn of_session() -> Result<Self, CryptoError> {
        Ok(Self(random_base32::<16>(SESSION_ID_PREFIX)?.into()))
    }
}

/// Whether requests may be signed with an access key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccessKeyStatus {
    /// They may.
    Active,
    /// They may not, until it is active again.
    Inactive,
}

/// All about an access key but its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessKey {
    /// Its identifier.
    pub id: AccessKeyId,
    /// Whether requests may be signed with it.
    pub status: AccessKeyStatus,
    /// When it was made.
    pub created: Timestamp,
}

/// An access key that was just made: the only time that its secret is shown.
#[derive(Debug)]
#[non_exhaustive]
pub struct NewAccessKey {
    /// Its identifier.
    pub id: AccessKeyId,
    /// Its secret, [`SECRET_LEN`] ASCII characters.
    pub secret: SecretBytes,
}

/// What a verifier of signatures needs of an access key that is active.
#[derive(Debug)]
#[non_exhaustive]
pub struct ActiveKey {
    /// Its secret, [`SECRET_LEN`] ASCII characters.
    pub secret: SecretBytes,
    /// Who has proven to call, if the signature is right.
    pub principal: Principal,
}

/// `prefix` and `N` random digits of base32.
pub(super) fn random_base32<const N: usize>(prefix: &str) -> Result<String, CryptoError> {
    let bytes = rand::array::<N>()?;
    // 32 divides 256, so every character is as likely as any other.
    let digits = bytes.iter().map(|byte| char::from(BASE32[usize::from(byte % 32)]));
    Ok(prefix.chars().chain(digits).collect())
}

/// A new secret.
pub(crate) fn random_secret() -> Result<SecretBytes, CryptoError> {
    SecretBytes::filled(SECRET_LEN, |bytes| {
        rand::fill(bytes)?;
        for byte in bytes {
            *byte = BASE64[usize::from(*byte % 64)];
        }
        Ok(())
    })
}

/// Length of an identifier, in ASCII characters.
pub(super) const ID_LEN: usize = 20;
const ID_PREFIX: &str = "AKIA";
const SESSION_ID_PREFIX: &str = "ASIA";
/// The alphabet of identifiers.
pub(super) const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_and_secrets_have_their_form() {
        for _ in 0..100 {
            let id = AccessKeyId::random().unwrap();
            assert_eq!(id.as_str().parse::<AccessKeyId>(), Ok(id.clone()));
            assert!(!id.is_temporary() && AccessKeyId::of_session().unwrap().is_temporary());
            let secret = random_secret().unwrap();
            assert_eq!(secret.len(), SECRET_LEN);
            assert!(secret.expose().iter().all(|byte| BASE64.contains(byte)));
        }
        assert_ne!(random_secret().unwrap().expose(), random_secret().unwrap().expose());
        for text in ["", "AKIA", "AKIAABCDEFGHIJKLMNO1", "AIDAABCDEFGHIJKLMNOP", "AKIAABCDEFGHIJKLMNOPQ"] {
            assert!(text.parse::<AccessKeyId>().is_err(), "{text}");
        }
        assert!("AKIAABCDEFGHIJKLMNOP".parse::<AccessKeyId>().is_ok());
    }
}
