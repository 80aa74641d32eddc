//! Verifying: a request, what it claims, and the proof that it is true.
//!
//! [`UnverifiedRequest`] → [`Claims`] → [`Verified`]. This is the only way to a [`Verified`], for every route.
//! Whether the access key is active, its session not over, and its owner allowed to do this, is for the caller
//! to know.

use std::fmt;

use keyfold_crypto::ct_eq;
use keyfold_crypto::digest::Hash;
use keyfold_crypto::hmac::HmacKey;

use super::authorization::{Authorization, SIGNATURE_LEN};
use super::canonical;
use super::credential::{derive_for_nobody, is_session_token};
use super::error::{AuthError, Refusal};
use super::request::{RequestParts, refuse};
use super::{
    AccessKeyId, AmzDate, CLOCK_SKEW_MAX_MS, Scope, SecretAccessKey, Service, SessionToken, SigningKey,
    header, is_amz,
};
use crate::{Region, Timestamp};

/// A request as it came from the network.
#[derive(Debug, Clone, Copy)]
pub struct UnverifiedRequest<'a>(RequestParts<'a>);

impl<'a> UnverifiedRequest<'a> {
    /// Nothing is checked yet.
    #[must_use]
    pub fn new(parts: RequestParts<'a>) -> Self {
        Self(parts)
    }

    /// Reads who claims to have signed this, and checks every rule that needs no secret: that the request is
    /// within the limits and has one reading, that everything which must be signed is, that it was signed for
    /// `service`, and at most [`CLOCK_SKEW_MAX_MS`] from `now`.
    ///
    /// Beyond AWS's rules: `host`, `content-type` and every `x-amz-*` header there is must be signed; none of
    /// these, nor `authorization`, `content-length` or any query parameter, may be there twice; the body's hash
    /// is always part of what is signed; the time is in `x-amz-date`, not in `date`.
    ///
    /// # Errors
    /// [`AuthError`], which tells the caller nothing that he did not send.
    pub fn claims(&self, service: &Service, now: Timestamp) -> Result<Claims<'a>, AuthError> {
        let parts = &self.0;
        let checked = parts.check()?;
        let header = parts.header(header::AUTHORIZATION).ok_or(Refusal::NoAuthorization)?;
        let authorization = Authorization::parse(header.trimmed())?;
        if authorization.service != *service {
            return Err(Refusal::Service(service.clone()).into());
        }
        let date = signing_date(parts)?;
        if authorization.day != date.day() {
            return Err(Refusal::ScopeDate(date).into());
        }
        check_signed_headers(parts, &authorization.signed_headers)?;
        check_skew(&date, now)?;
        let session_token = session_token(parts)?;
        let scope = Scope::new(&date, authorization.region, authorization.service);
        let string_to_sign = canonical::string_to_sign(
            parts,
            &checked.query,
            &authorization.signed_headers,
            &checked.hex_body_sha256,
            &date,
            &scope,
        )?;
        Ok(Claims {
            access_key_id: authorization.access_key_id,
            scope,
            date,
            signed_headers: authorization.signed_headers,
            session_token,
            string_to_sign,
            signature: authorization.signature,
        })
    }
}

/// What a request claims about its signer. Nothing in it is proven: use it to look up a key, for nothing else.
#[must_use]
pub struct Claims<'a> {
    access_key_id: AccessKeyId,
    scope: Scope,
    date: AmzDate,
    signed_headers: Vec<&'a str>,
    session_token: Option<&'a str>,
    string_to_sign: String,
    signature: [u8; SIGNATURE_LEN],
}

