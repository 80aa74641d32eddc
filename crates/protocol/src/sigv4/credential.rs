//! Who signs: access key id, secret, session token, and the key derived from them for one scope.
//!
//! Nothing here decides whether a credential is anyone's; that is the store of the service.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use keyfold_crypto::SecretBytes;
use keyfold_crypto::digest::{Digest, Hash};
use keyfold_crypto::hmac::{HmacKey, Tag};
use zeroize::Zeroizing;

use super::{
    ACCESS_KEY_ID_LEN_MAX, AmzDate, SECRET_ACCESS_KEY_LEN_MAX, SERVICE_LEN_MAX, SESSION_TOKEN_LEN_MAX,
    TERMINATOR,
};
use crate::Region;

/// Text or bytes that are no part of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCredential {
    /// Not 1 to [`ACCESS_KEY_ID_LEN_MAX`] letters, digits and `_`.
    #[error("not an access key id")]
    AccessKeyId,
    /// Empty, or longer than [`SECRET_ACCESS_KEY_LEN_MAX`] bytes.
    #[error("not a secret access key")]
    SecretAccessKey,
    /// Not 1 to [`SESSION_TOKEN_LEN_MAX`] visible ASCII characters.
    #[error("not a session token")]
    SessionToken,
    /// Not 1 to [`SERVICE_LEN_MAX`] lower-case letters, digits and `-`.
    #[error("not the name of a service")]
    Service,
}

/// The public name of an access key, such as `AKIAIOSFODNN7EXAMPLE`: letters, digits and `_`, 1 to
/// [`ACCESS_KEY_ID_LEN_MAX`] bytes. Not secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessKeyId(Box<str>);

impl AccessKeyId {
    /// The text of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccessKeyId {
    type Err = InvalidCredential;

    fn from_str(text: &str) -> Result<Self, InvalidCredential> {
        let is_valid = (1..=ACCESS_KEY_ID_LEN_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_valid { Ok(Self(text.into())) } else { Err(InvalidCredential::AccessKeyId) }
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a service in a credential scope: lower-case letters, digits and `-`, 1 to [`SERVICE_LEN_MAX`]
/// bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Service(Cow<'static, str>);

impl Service {
    /// The key service.
    pub const KMS: Self = Self(Cow::Borrowed("kms"));
    /// The token service, which knows who the caller is.
    pub const STS: Self = Self(Cow::Borrowed("sts"));

    /// The text of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Service {
    type Err = InvalidCredential;

    fn from_str(text: &str) -> Result<Self, InvalidCredential> {
        let is_valid = (1..=SERVICE_LEN_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if is_valid { Ok(Self(Cow::Owned(text.to_owned()))) } else { Err(InvalidCredential::Service) }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a signature is good for: a day, a Region, a service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// `YYYYMMDD`.
    day: Box<str>,
    region: Region,
    service: Service,
}

impl Scope {
    /// The scope of the day of `date`.
    #[must_use]
    pub fn new(date: &AmzDate, region: Region, service: Service) -> Self {
        Self { day: date.day().into(), region, service }
    }

    /// The day, as `YYYYMMDD`.
    #[must_use]
    pub fn day(&self) -> &str {
        &self.day
    }

    /// The Region.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{TERMINATOR}", self.day, self.region, self.service)
    }
}

/// The secret half of an access key, wiped on drop.
pub struct SecretAccessKey {
    /// `AWS4` and the secret, as the derivation takes it.
    prefixed: SecretBytes,
}

impl SecretAccessKey {
    /// A copy of `secret`; wiping the original is the caller's business.
    ///
    /// # Errors
    /// [`InvalidCredential::SecretAccessKey`] if it is empty or longer than [`SECRET_ACCESS_KEY_LEN_MAX`].
    pub fn copied_from(secret: &[u8]) -> Result<Self, InvalidCredential> {
        if !(1..=SECRET_ACCESS_KEY_LEN_MAX).contains(&secret.len()) {
            return Err(InvalidCredential::SecretAccessKey);
        }
        Ok(Self { prefixed: prefixed(secret) })
    }
}

impl fmt::Debug for SecretAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretAccessKey(..)")
    }
}

/// The token that goes with the access key of a session, wiped on drop and compared in constant time.
pub struct SessionToken {
    text: Zeroizing<String>,
    sha256: Digest,
}

impl SessionToken {
    /// A copy of `text`.
    ///
    /// # Errors
    /// [`InvalidCredential::SessionToken`] unless it is 1 to [`SESSION_TOKEN_LEN_MAX`] visible ASCII characters.
    pub fn copied_from(text: &str) -> Result<Self, InvalidCredential> {
        if !is_session_token(text.as_bytes()) {
            return Err(InvalidCredential::SessionToken);
        }
        Ok(Self { text: Zeroizing::new(text.to_owned()), sha256: Hash::Sha256.digest(text.as_bytes()) })
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    pub(super) fn sha256(&self) -> &[u8] {
        self.sha256.as_ref()
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

/// Whether this can be a session token: 1 to [`SESSION_TOKEN_LEN_MAX`] visible ASCII characters.
pub(super) fn is_session_token(text: &[u8]) -> bool {
    (1..=SESSION_TOKEN_LEN_MAX).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic)
}

/// The key of one access key for one [`Scope`]: good for a day, so worth keeping that long. It signs requests
/// and verifies them.
pub struct SigningKey {
    access_key_id: AccessKeyId,
    scope: Scope,
    key: Tag,
}

impl SigningKey {
    /// Derives the key: four HMACs.
    #[must_use]
    pub fn derive(access_key_id: AccessKeyId, secret: &SecretAccessKey, scope: Scope) -> Self {
        let key = derive(&secret.prefixed, &scope);
        Self { access_key_id, scope, key }
    }

    /// The access key.
    #[must_use]
    pub fn access_key_id(&self) -> &AccessKeyId {
        &self.access_key_id
    }

    /// What it is good for.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The 32 bytes of the key.
    pub(super) fn expose(&self) -> &[u8] {
        self.key.as_ref()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}/{})", self.access_key_id, self.scope)
    }
}

/// The same work as deriving a key, for no one.
pub(super) fn derive_for_nobody(scope: &Scope) {
    std::hint::black_box(derive(&prefixed(&[b'*'; NOBODYS_SECRET_LEN]), scope));
}

fn derive(prefixed_secret: &SecretBytes, scope: &Scope) -> Tag {
    let start = HmacKey::new(Hash::Sha256, prefixed_secret.expose()).sign(scope.day.as_bytes());
    [scope.region.as_str(), scope.service.as_str(), TERMINATOR]
        .iter()
        .fold(start, |key, part| HmacKey::new(Hash::Sha256, key.as_ref()).sign(part.as_bytes()))
}

fn prefixed(secret: &[u8]) -> SecretBytes {
    let len = SECRET_PREFIX.len() + secret.len();
    let Ok(prefixed) = SecretBytes::filled(len, |bytes| {
        let (prefix, rest) = bytes.split_at_mut(SECRET_PREFIX.len());
        prefix.copy_from_slice(SECRET_PREFIX);
        rest.copy_from_slice(secret);
        Ok::<(), std::convert::Infallible>(())
    });
    prefixed
}

const SECRET_PREFIX: &[u8] = b"AWS4";
/// As long as the secrets of AWS.
const NOBODYS_SECRET_LEN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str, region: &str, service: &str) -> Scope {
        Scope::new(&AmzDate::parse(text).unwrap(), region.parse().unwrap(), service.parse().unwrap())
    }

