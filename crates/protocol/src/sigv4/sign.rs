//! Signing: the headers that make a request authentic.
//!
//! Signs what it is given and sends nothing; the credentials chain and the clock are the client's.

use std::fmt;

use keyfold_crypto::digest::Hash;
use keyfold_crypto::hmac::HmacKey;

use super::canonical;
use super::error::Refusal;
use super::request::{Header, RequestParts};
use super::{ALGORITHM, AmzDate, SessionToken, SigningKey, header};
use crate::Timestamp;

/// Signs a request at `now`: every header that it has, but for those that change on the way (`user-agent`,
/// `connection`, …), and the two that come with the signature.
///
/// The request needs a `host` header and must not have `x-amz-date`, `x-amz-security-token` or `authorization`;
/// add what [`Signature::headers`] gives, and send it.
///
/// # Errors
/// [`SignError::KeyOfAnotherDay`] if `key` is not for the day of `now`: derive another one.
/// [`SignError::Request`] if a verifier would not even look at the request.
pub fn sign<'a>(
    request: &RequestParts<'_>,
    key: &SigningKey,
    session_token: Option<&'a SessionToken>,
    now: Timestamp,
) -> Result<Signature<'a>, SignError> {
    let date = AmzDate::at(now);
    if key.scope().day() != date.day() {
        return Err(SignError::KeyOfAnotherDay);
    }
    let mut headers = request.headers.to_vec();
    headers.push(Header::new(header::DATE, date.as_str().as_bytes()));
    if let Some(token) = session_token {
        headers.push(Header::new(header::SECURITY_TOKEN, token.expose().as_bytes()));
    }
    // In its place for the check, which counts headers and refuses those that were there already.
    headers.push(Header::new(header::AUTHORIZATION, b""));
    let request = RequestParts { headers: &headers, ..*request };
    let checked = request.check()?;

    let mut names: Vec<String> = headers.iter().map(|header| header.name.to_ascii_lowercase()).collect();
    names.retain(|name| name != header::AUTHORIZATION && !CHANGED_ON_THE_WAY.contains(&name.as_str()));
    names.sort();
    names.dedup();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if names.len() > super::SIGNED_HEADERS_MAX {
        return Err(Refusal::SignedHeaders.into());
    }
    let string_to_sign = canonical::string_to_sign(
        &request,
        &checked.query,
        &names,
        &checked.hex_body_sha256,
        &date,
        key.scope(),
    )?;
    let tag = HmacKey::new(Hash::Sha256, key.expose()).sign(string_to_sign.as_bytes());
    let authorization = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={}",
        key.access_key_id(),
        key.scope(),
        names.join(";"),
        hex::encode(tag.as_ref())
    );
    Ok(Signature { date, session_token, authorization })
}

/// The headers to add to a request that was signed.
pub struct Signature<'a> {
    date: AmzDate,
    session_token: Option<&'a SessionToken>,
    authorization: String,
}

impl Signature<'_> {
    /// Names in lower case, and values: `x-amz-date`, `x-amz-security-token` if there is one, `authorization`.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [(header::DATE, self.date.as_str())]
            .into_iter()
            .chain(self.session_token.map(|token| (header::SECURITY_TOKEN, token.expose())))
            .chain([(header::AUTHORIZATION, self.authorization.as_str())])
    }
}

/// A signature is good for some minutes, and a session token for longer.
impl fmt::Debug for Signature<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", self.date)
    }
}

/// Why a request was not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The signing key is for another day.
    #[error("the signing key is for another day")]
    KeyOfAnotherDay,
    /// The request can't be signed: nobody would accept it.
    #[error("the request can't be signed")]
    Request(#[from] Refusal),
}

/// Headers that intermediaries and HTTP libraries add, drop or rewrite. The list is the one of the AWS SDKs.
const CHANGED_ON_THE_WAY: [&str; 11] = [
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-amzn-trace-id",
];