impl Claims<'_> {
    /// The access key that the request claims to be signed with.
    #[must_use]
    pub fn access_key_id(&self) -> &AccessKeyId {
        &self.access_key_id
    }

    /// Day, Region and service; with the access key, what a [`SigningKey`] is cached under.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// When the request was signed.
    #[must_use]
    pub fn signed_at(&self) -> &AmzDate {
        &self.date
    }

    /// The names of the signed headers, sorted.
    #[must_use]
    pub fn signed_headers(&self) -> &[&str] {
        &self.signed_headers
    }

    /// The session token that came with the request: what a service opens that keeps its sessions in their
    /// tokens.
    #[must_use]
    pub fn session_token(&self) -> Option<&str> {
        self.session_token
    }

    /// Derives the key to verify this request with. Without a secret (nobody has the access key) it takes as
    /// long, and there is no key: pass what comes back to [`Claims::verify`].
    #[must_use]
    pub fn derive_key(&self, secret: Option<&SecretAccessKey>) -> Option<SigningKey> {
        let Some(secret) = secret else {
            derive_for_nobody(&self.scope);
            return None;
        };
        Some(SigningKey::derive(self.access_key_id.clone(), secret, self.scope.clone()))
    }

    /// Checks signature and session token against what is expected of this access key; `None` if nobody has it.
    ///
    /// An unknown access key and a wrong signature have the same answer after the same work. The session token
    /// counts only once the signature is right, so it tells nothing to who has no key.
    ///
    /// # Errors
    /// [`AuthError`]: `InvalidSignatureException`, or `UnrecognizedClientException` if only the session token
    /// is wrong, missing, or there where none is expected.
    pub fn verify(&self, expected: Option<Expected<'_>>) -> Result<Verified, AuthError> {
        let (key, token) = match &expected {
            Some(expected) => (expected.key.expose(), expected.session_token),
            None => (NOBODYS_KEY.as_slice(), None),
        };
        let signature_matches =
            HmacKey::new(Hash::Sha256, key).verify(self.string_to_sign.as_bytes(), &self.signature).is_ok();
        // Hashes, so that neither the place of a difference nor the expected length shows in the time.
        let presented = Hash::Sha256.digest(self.session_token.unwrap_or_default().as_bytes());
        let token_matches = ct_eq(presented.as_ref(), token.map_or(&NOBODYS_KEY, SessionToken::sha256));

        let Some(expected) = expected else { return Err(Refusal::UnknownAccessKey.into()) };
        if !signature_matches {
            return Err(Refusal::SignatureMismatch.into());
        }
        if *expected.key.access_key_id() != self.access_key_id || *expected.key.scope() != self.scope {
            return Err(Refusal::KeyOfAnother.into());
        }
        match (self.session_token, expected.session_token) {
            (None, None) => {}
            (Some(_), Some(_)) if token_matches => {}
            (Some(_), Some(_)) => return Err(Refusal::SessionTokenMismatch.into()),
            (None, Some(_)) => return Err(Refusal::NoSessionToken.into()),
            (Some(_), None) => return Err(Refusal::UnexpectedSessionToken.into()),
        }
        Ok(Verified {
            access_key_id: self.access_key_id.clone(),
            scope: self.scope.clone(),
            signed_at: self.date.timestamp(),
        })
    }
}

/// The session token is secret, and the signature good for some minutes.
impl fmt::Debug for Claims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Claims({}/{} at {})", self.access_key_id, self.scope, self.date)
    }
}

/// What the owner of an access key signs with.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The access key's signing key for the claimed scope.
    pub key: &'a SigningKey,
    /// The session token that goes with the access key, or that it goes without.
    pub session_token: Option<&'a SessionToken>,
}

/// Proof that a request was signed with an access key; [`Claims::verify`] alone makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    access_key_id: AccessKeyId,
    scope: Scope,
    signed_at: Timestamp,
}

impl Verified {
    /// The access key that signed.
    #[must_use]
    pub fn access_key_id(&self) -> &AccessKeyId {
        &self.access_key_id
    }

    /// The Region that the request was signed for.
    #[must_use]
    pub fn region(&self) -> &Region {
        self.scope.region()
    }

    /// The service that the request was signed for.
    #[must_use]
    pub fn service(&self) -> &Service {
        self.scope.service()
    }

    /// When the request was signed, to the second.
    #[must_use]
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }
}

fn signing_date(parts: &RequestParts<'_>) -> Result<AmzDate, Refusal> {
    let value = parts.header(header::DATE).ok_or(Refusal::NoDate)?.trimmed();
    std::str::from_utf8(value).ok().and_then(AmzDate::parse).ok_or(Refusal::Date)
}