    /// The example of the AWS guide, "Examples of how to derive a signing key".
    #[test]
    fn the_key_of_the_guide() {
        let secret = SecretAccessKey::copied_from(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY").unwrap();
        let id: AccessKeyId = "AKIDEXAMPLE".parse().unwrap();
        let scope = scope("20150830T123600Z", "us-east-1", "iam");
        assert_eq!(scope.to_string(), "20150830/us-east-1/iam/aws4_request");
        let key = SigningKey::derive(id, &secret, scope);
        assert_eq!(
            hex::encode(key.expose()),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
        );
    }

    #[test]
    fn secrets_do_not_print() {
        let secret = SecretAccessKey::copied_from(b"hunter2hunter2").unwrap();
        let token = SessionToken::copied_from("hunter2hunter2").unwrap();
        let key = SigningKey::derive("AKID".parse().unwrap(), &secret, scope("20150830T123600Z", "r", "s"));
        let printed = format!("{secret:?} {token:?} {key:?}");
        assert_eq!(
            printed,
            "SecretAccessKey(..) SessionToken(..) SigningKey(AKID/20150830/r/s/aws4_request)"
        );
    }

    #[test]
    fn limits() {
        let text = |len: usize| "x".repeat(len);
        assert!(text(ACCESS_KEY_ID_LEN_MAX).parse::<AccessKeyId>().is_ok());
        for wrong in ["", "AKI/D", "AKI D", "AKIÐ", text(ACCESS_KEY_ID_LEN_MAX + 1).as_str()] {
            assert_eq!(wrong.parse::<AccessKeyId>(), Err(InvalidCredential::AccessKeyId), "{wrong}");
        }
        assert!(text(SERVICE_LEN_MAX).parse::<Service>().is_ok());
        for wrong in ["", "KMS", "k/s", text(SERVICE_LEN_MAX + 1).as_str()] {
            assert_eq!(wrong.parse::<Service>(), Err(InvalidCredential::Service), "{wrong}");
        }
        assert!(SecretAccessKey::copied_from(text(SECRET_ACCESS_KEY_LEN_MAX).as_bytes()).is_ok());
        for wrong in [String::new(), text(SECRET_ACCESS_KEY_LEN_MAX + 1)] {
            assert!(SecretAccessKey::copied_from(wrong.as_bytes()).is_err());
        }
        assert!(SessionToken::copied_from(&text(SESSION_TOKEN_LEN_MAX)).is_ok());
        for wrong in ["", "a b", "a\n", "é", text(SESSION_TOKEN_LEN_MAX + 1).as_str()] {
            assert!(SessionToken::copied_from(wrong).is_err(), "{wrong}");
        }
    }
}