/// Everything that must be signed is. That what is signed is there, the canonical form finds out.
fn check_signed_headers(parts: &RequestParts<'_>, signed_headers: &[&str]) -> Result<(), Refusal> {
    for header in parts.headers {
        let must_be_signed =
            is_amz(header.name.as_bytes()) || header.is(header::HOST) || header.is(header::CONTENT_TYPE);
        if must_be_signed && !signed_headers.iter().any(|name| header.is(name)) {
            return Err(refuse(header.name, Refusal::UnsignedHeader));
        }
    }
    Ok(())
}

fn check_skew(signed_at: &AmzDate, now: Timestamp) -> Result<(), Refusal> {
    let (signed_ms, now_ms) = (signed_at.timestamp().epoch_ms(), now.epoch_ms());
    if signed_ms.abs_diff(now_ms) <= CLOCK_SKEW_MAX_MS {
        return Ok(());
    }
    let (signed_at, now) = (signed_at.clone(), AmzDate::at(now));
    Err(if signed_ms < now_ms {
        Refusal::Expired { signed_at, now }
    } else {
        Refusal::NotYetCurrent { signed_at, now }
    })
}

fn session_token<'a>(parts: &RequestParts<'a>) -> Result<Option<&'a str>, Refusal> {
    let Some(header) = parts.header(header::SECURITY_TOKEN) else { return Ok(None) };
    let value = header.trimmed();
    std::str::from_utf8(value)
        .ok()
        .filter(|text| is_session_token(text.as_bytes()))
        .map(Some)
        .ok_or_else(|| refuse(header::SECURITY_TOKEN, Refusal::HeaderValue))
}

/// Stands in for a key that nobody has and for a hash that nothing has; what is compared with it never counts.
const NOBODYS_KEY: [u8; SIGNATURE_LEN] = [0; SIGNATURE_LEN];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigv4::{AuthErrorKind, Body, Header, sign};

    /// The stand-in key is public: what it signs is still nobody's.
    #[test]
    fn the_key_of_nobody_opens_nothing() {
        let now = AmzDate::parse("20150830T123600Z").unwrap().timestamp();
        let secret = SecretAccessKey::copied_from(b"secret").unwrap();
        let scope = Scope::new(&AmzDate::at(now), "local".parse().unwrap(), Service::KMS);
        let key = SigningKey::derive("AKID".parse().unwrap(), &secret, scope);
        let host = [Header::new("host", b"h")];
        fn parts<'a>(headers: &'a [Header<'a>]) -> RequestParts<'a> {
            RequestParts { method: "POST", path: "/", query: "", headers, body: Body::Bytes(b"{}") }
        }
        let signature = sign(&parts(&host), &key, None, now).unwrap();
        let added = signature.headers().map(|(name, value)| Header::new(name, value.as_bytes()));
        let headers: Vec<Header<'_>> = host.into_iter().chain(added).collect();

        let mut claims = UnverifiedRequest::new(parts(&headers)).claims(&Service::KMS, now).unwrap();
        assert!(claims.verify(Some(Expected { key: &key, session_token: None })).is_ok());
        assert_eq!(claims.verify(None).unwrap_err().detail(), &Refusal::UnknownAccessKey);
        assert!(claims.derive_key(None).is_none());

        let tag = HmacKey::new(Hash::Sha256, &NOBODYS_KEY).sign(claims.string_to_sign.as_bytes());
        claims.signature.copy_from_slice(tag.as_ref());
        let (unknown, mismatch) = (
            claims.verify(None).unwrap_err(),
            claims.verify(Some(Expected { key: &key, session_token: None })).unwrap_err(),
        );
        assert_eq!(unknown.detail(), &Refusal::UnknownAccessKey);
        assert_eq!(mismatch.detail(), &Refusal::SignatureMismatch);
        assert_eq!(unknown.kind(), AuthErrorKind::InvalidSignature);
        assert_eq!(unknown.to_string(), mismatch.to_string());
    }
}
